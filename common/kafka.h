/* The door to librdkafka: clients made from the configuration, fixed settings,
 * error classes.  Other files may call rd_kafka_* on what they get here. */
#ifndef HELIOSTAT_COMMON_KAFKA_H
#define HELIOSTAT_COMMON_KAFKA_H

#include <stddef.h>
#include <librdkafka/rdkafka.h>

#include "common/config.h"

struct kafka_setting {
        const char *name;
        const char *value;
};

/* The largest answer to one fetch that is computed for a lane's consumer; a
 * larger record comes by itself (KIP-74).  librdkafka wants it not below
 * message.max.bytes, which means nothing else to a consumer and follows it. */
#define KAFKA_FETCH_MAX_BYTES "1048576"
/* The shortest message.timeout.ms that is computed. */
#define KAFKA_MESSAGE_TIMEOUT_MIN_MS 5000

/* Makes a client for one end of a route.  Order of precedence: our defaults,
 * the configuration, `extra` (computed values, NULL-terminated by name), the
 * fixed settings that a promise hangs on.  A user's value for a fixed setting
 * is an error that names file, line and key.
 *
 * route may be NULL (admin clients).  on_log lines go to our log.  conf_hook,
 * when not NULL, may set callbacks and events on the rd_kafka_conf_t.
 * A user's value that equals the fixed one is fine.  Which settings are fixed,
 * and our defaults: kafka_tables.h.
 * Does not block; the client's threads start at once.
 * 0 | ERR_INVALID (bad setting) | ERR_NOT_FOUND (no such alias) | ERR_SYSTEM
 * (no threads or memory) | ERR_NOMEM; err holds one line then. */
int kafka_client_new(const struct config *config, const char *alias, const char *route,
                     enum client_role role, const struct kafka_setting *extra,
                     void (*conf_hook)(rd_kafka_conf_t *conf, void *ctx), void *ctx,
                     rd_kafka_t **out, char *err, size_t err_size);

/* Checks the names and values of all client settings of all aliases and
 * routes.  0 | ERR_INVALID | ERR_NOMEM; err holds one line. */
int kafka_config_check_names(const struct config *config, char *err, size_t err_size);
/* As above; also makes each client, without connecting, and ends it again: this
 * finds settings that contradict each other and key files that are not on this
 * host.  Logs the settings that have no effect here.  Takes some 10 ms for each
 * client. */
int kafka_config_check(const struct config *config, char *err, size_t err_size);

/* Where a client's log lines go that has no callback of its own; for one that
 * looks at them first. */
void kafka_log(const rd_kafka_t *client, int level, const char *facility, const char *text);

/* Where a partition's log begins and ends at its leader; the end as far as a client of this isolation level may read.
 * Blocks, for limit_ms at most.  rd_kafka_query_watermark_offsets is no choice: before 2.3.0 its limit does not
 * hold, and it waits for a leader that is gone until that comes back, whoever leads by then (librdkafka #4460). */
rd_kafka_resp_err_t kafka_log_range(rd_kafka_t *client, const char *topic, int32_t partition, int limit_ms,
                                    int64_t *out_low, int64_t *out_high);

const char *kafka_library_version(void);

#endif
