/* Turns the servers of a connect string into addresses, without blocking the
 * loop: the ZooKeeper client itself calls getaddrinfo() wherever it stands. */
#ifndef HELIOSTAT_COMMON_ZK_RESOLVE_H
#define HELIOSTAT_COMMON_ZK_RESOLVE_H

#include <stddef.h>
#include <uv.h>

#include "common/zk_connect.h"

struct zk_resolve;

/* addresses: "10.0.0.7:2181,::1:2181" in the client library's notation,
 * sorted, without repeats, "" when no name resolved; borrowed.  error: "" or
 * one name that did not resolve and why.  Comes once from the loop, also after
 * zk_resolve_cancel; the resolution is freed by then. */
typedef void (*zk_resolve_cb)(void *ctx, const char *addresses, const char *error);

/* connect is borrowed until the callback.  0 | ERR_NOMEM | ERR_SYSTEM */
int zk_resolve_start(uv_loop_t *loop, const struct zk_connect *connect, zk_resolve_cb cb,
                     void *ctx, struct zk_resolve **out);
/* Hurries the callback.  A look-up that a thread has already begun runs to its
 * end, which may take the name service's time limit. */
void zk_resolve_cancel(struct zk_resolve *resolve);

/* The same for a connect string that holds addresses only: malloc'd, NULL on
 * no memory. */
char *zk_resolve_literals(const struct zk_connect *connect);

#endif
