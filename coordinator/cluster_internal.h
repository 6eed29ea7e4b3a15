/* The leader's model, shared by cluster_objects.c (what to read), cluster.c
 * (events in), cluster_step.c (steps out) and cluster_place.c (partitions into
 * lanes). */
#ifndef HELIOSTAT_COORDINATOR_CLUSTER_INTERNAL_H
#define HELIOSTAT_COORDINATOR_CLUSTER_INTERNAL_H

#include "coordinator/cluster.h"
#include "coordinator/stuck.h"

enum { FREE = HELIOSTAT__PB__LANE_STATE__LANE_FREE,
       ASSIGNED = HELIOSTAT__PB__LANE_STATE__LANE_ASSIGNED,
       OWNED = HELIOSTAT__PB__LANE_STATE__LANE_OWNED,
       REVOKING = HELIOSTAT__PB__LANE_STATE__LANE_REVOKING };

/* A lane takes no more partitions beyond this, so that its znode, which the
 * worker also writes, stays below ZNODE_DATA_MAX. */
#define LANE_BYTES_FULL (400 * 1024)
#define LANE_PARTITIONS_FULL 50000

/* A znode to read.  At most one read is under way; a change meanwhile makes
 * another one follow. */
struct object {
        enum cluster_kind kind;
        void *of;            /* route, lane or worker; NULL for the three lists and /op */
        struct object *next; /* in the queue of reads */
        bool queued, reading, again, failed;
        bool known;          /* read since the start or the last reconnection */
        bool watched;
        bool fired;          /* the next read only looks: it may need no watch any more */
};

/* What the owner's report says of a lane. */
struct told {
        int64_t at_ms;                /* 0: nothing yet */
        uint64_t generation;
        uint32_t weight;
        bool measured;                /* for long enough to plan with */
        bool stalled, moves;          /* see stuck.h */
};

/* What flows in one of a hot lane's partitions. */
struct flow {
        char *topic;
        uint32_t partition;
        bool moves;                   /* nothing is wrong with it */
        double rate;                  /* records per second; half of what was told before stays */
};

struct lane {
        struct route *route;
        uint32_t number;
        struct object object;
        bool exists;
        bool broken;                  /* garbage: left alone */
        bool mark;                    /* seen in the list being taken in */
        bool skipped;                 /* a decision waits for its read */
        Heliostat__Pb__Lane *record;  /* NULL unless it exists and is sane */
        int32_t version;
        uint32_t weight;              /* partitions */
        struct worker *owner;         /* by the record; NULL when FREE */
        int64_t since_ms;             /* when its state or its owner was found changed; being claimed is no change */
        /* its move, for the events */
        char left[132];               /* owner that it leaves; "": none */
        int64_t left_ms;
        const char *why;              /* static; NULL: not known */
        const char *cause;            /* it changes hands; NULL: it does not */
        int64_t cause_ms;
        /* its load */
        struct told told;
        struct stuck stuck;
        uint32_t load_weight;         /* to plan with; 0: not measured, its partitions count */
        size_t leaving;               /* partitions that leave it, or have left, and are not in another lane yet */
        struct flow *flows;           /* while it is hot, as its owner reports them; else none */
        size_t flow_count;
        char *avoid;                  /* worker that it left for being stuck there, or NULL */
        /* decisions */
        struct worker *planned;       /* NULL: nobody, or not planned */
        const char *pin;              /* see cluster_pin_lanes */
        Heliostat__Pb__Lane *next;    /* being written by the step under construction */
};

struct route {
        char *name;
        struct object object, lanes_object;
        bool listed;
        bool mark;                    /* seen in the list being taken in */
        bool broken;                  /* garbage, reported */
        Heliostat__Pb__Route *spec;   /* NULL: unknown, gone or garbage */
        int32_t version;
        bool parent_exists;           /* /lane/<route> */
        struct lane **lanes;          /* by number; some may not exist yet */
        size_t lane_count;
        struct cluster_topic *topics; /* discovered; names owned */
        size_t topic_count;
        bool place;                   /* placement has to look */
        bool looked;                  /* discovery has come to an end once, in this leadership */
        char problem[160];
};

