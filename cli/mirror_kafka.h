/* What `heliostat mirror` asks both clusters, besides what its lanes do.  Every
 * function blocks: for the thread pool.  Errors are one line each.
 *
 * The consumer is one of the route's: with its isolation level, so that "the
 * end" is the last stable offset where aborted records are not read. */
#ifndef HELIOSTAT_CLI_MIRROR_KAFKA_H
#define HELIOSTAT_CLI_MIRROR_KAFKA_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "heliostat.pb-c.h"

#define MIRROR_KAFKA_ERROR_SIZE 384

/* What is known before anything begins. */
struct mirror_look {
        char *source_id, *destination_id; /* of the clusters; malloc'd */
        int positions_lanes;              /* partitions of the topic of position records; 0: it is not there */
};

/* Connects to both ends.  spec->group_id may be "": then it is not looked for.
 * 0 | ERR_KAFKA (worth a retry) | ERR_EXISTS (the group has members: somebody
 * consumes with it) | as kafka_client_new */
int mirror_look(const struct config *config, const Heliostat__Pb__Route *spec, struct mirror_look *out,
                char *err, size_t err_size);

/* The clients for the other questions.  0 | as kafka_client_new */
int mirror_consumer_new(const struct config *config, const Heliostat__Pb__Route *spec, rd_kafka_t **out,
                        char *err, size_t err_size);
int mirror_admin_new(const struct config *config, const char *alias, rd_kafka_t **out, char *err,
                     size_t err_size);

/* Sets each row's offset: the log's end (time_ms -1), or that of the first
 * record of time_ms or later, the end when there is none.  A row that cannot be
 * answered has its err set.  0 | ERR_KAFKA */
int mirror_offsets_at(rd_kafka_t *client, rd_kafka_topic_partition_list_t *rows, int64_t time_ms, char *err,
                      size_t err_size);

/* The partitions of the source's topics that the route's rules match; nothing is
 * made anywhere.  *out is the caller's.  0 | ERR_KAFKA | ERR_TOO_MANY (a rule
 * needs too many steps for a name) | as topic_rules_new */
int mirror_list(rd_kafka_t *consumer, const Heliostat__Pb__Route *spec, rd_kafka_topic_partition_list_t **out,
                char *err, size_t err_size);

/* What is committed for the rows, in the group and (exactly-once) in the
 * position records of all lanes (records: whether their topic is there).  Sets each row's offset, -1 where there is
 * none, and *out_generation to the highest that was found.  A topic of a
 * position record that is not among the rows and still exists makes
 * ERR_EXISTS: its position would be lost with the next record.
 * 0 | ERR_KAFKA | ERR_EXISTS | ERR_INVALID (a record cannot be read) | ERR_NOMEM */
int mirror_committed(rd_kafka_t *consumer, const struct config *config, const Heliostat__Pb__Route *spec,
                     bool records, rd_kafka_topic_partition_list_t *rows, uint64_t *out_generation, char *err,
                     size_t err_size);

#endif
