import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AccessControlEntryFilter;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourcePatternFilter;
import org.apache.kafka.common.resource.ResourceType;

/** Topics and committed offsets. */
final class Topics {
    private static Admin admin(Call call) {
        return Admin.create(Call.client(call.text("bootstrap")));
    }

    /** topic, partitions, configs?: {name: value}, replicas?: [broker, ...], of every partition.  Returns when the topic can be
        used. */
    static Object create(Call call) throws Exception {
        int partitions = (int) call.number("partitions");
        Map<String, String> configs = new HashMap<>();
        if (call.has("configs")) {
            call.node("configs").fields().forEachRemaining(e -> configs.put(e.getKey(), e.getValue().asText()));
        }
        try (Admin admin = admin(call)) {
            NewTopic topic = new NewTopic(call.text("topic"), partitions, (short) 1);
            if (call.has("replicas")) {
                List<Integer> replicas = new ArrayList<>();
                call.node("replicas").forEach(broker -> replicas.add(broker.asInt()));
                Map<Integer, List<Integer>> assignment = new HashMap<>();
                for (int partition = 0; partition < partitions; partition++) {
                    assignment.put(partition, replicas);
                }
                topic = new NewTopic(call.text("topic"), assignment);
            }
            topic.configs(configs);
            admin.createTopics(List.of(topic)).all().get();
            await(admin, call.text("topic"), partitions);
        }
        return true;
    }

    static Object delete(Call call) throws Exception {
        try (Admin admin = admin(call)) {
            admin.deleteTopics(List.of(call.text("topic"))).all().get();
            await(admin, call.text("topic"), 0);
        }
        return true;
    }

    /** topic.  [{leader, isr}] by partition; leader -1: there is none. */
    static Object leaders(Call call) throws Exception {
        try (Admin admin = admin(call)) {
            return admin.describeTopics(List.of(call.text("topic"))).topicNameValues().get(call.text("topic")).get()
                .partitions().stream()
                .map(p -> Map.of("leader", p.leader() == null ? -1 : p.leader().id(),
                                 "isr", p.isr().stream().map(node -> node.id()).sorted().toList()))
                .toList();
        }
    }

    /** topic: those of its name go. */
    static Object deleteAcls(Call call) throws Exception {
        ResourcePattern pattern = new ResourcePattern(ResourceType.TOPIC, call.text("topic"), PatternType.LITERAL);
        try (Admin admin = admin(call)) {
            admin.deleteAcls(List.of(new AclBindingFilter(pattern.toFilter(), AccessControlEntryFilter.ANY))).all().get();
        }
        return true;
    }

    /** Returns the partition count, 0 for a topic that is not there. */
    static Object describe(Call call) throws Exception {
        try (Admin admin = admin(call)) {
            return ready(admin, call.text("topic"));
        }
    }