struct worker {
        char *id;
        struct object object, assign_object;
        bool listed;
        bool mark;                    /* seen in the list being taken in */
        bool alive;
        bool gives;                   /* it can give and take partitions */
        bool opaque;                  /* alive with garbage or of a newer format: left alone */
        bool seen;                    /* alive once during this leadership */
        bool draining;                /* by its record: it is stopping, and releases unasked */
        bool drained;                 /* by an operator */
        char *incarnation;
        uint32_t capacity;
        char *zone;                   /* NULL: none */
        int64_t ailing_until_ms;      /* gets no lanes: see stuck.h */
        uint32_t ailings;
        bool ailing;                  /* as the plan knows it */
        const struct route *late, *moves; /* within a step: has lanes of it that it has not opened for long; that move on */
        int64_t gone_ms;              /* not alive: since when */
        int64_t takeover_ms;          /* not alive: its lanes wait until then */
        /* /assign/<id> */
        bool assign_listed;
        bool assign_exists;
        bool assign_broken;
        int32_t assign_version;
        Heliostat__Pb__Assignment *assign; /* NULL unless it exists and is sane */
        /* decisions */
        uint32_t member;              /* index in the plan's view */
        size_t entry_count;           /* expected entries of /assign/<id> */
        size_t entry_first;           /* in the array under construction */
        bool touched;
};

struct note_event {
        struct note_event *next;
        struct event event;
};

struct move {
        struct move *next;
        struct cluster_move told;
};

struct notice {
        struct notice *next;
        const char *event;
        char *text;
};

struct cluster {
        struct cluster_options options;
        uint64_t jitter;
        struct object routes_object, workers_object, assigns_object, op_object;
        Heliostat__Pb__Placement *placement; /* NULL: no wishes, or garbage */
        int32_t op_version;                  /* -1: there is no /op */
        struct route **routes; /* sorted by name */
        size_t route_count;
        struct worker **workers; /* sorted by id; dead ones too while anything names them */
        size_t worker_count;
        struct object *read_head, **read_tail;
        size_t unknown_count;      /* objects not known */
        size_t pending_count;      /* reads queued or under way, lanes' not counted */
        struct notice *notice_head, **notice_tail;
        struct note_event *event_head, **event_tail;
        int64_t tight_until_ms;    /* plans are tight (plan.h) until then, or until nothing is left to move */
        bool tight_due;            /* that time is to be set: an operator asks for even loads */
        bool ease_due;             /* the same, by load and within the tolerance */
        uint32_t tight_tolerance;  /* percent */
        uint64_t share;            /* of the load, of the worker with the largest capacity; 0: there are no two */
        bool spread_due;           /* a hot lane may give partitions away */
        int64_t spread_after_ms;   /* no other leaves before: its rates settle */
        int64_t quiet_after_ms;    /* weights stay as they are before */
        bool narrates;             /* everything was read once: changes are news */
        struct move *move_head, **move_tail;

        int64_t lead_ms;
        int64_t calm_ms;           /* no takeover of the missing before this */
        int64_t loss_ms;           /* end of the present batch of losses */
        int64_t free_after_ms;     /* FREE lanes wait */
        int64_t move_after_ms;     /* planned moves wait */
        int64_t refresh_at_ms;
        int64_t retry_at_ms;
        int64_t wake_ms;           /* what cluster_deadline_ms tells */
        int64_t blocked_until_ms;  /* back-off after refused steps */
        unsigned refused_count;
        bool was_loaded;
        bool had_usable;           /* a usable worker lived at the last step */
        bool step_open;
        bool dirty;                /* something to decide */
        bool plan_dirty;
};

/* cluster_objects.c: finding, and the queue of reads */
struct route *cluster_find_route(const struct cluster *cluster, const char *name);
struct worker *cluster_find_worker(const struct cluster *cluster, const char *id);
/* Makes it when missing.  NULL on no memory. */
struct worker *cluster_worker(struct cluster *cluster, const char *id, int64_t now_ms);
struct route *cluster_route_new(struct cluster *cluster, const char *name);
/* Makes the lanes 0 to count - 1 of the model.  0 | ERR_NOMEM */
int route_lanes_reach(struct route *route, size_t count);
void object_init(struct object *object, enum cluster_kind kind, void *of);
struct object *object_find(struct cluster *cluster, const struct cluster_ref *ref);
/* To be read again. */
void cluster_stale(struct cluster *cluster, struct object *object);
/* To be read before the next decision. */
void object_unknown(struct cluster *cluster, struct object *object);
void object_known(struct cluster *cluster, struct object *object);
/* An answer came; false: to a question that no longer stands. */
bool object_answered(struct cluster *cluster, struct object *object);
/* Last in taking an answer in: what changed meanwhile is read again. */
void object_again(struct cluster *cluster, struct object *object);
/* Calls `visit` for every object that stands for a znode which may exist. */
void cluster_each_object(struct cluster *cluster,
                         void (*visit)(struct cluster *cluster, struct object *object));

/* cluster_place.c: what is placed now was there when the route was first looked
 * at.  A few that are called new by mistake (their topic was not ready at the
 * destination at first) begin at the log's start: nothing is lost. */
bool route_first_look(const struct route *route);

