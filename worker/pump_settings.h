/* What a route says of the pumps of its lanes.  PURE. */
#ifndef HELIOSTAT_WORKER_PUMP_SETTINGS_H
#define HELIOSTAT_WORKER_PUMP_SETTINGS_H

#include "heliostat.pb-c.h"
#include "worker/pump.h"

/* Borrows config and spec.  message_timeout_ms: how old a record may be that is
 * still sent.  budget_bytes: the lane's share.  The generation is left at 0. */
struct pump_settings pump_settings_of(const struct config *config, const Heliostat__Pb__Route *spec,
                                      uint32_t lane, uint32_t message_timeout_ms, uint64_t budget_bytes);

/* Limits and priorities of the route's topics, for pump_set_flow_rules.  0 and *out (the caller's), NULL where it has none |
 * ERR_INVALID (why: published by another version, if they cannot be read) | ERR_NOMEM */
int pump_flow_rules_of(const Heliostat__Pb__Route *spec, struct flow_rules **out, char *why, size_t why_size);

#endif
