/* Topics of a route: which of the source match, and whether the destination is
 * ready for them; creates topics and adds partitions there where missing.
 *
 * Blocks on both clusters: for the thread pool only. */
#ifndef HELIOSTAT_COORDINATOR_TOPICS_H
#define HELIOSTAT_COORDINATOR_TOPICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "common/topic_name.h"
#include "common/topic_rules.h"
#include "coordinator/topic_deletes.h"
#include "coordinator/topic_plan.h"

/* Topics of Heliostat's own at the destination, a partition for each lane. */
enum topics_own {
        TOPICS_POSITIONS,    /* of position records */
        TOPICS_DEAD_LETTERS, /* of records that the destination refused */
        TOPICS_OFFSETS,      /* of offset maps */
        TOPICS_CHECKPOINTS,  /* of MirrorMaker 2's clients; one partition */
        TOPICS_HEARTBEATS,   /* the same */
        TOPICS_OWN_COUNT,
};

/* What a route asks of its topics. */
struct topics_wanted {
        struct topic_rules *rules;
        struct topic_namer *namer;
        bool merge;             /* several topics of the source may become one */
        bool any_count;         /* the destination may have another number of partitions */
        int replication_factor; /* -1: the broker's default */
        struct topic_rules *exclude; /* settings of topics that do not go along */
        bool configs_needed;    /* without the source's configuration no topic is created */
        bool configs_due;       /* topics that are there are to be brought in step */
        bool acls_due;          /* ACLs are to be brought along */
        struct topic_memory *memory; /* NULL: nothing is ever deleted */
        /* the names of the route's own topics, which are created with so many
         * lanes if they are missing; NULL for one that the route does not need */
        const char *own[TOPICS_OWN_COUNT];
        uint32_t lanes;
        const atomic_bool *stop; /* set by another thread: nothing more is changed; NULL: none */
};

/* What there is, and what would be done: nothing is changed.  Rows may have any
 * step but SHARED ones are as their first; codes as below. */
int topics_look(rd_kafka_t *source, rd_kafka_t *destination, const struct topics_wanted *wanted,
                struct topics_found *out, char *err, size_t err_size);

/* Looks and does it.  0 with *out, whose rows are READY, PARKED or PASSED (topics_found_fini) |
 * ERR_KAFKA (err: one line; worth a retry) | ERR_NOMEM |
 * ERR_CLOSING (stopped; *out as well, but not all of it was done) */
int topics_find(rd_kafka_t *source, rd_kafka_t *destination, const struct topics_wanted *wanted,
                struct topics_found *out, char *err, size_t err_size);

#endif
