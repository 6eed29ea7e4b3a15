/* Sends what a producer holds at once, before its linger.ms has passed.
 *
 * librdkafka keeps linger.ms for all partitions and for as long as the producer
 * lives, but not while a thread is in rd_kafka_flush.  So a lane that is read to
 * its end flushes, on a thread of its own, since that call blocks, and so does one
 * whose only burst cannot grow (burst_is_due); a lane that is behind lets its other
 * batches grow for linger.ms as before.  Rejected: linger.ms of 0, with which the
 * broker's thread takes the first records of a burst while the rest is handed over,
 * and then spins until they are acknowledged. */
#ifndef HELIOSTAT_WORKER_EXPEDITE_H
#define HELIOSTAT_WORKER_EXPEDITE_H

#include <librdkafka/rdkafka.h>

struct expedite;

/* Borrows producer until expedite_free.  NULL: no memory, no thread. */
struct expedite *expedite_new(rd_kafka_t *producer);

/* What was produced before goes soon.  Does not block.  NULL: nothing happens. */
void expedite_ask(struct expedite *expedite);

/* Blocks for some milliseconds: not on a loop.  Takes NULL. */
void expedite_free(struct expedite *expedite);

#endif
