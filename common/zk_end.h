/* Ends the ZooKeeper session of a process that died: its ephemerals vanish at
 * once instead of after the session timeout.  Speaks the wire protocol itself,
 * so that a process can do it which must allocate nothing. */
#ifndef HELIOSTAT_COMMON_ZK_END_H
#define HELIOSTAT_COMMON_ZK_END_H

#include "common/zk_wire.h"

enum { ZK_END_GONE = 1 }; /* the server says that it has ended already */

/* Blocks for up to limit_ms, with one socket open; allocates nothing, needs no
 * loop.  Signals that are not blocked are handled and do not shorten it.
 * 0 | ZK_END_GONE | ERR_CONNECTION (also: server unreachable) | ERR_TIMEOUT |
 * ERR_INVALID (no ZooKeeper) | ERR_SYSTEM.  After any of the codes the session
 * may live until its timeout. */
int zk_end(const struct zk_ticket *ticket, int limit_ms);

#endif
