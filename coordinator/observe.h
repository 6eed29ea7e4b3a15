/* What this coordinator knows of the field, leading or not: ZooKeeper, read
 * every few seconds as `status` reads it, and an hour of history.  On the
 * control loop; a reading becomes a snapshot in a thread of its own, since
 * libuv's pool may be full of calls that wait for brokers. */
#ifndef HELIOSTAT_COORDINATOR_OBSERVE_H
#define HELIOSTAT_COORDINATOR_OBSERVE_H

#include <uv.h>

#include "common/zk.h"
#include "coordinator/api.h"

struct observe;

/* loop and zk are borrowed for its life.  NULL on no memory. */
struct observe *observe_new(uv_loop_t *loop, struct zk *zk, const struct config *config);
/* Fills what it knows into view: facts to wall_ms.  Borrowed until the loop
 * runs on. */
void observe_view(struct observe *observe, struct api_view *view);
/* Before zk_close; nothing is read any more. */
void observe_stop(struct observe *observe);

#endif
