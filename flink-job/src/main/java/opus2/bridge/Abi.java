// Made by `cargo xtask codegen` from opus2-jni, opus2-operators and opus2-wire. Do not edit.

package opus2.bridge;

/** The numbers and names that both sides of the boundary must agree on; see docs/contracts/jni.md. */
public final class Abi {
    /** Version of the boundary; the bridge refuses a library of any other. */
    public static final int ABI_VERSION = 1;
    /** The most handles alive at one time. */
    public static final int HANDLES_LIMIT = 4096;
    /** The most bytes one call gives. */
    public static final int OUTPUT_BYTES_LIMIT = 134217728;
    /** The most bytes of an error's text. */
    public static final int ERROR_TEXT_BYTES_LIMIT = 4096;

    /** Never given out, or destroyed (a handle is slot + generation, so a stale one is recognised). */
    public static final int BAD_HANDLE = -1;
    /** Another thread is inside the same handle. */
    public static final int BUSY = -2;
    /** An earlier call panicked or failed for good; only {@code lastError} and {@code destroy} still work. */
    public static final int POISONED = -3;
    /** This call panicked; the message is kept, the handle is poisoned. */
    public static final int PANIC = -4;
    /** The output did not fit and waits for {@code takeOutput}; not an error for the caller of the bridge. */
    public static final int OUTPUT_FULL = -5;
    /** The operator refused with a fatal error; the handle is poisoned. */
    public static final int OPERATOR = -6;
    /** A null address, a negative length, a key cut off, or text that is not UTF-8; the handle is unharmed. */
    public static final int BAD_ARGUMENT = -7;
    /** The previous call's output has not been taken. */
    public static final int OUTPUT_PENDING = -8;
    /** As many live handles as there may be. */
    public static final int TABLE_FULL = -9;

    /** To the next operator. */
    public static final int CHANNEL_MAIN = 0;
    /** To the topic market_data_normalized. */
    public static final int CHANNEL_NORMALIZED = 1;
    /** To the topic hifa_stage1_signals. */
    public static final int CHANNEL_SIGNALS = 2;
    /** To the topic dead_letters. */
    public static final int CHANNEL_DEAD_LETTERS = 3;
    /** To the topic quality_scores. */
    public static final int CHANNEL_QUALITY = 4;
    /** To the topic hifa_stage2_context. */
    public static final int CHANNEL_CONTEXT = 5;
    /** To the topic hifa_stage3_risk. */
    public static final int CHANNEL_RISK = 6;
    /** To the topic trading_signals_final. */
    public static final int CHANNEL_DECISIONS = 7;

    /** The topic of each output channel, by its code; null for the next operator. */
    public static final String[] CHANNEL_TOPICS = {
        null,
        "market_data_normalized",
        "hifa_stage1_signals",
        "dead_letters",
        "quality_scores",
        "hifa_stage2_context",
        "hifa_stage3_risk",
        "trading_signals_final",
    };

    /** The topics a job reads: the raw ones of all venues, and positions. */
    public static final String[] SOURCE_TOPICS = {
        "binance_l2_raw",
        "coinbase_l2_raw",
        "coinbase_l3_raw",
        "kraken_l2_raw",
        "kraken_l3_raw",
        "positions",
    };

    /** The key of the validation rules' text in the operators' configuration. */
    public static final String RULES_KEY = "validation_rules";

    /** The key of the decision model's text in the operators' configuration. */
    public static final String MODEL_KEY = "model";

    /** The names of the operators. */
    public static final String[] OPERATORS = {
        "copy",
        "normalize",
        "signal",
        "context",
        "risk",
        "execution",
    };

    private Abi() {}
}
