/* Requests about topics' configuration and their end.  Blocks: for the thread
 * pool and for commands. */
#ifndef HELIOSTAT_COORDINATOR_TOPIC_ADMIN_H
#define HELIOSTAT_COORDINATOR_TOPIC_ADMIN_H

#include <stdatomic.h>
#include <stddef.h>

#include <librdkafka/rdkafka.h>

#include "coordinator/topic_acls.h"
#include "coordinator/topic_configs.h"

/* out: one for each name, with an error where a topic's could not be read; the
 * caller's (topic_settings_fini), whatever comes.
 * 0 | ERR_KAFKA (no answer to some of the requests; err: one line) | ERR_NOMEM */
int topic_admin_describe(rd_kafka_t *rk, const char *const *names, size_t count, struct topic_settings *out,
                         char *err, size_t err_size);

/* Sets exactly these settings at each topic: all others go back to the
 * cluster's.  stop: set by another thread to send no more requests; NULL: none.
 * out_errors[i]: NULL, or why it did not work (the caller's). */
void topic_admin_alter(rd_kafka_t *rk, const char *const *names, const struct topic_settings *settings,
                       size_t count, const atomic_bool *stop, char **out_errors);

/* All ACLs of topics that the cluster has.  0 | ERR_KAFKA (err: one line; also of
 * a cluster that checks none) | ERR_NOMEM */
int topic_admin_acls(rd_kafka_t *rk, struct topic_acls *out, char *err, size_t err_size);
/* stop, out_errors: as above. */
void topic_admin_create_acls(rd_kafka_t *rk, const struct topic_acls *acls, const atomic_bool *stop, char **out_errors);

/* NULL, or why it did not work (the caller's). */
char *topic_admin_delete(rd_kafka_t *rk, const char *name);

#endif
