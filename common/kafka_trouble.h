/* Why a cluster cannot be reached.  What a request ends with says only that it
 * was not answered ("Broker transport failure"); why stands in the client's log.
 * Kept per address list and login, for a minute: the clients of one cluster
 * share it. */
#ifndef HELIOSTAT_COMMON_KAFKA_TROUBLE_H
#define HELIOSTAT_COMMON_KAFKA_TROUBLE_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"

#define KAFKA_TROUBLE_MAX 240

/* Makes a line of librdkafka's log one for people.  How much it explains: 0
 * (nothing), 1 (no connection), 2 (TLS, login).  PURE. */
int kafka_trouble_text(const char *facility, const char *line, char *out, size_t size);

/* Sees each log line of a client. */
void kafka_trouble_note(const rd_kafka_t *client, const char *facility, const char *line);
/* Has the certificates of brokers explained when they are refused.  Which are
 * refused does not change. */
void kafka_trouble_prepare(rd_kafka_conf_t *conf);

/* "<text of the error> (<why>)", or the text alone when nothing is known. */
const char *kafka_trouble_of(const rd_kafka_t *client, rd_kafka_resp_err_t error, char *out, size_t size);
/* The same where the client is not at hand. */
const char *kafka_trouble_at(const struct config *config, const char *alias, rd_kafka_resp_err_t error, char *out,
                             size_t size);
/* The why alone; false when nothing is known. */
bool kafka_trouble_get(const rd_kafka_t *client, char *out, size_t size);

#endif
