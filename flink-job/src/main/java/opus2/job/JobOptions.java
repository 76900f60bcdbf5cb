package opus2.job;

import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.stream.Collectors;
import opus2.bridge.Abi;

/**
 * The options of a job as text: {@code --name value}, or {@code name=value} in the file of {@code --properties}. The
 * command line wins over the file, the file over the defaults.
 */
final class JobOptions {
    /** Options with this prefix go to every Kafka client, without it. */
    private static final String KAFKA_PREFIX = "kafka.";
    /** The client settings that options of our own decide. */
    private static final List<String> KAFKA_RESERVED = List.of(
            "bootstrap.servers", "group.id", "transactional.id", "key.serializer", "value.serializer",
            "key.deserializer", "value.deserializer", "enable.auto.commit", "auto.offset.reset");

    private static final List<Option> OPTIONS = List.of(
            Option.required("brokers", "HOST:PORT,…", "Kafka bootstrap servers"),
            Option.of("raw-topics", "NAME,…", "", "the topics to read; none means the raw ones of every venue, and positions"),
            Option.of("group", "NAME", "hifa", "consumer group under which progress is committed"),
            Option.of("start", "earliest|latest|committed", "committed",
                    "where to begin without a checkpoint; committed is earliest for a new group"),
            Option.flag("bounded", "end at the records that are there when the job starts"),
            Option.of("operators", "NAME,…", "normalize,signal,context,risk,execution", "the native operators, in the order of the data path"),
            Option.of("config", "FILE", "", "TOML for the operators; none means their defaults"),
            Option.of("validation-rules", "FILE", "", "YAML with the thresholds of data quality; none means their defaults"),
            Option.of("model", "FILE", "", "JSON of the decision model, as opus2 fit writes it; none means a prior that is never proven"),
            Option.of("delivery", "at-least-once|exactly-once", "at-least-once",
                    "exactly-once shows output only after each checkpoint"),
            Option.of("topic-prefix", "TEXT", "", "put before the name of every output topic"),
            Option.of("main-topic", "NAME", "", "topic for the main channel of the last operator; none drops it"),
            Option.of("parallelism", "N", "0", "tasks per step; 0 leaves it to the cluster and to `flink run -p`"),
            Option.of("checkpoint-interval-ms", "MS", "10000", "time between checkpoints"),
            Option.of("checkpoint-dir", "URI", "", "where checkpoints are kept; none leaves it to the cluster"),
            Option.of("restart-attempts", "N", "10", "restarts after failures before the job is given up"),
            Option.of("restart-delay-ms", "MS", "2000", "pause before each restart"),
            Option.of("job-name", "NAME", "hifa", "the job's name in Flink, and its transactions' first part"));

    /** An option: its name, the form of its value (null for a flag), its default (null when it must be given), its use. */
    private record Option(String name, String form, String fallback, String use) {
        static Option required(String name, String form, String use) {
            return new Option(name, form, null, use);
        }

        static Option of(String name, String form, String fallback, String use) {
            return new Option(name, form, fallback, use);
        }

        static Option flag(String name, String use) {
            return new Option(name, null, "false", use);
        }

        boolean isFlag() {
            return form == null;
        }
    }

    private final Map<String, String> values;

    private JobOptions(Map<String, String> values) {
        this.values = values;
    }

    /** What {@code --help} prints. */
    static String help() {
        StringBuilder text = new StringBuilder(
                """
                HIFA on Flink: raw venue records in, normalized market data and stage 1 signals out.

                  flink run -d opus2-flink-job.jar --brokers HOST:PORT [options]

                """);
        for (Option option : OPTIONS) {
            String left = "  --" + option.name + (option.isFlag() ? "" : " " + option.form);
            String fallback = option.fallback == null
                    ? " (required)"
                    : option.isFlag() || option.fallback.isEmpty() ? "" : " [" + option.fallback + "]";
            text.append(String.format("%-44s %s%s%n", left, option.use, fallback));
        }
        text.append(String.format("%-44s %s%n", "  --kafka.SETTING VALUE", "any setting of the Kafka clients"));
        text.append(String.format("%-44s %s%n", "  --properties FILE", "the same options as `name=value` lines;"
                + " the command line wins. Secrets belong there"));
        return text.toString();
    }

    static JobOptions parse(List<String> arguments) {
        Map<String, String> given = new TreeMap<>();
        for (int at = 0; at < arguments.size(); at++) {
            String argument = arguments.get(at);
            if (!argument.startsWith("--")) {
                throw new IllegalArgumentException("unexpected argument '" + argument + "'; options are --name value,"
                        + " see --help");
            }
            String name = argument.substring(2);
            boolean isFlag = !name.equals("properties") && requireKnown(name).isFlag();
            if (!isFlag && at + 1 == arguments.size()) {
                throw new IllegalArgumentException("option --" + name + " needs a value, see --help");
            }
            if (given.put(name, isFlag ? "true" : arguments.get(++at)) != null) {
                throw new IllegalArgumentException("option --" + name + " is given twice");
            }
        }
        String file = given.remove("properties");
        Map<String, String> values = file == null ? new TreeMap<>() : readProperties(file);
        values.putAll(given);
        return new JobOptions(values);
    }

