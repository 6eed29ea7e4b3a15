/* The one table of metrics: exposition, docs/metrics.md and the tests derive
 * from it.
 *
 *   ROW(id, TYPE, "name", WHO, "labels", "help")
 *
 * TYPE   COUNTER (name ends in _total), GAUGE, HISTOGRAM (of seconds)
 * WHO    WORKER, COORDINATOR, BOTH
 * labels what a series has, for the docs; `+` stands for what `granularity` adds
 *
 * Units are base units and stand in the name, last (before _total).  What
 * MirrorMaker 2's names are (MM2_METRICS) is its own affair. */
#ifndef HELIOSTAT_COMMON_METRICS_TABLE_H
#define HELIOSTAT_COMMON_METRICS_TABLE_H

#define METRICS(ROW) \
        ROW(RECORDS, COUNTER, "heliostat_records_total", WORKER, "route+", \
            "Records that the destination has acknowledged.") \
        ROW(BYTES, COUNTER, "heliostat_bytes_total", WORKER, "route+", \
            "Keys and values of these records; of batches that passed unopened what they take in the log.") \
        ROW(LAG_RECORDS, GAUGE, "heliostat_lag_records", WORKER, "route+", \
            "Source offsets that are not mirrored yet, of the partitions whose lag is known.") \
        ROW(LAG_SECONDS, GAUGE, "heliostat_lag_seconds", WORKER, "route+", \
            "Age of the newest record read of a partition that is behind, the greatest; 0 when none is.") \
        ROW(LAG_UNKNOWN, GAUGE, "heliostat_lag_unknown_partitions", WORKER, "route", \
            "Partitions whose lag is not known (they have not begun, or do not run).") \
        ROW(PARTITIONS, GAUGE, "heliostat_partitions", WORKER, "route, state", \
            "Partitions of this worker by state, as in `heliostat status`.") \
        ROW(LANES, GAUGE, "heliostat_lanes", WORKER, "route, state", \
            "Lanes of this worker by state.") \
        ROW(LATENCY, HISTOGRAM, "heliostat_replication_latency_seconds", WORKER, "route", \
            "From a record's timestamp at the source to the destination's acknowledgement. The source's " \
            "timestamp has milliseconds, and the two clocks may differ.") \
        ROW(COMMIT, HISTOGRAM, "heliostat_commit_seconds", WORKER, "route", \
            "Commits of positions to the source's group: reading the generation back, and the commit.") \
        ROW(COMMIT_FAILURES, COUNTER, "heliostat_commit_failures_total", WORKER, "route", \
            "Commits of positions that failed, for some partition or for all.") \
        ROW(TXN, HISTOGRAM, "heliostat_transaction_seconds", WORKER, "route", \
            "Transactions that were committed: from the first record to the end (exactly-once).") \
        ROW(TXN_COMMIT, HISTOGRAM, "heliostat_transaction_commit_seconds", WORKER, "route", \
            "The commits of these: flush, and the brokers' answer. No record is sent meanwhile.") \
        ROW(TXN_FAILURES, COUNTER, "heliostat_transaction_failures_total", WORKER, "route", \
            "Transactions whose commit failed or has no known outcome.") \
        ROW(RECYCLES, COUNTER, "heliostat_lane_recycles_total", WORKER, "route", \
            "Times that a lane replaced its clients and went on at its safe positions, after a failure.") \
        ROW(HALTS, COUNTER, "heliostat_halts_total", WORKER, "route, kind", \
            "Partitions that halted: gap, above-end, no-position, refused, corrupt.") \
        ROW(DEAD_LETTERS, COUNTER, "heliostat_dead_letters_total", WORKER, "route", \
            "Records sent to the topic of dead letters and acknowledged.") \
        ROW(SKIPS, COUNTER, "heliostat_skipped_ranges_total", WORKER, "route, answer", \
            "Answers to halts that were carried out, by answer: skip, dead-letter, restart, offset, retry. " \
            "`heliostat status` has the offsets.") \
        ROW(LANE_ERRORS, GAUGE, "heliostat_lanes_with_error", WORKER, "route", \
            "Lanes whose clients have reported an error since they last did well.") \
        ROW(SNAPSHOT_AGE, GAUGE, "heliostat_snapshot_age_seconds", WORKER, "", \
            "Age of the oldest of the lanes' figures that these metrics are made of.") \
        ROW(MEMORY_BUDGET, GAUGE, "heliostat_memory_budget_bytes", WORKER, "", \
            "worker.memory.budget.") \
        ROW(MEMORY_HELD, GAUGE, "heliostat_memory_held_bytes", WORKER, "route", \
            "Records between the source's client and the acknowledgement, as the budget counts them.") \
        ROW(IN_FLIGHT, GAUGE, "heliostat_in_flight_records", WORKER, "route", \
            "Records at the producers that are not acknowledged yet.") \
        ROW(QUEUED, GAUGE, "heliostat_source_queue_records", WORKER, "route", \
            "Records fetched and waiting in the consumers' queues.") \
        ROW(BLOCKED, GAUGE, "heliostat_blocked_lanes", WORKER, "route", \
            "Lanes that read nothing because their share of the budget is used up: the destination is slower " \
            "than the source.") \
        ROW(THROTTLED, COUNTER, "heliostat_throttled_seconds_total", WORKER, "route", \
            "Time that lanes had records and took none because of worker.limit.* or limit.*; of several lanes the sum.") \
        ROW(RELAYED_PARTITIONS, GAUGE, "heliostat_relayed_partitions", WORKER, "route", \
            "Partitions whose record batches pass unopened at present (batch.relay.enabled).") \
        ROW(LIMITED_LANES, GAUGE, "heliostat_limited_lanes", WORKER, "route", \
            "Lanes that a limit kept back within the last seconds.") \
        ROW(REGISTERED, GAUGE, "heliostat_registered", WORKER, "", \
            "1 while the worker's registration in ZooKeeper is its own.") \
        ROW(DRAINING, GAUGE, "heliostat_draining", WORKER, "", \
            "1 once the worker gives its lanes away to stop.") \
        ROW(LOOP_LAG, GAUGE, "heliostat_loop_lag_seconds", BOTH, "loop", \
            "How late the loop's timer was at worst, over the last 10 to 20 s.") \
        ROW(LOOP_GAPS, COUNTER, "heliostat_loop_gaps_total", BOTH, "loop", \
            "Times that a loop did not run for a second or more: the process was stopped, or starved.") \
        ROW(ZK_CONNECTED, GAUGE, "heliostat_zookeeper_connected", BOTH, "", \
            "1 while the session with ZooKeeper is connected. Mirroring goes on without.") \
        ROW(ZK_SESSIONS, COUNTER, "heliostat_zookeeper_sessions_total", BOTH, "", \
            "Sessions that were begun; more than one: an earlier one ended.") \
        ROW(ZK_LOSSES, COUNTER, "heliostat_zookeeper_connection_losses_total", BOTH, "", \
            "Times that the connection was lost.") \
        ROW(ZK_TIMEOUT, GAUGE, "heliostat_zookeeper_session_timeout_seconds", BOTH, "", \
            "The session timeout: what was asked for, then what the server has granted.") \
        ROW(LEADER, GAUGE, "heliostat_leader", COORDINATOR, "", \
            "1 while this coordinator leads; 0 while it has no connection to ZooKeeper.") \
        ROW(LEADER_EPOCH, GAUGE, "heliostat_leader_epoch", COORDINATOR, "", \
            "Number of the present leadership; 0 when this coordinator does not lead.") \
        ROW(LEADERSHIPS, COUNTER, "heliostat_leaderships_total", COORDINATOR, "", \
            "Times that this coordinator became the leader.") \
        ROW(REBALANCES, COUNTER, "heliostat_rebalances_total", COORDINATOR, "reason", \
            "Lanes that this leader has given to a worker or taken from one, by reason.") \
        ROW(REBALANCE, HISTOGRAM, "heliostat_rebalance_seconds", COORDINATOR, "reason", \
            "From the decision until the lane's new owner has claimed it, as this leader saw it.") \
        ROW(REBALANCE_OPEN, GAUGE, "heliostat_rebalances_under_way", COORDINATOR, "", \
            "Lanes that have been given away and are not claimed yet.") \
        ROW(DISCOVERIES, COUNTER, "heliostat_discoveries_total", COORDINATOR, "route, result", \
            "Looks at a route's source for topics and partitions, by result: ok, failed.") \
        ROW(FIELD_HEALTH, GAUGE, "heliostat_field_health", COORDINATOR, "", \
            "The whole field, as `heliostat status` says: 0 OK, 1 WARN, 2 ERR.") \
        ROW(FIELD_AGE, GAUGE, "heliostat_field_facts_age_seconds", COORDINATOR, "", \
            "Since this coordinator last read all znodes, which the heliostat_field_ metrics are made of.") \
        ROW(FIELD_WORKERS, GAUGE, "heliostat_field_workers", COORDINATOR, "", \
            "Workers that are alive.") \
        ROW(FIELD_COORDINATORS, GAUGE, "heliostat_field_coordinators", COORDINATOR, "", \
            "Coordinators that are alive.") \
        ROW(FIELD_LEADER, GAUGE, "heliostat_field_has_leader", COORDINATOR, "", \
            "1 while some coordinator leads.") \
        ROW(FIELD_PARTITIONS, GAUGE, "heliostat_field_partitions", COORDINATOR, "route, state", \
            "Partitions of all workers and of none, by state.") \
        ROW(FIELD_LAG_RECORDS, GAUGE, "heliostat_field_lag_records", COORDINATOR, "route", \
            "Source offsets that are not mirrored yet, over all workers.") \
        ROW(FIELD_LAG_SECONDS, GAUGE, "heliostat_field_lag_seconds", COORDINATOR, "route", \
            "The greatest lag of a partition in time, over all workers.") \
        ROW(BUILD_INFO, GAUGE, "heliostat_build_info", BOTH, "role, id, version, librdkafka", \
            "Always 1: what runs here.") \
        ROW(ROUTE_INFO, GAUGE, "heliostat_route_info", WORKER, "route, source, destination, guarantee", \
            "Always 1: what a route of this worker is.") \
        ROW(CPU, COUNTER, "process_cpu_seconds_total", BOTH, "", "CPU time, user and system.") \
        ROW(RSS, GAUGE, "process_resident_memory_bytes", BOTH, "", "Resident memory.") \
        ROW(VIRTUAL, GAUGE, "process_virtual_memory_bytes", BOTH, "", "Virtual memory.") \
        ROW(FDS, GAUGE, "process_open_fds", BOTH, "", "Open file descriptors.") \
        ROW(MAX_FDS, GAUGE, "process_max_fds", BOTH, "", "The most that may be open.") \
        ROW(START, GAUGE, "process_start_time_seconds", BOTH, "", "Start, in seconds since the epoch.")

