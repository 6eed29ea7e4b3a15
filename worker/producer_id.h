/* The id and epoch of a transactional producer.  PURE.
 *
 * librdkafka (2.0.2) tells them in a line of its debug context "eos" only:
 * "... Acquired PID{Id:4000,Epoch:7}", with the previous one behind it. */
#ifndef HELIOSTAT_WORKER_PRODUCER_ID_H
#define HELIOSTAT_WORKER_PRODUCER_ID_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the line says so. */
bool producer_id_acquired(const char *line, int64_t *out_id, int16_t *out_epoch);

#endif
