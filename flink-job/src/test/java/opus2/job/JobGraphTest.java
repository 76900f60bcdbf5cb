package opus2.job;

import static org.junit.Assert.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobgraph.JobVertex;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.Test;

/** The shape of the job: what runs in one task, and by which names a checkpoint finds its operators. */
public class JobGraphTest {
    private static JobGraph graph(String arguments) {
        StreamExecutionEnvironment environment = new StreamExecutionEnvironment();
        HifaJob.build(environment, JobConfig.parse(("--brokers b:9092 " + arguments).split(" ")));
        return environment.getStreamGraph().getJobGraph();
    }

    private static List<String> operatorIds(JobGraph graph) {
        List<String> ids = new ArrayList<>();
        for (JobVertex vertex : graph.getVerticesSortedTopologicallyFromSources()) {
            vertex.getOperatorIDs().forEach(pair -> ids.add(
                    pair.getUserDefinedOperatorUid() + " " + pair.getGeneratedOperatorID().toHexString()));
        }
        return ids;
    }

    @Test
    public void everything_after_the_exchange_is_one_task() {
        for (String arguments : List.of("--parallelism 1", "--parallelism 3 --operators copy,copy --main-topic m")) {
            List<JobVertex> tasks = graph(arguments).getVerticesSortedTopologicallyFromSources();
            assertEquals(tasks.toString(), 2, tasks.size());
            tasks.forEach(task -> assertEquals(HifaJob.MAX_PARALLELISM, task.getMaxParallelism()));
        }
    }

    /** These are in every checkpoint that users have: a change here loses their state. */
    @Test
    public void operator_ids_stay_as_they_are() {
        assertEquals(
                List.of(
                        "source-raw 17cfdd2a5423d5dad34926896c99bd6c",
                        "Sink Committer: sink-normalize f6045a28e891f4f04e454a0a3242ac6a",
                        "sink-normalize e3c33beb8882dfd359b86acac827867e",
                        "Sink Committer: sink-signal ac8187bb83949b424056b0055246405d",
                        "sink-signal 68e5955a74f45a0f5019f23d2c1fbc43",
                        "Sink Committer: sink-context ede37c59ea40571ca0552083ecee26fe",
                        "sink-context 673fc9cbef09d1d84736c85c1a649c50",
                        "Sink Committer: sink-risk 922e3548f21a498bbb6a1d3f93c0e9f9",
                        "sink-risk 32917fb5c283db6214a2439723f0e183",
                        "Sink Committer: sink-execution 5039aeb20be3e17c5fd3ea4c7cf735c7",
                        "sink-execution f27fb94460dba490a75728a5e3ff5997",
                        "execution 45c7438443d4bce844e918058d78bf4b",
                        "risk f95db13286765f4ae3421ea7f94cd072",
                        "context 7b1f130747928d53793af74d3015aec9",
                        "signal ae63c52a1752a2a257b072a5bc0374cd",
                        "normalize 45a15354dc6693cebce08818ce4d3252"),
                operatorIds(graph("")));
    }
}
