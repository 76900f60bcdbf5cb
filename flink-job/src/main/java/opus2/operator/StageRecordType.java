package opus2.operator;

import org.apache.flink.api.common.serialization.SerializerConfig;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.TypeSerializer;

/** Tells Flink to use {@link StageRecordSerializer}, and never a generic serializer. */
public final class StageRecordType extends TypeInformation<StageRecord> {
    /** It has no state, so there is one. */
    public static final StageRecordType INSTANCE = new StageRecordType();

    private static final long serialVersionUID = 1L;

    private StageRecordType() {}

    @Override
    public boolean isBasicType() {
        return false;
    }

    @Override
    public boolean isTupleType() {
        return false;
    }

    @Override
    public int getArity() {
        return 1;
    }

    @Override
    public int getTotalFields() {
        return 1;
    }

    @Override
    public Class<StageRecord> getTypeClass() {
        return StageRecord.class;
    }

    @Override
    public boolean isKeyType() {
        return false;
    }

    @Override
    public TypeSerializer<StageRecord> createSerializer(SerializerConfig config) {
        return StageRecordSerializer.INSTANCE;
    }

    @Override
    public String toString() {
        return "StageRecord";
    }

    @Override
    public boolean equals(Object object) {
        return object instanceof StageRecordType;
    }

    @Override
    public int hashCode() {
        return StageRecordType.class.hashCode();
    }

    @Override
    public boolean canEqual(Object object) {
        return object instanceof StageRecordType;
    }
}
