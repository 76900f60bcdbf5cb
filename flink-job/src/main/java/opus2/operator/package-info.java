/**
 * Native operators as Flink operators: state, timers, side output, metrics, and the record type between them. Flink only;
 * nothing here knows of Kafka or of configuration files.
 */
package opus2.operator;
