/* Tokens for OAUTHBEARER from a file or a command.  They are fetched by
 * librdkafka's background thread, when a client starts and before its token
 * expires; one command runs at a time, and the clients of one source share what
 * it has printed. */
#ifndef HELIOSTAT_COMMON_KAFKA_TOKEN_H
#define HELIOSTAT_COMMON_KAFKA_TOKEN_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

#define KAFKA_TOKEN_COMMAND_LIMIT_MS 20000
#define KAFKA_TOKEN_NO_OIDC \
        "the linked librdkafka was built without OIDC; use sasl.oauthbearer.token.file or sasl.oauthbearer.token.command"

enum kafka_token_kind { KAFKA_TOKEN_FILE, KAFKA_TOKEN_COMMAND };

/* Whether the linked librdkafka can fetch tokens itself (sasl.oauthbearer.method = oidc). */
bool kafka_token_oidc(void);

/* Makes clients of conf fetch their tokens so.  source: a path, or a command
 * for /bin/sh.  0 | ERR_INVALID */
int kafka_token_use(rd_kafka_conf_t *conf, enum kafka_token_kind kind, const char *source, char *why, size_t why_size);

/* To be called with each client's settings before it is made, and with the
 * client; they do nothing for those without OAUTHBEARER. */
void kafka_token_prepare(rd_kafka_conf_t *conf);
void kafka_token_begin(rd_kafka_t *client);

#endif
