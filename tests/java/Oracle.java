import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What the tests believe about Kafka's contents.  It uses Java's own client only, so that a fault in librdkafka, which
 * Heliostat uses, cannot hide itself.
 *
 * <pre>
 *   Oracle serve                     commands as JSON lines on stdin: {"id": 1, "verb": "dump", ...};
 *                                    answers {"id": 1, "result": ...} or {"id": 1, "error": text}, in order of completion
 *   Oracle VERB --name value ...     one command; its result as one JSON line.  A command that runs until it is
 *                                    stopped ends with stdin or SIGTERM
 * </pre>
 */
public final class Oracle {
    interface Verb {
        /** The result: anything that Jackson can write. */
        Object run(Call call) throws Exception;
    }

    /** A command that ran, and whose findings speak against the data: exit code 1 on the command line. */
    interface Verdict {
        boolean holds();
    }

    static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<String, Verb> VERBS = new TreeMap<>();
    private static final Map<Long, Call> RUNNING = new ConcurrentHashMap<>();

    static {
        VERBS.put("allow", Acls::add);
        VERBS.put("disallow", Acls::remove);
        VERBS.put("ping", call -> "pong");
        VERBS.put("create-topic", Topics::create);
        VERBS.put("delete-topic", Topics::delete);
        VERBS.put("leaders", Topics::leaders);
        VERBS.put("delete-acls", Topics::deleteAcls);
        VERBS.put("describe-topic", Topics::describe);
        VERBS.put("topic-configs", Topics::configs);
        VERBS.put("alter-topic-configs", Topics::alterConfigs);
        VERBS.put("create-acls", Topics::createAcls);
        VERBS.put("acls", Topics::acls);
        VERBS.put("add-partitions", Topics::addPartitions);
        VERBS.put("delete-records", Topics::deleteRecords);
        VERBS.put("end-offsets", Topics::endOffsets);
        VERBS.put("group-offsets", Topics::groupOffsets);
        VERBS.put("transactional-ids", Topics::transactionalIds);
        VERBS.put("set-group-offsets", Topics::setGroupOffsets);
        VERBS.put("consume-group", Group::consume);
        VERBS.put("fail-over", Group::failOver);
        VERBS.put("upstream", Group::upstream);
        VERBS.put("read-heartbeats", Group::heartbeats);
        VERBS.put("produce", Produce::listed);
        VERBS.put("produce-seq", Produce::sequence);
        VERBS.put("preload", Produce::preload);
        VERBS.put("produce-aborted", Produce::aborted);
        VERBS.put("fidelity", Fidelity::run);
        VERBS.put("dump", Dump::run);
        VERBS.put("compare", Compare::run);
        VERBS.put("relay", Relay::run);
        VERBS.put("watch", Watch::run);
        VERBS.put("progress", Progress::run);
        VERBS.put("stop", call -> { target(call).stop(); return true; });
        VERBS.put("query", call -> target(call).query.run(call));
    }

    private static Call target(Call call) {
        Call target = RUNNING.get(call.number("target"));
        if (target == null) {
            throw new IllegalArgumentException("no such command, or it has ended");
        }
        return target;
    }

    public static void main(String[] words) throws Exception {
        if (words.length == 1 && words[0].equals("serve")) {
            serve();
        } else if (words.length >= 1 && VERBS.containsKey(words[0])) {
            System.exit(once(words));
        } else {
            System.err.println("usage: Oracle serve | VERB --name value ...\nverbs: " + String.join(" ", VERBS.keySet()));
            System.exit(2);
        }
    }

    private static void serve() throws IOException {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Call call = new Call((ObjectNode) JSON.readTree(line));
            RUNNING.put(call.number("id"), call);
            Thread thread = new Thread(() -> answer(call, out), call.text("verb"));
            thread.setDaemon(true);
            thread.start();
        }
        // The harness is gone: whatever still runs is of no use to anybody.
        System.exit(0);
    }

    private static void answer(Call call, PrintStream out) {
        ObjectNode answer = JSON.createObjectNode().put("id", call.number("id"));
        try {
            Verb verb = VERBS.get(call.text("verb"));
            if (verb == null) {
                throw new IllegalArgumentException("unknown verb");
            }
            answer.set("result", JSON.valueToTree(verb.run(call)));
        } catch (Throwable trouble) {
            answer.remove("result");
            answer.put("error", text(trouble));
        }
        RUNNING.remove(call.number("id"));
        synchronized (out) {
            out.println(answer);
        }
    }

    private static String text(Throwable trouble) {
        StringBuilder text = new StringBuilder();
        for (Throwable cause = trouble; cause != null; cause = cause.getCause()) {
            text.append(text.length() == 0 ? "" : ": ").append(cause);
        }
        StackTraceElement[] trace = trouble.getStackTrace();
        return text + (trace.length == 0 ? "" : " at " + trace[0]);
    }

    private static int once(String[] words) throws Exception {
        ObjectNode arguments = JSON.createObjectNode();
        for (int i = 1; i + 1 < words.length; i += 2) {
            String name = words[i].replaceFirst("^--", "").replace('-', '_');
            JsonNode value;
            try {
                value = JSON.readTree(words[i + 1]);
            } catch (IOException plainText) {
                value = null;
            }
            boolean literal = value != null && (value.isNumber() || value.isBoolean() || value.isContainerNode());
            arguments.set(name, literal ? value : arguments.textNode(words[i + 1]));
        }
        Call call = new Call(arguments);
        Thread onEnd = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {
                    // Only the end of the input means something.
                }
            } catch (IOException closed) {
                // as good as the end
            }
            call.stop();
        });
        onEnd.setDaemon(true);
        onEnd.start();
        Thread main = Thread.currentThread();
        Thread onSignal = new Thread(() -> {
            call.stop();
            try {
                main.join(10_000);
            } catch (InterruptedException impatient) {
                Thread.currentThread().interrupt();
            }
        });
        Runtime.getRuntime().addShutdownHook(onSignal);
        Object result = VERBS.get(words[0]).run(call);
        System.out.println(JSON.writeValueAsString(result));
        System.out.flush();
        try {
            Runtime.getRuntime().removeShutdownHook(onSignal);
        } catch (IllegalStateException endingAlready) {
            return 0;
        }
        return result instanceof Verdict && !((Verdict) result).holds() ? 1 : 0;
    }

    private Oracle() {
    }
}
