/* Reads every znode of the field once, over a session that is there: what
 * `status` and the coordinator's page show is made of these facts
 * (snapshot.h).  It takes no watches and writes nothing. */
#ifndef HELIOSTAT_COMMON_FACTS_READ_H
#define HELIOSTAT_COMMON_FACTS_READ_H

#include "common/snapshot.h"
#include "common/zk.h"

/* How old a report may be that a snapshot still trusts: a worker writes an
 * unchanged one every 10 s. */
#define STATUS_STALE_MS(report_interval_ms) (10000 + (int64_t)(report_interval_ms) + 1000)

struct facts_read;

/* code 0: *facts is the callback's (facts_fini).  Otherwise facts is NULL:
 * ERR_NOT_FOUND: the chroot is not there.  ERR_CONNECTION, ERR_SESSION,
 * ERR_CLOSING: start over once connected, half a picture would show partitions
 * as missing.  Others: as zk.h says; ERR_NOMEM.  The reading is over and freed
 * when this is called. */
typedef void (*facts_read_cb)(void *ctx, int code, struct facts *facts);

/* At most requests_max requests are under way at once; the others wait.
 * 0 (cb comes once, from the loop) | ERR_CONNECTION | ERR_NOMEM (no cb) */
int facts_read_start(struct zk *zk, unsigned requests_max, facts_read_cb cb, void *ctx,
                     struct facts_read **out);
/* cb is not called any more.  NULL is allowed.  Before zk_close's callback. */
void facts_read_cancel(struct facts_read *reading);

#endif
