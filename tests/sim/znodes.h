/* A ZooKeeper in memory: versions, ephemerals, multis, one-shot watches.
 * No time and no network; sim.c adds them. */
#ifndef HELIOSTAT_TESTS_SIM_ZNODES_H
#define HELIOSTAT_TESTS_SIM_ZNODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/codec.h"

struct znode {
        char *path;
        void *data;
        size_t bytes;
        int32_t version;
        int64_t session; /* 0: persistent */
};

struct znode_watch {
        char *path;
        bool children;
        int64_t session;
        uint64_t tag; /* the watcher's */
};

struct znodes {
        struct znode **nodes; /* sorted by path */
        size_t count;
        struct znode_watch *watches;
        size_t watch_count;
        unsigned sequence;
        void (*fired)(void *ctx, int64_t session, uint64_t tag);
        /* before each write of data; new data NULL: deleted */
        void (*written)(void *ctx, int64_t session, const struct znode *before, const char *path,
                        const void *data, size_t bytes);
        void *ctx;
};

enum znode_op { ZNODE_CHECK, ZNODE_CREATE, ZNODE_CREATE_EPHEMERAL, ZNODE_CREATE_SEQUENCE, ZNODE_SET, ZNODE_DELETE };
struct znode_write {
        enum znode_op op;
        char path[512];
        void *data; /* owned by whoever made the write */
        size_t bytes;
        int32_t version; /* -1: any */
};

void znodes_fini(struct znodes *zk);
struct znode *znodes_find(const struct znodes *zk, const char *path);
void znodes_watch(struct znodes *zk, const char *path, bool children, int64_t session, uint64_t tag);
/* All or nothing.  0 | ERR_VERSION, ERR_EXISTS, ERR_NOT_FOUND, ERR_NOT_EMPTY
 * with the index in *failed.  versions[i]: the new version of write i. */
int znodes_multi(struct znodes *zk, int64_t session, const struct znode_write *writes, size_t count,
                 int32_t *versions, int *failed);
/* Names of the children; the caller frees the array and each name. */
size_t znodes_children(const struct znodes *zk, const char *path, char ***out);
/* Its ephemerals vanish, its watches too. */
void znodes_expire(struct znodes *zk, int64_t session);
/* Sets data whatever the version; creates when missing. */
void znodes_put(struct znodes *zk, const char *path, const void *data, size_t bytes);
void znodes_put_message(struct znodes *zk, const char *path, ProtobufCMessage *message);
/* An at-least-once route of all topics, east to west; limit_bytes_per_second 0: none. */
void znodes_put_route(struct znodes *zk, const char *name, uint32_t lanes, bool enabled, uint64_t limit_bytes_per_second);

#endif
