/* The one table of settings.  Parser, defaults, checks, docs/configuration.md
 * and the sample file derive from it; nothing else knows a name or a bound.
 *
 *   ROW(field, name, TYPE, default, min, max, WHEN, description)
 *
 * field    member of struct config (program rows) or struct config_route
 * TYPE     TEXT     char *; NULL when there is no default
 *          TOPICS   char *; a topic rule (topic_rules.h)
 *          CHOICE   char *; one of the words in SETTING_CHOICES
 *          BOOL     bool; "true" or "false"
 *          INT      int
 *          UINT     uint32_t
 *          BYTES    uint64_t; "134217728", "128MiB", "512KiB", "1GiB"
 * default  as it would stand in the file, or NULL
 * WHEN     a change takes effect: START of the process, RELOAD (SIGHUP, or at
 *          its start), APPLY (`heliostat apply`), CREATION (of the route; fixed from then on)
 *
 * A route setting without a route in front is the default for all routes. */
#ifndef HELIOSTAT_COMMON_SETTINGS_H
#define HELIOSTAT_COMMON_SETTINGS_H

#define SETTING_MIB ((int64_t)1024 * 1024)
#define SETTING_GIB (1024 * SETTING_MIB)

#define PROGRAM_SETTINGS(ROW) \
        ROW(zookeeper_connect, "zookeeper.connect", TEXT, NULL, 0, 0, START, \
            "ZooKeeper servers and the path under which everything of this cluster lives: " \
            "`host:port,host:port/path`.") \
        ROW(zookeeper_session_timeout_ms, "zookeeper.session.timeout.ms", INT, "6000", 1000, \
            120000, START, \
            "How long ZooKeeper waits for a silent process before its lanes move. The server " \
            "may choose another value within its own bounds.") \
        ROW(zookeeper_auth, "zookeeper.auth", TEXT, "", 0, 0, START, \
            "Who this process is to ZooKeeper: `digest:USER:PASSWORD`. Nodes are then created for this " \
            "identity alone; without, for everyone (docs/security.md).") \
        ROW(zookeeper_acl_readers, "zookeeper.acl.readers", TEXT, "", 0, 0, START, \
            "With `zookeeper.auth`: who may read the nodes as well, `USER:DIGEST, ...`.") \
        ROW(zookeeper_acl_open, "zookeeper.acl.open", BOOL, "false", 0, 0, START, \
            "With `zookeeper.auth`: whether existing nodes may be open to everyone; else that is a reason " \
            "not to start.") \
        ROW(worker_loops, "worker.loops", UINT, "0", 0, 64, START, \
            "Data threads of a worker; 0 takes one for each core.") \
        ROW(worker_capacity, "worker.capacity", UINT, "100", 1, 1000000, START, \
            "Share of the lanes that this worker takes, relative to the other workers.") \
        ROW(worker_zone, "worker.zone", TEXT, "", 0, 0, START, \
            "Failure domain of this worker (rack, availability zone); letters, digits and " \
            "`. _ -`.") \
        ROW(worker_memory_budget_bytes, "worker.memory.budget", BYTES, "128MiB", \
            32 * SETTING_MIB, 64 * SETTING_GIB, START, \
            "What a worker may take in memory; divided over its lanes (docs/operations.md).") \
        ROW(worker_limit_bytes_per_second, "worker.limit.bytes.per.second", BYTES, "0", 0, \
            1024 * SETTING_GIB, RELOAD, \
            "What a worker mirrors at most, of keys and values (of batches that pass unopened: as they lie in the " \
            "log), over all its lanes; 0: no limit " \
            "(docs/operations.md, \"Limits\").") \
        ROW(worker_limit_records_per_second, "worker.limit.records.per.second", UINT, "0", 0, \
            1000000000, RELOAD, \
            "The same in records.") \
        ROW(report_interval_ms, "report.interval.ms", UINT, "2000", 200, 60000, START, \
            "How often a worker writes positions, lag and rates to ZooKeeper, when they changed. All workers " \
            "together write at most about 100 reports and 600 KB a second: in a large field each writes " \
            "less often.") \
        ROW(worker_http_listen, "worker.http.listen", TEXT, "127.0.0.1:9180", 0, 0, START, \
            "Where a worker serves metrics and health: `<IP address>:<port>`, port 0 for any free one; " \
            "empty: nowhere. An address that other machines reach needs `http.token`, and TLS or " \
            "`http.insecure` (docs/metrics.md).") \
        ROW(coordinator_http_listen, "coordinator.http.listen", TEXT, "127.0.0.1:9181", 0, 0, START, \
            "Where a coordinator does, and the page and the HTTP API as well (docs/page.md).") \
        ROW(http_token, "http.token", TEXT, "", 0, 0, START, \
            "What a client sends as `Authorization: Bearer <token>`; health needs none. Best as " \
            "`${file:...}`.") \
        ROW(http_tls_certificate, "http.tls.certificate", TEXT, "", 0, 0, START, \
            "PEM file with the server's certificate, and those between it and the root.") \
        ROW(http_tls_key, "http.tls.key", TEXT, "", 0, 0, START, "PEM file with its private key.") \
        ROW(http_insecure, "http.insecure", BOOL, "false", 0, 0, START, \
            "Whether other machines may be served without TLS, because something else encrypts.") \
        ROW(rebalance_interval_s, "rebalance.interval.seconds", UINT, "30", 0, 3600, RELOAD, \
            "How often the leading coordinator reads the workers' loads and sees whether lanes should move for " \
            "it, or off a worker that gets them nowhere; 0: never.") \
        ROW(rebalance_settle_s, "rebalance.settle.seconds", UINT, "60", 1, 86400, RELOAD, \
            "After a worker or a lane came, went or moved, nothing moves for the load before so long.") \
        ROW(rebalance_imbalance_percent, "rebalance.imbalance.percent", UINT, "15", 0, 100, RELOAD, \
            "How far from the mean a worker's load (by capacity) may be before lanes move for it; 0: they " \
            "never do, and only the number of lanes and partitions counts.") \
        ROW(rebalance_moves_max, "rebalance.moves.max", UINT, "8", 1, 1000, RELOAD, \
            "So many planned moves of lanes are under way at a time.") \
        ROW(rebalance_partitions_max, "rebalance.partitions.max", UINT, "2", 0, 100, RELOAD, \
            "So many partitions at a time leave a lane that is hotter than any worker's share, for another " \
            "lane of its route; 0: none does.") \
        ROW(log_level, "log.level", CHOICE, "info", 0, 0, RELOAD, \
            "The least important lines to log: `debug`, `info`, `warn` or `error`.") \
        ROW(log_format, "log.format", CHOICE, "logfmt", 0, 0, RELOAD, \
            "How a line is written: `logfmt` (`key=value`) or `json` (docs/logs.md). `--log-format` is " \
            "stronger.") \
        ROW(core_dumps, "core.dumps", BOOL, "false", 0, 0, START, \
            "Whether a crash may leave a core dump, which holds passwords, and whether other " \
            "processes of the user may look into this one (gdb, strace).")

