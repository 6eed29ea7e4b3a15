/* What the leader knows of the cluster and what it decides next.  PURE: no
 * I/O, no clock, no randomness; time arrives with each event.
 *
 * Level-triggered: the core keeps a model of the znodes, names the ones it
 * wants to read (cluster_next_read), takes the answers in, and gives at most
 * one step at a time: a set of writes with expected versions that the shell
 * carries out as ONE multi together with a check of /leader.  A step that was
 * refused only makes the core read again what the step named.
 *
 * Lanes:  FREE -> ASSIGNED(w, incarnation, g) -> OWNED -> REVOKING -> FREE
 *
 *   FREE      nobody runs it; waits for a usable worker
 *   ASSIGNED  waits for the worker's claim
 *   OWNED     the worker runs it (claimed by the worker's own write)
 *   REVOKING  waits for the worker's release, after its last commit
 *
 * ASSIGNED is written by the leader alone, from any state, and grows the
 * generation by one.  A lane whose owner ended, or came back with another
 * incarnation, goes to ASSIGNED in one step.  /assign/<id> follows the lanes
 * in the same step.
 *
 * When a worker is missing, its lanes wait: `settle_ms` if it was seen alive
 * before (several losses then make one plan), and 2 x session_timeout_ms after
 * the start of this leadership or after a lost connection, because the workers
 * may have lost theirs with us and come back under their ids.  While any lane
 * waits so, no lane moves from one living worker to another.
 *
 * The load moves lanes in quiet times only: `rebalance_settle_ms` after the last
 * change, with every lane where it is to be, the weights of cluster_on_report are
 * taken over and the plan is made tight.  A lane whose partitions are STALLED while
 * other workers mirror its route leaves its owner (stuck.h).
 *
 * A lane that is hotter than any worker's share gives partitions to other lanes, a few
 * in a quiet time, and then not for three times as long: `to` in its record, the
 * owner's `left` with the position, and one step that moves the entry.
 *
 * A worker that an operator drained is alive and does not stop: its lanes are
 * revoked, a few at a time, as in any planned move.  It keeps them while no
 * other worker is usable.  One that drains by itself (its record says so)
 * releases them unasked. */
#ifndef HELIOSTAT_COORDINATOR_CLUSTER_H
#define HELIOSTAT_COORDINATOR_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/events.h"
#include "heliostat.pb-c.h"

#define CLUSTER_WRITES_MAX 99               /* of a step; the shell adds the check of /leader */
#define CLUSTER_STEP_BYTES_MAX (480 * 1024) /* unless one lane alone needs more */

struct cluster_options {
        uint64_t epoch;               /* of this leadership */
        int session_timeout_ms;
        uint32_t settle_ms;           /* after a loss */
        uint32_t cold_settle_ms;      /* after the first worker of none */
        uint32_t move_settle_ms;      /* after a join, before lanes move for balance */
        uint32_t refresh_ms;          /* all lanes are read again, +-20 % */
        uint32_t moves_max;           /* planned moves under way at a time */
        uint32_t rebalance_settle_ms; /* after a change, before the load moves lanes */
        uint32_t rebalance_percent;   /* tolerance of the mean load (plan.h); 0: the load moves none */
        uint32_t partitions_max;      /* that leave a lane which is too hot at a time; 0: none does */
        uint32_t release_patience_ms; /* a move under way for longer no longer counts */
        uint64_t seed;                /* for the jitter */
};
#define CLUSTER_OPTIONS_DEFAULT \
        ((struct cluster_options){.session_timeout_ms = 6000, .settle_ms = 300, \
                                  .cold_settle_ms = 1000, .move_settle_ms = 1000, \
                                  .refresh_ms = 30000, .moves_max = 8, \
                                  .rebalance_settle_ms = 60000, .rebalance_percent = 15, .partitions_max = 0, \
                                  .release_patience_ms = 15000})

