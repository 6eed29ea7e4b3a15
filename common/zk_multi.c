#include "common/zk_multi.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/zk_connect.h"
#include "common/znode_path.h"

/* What an operation takes on the wire beside its path and data: headers, ACL,
 * lengths; rounded up. */
#define OP_OVERHEAD_BYTES 80

struct zk_multi *zk_multi_new(void) { return calloc(1, sizeof(struct zk_multi)); }

void zk_multi_free(struct zk_multi *multi) {
        if (!multi) return;
        for (size_t i = 0; i < multi->op_count; i++) {
                free(multi->ops[i].path);
                free(multi->ops[i].data);
        }
        free(multi->ops);
        free(multi);
}

static int add(struct zk_multi *multi, enum zk_multi_kind kind, const char *path,
               const void *data, size_t bytes, int32_t version, int flags) {
        if (!zk_path_valid(path)) return ERR_INVALID;
        if (bytes > ZNODE_DATA_MAX) return ERR_TOO_BIG;
        if (multi->op_count == multi->op_room) {
                size_t room = multi->op_room ? multi->op_room * 2 : 8;
                struct zk_multi_op *ops = realloc(multi->ops, room * sizeof *ops);
                if (!ops) return ERR_NOMEM;
                multi->ops = ops;
                multi->op_room = room;
        }
        struct zk_multi_op op = {
                .kind = kind, .bytes = bytes, .version = version, .flags = flags};
        op.path = strdup(path);
        op.data = bytes ? malloc(bytes) : NULL;
        if (!op.path || (bytes && !op.data)) {
                free(op.path);
                free(op.data);
                return ERR_NOMEM;
        }
        if (bytes) memcpy(op.data, data, bytes);
        multi->ops[multi->op_count++] = op;
        multi->bytes += strlen(path) + bytes + OP_OVERHEAD_BYTES;
        return 0;
}

int zk_multi_check(struct zk_multi *multi, const char *path, int32_t version) {
        return add(multi, ZK_MULTI_CHECK, path, NULL, 0, version, 0);
}

int zk_multi_set(struct zk_multi *multi, const char *path, const void *data, size_t bytes,
                 int32_t version) {
        return add(multi, ZK_MULTI_SET, path, data, bytes, version, 0);
}

int zk_multi_create(struct zk_multi *multi, const char *path, const void *data, size_t bytes,
                    int flags) {
        return add(multi, ZK_MULTI_CREATE, path, data, bytes, -1, flags);
}

int zk_multi_delete(struct zk_multi *multi, const char *path, int32_t version) {
        return add(multi, ZK_MULTI_DELETE, path, NULL, 0, version, 0);
}

size_t zk_multi_count(const struct zk_multi *multi) { return multi->op_count; }

size_t zk_multi_bytes(const struct zk_multi *multi) { return multi->bytes; }
