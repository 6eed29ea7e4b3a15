/* Asks Kafka where partitions begin that were never started: the start rules of
 * a route turned into offsets.  Knows nothing of ZooKeeper and of lanes. */
#ifndef HELIOSTAT_COMMON_START_RESOLVE_H
#define HELIOSTAT_COMMON_START_RESOLVE_H

#include <librdkafka/rdkafka.h>

#include "common/config.h"
#include "common/start_from.h"

enum start_answer {
        START_AT,    /* offset */
        START_HALTS, /* no offset is known, and the rule gives none: reason */
        START_WAITS, /* not now, try again later: reason */
};

#define START_REASON_SIZE 160

struct start_query {
        const char *topic;      /* borrowed */
        int32_t partition;
        bool existed;           /* see start_from_for */
        const struct start_from *rule; /* filled in: borrows the rules */
        enum start_answer answer;
        int64_t offset;         /* -1 unless START_AT */
        char reason[START_REASON_SIZE]; /* one line; of START_AT: what it was found by */
};

struct start_place {
        const struct config *config;
        const char *source, *destination; /* aliases */
        const char *route;                /* NULL: none */
        rd_kafka_t *consumer;             /* of the source */
        uint32_t limit_ms;                /* of each request */
};

/* Answers all queries.  A group with members is waited for: another mirror runs
 * and would go on behind the offsets that are taken.  Blocks for some requests
 * on the source, and as long as MirrorMaker 2's topic is read: for the thread
 * pool, or a command. */
void start_resolve(const struct start_place *place, struct start_rules *rules, struct start_query *queries,
                   size_t count);

#endif