/* A znode that the core reads. */
enum cluster_kind {
        CLUSTER_ROUTES,  /* children of /route, watched */
        CLUSTER_ROUTE,   /* /route/<name>, watched */
        CLUSTER_LANES,   /* children of /lane/<name> */
        CLUSTER_LANE,    /* /lane/<name>/<lane>, watched while in transition */
        CLUSTER_WORKERS, /* children of /worker, watched */
        CLUSTER_WORKER,  /* /worker/<name>, watched */
        CLUSTER_ASSIGNS, /* children of /assign */
        CLUSTER_ASSIGN,  /* /assign/<name> */
        CLUSTER_OP,      /* /op, watched: pins and drained workers */
};
#define CLUSTER_NAME_MAX 260
struct cluster_ref {
        enum cluster_kind kind;
        uint32_t lane;
        char name[CLUSTER_NAME_MAX];
};
struct cluster_read {
        struct cluster_ref ref;
        bool children; /* else data */
        bool watch;
};
/* Writes its znode's path into buf (ZNODE_PATH_MAX). */
void cluster_path(const struct cluster_ref *ref, char *buf);

struct cluster;

/* A new leadership: knows nothing yet.  NULL on no memory. */
struct cluster *cluster_new(const struct cluster_options *options, int64_t now_ms);
void cluster_free(struct cluster *cluster);

/* The connection was lost and is back: everything is read again, with new
 * watches; answers and watches from before must not be told any more. */
void cluster_on_reconnected(struct cluster *cluster, int64_t now_ms);

/* The next znode to read; the core counts it as under way until one of the
 * four answers below.  false: nothing to read now. */
bool cluster_next_read(struct cluster *cluster, struct cluster_read *out);
/* code: 0 or ERR_NOT_FOUND.  data is borrowed. */
int cluster_on_data(struct cluster *cluster, int64_t now_ms, const struct cluster_ref *ref, int code,
                    const void *data, size_t bytes, int32_t version);
int cluster_on_children(struct cluster *cluster, int64_t now_ms, const struct cluster_ref *ref,
                        int code, const char *const *names, size_t count);
/* The read failed for another reason; it is repeated a second later. */
void cluster_on_read_failed(struct cluster *cluster, int64_t now_ms, const struct cluster_ref *ref);
/* A watch fired. */
void cluster_on_changed(struct cluster *cluster, const struct cluster_ref *ref);

/* What discovery found for a route: topics that match its rules and whose
 * destination is ready for so many partitions.  Replaces what was found before;
 * a topic that is no longer listed keeps its lanes.  Borrows. 0 | ERR_NOMEM */
struct cluster_topic {
        const char *topic;
        uint32_t partitions;
};
int cluster_on_discovered(struct cluster *cluster, const char *route,
                          const struct cluster_topic *topics, size_t count);
/* Discovery found nothing that matches, or nothing that may be mirrored: what comes later is new. */
void cluster_on_nothing_discovered(struct cluster *cluster, const char *route);

/* The live worker whose id follows; "" for the first.  NULL: none.  Borrowed until
 * the next event. */
const char *cluster_worker_after(const struct cluster *cluster, const char *id);
/* A worker's report, its chunks put together (report_join.h).  Borrows. */
void cluster_on_report(struct cluster *cluster, int64_t now_ms, const Heliostat__Pb__Report *report);
/* All were read: the load may move lanes now. */
void cluster_on_reports_read(struct cluster *cluster, int64_t now_ms);
/* moves_max, partitions_max, rebalance_settle_ms and rebalance_percent hold from now on. */
void cluster_on_options(struct cluster *cluster, const struct cluster_options *options);