#define ROUTE_SETTINGS(ROW) \
        ROW(enabled, "enabled", BOOL, "false", 0, 0, APPLY, \
            "Whether the route mirrors. As in MirrorMaker 2, a route does nothing until it is " \
            "enabled.") \
        ROW(topics, "topics", TOPICS, ".*", 0, 0, APPLY, \
            "Topics to mirror: regular expressions over the whole name, separated by commas. " \
            "Names that begin with `__` never match.") \
        ROW(topics_exclude, "topics.exclude", TOPICS, "", 0, 0, APPLY, \
            "Topics to leave out, in the same notation; stronger than `topics`.") \
        ROW(topic_naming, "topic.naming", CHOICE, "identity", 0, 0, APPLY, \
            "Names of topics at the destination: `identity` (as at the source), `prefix` " \
            "(MirrorMaker 2's default: `<source alias>.<topic>`), `map` (`topic.map`) or `regex` " \
            "(`topic.rename.regex`). MirrorMaker 2's `replication.policy.class` is read as this " \
            "setting (docs/topics.md).") \
        ROW(replication_policy_separator, "replication.policy.separator", TEXT, ".", 0, 0, APPLY, \
            "With `topic.naming = prefix`: what stands between the alias and the name.") \
        ROW(topic_map, "topic.map", TEXT, "", 0, 0, APPLY, \
            "With `topic.naming = map`: `from:to, from:to`; other topics keep their names.") \
        ROW(topic_rename_regex, "topic.rename.regex", TEXT, "", 0, 0, APPLY, \
            "With `topic.naming = regex`: an expression for the whole name; a topic that it does " \
            "not match keeps its name.") \
        ROW(topic_rename_replacement, "topic.rename.replacement", TEXT, "", 0, 0, APPLY, \
            "The new name, where `$1` and `${name}` stand for groups of `topic.rename.regex`.") \
        ROW(topic_merge, "topic.merge", BOOL, "false", 0, 0, APPLY, \
            "Whether several topics of the source may be mirrored into one of the destination; " \
            "else none of them is.") \
        ROW(partitioning, "partitioning", CHOICE, "source", 0, 0, APPLY, \
            "The destination's partition of a record: `source` (the same number) or `key` (by its " \
            "key, as Java's producer does, over however many partitions the destination has; " \
            "docs/topics.md says what that does to order).") \
        ROW(provenance, "provenance", CHOICE, "none", 0, 0, APPLY, \
            "With `header`, each mirrored record gets a header `heliostat.provenance` with the cluster id " \
            "of its source, and one that has the destination's is not mirrored back: two clusters can then " \
            "mirror each other's topics under the same names.") \
        ROW(sync_topic_configs_enabled, "sync.topic.configs.enabled", BOOL, "true", 0, 0, APPLY, \
            "Whether topics at the destination follow what is set at their source. (What is set when a " \
            "topic is created comes along in any case.)") \
        ROW(sync_topic_configs_interval_s, "sync.topic.configs.interval.seconds", UINT, "600", 1, 86400, \
            APPLY, "How often.") \
        ROW(config_properties_exclude, "config.properties.exclude", TOPICS, \
            "follower\\.replication\\.throttled\\.replicas, leader\\.replication\\.throttled\\.replicas, " \
            "message\\.timestamp\\.difference\\.max\\.ms, message\\.timestamp\\.type, " \
            "unclean\\.leader\\.election\\.enable, min\\.insync\\.replicas", 0, 0, APPLY, \
            "Settings of topics that do not go along: regular expressions, as for `topics`. The default " \
            "is MirrorMaker 2's.") \
        ROW(sync_topic_deletes, "sync.topic.deletes", BOOL, "false", 0, 0, APPLY, \
            "Whether a topic that is deleted at the source is deleted at the destination too, with all " \
            "that it holds.") \
        ROW(sync_topic_acls_enabled, "sync.topic.acls.enabled", BOOL, "false", 0, 0, APPLY, \
            "Whether who may read a topic at the source may read it at the destination. WRITE never goes " \
            "along, and nothing is taken away there (docs/topics.md).") \
        ROW(sync_topic_acls_interval_s, "sync.topic.acls.interval.seconds", UINT, "600", 1, 86400, APPLY, \
            "How often.") \
        ROW(lanes, "lanes", UINT, "24", 1, 4096, CREATION, \
            "Number of lanes, the units in which the route's partitions are spread over the " \
            "workers. At least the number of data threads of all workers.") \
        ROW(group_id, "group.id", TEXT, NULL, 0, 0, APPLY, \
            "Consumer group at the source that holds the positions, so that every lag tool " \
            "shows the mirror. Default: `heliostat.<route>`.") \
        ROW(delivery_guarantee, "delivery.guarantee", CHOICE, "at-least-once", 0, 0, APPLY, \
            "What is promised: `at-least-once` (repeats after a failure only, bounded by " \
            "`offset.commit.interval.ms`) or `exactly-once` (transactions at the destination; " \
            "read it with `isolation.level=read_committed`).") \
        ROW(offset_commit_interval_ms, "offset.commit.interval.ms", UINT, "1000", 100, 60000, \
            APPLY, \
            "How often positions are committed; bounds the duplicates after a failure.") \
        ROW(positions_recommit_interval_ms, "positions.recommit.interval.ms", UINT, "600000", 1000, \
            86400000, APPLY, \
            "How often the positions of idle partitions are committed again: the source forgets " \
            "them `offsets.retention.minutes` after the last commit. Well below that.") \
        ROW(transaction_commit_interval_ms, "transaction.commit.interval.ms", UINT, "500", 10, \
            30000, APPLY, \
            "With exactly-once: how often a lane's transaction is committed; a reader of the " \
            "destination sees records at most this much later. Of a lane all of whose partitions are " \
            "far behind: up to four times as much, and 2 s.") \
        ROW(transaction_commit_bytes, "transaction.commit.bytes", BYTES, "64MiB", SETTING_MIB, SETTING_GIB, \
            APPLY, "With exactly-once: keys and values after which a transaction is committed earlier.") \
        ROW(transaction_commit_records, "transaction.commit.records", UINT, "1000000", 1, 10000000, \
            APPLY, "With exactly-once: records after which a transaction is committed earlier.") \
        ROW(limit_bytes_per_second, "limit.bytes.per.second", BYTES, "0", 0, 1024 * SETTING_GIB, APPLY, \
            "What the route mirrors at most, of keys and values (of batches that pass unopened: as they lie in the " \
            "log), over all its workers: divided over its " \
            "lanes (docs/operations.md, \"Limits\"); 0: no limit.") \
        ROW(limit_records_per_second, "limit.records.per.second", UINT, "0", 0, 1000000000, APPLY, \
            "The same in records.") \
        ROW(limit_topics_bytes, "limit.topics.bytes.per.second", TEXT, "", 0, 0, APPLY, \
            "`REGEX=BYTES; REGEX=BYTES`: what each topic whose whole name matches is mirrored at most, over all " \
            "its partitions (`audit\\..*=512KiB`); the first that matches counts, and others have no limit of their own.") \
        ROW(limit_topics_records, "limit.topics.records.per.second", TEXT, "", 0, 0, APPLY, \
            "The same in records (`audit\\..*=1000`).") \
        ROW(priority, "priority", TEXT, "", 0, 0, APPLY, \
            "`REGEX=WORD; REGEX=WORD` with `high`, `normal` or `low`: how much of a lane its partitions that are far " \
            "behind get beside others, 8 to 4 to 1 (docs/operations.md, \"Catch-up beside live\").") \
        ROW(gap_policy, "gap.policy", CHOICE, "halt", 0, 0, APPLY, \
            "When the source no longer has what comes next (retention, deleted records, a log " \
            "that was truncated or created anew): `halt` the partition until `heliostat resume`, " \
            "`skip-recorded` (go on at the nearest offset that there is and keep the range in " \
            "`status`), or `restart` (go on at the log's start).") \
        ROW(poison_record_policy, "poison.record.policy", CHOICE, "halt", 0, 0, APPLY, \
            "When the destination refuses a record for good (too large, invalid) or the source's " \
            "record is corrupt: `halt` the partition, `dead-letter` (send it to " \
            "`heliostat.<route>.dead-letters` with the reason in its headers; a corrupt one halts), or " \
            "`skip-recorded`.") \
        ROW(start_from, "start.from", TEXT, "earliest", 0, 0, APPLY, \
            "Where a partition begins that was never started: `earliest`, `latest`, " \
            "`timestamp:2026-01-31T13:45:00Z`, `offsets:FILE`, `group:NAME` (offsets of a consumer " \
            "group at the source, such as MirrorMaker 1's), `mm2` or `mm2:ALIAS` (MirrorMaker 2's). " \
            "Behind the last three, `,earliest` and the like say what holds for partitions that " \
            "they do not know; without it these halt. See docs/positions.md.") \
        ROW(start_from_topics, "start.from.topics", TEXT, "", 0, 0, APPLY, \
            "`REGEX=VALUE; REGEX=VALUE`: other values of `start.from` for some topics; the first " \
            "expression that matches the whole name counts.") \
        ROW(batch_relay_enabled, "batch.relay.enabled", BOOL, "true", 0, 0, APPLY, \
            "Whether record batches pass unopened, as the source has them, where that can be: for a " \
            "fraction of the processor's time and memory. Over PLAINTEXT at both ends, with the same " \
            "partitions; whatever has to be looked into is opened. See docs/design.md.") \
        ROW(offset_map_enabled, "offset.map.enabled", BOOL, "true", 0, 0, APPLY, \
            "Whether the lanes keep, in `heliostat.<route>.offsets` at the destination, where each " \
            "record has gone, for translating the offsets of consumer groups (docs/groups.md).") \
        ROW(groups, "groups", TOPICS, ".*", 0, 0, APPLY, \
            "Consumer groups of the source that `sync.group.offsets.enabled` and " \
            "`emit.checkpoints.enabled` concern, in the notation of `topics`; never those that begin " \
            "with `heliostat.`.") \
        ROW(groups_exclude, "groups.exclude", TOPICS, "console-consumer-.*, connect-.*, __.*", 0, 0, \
            APPLY, "Groups to leave out; stronger than `groups`.") \
        ROW(sync_group_offsets_enabled, "sync.group.offsets.enabled", BOOL, "false", 0, 0, APPLY, \
            "Whether the coordinator carries the groups' offsets over to the destination, forward only " \
            "and of groups without members there. Needs `offset.map.enabled`.") \
        ROW(sync_group_offsets_interval_s, "sync.group.offsets.interval.seconds", UINT, "60", 1, \
            86400, APPLY, "How often.") \
        ROW(emit_checkpoints_enabled, "emit.checkpoints.enabled", BOOL, "false", 0, 0, APPLY, \
            "Whether the coordinator writes the groups' translated offsets to " \
            "`<source>.checkpoints.internal` at the destination, for clients that use Kafka's " \
            "`RemoteClusterUtils`. Needs `offset.map.enabled`.") \
        ROW(emit_checkpoints_interval_s, "emit.checkpoints.interval.seconds", UINT, "60", 1, 86400, \
            APPLY, "How often; with `sync.group.offsets.enabled`, both follow the shorter interval.") \
        ROW(emit_heartbeats_enabled, "emit.heartbeats.enabled", BOOL, "false", 0, 0, APPLY, \
            "Whether the coordinator writes MirrorMaker 2's heartbeats to `heartbeats` at the " \
            "destination.") \
        ROW(emit_heartbeats_interval_s, "emit.heartbeats.interval.seconds", UINT, "1", 1, 86400, \
            APPLY, "How often.") \
        ROW(refresh_topics_interval_s, "refresh.topics.interval.seconds", UINT, "30", 1, 86400, \
            APPLY, \
            "How often the coordinator looks for new topics and partitions.") \
        ROW(replication_factor, "replication.factor", INT, "-1", -1, 32767, APPLY, \
            "Of topics created at the destination; -1 leaves it to the broker.")

