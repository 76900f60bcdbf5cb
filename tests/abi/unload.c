/* A library that has worked, failed and panicked is unmapped when it is closed: a class loader's copy does not stay.
 *
 * usage: unload LIBRARY, the path of libopus2_jni_faulty.so
 */

#include <dlfcn.h>
#include <inttypes.h>

#include "check.h"
#include "opus2.h"

typedef int32_t install_fn(void);
typedef int64_t create_fn(const uint8_t *, int32_t, const uint8_t *, int32_t);
typedef int32_t process_fn(int64_t, const uint8_t *, int32_t, uint8_t *, int32_t);
typedef int32_t destroy_fn(int64_t);

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    CHECK(found != NULL);
    return found;
}

static int is_mapped(const char *path) {
    char line[4096];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        found |= strstr(line, path) != NULL;
    }
    fclose(maps);
    return found;
}

static void use(void *library) {
    uint8_t input[64], output[256];
    install_fn *install = (install_fn *)(intptr_t)symbol(library, "opus2_faulty_install");
    create_fn *create = (create_fn *)(intptr_t)symbol(library, "opus2_create");
    process_fn *process = (process_fn *)(intptr_t)symbol(library, "opus2_process");
    destroy_fn *destroy = (destroy_fn *)(intptr_t)symbol(library, "opus2_destroy");
    CHECK_EQUAL(install(), 0);
    CHECK_EQUAL(create((const uint8_t *)"none", 4, NULL, 0), OPUS2_OPERATOR);
    int64_t handle = create((const uint8_t *)"faulty", 6, NULL, 0);
    CHECK(handle > 0);
    CHECK_EQUAL(process(handle, input, keyed(input, "k", "record", 6), output, sizeof output), 16 + 1 + 6);
    CHECK_EQUAL(process(handle, input, keyed(input, "panic-string", "", 0), output, sizeof output), OPUS2_PANIC);
    CHECK_EQUAL(destroy(handle), 0);
}

int main(int count, char **arguments) {
    CHECK_EQUAL(count, 2);
    for (int round = 0; round < 3; round++) {
        void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        CHECK(is_mapped(arguments[1]));
        use(library);
        CHECK_EQUAL(dlclose(library), 0);
        CHECK(!is_mapped(arguments[1]));
    }
    return 0;
}
