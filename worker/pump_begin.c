/* First starts: where partitions begin that have no position and never had one.
 * The rules and the questions to Kafka are start_resolve's; here they meet the
 * lane's partitions. */
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "common/sabotage.h"
#include "worker/pump_internal.h"

bool begin_collect(struct pump_op *op) {
        op->queries = calloc(op->count ? op->count : 1, sizeof *op->queries);
        op->beginners = calloc(op->count ? op->count : 1, sizeof(struct part *));
        if (!op->queries || !op->beginners) abort();
        for (size_t i = 0; i < op->count; i++) {
                struct part *part = op->parts[i];
                if (part->state != PART_NEW || part_position(part) >= 0) continue;
                if (part->started && (part->resuming || !SABOTAGE(RESET_TO_LATEST))) {
                        const struct halt halt = part->halt;
                        if (!op_position_gone(op, part)) continue;
                        if (part->resuming && halt.kind == HALT_NO_POSITION) { /* looked for again, and not there */
                                part_halt(op->pump, part, HALT_NO_POSITION, halt.from, -1, "%s", halt.reason);
                                continue;
                        }
                        if (part->resuming && halt.from >= 0) {
                                part_halt(op->pump, part, HALT_NO_POSITION, halt.from, -1,
                                          "halted at %lld, and since then group %s has forgotten its position: the topic was deleted and "
                                          "created anew, or the group was deleted", (long long)halt.from, op->pump->settings.group_id);
                                continue;
                        }
                        part_halt(op->pump, part, HALT_NO_POSITION, -1, -1,
                                  "no committed position in group %s although the partition was started before",
                                  op->pump->settings.group_id);
                        continue;
                }
                op->beginners[op->query_count] = part;
                op->queries[op->query_count++] = (struct start_query){
                        .topic = part->topic->name, .partition = part->partition, .existed = part->existed};
        }
        return op->query_count > 0 && !*op->error;
}

void begin_job(struct pump_op *op) {
        const struct pump_settings *settings = &op->pump->settings;
        const struct start_place place = {.config = settings->config,
                                          .source = settings->source,
                                          .destination = settings->destination,
                                          .route = settings->route,
                                          .consumer = op->pump->consumer,
                                          .limit_ms = PUMP_REQUEST_MS};
        struct start_rules *rules = start_rules_ref(settings->start_rules);
        char why[128];
        if (SABOTAGE(RESET_TO_LATEST)) {
                start_rules_unref(rules);
                rules = NULL;
                for (size_t i = 0; i < op->query_count; i++) op->queries[i].existed = true;
        }
        /* Both are words of ours: only memory can fail. */
        if (!rules && start_rules_new(SABOTAGE(RESET_TO_LATEST) ? "latest" : "earliest", "", &rules, why, sizeof why))
                abort();
        start_resolve(&place, rules, op->queries, op->query_count);
        start_rules_unref(rules);
}

void begin_take(struct pump_op *op) {
        struct pump *pump = op->pump;
        for (size_t i = 0; i < op->query_count; i++) {
                const struct start_query *query = &op->queries[i];
                struct part *part = op->beginners[i];
                if (part->state != PART_NEW || part->position >= 0) continue;
                switch (query->answer) {
                case START_AT:
                        part->position = query->offset;
                        log_write(query->rule->kind == START_FROM_EARLIEST ? LOG_DEBUG : LOG_INFO, "partition.begin",
                                  "route=%s lane=%u topic=%s partition=%d offset=%lld from=\"%s\"",
                                  pump->settings.route, pump->settings.lane, part->topic->name, part->partition,
                                  (long long)query->offset, query->reason);
                        break;
                case START_WAITS: part_stop(pump, part, PART_PARKED, "%s", query->reason); break;
                case START_HALTS:
                        part_halt(pump, part, HALT_NO_POSITION, -1, -1, "start.from: %.120s", query->reason);
                        break;
                }
        }
}

void begin_free(struct pump_op *op) {
        free(op->queries);
        free(op->beginners);
}