/* name, words, what to say about a word that is known but not accepted */
#define SETTING_CHOICES(ROW) \
        ROW("log.level", "debug|info|warn|error", NULL, NULL) \
        ROW("log.format", "logfmt|json", NULL, NULL) \
        ROW("delivery.guarantee", "at-least-once|exactly-once", NULL, NULL) \
        ROW("gap.policy", "halt|skip-recorded|restart", NULL, NULL) \
        ROW("poison.record.policy", "halt|dead-letter|skip-recorded", NULL, NULL) \
        ROW("topic.naming", "identity|prefix|map|regex", NULL, NULL) \
        ROW("partitioning", "source|key", NULL, NULL) \
        ROW("provenance", "none|header", NULL, NULL)

/* setting, another word, the word that it stands for */
#define SETTING_WORD_SYNONYMS(ROW) \
        ROW("topic.naming", "org.apache.kafka.connect.mirror.DefaultReplicationPolicy", "prefix") \
        ROW("topic.naming", "org.apache.kafka.connect.mirror.IdentityReplicationPolicy", "identity") \
        ROW("topic.naming", "DefaultReplicationPolicy", "prefix") \
        ROW("topic.naming", "IdentityReplicationPolicy", "identity") \
        ROW("delivery.guarantee", "enabled", "exactly-once") \
        ROW("delivery.guarantee", "preparing", "at-least-once") \
        ROW("delivery.guarantee", "disabled", "at-least-once")

