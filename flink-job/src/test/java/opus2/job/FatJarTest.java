package opus2.job;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.jar.JarFile;
import org.junit.Test;

/** What is in the jar that is submitted, and what is not. */
public class FatJarTest {
    @Test
    public void the_jar_has_what_the_cluster_has_not_and_nothing_else() throws IOException {
        Set<String> names = new HashSet<>();
        try (JarFile jar = new JarFile(System.getProperty("opus2.jar"))) {
            assertEquals("opus2.job.HifaJob", jar.getManifest().getMainAttributes().getValue("Main-Class"));
            jar.stream().filter(entry -> !entry.isDirectory()).forEach(entry -> assertTrue(
                    entry + " is there twice", names.add(entry.getName())));
        }
        for (String wanted : List.of(
                "opus2/job/HifaJob.class",
                "opus2/operator/NativeStageOperator.class",
                "opus2/bridge/NativeOperator.class",
                "org/apache/flink/connector/kafka/source/KafkaSource.class",
                "org/apache/kafka/clients/consumer/KafkaConsumer.class")) {
            assertTrue(wanted + " is missing", names.contains(wanted));
        }
        List<String> libraries = names.stream().filter(name -> name.startsWith("opus2/native/")).sorted().toList();
        assertEquals(libraries.toString(), 2, libraries.size());
        assertEquals(libraries.get(0) + ".crc32", libraries.get(1));
        for (String unwanted : List.of(
                "org/slf4j/", "org/apache/flink/streaming/api/", "org/apache/flink/runtime/",
                "org/apache/flink/connector/base/", "org/junit/", "opus2/bench/")) {
            assertEquals(List.of(), names.stream().filter(name -> name.startsWith(unwanted)).toList());
        }
        assertEquals(
                "signatures", List.of(), names.stream().filter(name -> name.matches("META-INF/.*\\.(SF|DSA|RSA)")).toList());
    }
}
