package opus2.bridge;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.util.HashMap;
import java.util.Map;

/**
 * The bridge in a class loader of its own, as every job of a Flink session cluster has it; its native library and
 * checksum can be exchanged.
 */
final class IsolatedBridge extends ClassLoader {
    static final String LIBRARY = "opus2/native/" + NativeLibrary.platform() + "/" + System.mapLibraryName("opus2_jni");
    static final String CHECKSUM = LIBRARY + ".crc32";

    /** Resources in place of the class path's; null for one that is not there. */
    private final Map<String, byte[]> replaced = new HashMap<>();

    IsolatedBridge() {
        super(IsolatedBridge.class.getClassLoader());
    }

    IsolatedBridge replace(String resource, byte[] bytes) {
        replaced.put(resource, bytes);
        return this;
    }

    /** The bytes of a resource of the class path. */
    static byte[] resource(String name) throws IOException {
        try (InputStream bytes = IsolatedBridge.class.getClassLoader().getResourceAsStream(name)) {
            return bytes.readAllBytes();
        }
    }

    /** Calls the static method {@code name} of this loader's copy of {@code owner}. */
    Object call(Class<?> owner, String name) throws Exception {
        try {
            var method = loadClass(owner.getName()).getDeclaredMethod(name);
            method.setAccessible(true);
            return method.invoke(null);
        } catch (InvocationTargetException error) {
            if (error.getCause() instanceof Exception exception) {
                throw exception;
            }
            throw (Error) error.getCause();
        }
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (!name.startsWith("opus2.bridge.")) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            if (loaded == null) {
                try {
                    byte[] bytes = resource(name.replace('.', '/') + ".class");
                    loaded = defineClass(name, bytes, 0, bytes.length);
                } catch (IOException error) {
                    throw new ClassNotFoundException(name, error);
                }
            }
            return loaded;
        }
    }

    @Override
    public InputStream getResourceAsStream(String name) {
        if (!replaced.containsKey(name)) {
            return super.getResourceAsStream(name);
        }
        byte[] bytes = replaced.get(name);
        return bytes == null ? null : new ByteArrayInputStream(bytes);
    }
}
