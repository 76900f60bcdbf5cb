package opus2.job;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import opus2.bridge.Abi;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/** What the job's options mean, and what is said of those that mean nothing. */
public class JobConfigTest {
    @Rule
    public final TemporaryFolder folder = new TemporaryFolder();

    private static JobConfig parse(String arguments) {
        return JobConfig.parse(arguments.isEmpty() ? new String[0] : arguments.split(" "));
    }

    private static void checkRefused(String arguments, String message) {
        var error = assertThrows(IllegalArgumentException.class, () -> parse(arguments));
        assertTrue(error.getMessage(), error.getMessage().contains(message));
    }

    private Path file(String text) throws IOException {
        return Files.writeString(folder.newFile().toPath(), text);
    }

    @Test
    public void brokers_alone_are_enough() {
        assertEquals(
                new JobConfig("b:9092", List.of(Abi.SOURCE_TOPICS), "hifa", JobConfig.Start.COMMITTED, false,
                        List.of("normalize", "signal", "context", "risk", "execution"), "",
                        JobConfig.Delivery.AT_LEAST_ONCE, "", "", 0, 10_000, "", 10,
                        2000, "hifa", Map.of()),
                parse("--brokers b:9092"));
    }

    @Test
    public void every_option_is_taken() throws IOException {
        Path toml = file("[signal]\nlevels = 5\n");
        assertEquals(
                new JobConfig("b:1,c:2", List.of("x", "y"), "g", JobConfig.Start.LATEST, true, List.of("copy", "copy"),
                        "[signal]\nlevels = 5\n", JobConfig.Delivery.EXACTLY_ONCE, "test-", "m", 3, 500, "file:///c", 0, 1,
                        "j", Map.of("security.protocol", "SSL")),
                parse("--brokers b:1,c:2 --raw-topics x,y --group g --start latest --bounded --operators copy,copy"
                        + " --config " + toml + " --delivery exactly-once --topic-prefix test- --main-topic m"
                        + " --parallelism 3 --checkpoint-interval-ms 500 --checkpoint-dir file:///c"
                        + " --restart-attempts 0 --restart-delay-ms 1 --job-name j --kafka.security.protocol SSL"));
    }

    @Test
    public void a_file_gives_what_the_command_line_does_not() throws IOException {
        Path properties = file("brokers = file:1\ngroup=from-file\nbounded=true\nkafka.sasl.jaas.config=secret x;\n");
        JobConfig config = parse("--properties " + properties + " --group from-line");
        assertEquals("file:1", config.brokers());
        assertEquals("from-line", config.group());
        assertTrue(config.isBounded());
        assertEquals(Map.of("sasl.jaas.config", "secret x;"), config.kafka());
    }

    @Test
    public void rules_are_one_string_before_the_first_table() throws IOException {
        String prefix = "--brokers b --validation-rules " + file("a: \"x\\\"\n\tb: ä\u007f");
        assertEquals("validation_rules = \"a: \\\"x\\\\\\\"\\u000a\\u0009b: ä\\u007f\"\n", parse(prefix).stageConfig());
        String toml = parse(prefix + " --config " + file("[signal]\n")).stageConfig();
        assertTrue(toml, toml.startsWith("validation_rules = \"") && toml.endsWith("\"\n[signal]\n"));
        assertEquals("model = \"{}\"\n", parse("--brokers b --model " + file("{}")).stageConfig());
    }

    @Test
    public void what_cannot_be_used_is_named() throws IOException {
        checkRefused("", "option --brokers is required, see --help");
        checkRefused("brokers", "unexpected argument 'brokers'");
        checkRefused("--brokers", "option --brokers needs a value");
        checkRefused("--brokers a --brokers b", "option --brokers is given twice");
        checkRefused("--broker a", "unknown option --broker; the options are --brokers, --raw-topics");
        checkRefused("--brokers a --start now", "option --start is 'now'; expected one of earliest, latest, committed");
        checkRefused("--brokers a --delivery once", "expected one of at-least-once, exactly-once");
        checkRefused("--brokers a --parallelism 2049", "'2049'; expected a whole number from 0 to 2048");
        checkRefused("--brokers a --checkpoint-interval-ms 1s", "'1s'; expected a whole number from 10 to 3600000");
        checkRefused("--brokers a --operators copy,,copy", "a name in it is empty");
        checkRefused("--brokers a --operators normalise", "names 'normalise'; the native operators are copy, normalize");
        checkRefused("--brokers a --raw-topics x,x", "a name is repeated");
        checkRefused("--brokers a --config /nowhere.toml", "option --config: cannot read /nowhere.toml");
        checkRefused("--brokers a --validation-rules /nowhere.yaml", "option --validation-rules: cannot read /nowhere.yaml");
        checkRefused("--brokers a --model /nowhere.json", "option --model: cannot read /nowhere.json");
        checkRefused("--properties /nowhere", "option --properties: cannot read /nowhere");
        checkRefused("--properties " + file("broker=x"), "unknown option --broker;");
        checkRefused("--properties " + file("brokers=a\nbounded=yes"), "option bounded is 'yes'; expected true or false");
        checkRefused("--brokers a --kafka.group.id x", "option --kafka.group.id cannot be set");
        checkRefused("--brokers a --kafka. x", "option --kafka. cannot be set");
    }

    @Test
    public void help_names_every_option() {
        String help = JobOptions.help();
        for (String option : List.of("--brokers HOST:PORT,…", "--bounded ", "--kafka.SETTING", "--properties FILE")) {
            assertTrue(help, help.contains(option));
        }
        help.lines().forEach(line -> assertTrue(line, line.length() <= 140));
    }

    @Test
    public void stages_of_one_name_have_uids_of_their_own() {
        assertEquals(List.of("normalize", "signal"), HifaJob.stageUids(List.of("normalize", "signal")));
        assertEquals(List.of("copy", "copy-2", "x", "copy-3"), HifaJob.stageUids(List.of("copy", "copy", "x", "copy")));
    }
}
