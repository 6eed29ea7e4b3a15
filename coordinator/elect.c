/* Good path: parents ensured -> own node created -> children listed -> first:
 * /leader read and written.  Not first: the predecessor is watched, then all is
 * listed again.  An unknown result is resolved by listing the children: our
 * node's name carries a uuid. */
#include "coordinator/elect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/fault_point.h"
#include "common/log.h"
#include "common/znode_path.h"

struct elect {
        struct zk *zk;
        const char *id, *host, *http;
        struct elect_events events;
        void *ctx;
        char uuid[33];
        char own[ZNODE_PATH_MAX];  /* path of our node, "" for none */
        bool connected, leading, busy;
        bool waiting;              /* the predecessor is watched */
        size_t parent;             /* next of the parents to ensure */
        int32_t leader_version;
        uint64_t epoch;
};

static void elect_list(struct elect *elect);
static void make_candidate(struct elect *elect);
static void elect_prepare(struct elect *elect);

static void new_uuid(char *text) {
        unsigned char bytes[16];
        if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) abort(); /* cannot fail for 16 */
        for (int i = 0; i < 16; i++) (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

static bool lost(int code) { return code == ERR_CONNECTION || code == ERR_SESSION || code == ERR_CLOSING; }

static void resign(struct elect *elect, const char *reason) {
        if (!elect->leading) return;
        elect->leading = false;
        elect->events.resign(elect->ctx, reason);
}

/* ---- /leader ---- */

static void on_leader_written(void *ctx, int code, int failed, const struct zk_multi_result *results,
                              size_t count) {
        struct elect *elect = ctx;
        elect->busy = false;
        if (lost(code)) return; /* the next connection lists again */
        if (code || count < 2) {
                log_info("coordinator.elect.again", "id=%s failed=%d reason=\"%s\"", elect->id, failed,
                         err_text(code));
                if (failed == 0) *elect->own = '\0';
                return elect_prepare(elect);
        }
        FAULT_POINT("elect.leader", "answered");
        elect->leader_version = results[1].stat.version;
        elect->leading = true;
        elect->events.lead(elect->ctx, elect->epoch, elect->leader_version);
}

static void on_leader_read(void *ctx, int code, const void *data, size_t bytes, const struct zk_stat *stat) {
        struct elect *elect = ctx;
        Heliostat__Pb__Leader *old = NULL, fresh = HELIOSTAT__PB__LEADER__INIT;
        void *packed = NULL;
        size_t packed_bytes = 0;
        elect->busy = false;
        if (lost(code)) return;
        if (elect->leading) {
                /* After a reconnection: is it still ours? */
                if (code == 0 && stat->version == elect->leader_version)
                        return elect->events.reconnected(elect->ctx);
                resign(elect, "somebody else has written /leader");
                return elect_list(elect);
        }
        bool exists = code == 0;
        if (code && code != ERR_NOT_FOUND) {
                log_error("coordinator.elect", "path=" ZNODE_LEADER " error=\"%s\"", err_text(code));
                return;
        }
        if (exists && codec_unpack_leader(data, bytes, &old))
                log_error("coordinator.elect", "path=" ZNODE_LEADER " error=\"garbage, it is replaced\"");
        /* Epochs grow; after garbage the znode's version takes over. */
        elect->epoch = (old ? old->epoch : exists ? (uint64_t)stat->version : 0) + 1;
        codec_free(old);
        fresh.epoch = elect->epoch;
        fresh.candidate = (char *)elect->id;
        fresh.host = (char *)elect->host;
        fresh.pid = (uint32_t)getpid();
        fresh.since_ms = clock_wall_ms();
        struct zk_multi *multi = zk_multi_new();
        int rc = multi ? codec_pack(&fresh.base, &packed, &packed_bytes) : ERR_NOMEM;
        if (!rc) rc = zk_multi_check(multi, elect->own, -1);
        if (!rc)
                rc = exists ? zk_multi_set(multi, ZNODE_LEADER, packed, packed_bytes, stat->version)
                            : zk_multi_create(multi, ZNODE_LEADER, packed, packed_bytes, ZK_PERSISTENT);
        free(packed);
        if (!exists && !rc) {
                /* A create has version 0, as its result says nothing else. */
                elect->leader_version = 0;
        }
        FAULT_POINT("elect.leader", "before");
        if (!rc) rc = zk_multi_run(elect->zk, multi, on_leader_written, elect);
        FAULT_POINT("elect.leader", "sent");
        if (rc)
                zk_multi_free(multi);
        else
                elect->busy = true;
}

static void read_leader(struct elect *elect) {
        if (elect->busy) return;
        elect->busy = zk_get(elect->zk, ZNODE_LEADER, NULL, NULL, on_leader_read, elect) == 0;
}

/* ---- the line ---- */

static void on_predecessor(void *ctx, const char *path) {
        struct elect *elect = ctx;
        (void)path;
        elect->waiting = false;
        elect_list(elect);
}

static void on_predecessor_seen(void *ctx, int code, const struct zk_stat *stat) {
        struct elect *elect = ctx;
        (void)stat;
        elect->waiting = code == 0;
        if (code == ERR_NOT_FOUND) elect_list(elect); /* it went in between */
}

/* The sequence number: the ten digits behind the last '-'. */
static long sequence(const char *name) {
        const char *dash = strrchr(name, '-');
        return dash ? strtol(dash + 1, NULL, 10) : 0;
}

static void on_candidates(void *ctx, int code, const char *const *names, size_t count,
                          const struct zk_stat *stat) {
        struct elect *elect = ctx;
        const char *mine = NULL, *before = NULL;
        (void)stat;
        elect->busy = false;
        if (lost(code)) return;
        if (code) { /* somebody has deleted it, say; elect_retry makes what is missing */
                elect->parent = 0;
                return;
        }
        for (size_t i = 0; i < count; i++)
                if (strstr(names[i], elect->uuid) && (!mine || sequence(names[i]) < sequence(mine)))
                        mine = names[i];
        if (!mine) {
                *elect->own = '\0';
                return make_candidate(elect);
        }
        (void)snprintf(elect->own, sizeof elect->own, ZNODE_ELECTION "/%.200s", mine);
        for (size_t i = 0; i < count; i++)
                if (sequence(names[i]) < sequence(mine) &&
                    (!before || sequence(names[i]) > sequence(before)))
                        before = names[i];
        if (!before) {
                FAULT_POINT("elect.won", "before");
                return read_leader(elect);
        }
        resign(elect, "it is no longer the first in line");
        char path[ZNODE_PATH_MAX];
        (void)snprintf(path, sizeof path, ZNODE_ELECTION "/%.200s", before);
        log_info("coordinator.standby", "id=%s behind=%s", elect->id, before);
        (void)zk_exists(elect->zk, path, on_predecessor, elect, on_predecessor_seen, elect);
}

static void elect_list(struct elect *elect) {
        if (!elect->connected || elect->busy) return;
        elect->busy = zk_children(elect->zk, ZNODE_ELECTION, NULL, NULL, on_candidates, elect) == 0;
}

static void on_candidate_made(void *ctx, int code, const char *path) {
        struct elect *elect = ctx;
        (void)path;
        elect->busy = false;
        if (lost(code)) return;
        if (code) {
                log_error("coordinator.elect", "path=" ZNODE_ELECTION " error=\"%s\"", err_text(code));
                return; /* elect_retry goes on */
        }
        elect_list(elect);
}

static void make_candidate(struct elect *elect) {
        Heliostat__Pb__Candidate candidate = HELIOSTAT__PB__CANDIDATE__INIT;
        char path[ZNODE_PATH_MAX];
        void *data = NULL;
        size_t bytes = 0;
        candidate.id = (char *)elect->id;
        candidate.host = (char *)elect->host;
        candidate.pid = (uint32_t)getpid();
        candidate.http = (char *)elect->http;
        if (codec_pack(&candidate.base, &data, &bytes)) return;
        (void)snprintf(path, sizeof path, ZNODE_ELECTION "/c-%s-", elect->uuid);
        elect->busy = zk_create(elect->zk, path, data, bytes, ZK_EPHEMERAL | ZK_SEQUENCE,
                                on_candidate_made, elect) == 0;
        free(data);
}

static void on_meta(void *ctx, int code, const char *path) {
        struct elect *elect = ctx;
        (void)path;
        elect->busy = false;
        if (lost(code)) return;
        if (code && code != ERR_EXISTS)
                log_error("coordinator.elect", "path=" ZNODE_META " error=\"%s\"", err_text(code));
        elect_list(elect); /* an earlier create may have been done although its answer was lost */
}

static void make_meta(struct elect *elect) {
        Heliostat__Pb__Meta meta = HELIOSTAT__PB__META__INIT;
        char uuid[33];
        void *data = NULL;
        size_t bytes = 0;
        new_uuid(uuid);
        meta.cluster_uuid = uuid;
        meta.created_ms = clock_wall_ms();
        if (codec_pack(&meta.base, &data, &bytes)) return;
        elect->busy = zk_create(elect->zk, ZNODE_META, data, bytes, ZK_PERSISTENT, on_meta, elect) == 0;
        free(data);
}

static void on_parent(void *ctx, int code) {
        struct elect *elect = ctx;
        elect->busy = false;
        if (lost(code)) return;
        if (code) {
                log_error("coordinator.elect", "chroot=\"%s\" path=%s error=\"%s\"", zk_chroot(elect->zk),
                          znode_parents[elect->parent], err_text(code));
                return;
        }
        elect->parent++;
        elect_prepare(elect);
}

static void elect_prepare(struct elect *elect) {
        if (!elect->connected || elect->busy) return;
        if (elect->parent < znode_parent_count) {
                elect->busy = zk_ensure(elect->zk, znode_parents[elect->parent], on_parent, elect) == 0;
                return;
        }
        make_meta(elect);
}

/* ---- outside ---- */

void elect_on_state(struct elect *elect, enum zk_state state) {
        elect->connected = state == ZK_CONNECTED;
        elect->busy = elect->waiting = false; /* what was under way has ended with the connection */
        switch (state) {
        case ZK_CONNECTED:
                elect->parent = 0;
                if (elect->leading)
                        read_leader(elect);
                else
                        elect_prepare(elect);
                break;
        case ZK_SUSPENDED:
        case ZK_REFUSED:
                if (elect->leading) elect->events.suspended(elect->ctx);
                break;
        case ZK_EXPIRED:
                *elect->own = '\0';
                new_uuid(elect->uuid); /* the node of the old session is gone with it */
                resign(elect, "the ZooKeeper session ended");
                break;
        case ZK_CONNECTING:
        case ZK_CLOSED:
                break;
        }
}

void elect_retry(struct elect *elect) {
        if (elect->connected && !elect->leading && !elect->busy && !elect->waiting) elect_prepare(elect);
}

void elect_leader_written(struct elect *elect, int32_t version) { elect->leader_version = version; }

void elect_lost(struct elect *elect) {
        resign(elect, "/leader has another version");
        elect_list(elect);
}

struct elect *elect_new(struct zk *zk, const char *id, const char *host, const char *http,
                        const struct elect_events *events, void *ctx) {
        struct elect *elect = calloc(1, sizeof *elect);
        if (!elect) return NULL;
        *elect = (struct elect){.zk = zk, .id = id, .host = host, .http = http, .events = *events, .ctx = ctx};
        new_uuid(elect->uuid);
        return elect;
}

void elect_free(struct elect *elect) { free(elect); }
