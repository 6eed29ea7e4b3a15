/* What `status` has read, and what it makes of it: plain data.  PURE.
 *
 * Facts are znodes as they were found, one by one and not all at the same
 * moment.  A snapshot joins them: a partition's state is its lane's record
 * combined with its owner's report.  Everything in a snapshot borrows the
 * facts, so they must live longer. */
#ifndef HELIOSTAT_COMMON_SNAPSHOT_H
#define HELIOSTAT_COMMON_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/events.h"
#include "common/topic_name.h"

#define SNAPSHOT_UNKNOWN (-1) /* of a number that is not known */

enum fact_kind {
        FACT_META,
        FACT_LEADER,
        FACT_CANDIDATE,
        FACT_ROUTE,
        FACT_WORKER,
        FACT_LANE,
        FACT_REPORT,
        FACT_PLACEMENT,
        FACT_EVENTS, /* a chunk of them; number says which */
        FACT_OTHER, /* a znode that should not be there; a list that cannot be read */
};

struct fact {
        enum fact_kind kind;
        char *path;
        char *name;          /* last part of the path; of a lane: its route */
        uint32_t number;     /* of a lane; of a report: its chunk */
        int code;            /* 0, or why it cannot be read; message is NULL then */
        void *message;       /* of the codec, by kind */
        int64_t created_ms;  /* ZooKeeper's wall clock */
        int64_t modified_ms; /* ZooKeeper's wall clock */
        int32_t version;     /* of the znode */
};

struct facts {
        struct fact *items;
        size_t count, room;
};

/* Adds a fact about path; takes message, also on failure.  name is copied.
 * 0 | ERR_NOMEM */
int facts_add(struct facts *facts, const struct fact *fact);
void facts_fini(struct facts *facts);

/* What the operator is told about a partition. */
enum status_state {
        STATUS_UNASSIGNED,
        STATUS_ASSIGNED,
        STATUS_RUNNING,
        STATUS_PAUSED,
        STATUS_DRAINING,
        STATUS_HALTED,
        STATUS_PARKED,
        STATUS_STALLED,
        STATUS_STATES,
};
const char *status_state_name(enum status_state state);

/* Of a lane's record: why a partition stands still, until that is dealt with. */
struct status_halt {
        const char *kind;   /* "gap" ... */
        const char *answer; /* "skip" ...; "": waits for a person */
        const char *reason; /* "" for none */
        int64_t from, to;   /* or SNAPSHOT_UNKNOWN; [from, to), of the answer "offset" to is the offset */
        int64_t since_ms;   /* wall clock */
};

/* Offsets that an answer passed over, or (restart) went back over. */
struct status_skip {
        const char *route;
        uint32_t lane;
        const char *topic;
        uint32_t partition;
        const char *kind, *answer;
        int64_t from, to;   /* or SNAPSHOT_UNKNOWN; [from, to) */
        int64_t at_ms;      /* wall clock */
};

struct status_partition {
        const char *route;
        const char *topic;
        uint32_t partition;
        uint32_t lane;
        const char *worker;      /* a live one, or NULL */
        enum status_state state;
        int64_t position;        /* or SNAPSHOT_UNKNOWN, as the next ones */
        int64_t end_offset;
        int64_t lag;             /* records */
        double lag_seconds;
        double rate;             /* records per second; 0 when not reported */
        const char *error;       /* "" for none */
        int64_t report_age_ms;   /* or SNAPSHOT_UNKNOWN */
        bool stale;              /* the numbers are older than a live worker's may be */
        struct status_halt halt; /* halt.kind NULL: the lane's record has none */
};

struct status_lane {
        const char *route;
        uint32_t lane;
        const char *record_state; /* "FREE" "ASSIGNED" "OWNED" "REVOKING" */
        const char *worker;       /* as recorded, or NULL */
        bool worker_live;
        const char *pin;          /* the worker that an operator wants it at, or NULL */
        uint64_t generation;
        uint32_t spec;
        size_t partitions;
        const char *report_state; /* the worker's word for it, or NULL */
        uint64_t bytes_rate, records_rate; /* per second, as measured; 0: not reported */
        uint32_t weight;          /* of that (lane_weight.h); 0: not measured */
        uint32_t route_version;   /* of the route that it runs; 0: not reported */
        const char *error;        /* of the report, or why the record cannot be read; "" */
        bool unreadable;
};

