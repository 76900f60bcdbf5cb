package opus2.operator;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLongArray;
import opus2.bridge.NativeOperator;
import org.apache.flink.metrics.MetricGroup;

/**
 * A native operator's counters as Flink gauges, in the group {@code opus2.STAGE}.
 *
 * <p>A reporter reads them from its own thread, where the operator must not be called; so the task's thread copies them
 * now and then.
 */
final class StageMetrics {
    private final NativeOperator operator;
    private final AtomicLongArray values;
    private int index;

    StageMetrics(NativeOperator operator, String stage, StageState state, MetricGroup group) {
        this.operator = operator;
        MetricGroup own = group.addGroup("opus2").addGroup(stage);
        List<String> names = new ArrayList<>();
        operator.counters((name, value) -> names.add(name));
        values = new AtomicLongArray(names.size() + 1);
        for (int at = 0; at < names.size(); at++) {
            int counter = at;
            own.gauge(names.get(at), () -> values.get(counter));
        }
        own.gauge("markets_loaded", () -> values.get(names.size()));
        refresh(state);
    }

    void refresh(StageState state) {
        index = 0;
        operator.counters((name, value) -> values.set(index++, value));
        values.set(index, state.marketCount());
    }
}
