/* The operations of a multi, as plain data.  Inside the ZooKeeper adapter; the
 * callers' side is in zk.h. */
#ifndef HELIOSTAT_COMMON_ZK_MULTI_H
#define HELIOSTAT_COMMON_ZK_MULTI_H

#include <stddef.h>
#include <stdint.h>

#include "common/zk.h"

enum zk_multi_kind { ZK_MULTI_CHECK, ZK_MULTI_SET, ZK_MULTI_CREATE, ZK_MULTI_DELETE };

struct zk_multi_op {
        enum zk_multi_kind kind;
        char *path;      /* relative to the chroot */
        void *data;      /* may be NULL when bytes is 0 */
        size_t bytes;
        int32_t version;
        int flags;
};

struct zk_multi {
        struct zk_multi_op *ops;
        size_t op_count;
        size_t op_room;
        size_t bytes;
};

#endif
