/* Whether the nodes that are there already keep others out.  Asked once, before
 * anything else is done with an identity: what everyone may write could name
 * other routes, and would go on to be trusted.  Looks at the chroot and at its
 * children. */
#ifndef HELIOSTAT_COMMON_ZK_VERIFY_H
#define HELIOSTAT_COMMON_ZK_VERIFY_H

#include "common/zk.h"

struct zk_verify;

/* 0: nothing is open, or nothing is there | ERR_AUTH: why says which node is
 * open, or that the identity has no rights | other errors: not known, ask again */
typedef void (*zk_verify_cb)(void *ctx, int code, const char *why);

/* identity: for messages, borrowed; allow_open: then only the identity's rights
 * are looked at.  0 (cb will come, never from inside) | ERR_... (it will not). */
int zk_verify_start(struct zk *zk, const char *identity, bool allow_open, zk_verify_cb cb, void *ctx);

#endif
