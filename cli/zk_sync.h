/* ZooKeeper for commands that do one thing after the other: each call runs the
 * loop until its answer is there.  Reads that a lost connection ended are asked
 * again; a write's unknown result is the caller's to find out, by reading. */
#ifndef HELIOSTAT_CLI_ZK_SYNC_H
#define HELIOSTAT_CLI_ZK_SYNC_H

#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/zk.h"

struct zk_sync;

/* verb is for messages.  Each call waits for up to timeout_s.
 * 0 | ERR_NOMEM | ERR_SYSTEM | ERR_INVALID; config is borrowed */
int zk_sync_open(const struct config *config, const char *verb, unsigned timeout_s, struct zk_sync **out);
void zk_sync_close(struct zk_sync *sync);

/* Each: 0, a code as of zk.h, ERR_TIMEOUT (not reached; zk_sync_said_why prints
 * it).  Data and names are malloc'd; *stat may be NULL. */
int zk_sync_get(struct zk_sync *sync, const char *path, void **out_data, size_t *out_bytes, struct zk_stat *stat);
int zk_sync_children(struct zk_sync *sync, const char *path, char ***out_names, size_t *out_count);
int zk_sync_set(struct zk_sync *sync, const char *path, const void *data, size_t bytes, int32_t version);
/* Creates it where it is missing (with its parents), else overwrites it. */
int zk_sync_put(struct zk_sync *sync, const char *path, const void *data, size_t bytes);
/* Takes multi.  As zk_sync_set; ERR_CONNECTION: it may have been done. */
int zk_sync_multi(struct zk_sync *sync, struct zk_multi *multi);
void zk_sync_names_free(char **names, size_t count);

/* As negotiated; 0: not connected. */
int zk_sync_session_timeout_ms(const struct zk_sync *sync);
/* Why the last request was not answered, or "". */
const char *zk_sync_trouble(const struct zk_sync *sync);

/* Waits, with the session kept alive. */
void zk_sync_sleep(struct zk_sync *sync, unsigned ms);

/* Prints what is wrong; `what` is what was being done.  The exit code. */
int zk_sync_explain(struct zk_sync *sync, const char *what, int code);

#endif
