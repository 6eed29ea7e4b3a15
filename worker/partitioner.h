/* The destination partition of a record whose partition is not kept: by its key,
 * as Java's producer chooses it.  PURE. */
#ifndef HELIOSTAT_WORKER_PARTITIONER_H
#define HELIOSTAT_WORKER_PARTITIONER_H

#include <stddef.h>
#include <stdint.h>

/* Kafka's 32-bit hash of a key, bit for bit that of Java's client. */
uint32_t partitioner_murmur2(const void *key, size_t bytes);

/* count: partitions of the destination's topic, at least 1.  A record without a
 * key (NULL; an empty key is one) goes by its partition at the source, so that
 * those of one partition stay in order. */
int32_t partitioner_partition(const void *key, size_t bytes, int32_t source_partition, int32_t count);

#endif