    private static Map<String, String> readProperties(String file) {
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(Path.of(file), StandardCharsets.UTF_8)) {
            properties.load(reader);
        } catch (IOException error) {
            throw new IllegalArgumentException("option --properties: cannot read " + file + ": " + error, error);
        }
        Map<String, String> values = new TreeMap<>();
        for (String name : properties.stringPropertyNames()) {
            requireKnown(name);
            values.put(name, properties.getProperty(name).trim());
        }
        return values;
    }

    private static Option requireKnown(String name) {
        if (name.startsWith(KAFKA_PREFIX)) {
            String setting = name.substring(KAFKA_PREFIX.length());
            if (setting.isEmpty() || KAFKA_RESERVED.contains(setting)) {
                throw new IllegalArgumentException("option --" + name + " cannot be set: the job decides it from"
                        + " --brokers, --group, --start and --delivery");
            }
            return Option.of(name, "VALUE", "", "");
        }
        return OPTIONS.stream().filter(option -> option.name.equals(name)).findFirst().orElseThrow(
                () -> new IllegalArgumentException("unknown option --" + name + "; the options are "
                        + OPTIONS.stream().map(option -> "--" + option.name).collect(Collectors.joining(", "))));
    }

    JobConfig toConfig() {
        return new JobConfig(
                nonEmpty("brokers"),
                rawTopics(),
                nonEmpty("group"),
                choice("start", JobConfig.Start.class),
                flag("bounded"),
                operators(),
                stageConfig(),
                choice("delivery", JobConfig.Delivery.class),
                text("topic-prefix"),
                text("main-topic"),
                (int) number("parallelism", 0, HifaJob.MAX_PARALLELISM),
                number("checkpoint-interval-ms", 10, 3_600_000),
                text("checkpoint-dir"),
                (int) number("restart-attempts", 0, 1_000_000),
                number("restart-delay-ms", 0, 3_600_000),
                nonEmpty("job-name"),
                kafka());
    }

    private String text(String name) {
        String value = values.get(name);
        if (value != null) {
            return value;
        }
        String fallback = requireKnown(name).fallback;
        if (fallback == null) {
            throw new IllegalArgumentException("option --" + name + " is required, see --help");
        }
        return fallback;
    }

    private String nonEmpty(String name) {
        String value = text(name);
        if (value.isBlank()) {
            throw new IllegalArgumentException("option --" + name + " is empty");
        }
        return value;
    }

    private boolean flag(String name) {
        String value = text(name);
        if (!value.equals("true") && !value.equals("false")) {
            throw new IllegalArgumentException("option " + name + " is '" + value + "'; expected true or false");
        }
        return value.equals("true");
    }

    private List<String> names(String name) {
        List<String> names = Arrays.stream(nonEmpty(name).split(",", -1)).map(String::trim).toList();
        if (names.stream().anyMatch(String::isEmpty)) {
            throw new IllegalArgumentException("option --" + name + " is '" + text(name) + "'; a name in it is empty");
        }
        return names;
    }

    private List<String> rawTopics() {
        if (text("raw-topics").isEmpty()) {
            return List.of(Abi.SOURCE_TOPICS);
        }
        List<String> topics = names("raw-topics");
        if (new HashSet<>(topics).size() < topics.size()) {
            throw new IllegalArgumentException(
                    "option --raw-topics is '" + text("raw-topics") + "'; a name is repeated");
        }
        return topics;
    }

    private List<String> operators() {
        List<String> known = List.of(Abi.OPERATORS);
        List<String> operators = names("operators");
        for (String operator : operators) {
            if (!known.contains(operator)) {
                throw new IllegalArgumentException("option --operators names '" + operator + "'; the native operators are "
                        + String.join(", ", known));
            }
        }
        return operators;
    }

    private <E extends Enum<E>> E choice(String name, Class<E> type) {
        String value = text(name);
        for (E constant : type.getEnumConstants()) {
            if (spelled(constant).equals(value)) {
                return constant;
            }
        }
        throw new IllegalArgumentException("option --" + name + " is '" + value + "'; expected one of "
                + Arrays.stream(type.getEnumConstants()).map(JobOptions::spelled).collect(Collectors.joining(", ")));
    }

    private static String spelled(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private long number(String name, long least, long most) {
        String value = text(name);
        try {
            long number = Long.parseLong(value);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException error) {
            // Said below, with the bounds.
        }
        throw new IllegalArgumentException("option --" + name + " is '" + value + "'; expected a whole number from "
                + least + " to " + most);
    }

    /** The operators' TOML. Rules and model are one string each in it, before the first table; Java reads neither. */
    private String stageConfig() {
        return keyed(Abi.RULES_KEY, "validation-rules") + keyed(Abi.MODEL_KEY, "model") + fileText("config");
    }

    /** A line of TOML: the text of the file that an option names, under a key; empty when it names none. */
    private String keyed(String key, String name) {
        String text = fileText(name);
        return text.isEmpty() ? "" : key + " = " + tomlString(text) + "\n";
    }

    /** The text of the file that an option names; empty when it names none. */
    private String fileText(String name) {
        String file = text(name);
        if (file.isEmpty()) {
            return "";
        }
        try {
            return Files.readString(Path.of(file));
        } catch (IOException error) {
            throw new IllegalArgumentException(
                    "option --" + name + ": cannot read " + file + " as UTF-8 text: " + error, error);
        }
    }

    /** A basic string of TOML: quotes, backslashes and everything below space are escaped. */
    static String tomlString(String text) {
        StringBuilder toml = new StringBuilder("\"");
        for (char character : text.toCharArray()) {
            if (character == '"' || character == '\\') {
                toml.append('\\').append(character);
            } else if (character < ' ' || character == 0x7f) {
                toml.append(String.format("\\u%04x", (int) character));
            } else {
                toml.append(character);
            }
        }
        return toml.append('"').toString();
    }

    private Map<String, String> kafka() {
        Map<String, String> settings = new TreeMap<>();
        values.forEach((name, value) -> {
            if (name.startsWith(KAFKA_PREFIX)) {
                settings.put(name.substring(KAFKA_PREFIX.length()), value);
            }
        });
        return settings;
    }
}
