/**
 * The bridge to the native operators: library, handles, buffers, errors. JDK only; nothing here knows of Flink.
 *
 * <p>The contract with the native side is docs/contracts/jni.md.
 */
package opus2.bridge;