struct status_worker {
        const char *id;
        const char *incarnation;
        const char *host;
        uint32_t pid;
        const char *version, *http, *zone;
        uint32_t capacity;
        bool draining; /* it is stopping */
        bool drained;  /* an operator wants it without lanes */
        size_t lanes, partitions;  /* owned */
        double rate, bytes_rate;   /* per second */
        uint64_t weight;           /* of its lanes; of those not measured, their partitions */
        uint64_t records_total;    /* since its start */
        const char *config_version; /* that it runs with; "": not reported */
        const char *config_error;  /* why a newer one could not be taken; "" */
        int64_t config_read_ms;    /* wall clock; 0: not reported */
        int64_t session_age_ms;
        int64_t report_age_ms;     /* or SNAPSHOT_UNKNOWN: no report of this incarnation */
        bool stale;
        const char *error;         /* "" for none */
        bool unreadable;
};

struct status_parked {
        const char *topic;
        uint32_t partitions;
        const char *reason;
};

struct status_route {
        const char *name;
        const char *source, *destination;
        bool enabled;              /* and not stopped */
        const char *intake;        /* "stopping" or "stopped" by `promote`; "" */
        Heliostat__Pb__PauseRule *const *pauses; /* see pause.h */
        size_t pause_count;
        const char *delivery_guarantee;
        const char *group_id;
        uint32_t version;          /* grows with each `apply` that changes it; 0: not known */
        int64_t changed_age_ms;    /* since then */
        size_t lanes_behind;       /* run with an older version, by fresh reports */
        uint32_t lanes;
        size_t topics, partitions;      /* placed in lanes */
        size_t in_state[STATUS_STATES]; /* partitions; PARKED has those of parked topics too */
        int64_t lag;                    /* of the partitions whose lag is known */
        size_t lag_known;               /* how many these are */
        double lag_seconds;             /* the greatest */
        double rate;
        const struct status_parked *parked; /* topics that no lane shows */
        size_t parked_count;
        uint32_t parked_more;           /* such topics that are only counted */
        const struct status_skip *skips; /* kept by its lanes, oldest first */
        size_t skip_count;
        const char *error;              /* of discovery, or why the route cannot be read; "" */
        const char *warning;            /* what discovery could not do although it mirrors; "" */
        int64_t discovered_age_ms;      /* or SNAPSHOT_UNKNOWN: never */
        struct topic_namer *namer;      /* NULL: not known */
        bool unreadable;
        bool removed;                   /* lanes without a route */
};

struct status_leader {
        const char *id; /* NULL: nobody leads */
        const char *host;
        const char *http; /* where it serves; "": nowhere */
        uint32_t pid;
        uint64_t epoch;
        int64_t since_ms; /* wall clock */
        int64_t age_ms;
};

struct status_problem {
        const char *path;
        const char *text;
};

struct snapshot {
        const char *zookeeper; /* where from; borrowed */
        int64_t now_ms;        /* wall clock: ours, or ZooKeeper's when that is ahead */
        int64_t facts_age_ms;  /* of the oldest report of a live worker; or UNKNOWN */
        bool initialized;      /* /meta is there */
        struct status_leader leader;
        size_t candidates;     /* live coordinators */
        struct status_route *routes;
        size_t route_count;
        struct status_worker *workers;
        size_t worker_count;
        struct status_lane *lanes;
        size_t lane_count;
        struct status_partition *partitions;
        size_t partition_count;
        struct event *events;  /* of the ring, oldest first; owned */
        size_t event_count;
        struct status_problem *problems; /* znodes that cannot be read */
        size_t problem_count;
        struct status_parked *parked;    /* storage of the routes' lists */
        struct status_skip *skips;       /* the same; by route, then oldest first */
        size_t skip_count;
};

/* Joins the facts, sorted by name and number.  now_ms is the wall clock;
 * stale_ms: a report older than this is not trusted.  Sorts facts, and puts the
 * chunks of a report into the first one.
 * 0 | ERR_NOMEM */
int snapshot_build(struct facts *facts, int64_t now_ms, int64_t stale_ms, struct snapshot *out);
void snapshot_fini(struct snapshot *snapshot);

#endif
