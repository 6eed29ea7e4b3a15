#include "worker/health.h"

static void loops(const struct worker_facts *facts, struct checks *checks) {
        if (facts->stuck_ms < HEALTH_LOOP_STUCK_MS) checks_add(checks, "loops", CHECK_OK, " ");
        else
                checks_add(checks, "loops", CHECK_FAILED, "data loop %u has stood still for %lld s", facts->stuck_loop,
                           (long long)facts->stuck_ms / 1000);
}

void worker_live(const struct worker_facts *facts, struct checks *checks) { loops(facts, checks); }

void worker_ready(const struct worker_facts *facts, struct checks *checks) {
        loops(facts, checks);
        if (facts->registered_once) checks_add(checks, "registered", CHECK_OK, " ");
        else checks_add(checks, "registered", CHECK_FAILED, "this worker is not registered in ZooKeeper yet");
        if (facts->lanes_ran) checks_add(checks, "lanes", CHECK_OK, " ");
        else
                checks_add(checks, "lanes", CHECK_FAILED, "%zu of its %zu lanes have begun", facts->lanes_running,
                           facts->lanes);
        if (facts->stopping) checks_add(checks, "stopping", CHECK_FAILED, "it gives its lanes away and ends");
}

static void partitions(struct checks *checks, const char *name, enum check_level level,
                       const struct worker_example *e, const char *what) {
        if (e->count == 0) checks_add(checks, name, CHECK_OK, " ");
        else
                checks_add(checks, name, level, "%zu %s (%s %s-%d%s%s)", e->count, what, e->route, e->topic, e->partition,
                           e->error ? ": " : "", e->error ? e->error : "");
}

void worker_health(const struct worker_facts *facts, struct checks *checks) {
        loops(facts, checks);
        if (facts->refused)
                checks_add(checks, "zookeeper", CHECK_FAILED, "it refuses our credentials");
        else if (!facts->registered_once)
                checks_add(checks, "zookeeper", CHECK_FAILED, "not registered since the start, %lld s ago",
                           (long long)facts->away_ms / 1000);
        else if (!facts->connected)
                checks_add(checks, "zookeeper", CHECK_WARN, "not connected for %lld s; mirroring goes on, nothing new starts",
                           (long long)facts->away_ms / 1000);
        else
                checks_add(checks, "zookeeper", CHECK_OK, " ");
        partitions(checks, "halted", CHECK_FAILED, &facts->halted, "HALTED");
        partitions(checks, "stalled", CHECK_FAILED, &facts->stalled, "STALLED");
        partitions(checks, "parked", CHECK_WARN, &facts->parked, "PARKED");
        partitions(checks, "waiting", CHECK_WARN, &facts->waiting, "not mirrored yet");
        if (facts->lane_errors.count)
                checks_add(checks, "clients", CHECK_WARN, "%zu lanes with an error (%s: %s)", facts->lane_errors.count,
                           facts->lane_errors.route, facts->lane_errors.error ? facts->lane_errors.error : "");
        else
                checks_add(checks, "clients", CHECK_OK, " ");
        if (facts->stopping) checks_add(checks, "stopping", CHECK_WARN, "it gives its lanes away and ends");
}
