package opus2.job;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import opus2.bridge.Abi;
import opus2.bridge.EngineException;
import opus2.operator.StageHarness;
import opus2.operator.StageRecord;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.junit.Test;

/**
 * The stages of the product under Flink: from the source's bytes to the topics, over snapshots, rescaling and timers.
 * What the stages compute is tested in Rust; here it only has to stay the same.
 */
public class StagesTest {
    /** A whole second. */
    private static final long START = 1_780_000_000_000_000_000L;
    private static final long STEP_NS = 200_000_000;
    private static final List<String> COINS = List.of("BTC", "ETH", "SOL", "XRP", "ADA", "BNB");
    private static final int STEPS = 23;

    /** One instrument's record number {@code step}: announced, snapshot, then a delta, a trade and a quote in turns. */
    private static StageRecord record(String coin, int step) throws Exception {
        String symbol = coin + "USDT";
        return switch (step) {
            case 0 -> raw(coin, step, "instrument", """
                    {"venue":"binance","symbol":"%s","base":"%s","quote":"USDT","price_scale":2,"qty_scale":3,\
                    "tick":"0.01","lot":"0.001","origin":"venue",\
                    "feed":"binance_depth"}""".formatted(symbol, coin));
            case 1 -> raw(coin, step, "snapshot", """
                    {"lastUpdateId":1,"bids":[["99.00","1.000"]],"asks":[["101.00","2.000"]]}""");
            default -> switch (step % 3) {
                case 0 -> raw(coin, step, "trade", """
                        {"e":"trade","E":1780000000000,"s":"%s","t":%d,"p":"100.00","q":"0.500","T":1780000000000,\
                        "m":true}""".formatted(symbol, step));
                case 1 -> raw(coin, step, "quote", """
                        {"u":%d,"s":"%s","b":"99.00","B":"%d.000","a":"101.00","A":"2.000"}""".formatted(
                        step, symbol, step));
                default -> raw(coin, step, "depth", """
                        {"e":"depthUpdate","E":1780000000000,"s":"%s","U":%d,"u":%d,"b":[["99.00","%d.000"]],"a":[]}"""
                        .formatted(symbol, step - 2, step, step));
            };
        };
    }

    private static StageRecord raw(String coin, int step, String channel, String value) throws Exception {
        return SourceRecords.read(Map.of(
                "recv_ts", Long.toString(START + step * STEP_NS),
                "venue", "binance",
                "channel", channel,
                "market", market(coin),
                "conn", "c1",
                "number", Integer.toString(step + 1)), "binance:" + coin + "USDT", value);
    }

    private static String market(String coin) {
        return coin + "/USD*";
    }

    /** The two stages, and what each market's instruments wrote to the topics. */
    private static final class Stages implements AutoCloseable {
        final Map<String, List<String>> topics;
        final StageHarness normalize;
        final StageHarness signal;

        Stages(int parallelism) throws Exception {
            topics = new TreeMap<>();
            normalize = new StageHarness("normalize", "", parallelism);
            signal = new StageHarness("signal", "", parallelism);
        }

        /** Takes over from {@code before} at another parallelism, by a checkpoint. */
        Stages(int parallelism, Stages before, int oldParallelism) throws Exception {
            topics = before.topics;
            OperatorSubtaskState normalized = before.normalize.snapshot(1);
            OperatorSubtaskState signalled = before.signal.snapshot(1);
            before.close();
            normalize = new StageHarness("normalize", "", parallelism, normalized, oldParallelism);
            signal = new StageHarness("signal", "", parallelism, signalled, oldParallelism);
        }

        void process(int fromStep, int toStep) throws Exception {
            for (int step = fromStep; step < toStep; step++) {
                for (String coin : COINS) {
                    process(record(coin, step));
                }
            }
        }

        void process(StageRecord record) throws Exception {
            handOn(normalize.process(record));
        }

        void watermark(long nanos) throws Exception {
            long millis = nanos / 1_000_000;
            handOn(normalize.watermark(millis));
            signal.watermark(millis).forEach(this::take);
        }

        /** What normalize gave: events to the next stage, the rest to the topics. */
        private void handOn(List<StageRecord> records) throws Exception {
            for (StageRecord between : records) {
                if (between.channel == Abi.CHANNEL_MAIN) {
                    signal.process(between).forEach(this::take);
                } else {
                    take(between);
                }
            }
        }

