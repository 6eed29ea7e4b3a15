/* Java's trust and key stores, its login modules, and tokens of one's own: what
 * they are for one librdkafka client.  kafka_settings.c hands over the
 * properties whose row says SECURITY, and calls apply when all are there. */
#ifndef HELIOSTAT_COMMON_KAFKA_SECURITY_H
#define HELIOSTAT_COMMON_KAFKA_SECURITY_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"

enum { KAFKA_SECURITY_ITEMS = 12, KAFKA_SECURITY_ERROR_MAX = 400 };

struct kafka_security { /* zeros are empty */
        struct kafka_security_item {
                const struct config_property *at; /* NULL: not given */
                char *value;                      /* of at, placeholders put in; owned */
        } items[KAFKA_SECURITY_ITEMS];
};

/* Borrows at until fini; copies value.  0 | ERR_NOMEM | ERR_INVALID (no such name) */
int kafka_security_take(struct kafka_security *security, const struct config_property *at, const char *value);

/* Reads the stores and sets what librdkafka takes.  On failure *out_at is the
 * property that is to blame, or NULL; why holds no secret.
 * 0 | ERR_INVALID | ERR_NOMEM */
int kafka_security_apply(const struct kafka_security *security, rd_kafka_conf_t *conf,
                         const struct config_property **out_at, char *why, size_t why_size);
void kafka_security_fini(struct kafka_security *security); /* wipes */

/* Tells of what works and should not be so: passwords in the clear, certificates
 * that are not verified or out of date.  One call of tell for each. */
void kafka_security_notices(const rd_kafka_conf_t *conf, void (*tell)(void *ctx, const char *text), void *ctx);

#endif
