/* The queues that a consumer's partitions have of their own, held for its end.
 *
 * Before 2.6.1 librdkafka leaves a word to the reader (a "barrier") in the queue of a
 * partition that was unassigned, and that word holds the partition.  With its topic
 * deleted nothing takes it out, and rd_kafka_destroy waits for ever (#4724). */
#ifndef HELIOSTAT_WORKER_OWN_QUEUES_H
#define HELIOSTAT_WORKER_OWN_QUEUES_H

#include <librdkafka/rdkafka.h>
#include <stddef.h>

struct own_queues {
        rd_kafka_queue_t **queues; /* one for each partition that was ever assigned */
        size_t count, capacity;
};
/* For one that is assigned: while its topic is there.  Aborts without memory: a client could not be ended. */
void own_queues_hold(struct own_queues *own, rd_kafka_t *consumer, const char *topic, int32_t partition);
/* To be called right before the consumer is destroyed, without messages of its in use: unassigns all, empties the queues and
 * lets go of them.  Waits for librdkafka's main thread, not for brokers: for a short thread. */
void own_queues_empty(struct own_queues *own, rd_kafka_t *consumer);

#endif
