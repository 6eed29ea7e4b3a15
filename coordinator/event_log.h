/* The leader's side of the ring of events (events.h): reads what is there, then
 * writes what comes, a chunk at a time, each in a multi with a check of /leader.
 * On the control loop; the store calls it when nothing else is under way. */
#ifndef HELIOSTAT_COORDINATOR_EVENT_LOG_H
#define HELIOSTAT_COORDINATOR_EVENT_LOG_H

#include <uv.h>

#include "common/events.h"
#include "common/zk.h"

struct event_log;

/* wake: there is something to write, or the ring was read.  NULL on no memory. */
struct event_log *event_log_new(uv_loop_t *loop, struct zk *zk, void (*wake)(void *ctx), void *ctx);
void event_log_free(struct event_log *log);

/* A leadership begins, or the connection is back: the ring is read (again). */
void event_log_read(struct event_log *log);
/* Stamps and keeps an event; at_ms 0 is wall_ms. */
void event_log_add(struct event_log *log, const struct event *event, int64_t wall_ms);
/* Whether event_log_multi has something to give. */
bool event_log_due(const struct event_log *log);
/* Adds the next write to multi.  0 | ERR_NOMEM | ERR_INVALID: nothing was added. */
int event_log_multi(struct event_log *log, struct zk_multi *multi);
/* Its result.  ERR_CONNECTION and its like wait for event_log_read. */
void event_log_written(struct event_log *log, int code);
/* The leadership has ended: what waits is forgotten. */
void event_log_resign(struct event_log *log);

#endif
