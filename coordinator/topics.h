/* Topics of a route: which of the source match, and whether the destination is
 * ready for them; creates topics and adds partitions there where missing.
 *
 * Blocks on both clusters: for the thread pool only. */
#ifndef HELIOSTAT_COORDINATOR_TOPICS_H
#define HELIOSTAT_COORDINATOR_TOPICS_H

#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "common/topic_rules.h"

struct topic_found {
        char *name;
        uint32_t partitions; /* at the source, and ready at the destination */
        char *reason;        /* NULL: ready; else why it is not */
};

struct topics_found {
        struct topic_found *topics;
        size_t count;
};

/* Topics of Heliostat's own at the destination, a partition for each lane. */
enum topics_own {
        TOPICS_POSITIONS,    /* of position records */
        TOPICS_DEAD_LETTERS, /* of records that the destination refused */
        TOPICS_OWN_COUNT,
};

/* replication_factor -1: the broker's default.
 * own: the names of the route's own topics, which are created with so many
 * lanes if they are missing; NULL for one that the route does not need.
 * 0 | ERR_KAFKA (err: one line; worth a retry) | ERR_NOMEM */
int topics_find(rd_kafka_t *source, rd_kafka_t *destination, struct topic_rules *rules,
                int replication_factor, const char *const own[TOPICS_OWN_COUNT], uint32_t lanes,
                struct topics_found *out, char *err, size_t err_size);
void topics_found_fini(struct topics_found *found);

#endif