#define MM2_METRICS(ROW) \
        ROW(MM2_RECORD_COUNT, COUNTER, "kafka_connect_mirror_mirrorsourceconnector_record_count", "Records mirrored.") \
        ROW(MM2_RECORD_RATE, GAUGE, "kafka_connect_mirror_mirrorsourceconnector_record_rate", "Records per second, over the last report interval.") \
        ROW(MM2_BYTE_COUNT, COUNTER, "kafka_connect_mirror_mirrorsourceconnector_byte_count", "Keys and values mirrored, in bytes.") \
        ROW(MM2_BYTE_RATE, GAUGE, "kafka_connect_mirror_mirrorsourceconnector_byte_rate", "Bytes per second, over the last report interval.") \
        ROW(MM2_LATENCY, GAUGE, "kafka_connect_mirror_mirrorsourceconnector_replication_latency_ms", "Of the last record.") \
        ROW(MM2_LATENCY_MIN, GAUGE, "kafka_connect_mirror_mirrorsourceconnector_replication_latency_ms_min", "Least of the last report interval that had records.") \
        ROW(MM2_LATENCY_MAX, GAUGE, "kafka_connect_mirror_mirrorsourceconnector_replication_latency_ms_max", "Greatest of it.") \
        ROW(MM2_LATENCY_AVG, GAUGE, "kafka_connect_mirror_mirrorsourceconnector_replication_latency_ms_avg", "Mean of it.")

enum metric {
#define ROW(id, ...) METRIC_##id,
        METRICS(ROW) MM2_METRICS(ROW)
#undef ROW
        METRICS_COUNT
};

#endif
