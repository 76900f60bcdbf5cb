package opus2.bridge;

/**
 * A call of a native operator failed.
 *
 * <p>The message names the operator, the call, the code and the native side's own text. Callers decide by
 * {@link #code()}, never by the text.
 */
public final class EngineException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int code;

    EngineException(int code, String operator, String call, String detail) {
        super("native operator '" + operator + "', " + call + ": " + codeName(code) + " (" + code + "): " + detail);
        this.code = code;
    }

    /** The code of docs/contracts/jni.md, one of the constants of {@link Abi}. */
    public int code() {
        return code;
    }

    /** The name of a code, for people; {@code CODE n} for one this build does not know. */
    static String codeName(int code) {
        return switch (code) {
            case Abi.BAD_HANDLE -> "BAD_HANDLE";
            case Abi.BUSY -> "BUSY";
            case Abi.POISONED -> "POISONED";
            case Abi.PANIC -> "PANIC";
            case Abi.OUTPUT_FULL -> "OUTPUT_FULL";
            case Abi.OPERATOR -> "OPERATOR";
            case Abi.BAD_ARGUMENT -> "BAD_ARGUMENT";
            case Abi.OUTPUT_PENDING -> "OUTPUT_PENDING";
            case Abi.TABLE_FULL -> "TABLE_FULL";
            default -> "CODE " + code;
        };
    }

    /** What a code means and what to do, when the native side has no text of its own. */
    static String meaning(int code) {
        return switch (code) {
            case Abi.BAD_HANDLE -> "the handle is not live; the operator was closed";
            case Abi.BUSY -> "another thread is inside this operator; it takes one at a time";
            case Abi.POISONED -> "an earlier call failed for good; close this operator and make a new one from saved state";
            case Abi.BAD_ARGUMENT -> "the bridge passed an argument the native side cannot use";
            case Abi.OUTPUT_PENDING -> "the output of the call before has not been taken";
            case Abi.TABLE_FULL -> "too many native operators are alive; close some";
            default -> "the native side left no message";
        };
    }
}
