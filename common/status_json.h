/* The parts of a snapshot as JSON, the same in `status -o json` and in the
 * coordinator's HTTP API.  PURE.  docs/status.md describes the fields.
 *
 * Each function gives a new reference; what fails (no memory) is remembered in
 * *failed, and the object must then not be used but for json_decref. */
#ifndef HELIOSTAT_COMMON_STATUS_JSON_H
#define HELIOSTAT_COMMON_STATUS_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "common/snapshot.h"
#include "common/snapshot_health.h"

/* Takes value. */
void status_json_put(json_t *object, const char *key, json_t *value, bool *failed);
/* A peer's text may not be UTF-8; it is then escaped as in a table.  "" and
 * NULL become null. */
json_t *status_json_text(const char *text);
/* SNAPSHOT_UNKNOWN, and of a real what is below 0, becomes null.  Reals are
 * rounded to 1/1000: more digits would only be noise. */
json_t *status_json_number(int64_t number);
json_t *status_json_seconds(int64_t ms);
json_t *status_json_real(double number);
json_t *status_json_real_or_null(double number);

json_t *status_json_health(const struct health *health, bool *failed);
json_t *status_json_leader(const struct status_leader *leader, bool *failed);
json_t *status_json_route(const struct status_route *route, bool *failed);
json_t *status_json_worker(const struct status_worker *worker, bool *failed);
json_t *status_json_lane(const struct status_lane *lane, bool *failed);
/* snapshot: that of the partition, for its topic's name at the destination. */
json_t *status_json_partition(const struct snapshot *snapshot, const struct status_partition *partition,
                              bool *failed);
json_t *status_json_event(const struct event *event, bool *failed);
json_t *status_json_problem(const struct status_problem *problem, bool *failed);

#endif
