/* From the configuration to an rd_kafka_conf_t: defaults, Java's names, fixed
 * settings, checks.  Makes no client. */
#ifndef HELIOSTAT_COMMON_KAFKA_SETTINGS_H
#define HELIOSTAT_COMMON_KAFKA_SETTINGS_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"

struct kafka_setting;

enum kafka_origin { KAFKA_ORIGIN_DEFAULT, KAFKA_ORIGIN_FILE, KAFKA_ORIGIN_COMPUTED, KAFKA_ORIGIN_FIXED };

/* Told of each value as librdkafka is given it; of one name the later counts.
 * name: librdkafka's, not an alias of it.  value: NULL for one that may not be
 * shown.  at: of FILE, borrowed for the call; else NULL.  why: of DEFAULT and
 * FIXED, else NULL. */
struct kafka_trace {
        void (*set)(void *ctx, const char *name, const char *value, enum kafka_origin origin,
                    const struct config_property *at, const char *why);
        void *ctx;
};

/* What becomes of a property in clients of one kind. */
enum kafka_fate_kind {
        KAFKA_FATE_ELSEWHERE, /* it does not concern them */
        KAFKA_FATE_KEPT,
        KAFKA_FATE_RENAMED,   /* to name; why: a limit that it met, or NULL */
        KAFKA_FATE_SECURITY,  /* taken apart by kafka_security.c: why says what becomes of it */
        KAFKA_FATE_STARTS,    /* read by config.c as start.from */
        KAFKA_FATE_FIXED,     /* it is what it always is */
        KAFKA_FATE_COMPUTED,  /* no effect: why */
        KAFKA_FATE_IGNORED,   /* no effect: why */
};
struct kafka_fate {
        enum kafka_fate_kind kind;
        const char *name, *why; /* static */
};

/* out: of consumers, producers, admin clients.  0 | ERR_INVALID (refused;
 * err holds one line with file, line and key) */
int kafka_settings_fate(const struct config *config, const struct config_property *property,
                        struct kafka_fate out[static 3], char *err, size_t err_size);

/* Fills conf for one end of a route; parameters as of kafka_client_new.
 * 0 | ERR_INVALID | ERR_NOT_FOUND (alias) | ERR_NOMEM; err holds one line. */
int kafka_settings_fill(const struct config *config, const char *alias, const char *route,
                        enum client_role role, const struct kafka_setting *extra,
                        rd_kafka_conf_t *conf, char *err, size_t err_size);

/* The same, telling trace (may be NULL). */
int kafka_settings_trace(const struct config *config, const char *alias, const char *route,
                         enum client_role role, const struct kafka_setting *extra,
                         const struct kafka_trace *trace, rd_kafka_conf_t *conf, char *err,
                         size_t err_size);

/* librdkafka's own name where it is an alias of one, else the name itself.
 * Borrows name. */
const char *kafka_settings_canonical(const char *name);

/* The reason when a property has no effect in any role, else NULL. */
const char *kafka_settings_ignored(const struct config_property *property);

#endif
