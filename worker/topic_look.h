/* What brokers say of topics, asked by a client of its own that ends with the
 * question, and shared by the lanes of a worker that ask the same at the same time:
 * at a start, or after a loss, that is all of them.  For any thread. */
#ifndef HELIOSTAT_WORKER_TOPIC_LOOK_H
#define HELIOSTAT_WORKER_TOPIC_LOOK_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"

/* An answer is given to whoever asks the same until it is so old. */
#define TOPIC_LOOK_SHARED_MS 500

/* Asks the cluster; blocks.  false: it cannot be asked, and nothing is put out.  What it puts into the two is
 * the caller's, who frees them with rd_kafka_metadata_destroy and free.  cluster_id: NULL if it is not told. */
typedef bool topic_look_ask(const struct config *config, const char *alias, const char *const *topics, size_t count,
                            const rd_kafka_metadata_t **out, char **out_cluster_id);
topic_look_ask topic_look_ask_brokers; /* for two seconds at most */
/* The same by way of this client, which knows the topics from then on. */
rd_kafka_resp_err_t topic_look_ask_client(rd_kafka_t *client, const char *const *topics, size_t count, int limit_ms,
                                          const rd_kafka_metadata_t **out, char **out_cluster_id);

struct topic_look {
        const rd_kafka_metadata_t *metadata;
        const char *cluster_id;   /* or NULL */
};
struct topic_looks;
/* NULL: no memory. */
struct topic_looks *topic_looks_new(topic_look_ask *ask);
/* Needs: no call under way, and nothing that was not put back.  Takes NULL. */
void topic_looks_free(struct topic_looks *looks);

/* Blocks.  config is compared as a pointer, topics one by one, in their order.  NULL: it could not be asked. */
const struct topic_look *topic_looks_get(struct topic_looks *looks, const struct config *config, const char *alias,
                                         const char *const *topics, size_t count);
void topic_looks_put_back(struct topic_looks *looks, const struct topic_look *look);

#endif
