package opus2.operator;

import java.io.EOFException;
import java.io.IOException;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.apache.flink.types.StringValue;

/**
 * Bytes of a {@link StageRecord}, between tasks and in unaligned checkpoints.
 *
 * <pre>
 * market as Flink's StringValue | u8 channel | u16 key length | key | i64 event time, ns | i32 length | payload
 * </pre>
 *
 * <p>Integers are big-endian, as Flink writes them. The layout is fixed: another one is another class.
 */
public final class StageRecordSerializer extends TypeSerializerSingleton<StageRecord> {
    /** It has no state, so there is one. */
    public static final StageRecordSerializer INSTANCE = new StageRecordSerializer();

    private static final long serialVersionUID = 1L;
    private static final int KEY_BYTES_LIMIT = 0xffff;

    private StageRecordSerializer() {}

    @Override
    public boolean isImmutableType() {
        return false;
    }

    @Override
    public StageRecord createInstance() {
        return new StageRecord();
    }

    @Override
    public StageRecord copy(StageRecord from) {
        return copy(from, new StageRecord());
    }

    @Override
    public StageRecord copy(StageRecord from, StageRecord reuse) {
        reuse.copyFrom(from);
        return reuse;
    }

    @Override
    public int getLength() {
        return -1;
    }

    @Override
    public void serialize(StageRecord record, DataOutputView target) throws IOException {
        if (record.key.length > KEY_BYTES_LIMIT) {
            throw new IOException("record key of " + record.key.length + " bytes; the limit is " + KEY_BYTES_LIMIT);
        }
        StringValue.writeString(record.market, target);
        target.writeByte(record.channel);
        target.writeShort(record.key.length);
        target.write(record.key);
        target.writeLong(record.eventTime);
        target.writeInt(record.length);
        target.write(record.payload, 0, record.length);
    }

    @Override
    public StageRecord deserialize(DataInputView source) throws IOException {
        return deserialize(new StageRecord(), source);
    }

    @Override
    public StageRecord deserialize(StageRecord reuse, DataInputView source) throws IOException {
        reuse.market = StringValue.readString(source);
        reuse.channel = source.readUnsignedByte();
        reuse.key = new byte[source.readUnsignedShort()];
        source.readFully(reuse.key);
        reuse.eventTime = source.readLong();
        int length = source.readInt();
        if (length < 0) {
            throw new EOFException("record of " + length + " bytes: not what this serializer wrote");
        }
        reuse.reserve(length);
        reuse.length = length;
        source.readFully(reuse.payload, 0, length);
        return reuse;
    }

    @Override
    public void copy(DataInputView source, DataOutputView target) throws IOException {
        StringValue.copyString(source, target);
        target.writeByte(source.readByte());
        int keyLength = source.readUnsignedShort();
        target.writeShort(keyLength);
        target.write(source, keyLength);
        target.writeLong(source.readLong());
        int length = source.readInt();
        target.writeInt(length);
        target.write(source, length);
    }

    @Override
    public TypeSerializerSnapshot<StageRecord> snapshotConfiguration() {
        return new Snapshot();
    }

    /** Says to Flink that equal classes mean equal bytes. Public with a public constructor, because Flink makes it. */
    public static final class Snapshot extends SimpleTypeSerializerSnapshot<StageRecord> {
        /** For Flink. */
        public Snapshot() {
            super(() -> INSTANCE);
        }
    }
}
