/** The Flink jobs: which topics, which stages, which settings. Wiring and configuration, nothing else. */
package opus2.job;