enum cluster_op { CLUSTER_CREATE, CLUSTER_SET, CLUSTER_DELETE };
struct cluster_write {
        enum cluster_op op;
        struct cluster_ref ref;
        void *data;
        size_t bytes;
        int32_t version; /* expected; of SET and DELETE */
};
/* Why, as a log line; to be logged once the step is done. */
struct cluster_decision {
        const char *event; /* "coordinator.assign" */
        char *text;        /* "route=... lane=7 worker=w2 gen=4 reason=..." */
        const char *reason; /* static, of CLUSTER_REASONS; NULL: no lane changes hands */
        struct cluster_ref ref; /* that lane; of a partition: that it comes to */
        char *topic;            /* a partition changes its lane; NULL: none does */
        uint32_t partition, from;
};
struct cluster_step {
        struct cluster_write *writes;
        size_t write_count;
        struct cluster_decision *decisions;
        size_t decision_count;
};
void cluster_step_fini(struct cluster_step *step);

enum { CLUSTER_STEP = 1 };
/* CLUSTER_STEP with *out (the caller's; cluster_step_fini) | 0 nothing to do
 * now | ERR_NOMEM | ERR_TOO_BIG (an assign node would not fit).  One step at a
 * time: answer it with one of the two below, or with cluster_on_reconnected
 * when its result is unknown.  wall_ms only goes into `changed_ms`. */
int cluster_step(struct cluster *cluster, int64_t now_ms, int64_t wall_ms, struct cluster_step *out);
/* versions[i]: the new version of write i (0 for CREATE).  ERR_NOMEM: the
 * model is read again. */
int cluster_on_step_done(struct cluster *cluster, int64_t now_ms, const struct cluster_step *step,
                         const int32_t *versions);
/* Refused: a version, an existing or a missing node. */
void cluster_on_step_refused(struct cluster *cluster, int64_t now_ms,
                             const struct cluster_step *step);

/* When cluster_step has to be called although no event came; INT64_MAX: never. */
int64_t cluster_deadline_ms(const struct cluster *cluster);

/* Something for the operator, once per cause: false when there is nothing.
 * text is the caller's (free). */
bool cluster_next_notice(struct cluster *cluster, const char **out_event, char **out_text);

/* What happened, for the ring of events (events.h), in order; what was there at the first
 * reading is no news.  at_ms is 0 where it is now.  Halts are seen when a lane is read, at
 * the latest after refresh_ms.  false: nothing. */
bool cluster_next_event(struct cluster *cluster, struct event *out);

/* A lane changes hands: told once when that is decided (and written), and once
 * when its new owner has claimed it, or nobody has it any more.  What is under
 * way when a leadership ends is not told to its end.  false: there is none.
 * route and worker are the caller's (free both). */
#define CLUSTER_REASON_DISABLED "route-disabled"
#define CLUSTER_REASON_EMPTY "empty" /* it has no partitions any more */
#define CLUSTER_REASONS(X) \
        X("free") X("lost") X("incarnation") X("draining") X("move") X("stuck") X("drained") X("pinned") \
        X(CLUSTER_REASON_DISABLED) X(CLUSTER_REASON_EMPTY)
#define CLUSTER_REASON_ONE(text) +1
enum { CLUSTER_REASON_COUNT = CLUSTER_REASONS(CLUSTER_REASON_ONE) };
struct cluster_move {
        bool done;
        const char *reason;  /* static: of the first decision about it */
        char *route;
        uint32_t lane;
        char *worker;        /* the owner now, "" for nobody */
        int64_t duration_ms; /* done: since the decision */
};
bool cluster_next_move(struct cluster *cluster, struct cluster_move *out);

/* Routes as known, for discovery and notes: sorted by name.  spec is NULL while
 * the znode is unknown, gone or garbage; problem is "" or what keeps new
 * partitions from being placed.  Borrowed until the next event.
 * version grows with each change of the znode. */
struct cluster_route_view {
        const char *name;
        const Heliostat__Pb__Route *spec;
        int32_t version;
        const char *problem;
};
size_t cluster_route_count(const struct cluster *cluster);
struct cluster_route_view cluster_route_at(const struct cluster *cluster, size_t index);
/* Everything was read once. */
bool cluster_loaded(const struct cluster *cluster);

#endif