/* cluster.c: the model */
/* In transition: data watch wanted. */
bool lane_in_transition(const struct lane *lane);
bool worker_usable(const struct worker *worker);
/* Its record is one of the present incarnation of a living worker. */
bool lane_owner_present(const struct lane *lane);
/* Its owner is to open it, and has not yet. */
bool lane_awaited(const struct lane *lane);
/* By its owner's last report. */
bool lane_moves(const struct lane *lane, int64_t now_ms);
/* Its owner is missing and may come back. */
bool lane_waits(const struct lane *lane, int64_t now_ms);
/* Takes record (NULL: none). */
void lane_set_record(struct cluster *cluster, struct lane *lane, Heliostat__Pb__Lane *record,
                     int32_t version, int64_t now_ms);
/* What is due by time. */
void cluster_on_time(struct cluster *cluster, int64_t now_ms);
/* cluster_events.c: changes as events */
void cluster_event(struct cluster *cluster, const struct event *event);
/* Before record (NULL: none) replaces the lane's. */
void cluster_lane_events(struct cluster *cluster, struct lane *lane, const Heliostat__Pb__Lane *record, int64_t now_ms);
void cluster_partition_event(struct cluster *cluster, const struct cluster_decision *decision);
void cluster_route_event(struct cluster *cluster, const struct route *route, const Heliostat__Pb__Route *spec);
void cluster_worker_event(struct cluster *cluster, const struct worker *worker, enum event_kind kind, const char *reason,
                          const char *detail);
void cluster_op_events(struct cluster *cluster, const Heliostat__Pb__Placement *placement);
__attribute__((format(printf, 3, 4)))
void cluster_notice(struct cluster *cluster, const char *event, const char *format, ...);

/* cluster_loads.c: weights, and lanes that get nowhere */
uint32_t lane_plan_weight(const struct lane *lane);
/* A lane or a worker came or went. */
void cluster_load_changed(struct cluster *cluster, int64_t now_ms);
/* Plans with what was told last. */
void cluster_weigh(struct cluster *cluster, int64_t now_ms);

/* Every lane is where it is to be, has been for a while, and is measured. */
bool cluster_quiet(const struct cluster *cluster, int64_t now_ms);

/* cluster_spread.c: partitions that change their lane */
void cluster_spread_note(const struct cluster *cluster, struct lane *lane, const Heliostat__Pb__LaneReport *report);
void lane_flows_free(struct lane *lane);
void cluster_spread_share(struct cluster *cluster);
/* How many have a lane to go to, and how many of these their owner has taken out. */
size_t lane_record_leaving(const Heliostat__Pb__Lane *record, size_t *out_left);
/* The next one that has left, from the indices on. */
bool lane_record_left(const Heliostat__Pb__Lane *record, size_t *topic, size_t *partition);
/* Into another record, or (the same) back.  Both are copies, to be thrown away on failure.
 * 0 | ERR_NOMEM */
int lane_record_move(Heliostat__Pb__Lane *from, Heliostat__Pb__Lane *to, size_t topic, size_t partition);
/* Which partition should leave, and for which lane.  CLUSTER_SPREAD_CHOSEN | 0 none | ERR_NOMEM */
enum { CLUSTER_SPREAD_CHOSEN = 1 };
int cluster_spread_choose(struct cluster *cluster, struct lane **out_lane, Heliostat__Pb__LanePartition **out_entry,
                          const char **out_topic, uint32_t *out_to);
size_t cluster_spread_under_way(const struct cluster *cluster);

/* cluster_moves.c: lanes that change hands */
/* A planned move that is under way, and has been for less than release_patience_ms. */
bool cluster_move_counts(const struct cluster *cluster, const struct lane *lane, int64_t now_ms);
void cluster_moves_decided(struct cluster *cluster, const struct cluster_step *step, int64_t now_ms);
/* Its record has changed. */
void cluster_move_look(struct cluster *cluster, struct lane *lane, int64_t now_ms);

/* cluster_op.c: the wishes of operators */
bool cluster_drains(const struct cluster *cluster, const char *id);
/* Sets every lane's pin: the worker that it is wanted at, alive or not, or
 * NULL.  Valid until the next event. */
void cluster_pin_lanes(struct cluster *cluster);
/* /op as it was read.  0 | ERR_NOMEM */
int cluster_op_take(struct cluster *cluster, int code, const void *data, size_t bytes,
                    int32_t version);

/* cluster_place.c: gives the lanes that take new partitions a `next` record, with
 * all that each takes, up to lanes_max lanes.
 * 0 | CLUSTER_PLACE_MORE: other lanes take some too | ERR_NOMEM */
/* The record's entry of the topic, made when missing.  NULL on no memory. */
Heliostat__Pb__LaneTopic *lane_record_topic(Heliostat__Pb__Lane *record, const char *topic);
enum { CLUSTER_PLACE_MORE = 1 };
int cluster_place(struct cluster *cluster, struct route *route, size_t lanes_max);

#endif
