package opus2.operator;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import opus2.bridge.NativeOperator;
import org.apache.flink.api.common.state.ValueState;

/**
 * The markets of one task: which of them the native operator holds, and which have changed since Flink's copy.
 *
 * <p>Flink's managed keyed state is the truth between runs, the native operator's while it runs. A market is loaded when
 * it is first seen, and written back at a checkpoint if it has changed.
 */
final class StageState {
    private final NativeOperator operator;
    private final ValueState<byte[]> blobs;
    private final Map<String, byte[]> loaded = new HashMap<>();
    /** Told by the native side, but not yet in {@link #blobs}: it tells each change once. */
    private final Set<String> unsaved = new LinkedHashSet<>();

    StageState(NativeOperator operator, ValueState<byte[]> blobs) {
        this.operator = operator;
        this.blobs = blobs;
    }

    /**
     * The market's key for the native side, once it has the market's state. Flink's current key must be the market.
     */
    byte[] loaded(String market) throws IOException {
        byte[] key = loaded.get(market);
        return key != null ? key : load(market);
    }

    private byte[] load(String market) throws IOException {
        byte[] key = market.getBytes(StandardCharsets.UTF_8);
        byte[] blob = blobs.value();
        if (blob != null) {
            operator.load(key, blob);
        }
        loaded.put(market, key);
        return key;
    }

    /** Writes every changed market to Flink's state, which {@code useKey} points at it first. */
    void writeBack(Consumer<String> useKey) throws IOException {
        operator.drainDirty(unsaved::add);
        for (Iterator<String> markets = unsaved.iterator(); markets.hasNext(); ) {
            String market = markets.next();
            useKey.accept(market);
            byte[] blob = operator.save(market.getBytes(StandardCharsets.UTF_8));
            if (blob.length == 0) {
                blobs.clear();
            } else {
                blobs.update(blob);
            }
            markets.remove();
        }
    }

    int marketCount() {
        return loaded.size();
    }
}