        private void take(StageRecord record) {
            topics.computeIfAbsent(record.market, market -> new ArrayList<>()).add(StageHarness.text(record));
        }

        int count(int channel) {
            return (int) topics.values().stream()
                    .flatMap(List::stream)
                    .filter(text -> text.startsWith(channel + " "))
                    .count();
        }

        @Override
        public void close() throws Exception {
            normalize.close();
            signal.close();
        }
    }

    private static Map<String, List<String>> uninterrupted() throws Exception {
        try (Stages stages = new Stages(1)) {
            stages.process(0, STEPS);
            stages.watermark(START + STEPS * STEP_NS);
            assertEquals(COINS.size(), stages.topics.size());
            assertTrue(stages.count(Abi.CHANNEL_NORMALIZED) > COINS.size());
            assertTrue(stages.count(Abi.CHANNEL_SIGNALS) > COINS.size());
            assertEquals(stages.topics.toString(), 0, stages.count(Abi.CHANNEL_DEAD_LETTERS));
            return stages.topics;
        }
    }

    private static void checkInterrupted(int oldParallelism, int newParallelism) throws Exception {
        Map<String, List<String>> expected = uninterrupted();
        for (int at = 1; at < STEPS; at += 3) {
            Stages before = new Stages(oldParallelism);
            before.process(0, at);
            try (Stages after = new Stages(newParallelism, before, oldParallelism)) {
                after.process(at, STEPS);
                after.watermark(START + STEPS * STEP_NS);
                assertEquals("interrupted before step " + at, expected, after.topics);
            }
        }
    }

    @Test
    public void a_restored_job_writes_what_it_would_have_written() throws Exception {
        checkInterrupted(1, 1);
    }

    @Test
    public void a_rescaled_job_writes_what_it_would_have_written() throws Exception {
        checkInterrupted(2, 3);
        checkInterrupted(3, 2);
    }

    @Test
    public void timers_fire_when_the_watermark_passes_them_and_not_before() throws Exception {
        try (Stages stages = new Stages(1)) {
            stages.process(0, 4);
            int before = stages.count(Abi.CHANNEL_SIGNALS);
            assertEquals(COINS.size(), stages.signal.timerCount());
            stages.watermark(START + 1_000_000_000 - 1_000_000);
            assertEquals(before, stages.count(Abi.CHANNEL_SIGNALS));
            stages.watermark(START + 1_000_000_000);
            assertEquals(before + COINS.size(), stages.count(Abi.CHANNEL_SIGNALS));
            assertEquals(0, stages.signal.timerCount());
        }
    }

    @Test
    public void timers_survive_and_find_the_state_of_a_market_not_seen_since() throws Exception {
        List<String> expected;
        try (Stages stages = new Stages(1)) {
            stages.process(0, 4);
            stages.watermark(START + 1_000_000_000);
            expected = stages.topics.get(market("BTC"));
        }
        Stages before = new Stages(2);
        before.process(0, 4);
        try (Stages after = new Stages(3, before, 2)) {
            assertEquals(COINS.size(), after.signal.timerCount());
            after.watermark(START + 1_000_000_000);
            assertEquals(expected, after.topics.get(market("BTC")));
        }
    }

    @Test
    public void what_the_venue_garbled_goes_to_the_dead_letters_and_fails_nothing() throws Exception {
        try (Stages stages = new Stages(1)) {
            stages.process(0, 2);
            stages.process(raw("BTC", 2, "depth", "{\"e\":\"depthUpdate\",\"E\":"));
            assertEquals(1, stages.count(Abi.CHANNEL_DEAD_LETTERS));
            List<String> letters = stages.topics.get(market("BTC")).stream()
                    .filter(text -> text.startsWith(Abi.CHANNEL_DEAD_LETTERS + " "))
                    .toList();
            assertTrue(letters.toString(), letters.get(0).contains("binance:BTCUSDT"));
        }
    }

    @Test
    public void a_wrong_configuration_is_refused_with_its_place() {
        var error = assertThrows(
                EngineException.class, () -> new StageHarness("signal", "[signal]\nno_such_key = 1\n", 1).close());
        assertTrue(error.getMessage(), error.getMessage().contains("no_such_key"));
    }
}
