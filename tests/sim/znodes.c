#include "tests/sim/znodes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/znode_path.h"

static size_t position(const struct znodes *zk, const char *path, bool *out_found) {
        size_t low = 0, high = zk->count;
        *out_found = false;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(zk->nodes[middle]->path, path);
                if (order == 0) *out_found = true;
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

struct znode *znodes_find(const struct znodes *zk, const char *path) {
        bool found;
        size_t at = position(zk, path, &found);
        return found ? zk->nodes[at] : NULL;
}

static void fire(struct znodes *zk, const char *path, bool children) {
        for (size_t i = 0; i < zk->watch_count;) {
                struct znode_watch watch = zk->watches[i];
                if (watch.children != children || strcmp(watch.path, path) != 0) {
                        i++;
                        continue;
                }
                memmove(&zk->watches[i], &zk->watches[i + 1],
                        (--zk->watch_count - i) * sizeof *zk->watches);
                free(watch.path);
                zk->fired(zk->ctx, watch.session, watch.tag);
        }
}

#define PATH_ROOM 544 /* with a sequence number */

static void parent_of(char *out, const char *path) {
        (void)snprintf(out, PATH_ROOM, "%s", path);
        *strrchr(out, '/') = '\0';
}

static bool has_children(const struct znodes *zk, const char *path) {
        size_t n = strlen(path);
        for (size_t i = 0; i < zk->count; i++)
                if (strncmp(zk->nodes[i]->path, path, n) == 0 && zk->nodes[i]->path[n] == '/')
                        return true;
        return false;
}

void znodes_watch(struct znodes *zk, const char *path, bool children, int64_t session, uint64_t tag) {
        zk->watches = reallocarray(zk->watches, zk->watch_count + 1, sizeof *zk->watches);
        assert(zk->watches);
        zk->watches[zk->watch_count++] = (struct znode_watch){strdup(path), children, session, tag};
}

static void *copy(const void *data, size_t bytes) {
        void *out = malloc(bytes + 1);
        assert(out);
        if (bytes) memcpy(out, data, bytes);
        return out;
}

static void apply(struct znodes *zk, int64_t session, const struct znode_write *write,
                  int32_t *version) {
        char path[PATH_ROOM], parent[PATH_ROOM];
        bool found;
        (void)snprintf(path, sizeof path, "%s", write->path);
        if (write->op == ZNODE_CREATE_SEQUENCE)
                (void)snprintf(path, sizeof path, "%s%010u", write->path, zk->sequence++);
        size_t at = position(zk, path, &found);
        parent_of(parent, path);
        *version = 0;
        if (write->op == ZNODE_CHECK) return;
        if (write->op == ZNODE_SET) {
                struct znode *node = zk->nodes[at];
                zk->written(zk->ctx, session, node, path, write->data, write->bytes);
                free(node->data);
                node->data = copy(write->data, write->bytes);
                node->bytes = write->bytes;
                *version = ++node->version;
                fire(zk, path, false);
                return;
        }
        if (write->op == ZNODE_DELETE) {
                struct znode *node = zk->nodes[at];
                zk->written(zk->ctx, session, node, path, NULL, 0);
                memmove(&zk->nodes[at], &zk->nodes[at + 1], (--zk->count - at) * sizeof *zk->nodes);
                free(node->data);
                free(node->path);
                free(node);
        } else {
                struct znode *node = calloc(1, sizeof *node);
                zk->nodes = reallocarray(zk->nodes, zk->count + 1, sizeof *zk->nodes);
                assert(node && zk->nodes);
                zk->written(zk->ctx, session, NULL, path, write->data, write->bytes);
                node->path = strdup(path);
                node->data = copy(write->data, write->bytes);
                node->bytes = write->bytes;
                node->session = write->op == ZNODE_CREATE ? 0 : session;
                memmove(&zk->nodes[at + 1], &zk->nodes[at], (zk->count++ - at) * sizeof *zk->nodes);
                zk->nodes[at] = node;
        }
        fire(zk, path, false);
        fire(zk, parent, true);
}

/* Would the write be done now? */
static int check(const struct znodes *zk, const struct znode_write *write) {
        char parent[PATH_ROOM];
        const struct znode *node = znodes_find(zk, write->path);
        switch (write->op) {
        case ZNODE_CREATE_SEQUENCE:
                return 0;
        case ZNODE_CREATE:
        case ZNODE_CREATE_EPHEMERAL:
                parent_of(parent, write->path);
                if (*parent && !znodes_find(zk, parent)) return ERR_NOT_FOUND;
                return node ? ERR_EXISTS : 0;
        case ZNODE_DELETE:
                if (node && has_children(zk, write->path)) return ERR_NOT_EMPTY;
                /* fall through */
        case ZNODE_SET:
        case ZNODE_CHECK:
                if (!node) return ERR_NOT_FOUND;
                return write->version >= 0 && write->version != node->version ? ERR_VERSION : 0;
        }
        return ERR_INVALID;
}

int znodes_multi(struct znodes *zk, int64_t session, const struct znode_write *writes, size_t count,
                 int32_t *versions, int *failed) {
        *failed = -1;
        /* A parent may be made by an earlier write of the same multi; no other
         * write depends on another one here. */
        for (size_t i = 0; i < count; i++) {
                int rc = check(zk, &writes[i]);
                if (rc == ERR_NOT_FOUND && writes[i].op == ZNODE_CREATE) {
                        char parent[PATH_ROOM];
                        parent_of(parent, writes[i].path);
                        for (size_t k = 0; k < i; k++)
                                if (strcmp(writes[k].path, parent) == 0) rc = 0;
                }
                if (rc) {
                        *failed = (int)i;
                        return rc;
                }
        }
        for (size_t i = 0; i < count; i++) apply(zk, session, &writes[i], &versions[i]);
        return 0;
}

size_t znodes_children(const struct znodes *zk, const char *path, char ***out) {
        size_t n = strlen(path), count = 0;
        char **names = calloc(zk->count + 1, sizeof *names);
        assert(names);
        for (size_t i = 0; i < zk->count; i++) {
                const char *p = zk->nodes[i]->path;
                if (strncmp(p, path, n) == 0 && p[n] == '/' && !strchr(p + n + 1, '/'))
                        names[count++] = strdup(p + n + 1);
        }
        *out = names;
        return count;
}

void znodes_expire(struct znodes *zk, int64_t session) {
        for (size_t i = 0; i < zk->watch_count;) {
                if (zk->watches[i].session != session) {
                        i++;
                        continue;
                }
                free(zk->watches[i].path);
                memmove(&zk->watches[i], &zk->watches[i + 1],
                        (--zk->watch_count - i) * sizeof *zk->watches);
        }
        for (size_t i = 0; i < zk->count;) {
                struct znode_write write = {.op = ZNODE_DELETE, .version = -1};
                int32_t version;
                if (zk->nodes[i]->session != session) {
                        i++;
                        continue;
                }
                (void)snprintf(write.path, sizeof write.path, "%s", zk->nodes[i]->path);
                apply(zk, session, &write, &version);
                i = 0; /* positions have changed */
        }
}

void znodes_put(struct znodes *zk, const char *path, const void *data, size_t bytes) {
        struct znode_write write = {
                .op = znodes_find(zk, path) ? ZNODE_SET : ZNODE_CREATE, .data = (void *)data,
                .bytes = bytes, .version = -1};
        int32_t version;
        (void)snprintf(write.path, sizeof write.path, "%s", path);
        apply(zk, 0, &write, &version);
}

void znodes_fini(struct znodes *zk) {
        for (size_t i = 0; i < zk->count; i++) {
                free(zk->nodes[i]->path);
                free(zk->nodes[i]->data);
                free(zk->nodes[i]);
        }
        for (size_t i = 0; i < zk->watch_count; i++) free(zk->watches[i].path);
        free(zk->nodes);
        free(zk->watches);
}

void znodes_put_message(struct znodes *zk, const char *path, ProtobufCMessage *message) {
        void *data;
        size_t bytes;
        if (codec_pack(message, &data, &bytes)) abort();
        znodes_put(zk, path, data, bytes);
        free(data);
}

void znodes_put_route(struct znodes *zk, const char *name, uint32_t lanes, bool enabled, uint64_t limit_bytes_per_second) {
        char path[ZNODE_PATH_MAX];
        Heliostat__Pb__Route route = HELIOSTAT__PB__ROUTE__INIT;
        route.name = (char *)name;
        route.source = (char *)"east";
        route.destination = (char *)"west";
        route.enabled = enabled;
        route.topics = (char *)".*";
        route.lanes = lanes;
        route.group_id = (char *)"g";
        route.delivery_guarantee = (char *)"at-least-once";
        route.offset_commit_interval_ms = 1000;
        route.refresh_topics_interval_s = 30;
        route.replication_factor = -1;
        route.limit_bytes_per_second = limit_bytes_per_second;
        if (znode_path_route(path, name)) abort();
        znodes_put_message(zk, path, &route.base);
}
