#include "worker/pump_settings.h"

#include <string.h>

#include "common/flow_rules.h"

/* Of a spec that is older than the setting.  Idle positions are committed again
 * long before a source forgets them (offsets.retention.minutes: 7 days by
 * default, counted from the last commit when a group has no members). */
#define RECOMMIT_MS (10 * 60 * 1000)
#define TRANSACTION_INTERVAL_MS 500
#define TRANSACTION_BYTES ((uint64_t)64 << 20)
#define TRANSACTION_RECORDS 1000000

struct pump_settings pump_settings_of(const struct config *config, const Heliostat__Pb__Route *spec,
                                      uint32_t lane, uint32_t message_timeout_ms, uint64_t budget_bytes) {
        return (struct pump_settings){
                .config = config,
                .route = spec->name,
                .source = spec->source,
                .destination = spec->destination,
                .naming = TOPIC_NAMING_OF(spec),
                .merge = spec->topic_merge,
                .provenance = strcmp(spec->provenance, "header") == 0,
                .by_key = strcmp(spec->partitioning, "key") == 0,
                .group_id = spec->group_id,
                .lane = lane,
                .exactly_once = strcmp(spec->delivery_guarantee, "exactly-once") == 0,
                .transaction_interval_ms = spec->transaction_commit_interval_ms
                                                   ? spec->transaction_commit_interval_ms
                                                   : TRANSACTION_INTERVAL_MS,
                .transaction_bytes =
                        spec->transaction_commit_bytes ? spec->transaction_commit_bytes : TRANSACTION_BYTES,
                .transaction_records =
                        spec->transaction_commit_records ? spec->transaction_commit_records : TRANSACTION_RECORDS,
                .relay = spec->batch_relay_enabled,
                .commit_interval_ms = spec->offset_commit_interval_ms,
                /* by key, a partition's records lie in several */
                .offset_map = spec->offset_map_enabled && strcmp(spec->partitioning, "key") != 0,
                .gap_policy = spec->gap_policy,
                .poison_record_policy = spec->poison_record_policy,
                .recommit_interval_ms =
                        spec->positions_recommit_interval_ms ? spec->positions_recommit_interval_ms : RECOMMIT_MS,
                .message_timeout_ms = message_timeout_ms,
                .budget_bytes = budget_bytes,
        };
}

int pump_flow_rules_of(const Heliostat__Pb__Route *spec, struct flow_rules **out, char *why, size_t why_size) {
        const char *values[FLOW_KINDS] = {spec->limit_topics_bytes, spec->limit_topics_records, spec->priority};
        *out = NULL;
        if (!*values[0] && !*values[1] && !*values[2]) return 0;
        return flow_rules_new(values, out, why, why_size);
}
