package opus2.operator;

/** Between our nanoseconds and Flink's milliseconds. */
final class EventTimes {
    static final long NANOS_PER_MILLI = 1_000_000;

    private EventTimes() {}

    /** The first millisecond that is not before {@code nanos}: a timer must not fire early. */
    static long millisNotBefore(long nanos) {
        return -Math.floorDiv(-nanos, NANOS_PER_MILLI);
    }
}
