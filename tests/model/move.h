/* A partition moves between two lanes: the same walk as protocol.h, with another
 * state.  PURE.
 *
 * Modelled: two workers (A, B), two lanes (1, 2), one partition that moves from
 * lane 1 to lane 2 and, with `moves` 2, back again; per lane its znode, its
 * transactional id and its position record; the source group.  Each worker may
 * have a pump for each lane, the rightful owner's or a zombie's.
 *
 * Abstractions beside those of protocol.h:
 *   - one leader: each of its steps is one multi with a check of /leader and of
 *     the versions of the lanes that it writes, made from these lanes alone, so
 *     that a leader that dies, or another one, makes the same steps or none
 *     (protocol.c has the coordinators)
 *   - a session that ends marks the worker's lanes as lost.  They can be given to
 *     another worker, or to the same one with a new session
 *   - a planned move of a lane is a worker that stops and releases it in one step
 *   - the lanes' other partitions are seen only as transactions without ours
 *   - pumps are as built: an init is not always followed by a claim */
#ifndef HELIOSTAT_TESTS_MODEL_MOVE_H
#define HELIOSTAT_TESTS_MODEL_MOVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct rules {
        bool exactly_once;
        uint8_t records, faults, moves;
        bool zombie;            /* at the start lane 1 is B's, and A, which is cut from ZooKeeper, runs on */
        bool calm;              /* no other crash, lost session or planned move of a lane */
        /* rules broken on purpose */
        bool no_floor;          /* the new owner looks at the group and its own record only */
        bool floor_always;      /* it trusts the floor also after it has a position of its own */
        bool no_raise;          /* the new lane keeps its generation */
        bool leave_early;       /* the partition is taken out before its last commit */
        bool no_record;         /* exactly-once: without a record of this owner's after its last */
        bool fence_by_row;      /* a position record's own generation says nothing, only its rows' */
        bool same_again;        /* a partition that comes back goes on where the pump has left it */
        bool end_over_unheard;  /* a transaction ends with a position below what has got no answer */
};

enum lane_state { LANE_FREE, LANE_ASSIGNED, LANE_OWNED };
enum entry { ENTRY_HERE, ENTRY_LEAVING, ENTRY_LEFT };

/* A lane's znode as a worker has last read it. */
enum known { KNOWN_NOTHING, KNOWN_ASSIGNED, KNOWN_OWNED, KNOWN_FOREIGN };

/* START: nothing read, the group's offset, the position record, both.  LEAVING:
 * nothing more is sent of the partition.  OUT: the pump runs without it. */
enum pump {
        PUMP_IDLE,
        PUMP_READY,
        PUMP_RECYCLED,
        PUMP_START,
        PUMP_START_GROUP,
        PUMP_START_RECORD,
        PUMP_START_READ,
        PUMP_OUT,
        PUMP_LEAVING,
        PUMP_RUNNING,
};

enum law {
        LAW_HOLDS,
        LAW_TWICE,
        LAW_GAP,
        LAW_LOST,
        LAW_OWNERS,
        LAW_RISES,
        LAW_PROGRESS,
        LAWS
};
extern const char *const law_texts[LAWS];

struct model_pump {
        uint8_t known, known_generation, known_raised, fresh;
        uint8_t known_has, known_leaving, known_floor, known_floor_generation;
        uint8_t pump, held, has;
        uint8_t floor, floor_generation; /* of the partition, when it was given to the pump */
        uint8_t position, position_generation, recorded;
        uint8_t repeats, repeats_record; /* the group's position, as read */
        uint8_t next, checked;
        uint8_t unheard;                 /* the record at next may lie in the transaction: it was sent, and has no answer */
        uint8_t done;                    /* LEAVING: the last commit is done */
};

struct model_lane {
        uint8_t state, owner, generation, raised_from, lost;
        /* destination */
        uint8_t epoch_of, txn_from, txn_to;
        uint8_t record_generation, row, row_position, row_generation; /* row: the record lists the partition */
};

struct state {
        struct model_pump pump[2][2];    /* lane, worker */
        struct model_lane lane[2];
        uint8_t cut[2];
        uint8_t in, entry, floor, floor_generation, moves; /* the partition's entry */
        uint8_t log;
        uint8_t group_position, group_generation, group_repeats, group_repeats_record;
        uint8_t faults, law;
};

struct action {
        const char *text;                /* %s: the worker; second %s: the lane */
        bool fault;
        bool coordinator;                /* of the leader: the first %s is the lane */
        bool target;
        const char *stands_for;
        bool (*step)(const struct rules *rules, struct state *s, unsigned who, unsigned target);
};
extern const struct action actions[];
extern const size_t action_count;

bool action_step(const struct rules *rules, const struct action *action, struct state *s, unsigned who,
                 unsigned target);
/* A runs lane 1 with the partition, B runs lane 2 without. */
void state_init(const struct rules *rules, struct state *s);
/* The partition has moved as often as it is to, one owner runs it, the copy is
 * complete, and no zombie runs. */
bool state_is_goal(const struct rules *rules, const struct state *s);
void state_print(const struct state *s, FILE *out);

struct row {
        const char *name, *says;
        unsigned broken;
        struct rules rules;
};
extern const struct row rows[];
extern const size_t row_count;
#define MODEL_TARGET '1'

#endif