/* Keys of MirrorMaker 1 and 2 files that mean something there: without this
 * table, the answer to an operator's old file would be "unknown".  A name that
 * ends in `*` stands for all that begin so; the first row that fits counts.
 *   name, ACTION, argument, reason
 * SAME    another name of the setting in the argument; same value
 * IGNORE  has no effect here, which is no loss; noted in the log
 * ONLY    noted like IGNORE where the value is one of the argument's words
 *         (`|` between them, an empty one for no value); refused otherwise
 * REFUSE  what it asks for would not happen; the reason says what to do instead */
#define FOREIGN_SETTINGS(ROW) \
        ROW("replication.policy.class", SAME, "topic.naming", "MirrorMaker 2's name") \
        ROW("topics.blacklist", SAME, "topics.exclude", "its older name") \
        ROW("topics.whitelist", SAME, "topics", "its older name") \
        ROW("groups.blacklist", SAME, "groups.exclude", "its older name") \
        ROW("config.properties.blacklist", SAME, "config.properties.exclude", "its older name") \
        ROW("emit.offset-syncs.enabled", SAME, "offset.map.enabled", \
            "the map of offsets does what MirrorMaker 2's offset syncs do") \
        ROW("exactly.once.source.support", SAME, "delivery.guarantee", \
            "`enabled` is `exactly-once`; `<alias>.` in front stands for the routes to that cluster") \
        ROW("tasks.max", IGNORE, "", \
            "`lanes` divides a route, and `worker.loops` are the threads of a worker") \
        ROW("tasks.max.enforce", IGNORE, "", "there are no tasks of Kafka Connect here") \
        ROW("refresh.topics.enabled", ONLY, "true", \
            "new topics are always looked for, each refresh.topics.interval.seconds") \
        ROW("refresh.groups.enabled", ONLY, "true", "groups are always looked for anew") \
        ROW("refresh.groups.interval.seconds", IGNORE, "", \
            "groups are looked for at each round of sync.group.offsets.interval.seconds") \
        ROW("topic.filter.class", ONLY, "org.apache.kafka.connect.mirror.DefaultTopicFilter|", \
            "Java classes cannot run here; write `topics` and `topics.exclude`") \
        ROW("group.filter.class", ONLY, "org.apache.kafka.connect.mirror.DefaultGroupFilter|", \
            "Java classes cannot run here; write `groups` and `groups.exclude`") \
        ROW("config.property.filter.class", ONLY, \
            "org.apache.kafka.connect.mirror.DefaultConfigPropertyFilter|", \
            "Java classes cannot run here; write `config.properties.exclude`") \
        ROW("replication.policy.internal.topic.separator.enabled", ONLY, "true", \
            "`<source>.checkpoints.internal` has the separator too") \
        ROW("offset-syncs.topic.location", IGNORE, "", \
            "the map of offsets is kept at the destination, in `heliostat.<route>.offsets`") \
        ROW("offset-syncs.topic.replication.factor", IGNORE, "", \
            "`replication.factor` holds for the topics of Heliostat's own too") \
        ROW("checkpoints.topic.replication.factor", IGNORE, "", \
            "`replication.factor` holds for the topics of Heliostat's own too") \
        ROW("heartbeats.topic.replication.factor", IGNORE, "", \
            "`replication.factor` holds for the topics of Heliostat's own too") \
        ROW("heartbeats.replication.enabled", IGNORE, "", \
            "the source's `heartbeats` is mirrored where `topics` names it, as any topic") \
        ROW("offset.lag.max", IGNORE, "", \
            "the map of offsets holds every discontinuity, not one offset in so many (docs/groups.md)") \
        ROW("consumer.poll.timeout.ms", IGNORE, "", "records are passed on as they come") \
        ROW("admin.timeout.ms", IGNORE, "", "each request to a cluster has its own bound") \
        ROW("use.incremental.alter.configs", IGNORE, "", \
            "settings of topics are compared first, and what differs is written") \
        ROW("add.source.alias.to.metrics", IGNORE, "", "metrics name the route") \
        ROW("config.providers", ONLY, "file|env|dir|file,env|file,dir|env,file|env,dir|file,env,dir", \
            "`${file:PATH:KEY}`, `${env:NAME}` and `${dir:PATH:FILE}` are always there, others are not") \
        ROW("config.providers.file.class", ONLY, \
            "org.apache.kafka.common.config.provider.FileConfigProvider", "Java classes cannot run here") \
        ROW("config.providers.env.class", ONLY, \
            "org.apache.kafka.common.config.provider.EnvVarConfigProvider", "Java classes cannot run here") \
        ROW("config.providers.dir.class", ONLY, \
            "org.apache.kafka.common.config.provider.DirectoryConfigProvider", "Java classes cannot run here") \
        ROW("config.providers.*", REFUSE, "", \
            "only the providers file, env and dir are there, and without parameters") \
        ROW("key.converter", ONLY, "org.apache.kafka.connect.converters.ByteArrayConverter|", \
            "records are mirrored byte by byte") \
        ROW("value.converter", ONLY, "org.apache.kafka.connect.converters.ByteArrayConverter|", \
            "records are mirrored byte by byte") \
        ROW("header.converter", ONLY, "org.apache.kafka.connect.converters.ByteArrayConverter|", \
            "records are mirrored byte by byte") \
        ROW("transforms", ONLY, "", "records are mirrored as they are") \
        ROW("predicates", ONLY, "", "records are mirrored as they are") \
        ROW("transforms.*", REFUSE, "", "records are mirrored as they are") \
        ROW("predicates.*", REFUSE, "", "records are mirrored as they are") \
        ROW("errors.tolerance", ONLY, "none", "set `poison.record.policy`") \
        ROW("errors.*", IGNORE, "", "what is repeated and what halts is said by the route's policies") \
        ROW("forwarding.admin.class", ONLY, "org.apache.kafka.clients.admin.ForwardingAdmin|", \
            "Java classes cannot run here") \
        ROW("metric.reporters", IGNORE, "", "a Java class; see docs/metrics.md") \
        ROW("metrics.*", IGNORE, "", "for Java's metrics") \
        ROW("auto.include.jmx.reporter", IGNORE, "", "for Java's metrics") \
        ROW("name", IGNORE, "", "a route has its name from its clusters") \
        ROW("connector.class", IGNORE, "", "there are no connectors here") \
        ROW("connector.client.config.override.policy", IGNORE, "", "there are no connectors here") \
        ROW("source.cluster.alias", REFUSE, "", "of a connector's file; write `clusters`, and `A->B.` in front") \
        ROW("target.cluster.alias", REFUSE, "", "of a connector's file; write `clusters`, and `A->B.` in front") \
        ROW("source.cluster.*", REFUSE, "", "of a connector's file; write `<alias>.` in front of it") \
        ROW("target.cluster.*", REFUSE, "", "of a connector's file; write `<alias>.` in front of it") \
        ROW("config.storage.*", IGNORE, "", "there is no Kafka Connect here; ZooKeeper keeps the routes") \
        ROW("status.storage.*", IGNORE, "", "there is no Kafka Connect here; ZooKeeper keeps the state") \
        ROW("offset.storage.*", IGNORE, "", \
            "positions are in the source's consumer group (docs/positions.md), not in Kafka Connect's topic") \
        ROW("offset.flush.interval.ms", IGNORE, "", "see offset.commit.interval.ms") \
        ROW("offset.flush.timeout.ms", IGNORE, "", "see offset.commit.interval.ms") \
        ROW("topic.creation.*", IGNORE, "", "topics are created with the source's settings") \
        ROW("topic.tracking.*", IGNORE, "", "there is no Kafka Connect here") \
        ROW("dedicated.mode.enable.internal.rest", IGNORE, "", "ZooKeeper carries what workers tell each other") \
        ROW("listeners", IGNORE, "", "ZooKeeper carries what workers tell each other") \
        ROW("admin.listeners", IGNORE, "", "ZooKeeper carries what workers tell each other") \
        ROW("rest.*", IGNORE, "", "ZooKeeper carries what workers tell each other") \
        ROW("response.http.*", IGNORE, "", "ZooKeeper carries what workers tell each other") \
        ROW("access.control.*", IGNORE, "", "ZooKeeper carries what workers tell each other") \
        ROW("inter.worker.*", IGNORE, "", "ZooKeeper carries what workers tell each other") \
        ROW("plugin.*", IGNORE, "", "for Java classes") \
        ROW("connect.protocol", IGNORE, "", "the coordinator assigns, not a consumer group") \
        ROW("scheduled.rebalance.max.delay.ms", IGNORE, "", "see zookeeper.session.timeout.ms") \
        ROW("rebalance.timeout.ms", IGNORE, "", "the coordinator assigns, not a consumer group") \
        ROW("worker.sync.timeout.ms", IGNORE, "", "the coordinator assigns, not a consumer group") \
        ROW("worker.unsync.backoff.ms", IGNORE, "", "the coordinator assigns, not a consumer group") \
        ROW("task.shutdown.graceful.timeout.ms", IGNORE, "", "a lane that ends has a bound of its own") \
        ROW("bootstrap.servers", REFUSE, "", "write `<alias>.bootstrap.servers` for each cluster") \
        ROW("num.streams", REFUSE, "", "an option of MirrorMaker 1; set `worker.loops`") \
        ROW("abort.on.send.failure", REFUSE, "", "an option of MirrorMaker 1; set `poison.record.policy`")

/* What MirrorMaker 2 does where its file says nothing and Heliostat does
 * otherwise: `heliostat config translate` writes these down.
 *   setting, value, reason */
#define MM2_DEFAULTS(ROW) \
        ROW("topic.naming", "prefix", "`identity` is the default here") \
        ROW("topics.exclude", ".*[\\-\\.]internal, .*\\.replica, __.*", "nothing is excluded here by default") \
        ROW("refresh.topics.interval.seconds", "600", "30 is the default here") \
        ROW("replication.factor", "2", "the broker's default is the default here") \
        ROW("sync.topic.acls.enabled", "true", "`false` is the default here") \
        ROW("emit.checkpoints.enabled", "true", "`false` is the default here") \
        ROW("emit.heartbeats.enabled", "true", "`false` is the default here")

enum setting_type {
        SETTING_TEXT,
        SETTING_TOPICS,
        SETTING_CHOICE,
        SETTING_BOOL,
        SETTING_INT,
        SETTING_UINT,
        SETTING_BYTES,
};

#endif
