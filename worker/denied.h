/* Which topic a destination refused to a transaction.  PURE.
 *
 * librdkafka fails the transaction as a whole and names the topic in a log line
 * only: "... Failed to add partition "orders" [3] to transaction: Broker: Topic
 * authorization failed".  Partitions of the same request that were not looked
 * at have lines of another reason. */
#ifndef HELIOSTAT_WORKER_DENIED_H
#define HELIOSTAT_WORKER_DENIED_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the line says so; the topic's name then. */
bool denied_topic(const char *line, char *out, size_t out_bytes);

#endif