    /** topic, set? (only what is set at the topic).  {name: value} */
    static Object configs(Call call) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, call.text("topic"));
        Map<String, String> values = new TreeMap<>();
        try (Admin admin = admin(call)) {
            admin.describeConfigs(List.of(resource)).all().get().get(resource).entries()
                .stream().filter(entry -> !call.flag("set")
                                 || entry.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG)
                .forEach(entry -> values.put(entry.name(), entry.value()));
        }
        return values;
    }

    /** topic, pattern: LITERAL | PREFIXED, acls: [[principal, operation, permission], ...]; from every host. */
    static Object createAcls(Call call) throws Exception {
        ResourcePattern pattern = new ResourcePattern(ResourceType.TOPIC, call.text("topic"),
                                                      PatternType.valueOf(call.text("pattern", "LITERAL")));
        List<AclBinding> bindings = new ArrayList<>();
        for (JsonNode acl : call.node("acls")) {
            bindings.add(new AclBinding(pattern, new AccessControlEntry(
                acl.get(0).asText(), "*", AclOperation.valueOf(acl.get(1).asText()),
                AclPermissionType.valueOf(acl.get(2).asText()))));
        }
        try (Admin admin = admin(call)) {
            admin.createAcls(bindings).all().get();
        }
        return true;
    }

    /** topic.  [[principal, operation, permission], ...], sorted, of the topic by its name. */
    static Object acls(Call call) throws Exception {
        AclBindingFilter filter = new AclBindingFilter(
            new ResourcePatternFilter(ResourceType.TOPIC, call.text("topic"), PatternType.LITERAL),
            AccessControlEntryFilter.ANY);
        try (Admin admin = admin(call)) {
            return admin.describeAcls(filter).values().get().stream().map(AclBinding::entry)
                .map(entry -> List.of(entry.principal(), entry.operation().name(), entry.permissionType().name()))
                .sorted((a, b) -> a.toString().compareTo(b.toString())).toList();
        }
    }

    /** topic, configs: {name: value, or null to unset}. */
    static Object alterConfigs(Call call) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, call.text("topic"));
        List<AlterConfigOp> changes = new ArrayList<>();
        call.node("configs").fields().forEachRemaining(e -> changes.add(new AlterConfigOp(
            new ConfigEntry(e.getKey(), e.getValue().isNull() ? null : e.getValue().asText()),
            e.getValue().isNull() ? AlterConfigOp.OpType.DELETE : AlterConfigOp.OpType.SET)));
        try (Admin admin = admin(call)) {
            admin.incrementalAlterConfigs(Map.of(resource, changes)).all().get();
        }
        return true;
    }

    /** topic, partitions: the new total. */
    static Object addPartitions(Call call) throws Exception {
        int total = (int) call.number("partitions");
        try (Admin admin = admin(call)) {
            admin.createPartitions(Map.of(call.text("topic"), NewPartitions.increaseTo(total))).all().get();
            await(admin, call.text("topic"), total);
        }
        return true;
    }

    private static int ready(Admin admin, String topic) throws Exception {
        try {
            TopicDescription description =
                admin.describeTopics(List.of(topic)).topicNameValues().get(topic).get();
            return (int) description.partitions().stream().filter(p -> p.leader() != null).count();
        } catch (ExecutionException trouble) {
            if (trouble.getCause() instanceof UnknownTopicOrPartitionException) {
                return 0;
            }
            throw trouble;
        }
    }

    private static void await(Admin admin, String topic, int partitions) throws Exception {
        long deadline = System.nanoTime() + 20_000_000_000L;
        while (ready(admin, topic) != partitions) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException(topic + " has not " + partitions + " partitions after 20 s");
            }
            Thread.sleep(20);
        }
    }

    /** topic, before: {partition: offset}.  What lies before these offsets goes. */
    static Object deleteRecords(Call call) throws Exception {
        Map<TopicPartition, RecordsToDelete> targets = new HashMap<>();
        Iterator<Map.Entry<String, JsonNode>> entries = call.node("before").fields();
        while (entries.hasNext()) {
            Map.Entry<String, JsonNode> entry = entries.next();
            targets.put(new TopicPartition(call.text("topic"), Integer.parseInt(entry.getKey())),
                        RecordsToDelete.beforeOffset(entry.getValue().asLong()));
        }
        try (Admin admin = admin(call)) {
            admin.deleteRecords(targets).all().get();
        }
        return true;
    }

    /** topic.  {partition: last stable offset}, empty for a topic that is not there. */
    static Object endOffsets(Call call) throws Exception {
        Map<Integer, Long> result = new TreeMap<>();
        try (Admin admin = admin(call)) {
            Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
            for (int partition = 0; partition < ready(admin, call.text("topic")); partition++) {
                asked.put(new TopicPartition(call.text("topic"), partition), OffsetSpec.latest());
            }
            admin.listOffsets(asked, new ListOffsetsOptions(IsolationLevel.READ_COMMITTED)).all().get()
                .forEach((partition, end) -> result.put(partition.partition(), end.offset()));
        }
        return result;
    }

    /** group -> {topic: {partition: {offset, metadata}}} */
    static Object groupOffsets(Call call) throws Exception {
        Map<String, Map<Integer, Map<String, Object>>> result = new TreeMap<>();
        try (Admin admin = admin(call)) {
            admin.listConsumerGroupOffsets(call.text("group")).partitionsToOffsetAndMetadata().get()
                .forEach((partition, committed) -> {
                    if (committed != null) {
                        result.computeIfAbsent(partition.topic(), topic -> new TreeMap<>())
                            .put(partition.partition(),
                                 Map.of("offset", committed.offset(), "metadata", committed.metadata()));
                    }
                });
        }
        return result;
    }

    /** The transactional ids that the cluster knows. */
    static Object transactionalIds(Call call) throws Exception {
        try (Admin admin = admin(call)) {
            return admin.listTransactions().all().get().stream().map(t -> t.transactionalId()).sorted().toList();
        }
    }

    /** group, topic, offsets: {partition: offset}, metadata? */
    static Object setGroupOffsets(Call call) throws Exception {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        call.node("offsets").fields().forEachRemaining(entry ->
            offsets.put(new TopicPartition(call.text("topic"), Integer.parseInt(entry.getKey())),
                        new OffsetAndMetadata(entry.getValue().asLong(), Optional.empty(), call.text("metadata", ""))));
        try (Admin admin = admin(call)) {
            admin.alterConsumerGroupOffsets(call.text("group"), offsets).all().get();
        }
        return true;
    }

    private Topics() {
    }
}
