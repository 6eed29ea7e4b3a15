#include "common/zk_verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/zk_access.h"
#include "common/znode_path.h"

#define CHILDREN_MAX 64 /* of the chroot; ours are a dozen */

struct zk_verify {
        struct zk *zk;
        const char *identity;
        bool allow_open;
        zk_verify_cb cb;
        void *ctx;
        size_t pending;
        int code;
        char why[1200];
};

struct asked {
        struct zk_verify *verify;
        char path[ZNODE_PATH_MAX]; /* relative */
};

static void settle(struct zk_verify *v) {
        if (v->pending > 0) return;
        v->cb(v->ctx, v->code, v->why);
        free(v);
}

static void fail(struct zk_verify *v, int code) {
        if (!v->code || code == ERR_AUTH) v->code = code;
}

static int ask(struct zk_verify *v, const char *path, zk_acl_cb cb) {
        struct asked *asked = malloc(sizeof *asked);
        if (!asked) return ERR_NOMEM;
        asked->verify = v;
        (void)snprintf(asked->path, sizeof asked->path, "%s", path);
        int rc = zk_get_acl(v->zk, path, cb, asked);
        if (rc) free(asked);
        else v->pending++;
        return rc;
}

static void judge(struct zk_verify *v, const char *path, int code, const struct zk_acl_entry *entries, size_t count) {
        const char *name = strcmp(path, "/") == 0 ? "" : path;
        char text[200];
        if (code == ERR_NOT_FOUND) return; /* gone meanwhile, or yet to be made */
        if (code == ERR_AUTH) {
                fail(v, code);
                (void)snprintf(v->why, sizeof v->why,
                               "%s%s may not be read by %s: a wrong user or password in zookeeper.auth, or nodes of another identity",
                               zk_chroot(v->zk), name, v->identity);
        } else if (code) {
                fail(v, code);
        } else if (!v->allow_open && zk_access_open(entries, count)) {
                zk_access_text(entries, count, text, sizeof text);
                fail(v, ERR_AUTH);
                (void)snprintf(v->why, sizeof v->why,
                               "%s%s may be changed by everyone (%s); close it with zkCli.sh: 'addauth digest USER:PASSWORD' and "
                               "'setAcl -R %s auth::cdrwa', or allow it: zookeeper.acl.open = true",
                               zk_chroot(v->zk), name, text, zk_chroot(v->zk));
        }
}

static void on_child_acl(void *ctx, int code, const struct zk_acl_entry *entries, size_t count) {
        struct asked *asked = ctx;
        struct zk_verify *v = asked->verify;
        v->pending--;
        judge(v, asked->path, code, entries, count);
        free(asked);
        settle(v);
}

static void on_children(void *ctx, int code, const char *const *names, size_t count, const struct zk_stat *stat) {
        struct zk_verify *v = ctx;
        (void)stat;
        v->pending--;
        if (code && code != ERR_NOT_FOUND) fail(v, code);
        for (size_t i = 0; !code && i < count && i < CHILDREN_MAX; i++) {
                char path[ZNODE_PATH_MAX];
                (void)snprintf(path, sizeof path, "/%s", names[i]);
                int rc = ask(v, path, on_child_acl);
                if (rc) fail(v, rc);
        }
        settle(v);
}

static void on_chroot_acl(void *ctx, int code, const struct zk_acl_entry *entries, size_t count) {
        struct asked *asked = ctx;
        struct zk_verify *v = asked->verify;
        v->pending--;
        judge(v, asked->path, code, entries, count);
        free(asked);
        if (!v->code && !code) {
                int rc = zk_children(v->zk, "/", NULL, NULL, on_children, v);
                if (rc) fail(v, rc);
                else v->pending++;
        }
        settle(v);
}

int zk_verify_start(struct zk *zk, const char *identity, bool allow_open, zk_verify_cb cb, void *ctx) {
        struct zk_verify *v = calloc(1, sizeof *v);
        if (!v) return ERR_NOMEM;
        *v = (struct zk_verify){.zk = zk, .identity = identity, .allow_open = allow_open, .cb = cb, .ctx = ctx};
        int rc = ask(v, "/", on_chroot_acl);
        if (rc) free(v);
        return rc;
}
