/* Reads a lane's newest committed position record at the destination.
 *
 * Only the lane's transactional producers write to its partition, and whoever
 * reads has initialised its own before: nothing is open there, and what is
 * committed is final. */
#ifndef HELIOSTAT_WORKER_POSITIONS_H
#define HELIOSTAT_WORKER_POSITIONS_H

#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "heliostat.pb-c.h"

/* Blocks for up to limit_ms: for a short thread only.
 * 0 and a record (codec_free releases it), or NULL where the partition holds
 * none | ERR_KAFKA (err: one line; worth a retry) | ERR_INVALID (the newest
 * record is not readable, or a tombstone: a person must look) | ERR_NOMEM */
int positions_read(const struct config *config, const char *alias, const char *route,
                   const char *topic, uint32_t lane, uint32_t limit_ms,
                   Heliostat__Pb__Positions **out, char *err, size_t err_size);

#endif
