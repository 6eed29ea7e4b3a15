/* The protocol of ownership and of the two delivery guarantees as a table of
 * guarded actions over one small state.  PURE: protocol.c says what the steps
 * are, model.c walks through all of their orders.
 *
 * Modelled: two workers (A, B), two coordinators (1, 2), one lane with one
 * source partition of a few records, ZooKeeper, the destination with its
 * transaction coordinator, the source group.  A step is what happens at one
 * place at one moment: one multi or read at ZooKeeper, one request taken by a
 * broker.  Between any two steps of a process all others may do anything, so a
 * pause (SIGSTOP), a slow network and a late watch need no action of their own:
 * the process just does not go on for a while.
 *
 * Abstractions, and why they lose nothing:
 *   - a version check passes exactly when nobody has written the znode since it
 *     was read, so a reader has a bit `fresh` in place of a number; the same
 *     for a producer's epoch: `epoch_of` is whose producer is the newest
 *   - a leader decides by what holds now.  A late view of a lane fails at its
 *     version; a late view of a worker equals the order in which the worker
 *     went away just after the step; "an incarnation is gone" never ends
 *   - a multi whose answer is lost and that was not done equals no step
 *   - records of a producer are taken in order (idempotence); requests of an
 *     older epoch are refused by the destination, a late EndTxn of the newest
 *     epoch is not (KAFKA-17754)
 *   - what a worker knows may be old for any time: it need not hear of watches
 *
 * The product is the row "as-built": an init is not always followed by a claim
 * (recycle_without_claim, start_without_claim, claim_with_old_init).  "exactly-once"
 * is the stricter protocol without these; docs/design.md, "The protocol is
 * checked", has the difference.
 *
 * Left out: the clock (grace periods, the check after a stop of over 1 s, which
 * only ends a zombie earlier), `started` and the choice of the first offset,
 * several partitions and lanes (but for the placement of the partition),
 * `draining`, a change of the guarantee under load, generations that come from
 * a lost ZooKeeper (above_fence), brokers that lose acknowledged data. */
#ifndef HELIOSTAT_TESTS_MODEL_PROTOCOL_H
#define HELIOSTAT_TESTS_MODEL_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What the checked protocol is: each bool but the first changes one rule. */
struct rules {
        bool exactly_once;
        uint8_t records, faults;
        /* rules broken on purpose */
        bool claim_before_init, no_leader_check, no_session_check, read_before_init, no_recycle;
        bool commit_before_ack, no_generation_check;
        /* see docs/design.md, "The protocol is checked" */
        bool recycle_without_claim;  /* the pump replaces its producer by itself */
        bool start_without_claim;    /* a lane known as OWNED starts after an init without another claim */
        bool claim_with_old_init;    /* a producer made for an earlier assignment serves for a claim */
        bool group_by_generation;    /* of the group's position and the record's, the later generation counts always */
        bool group_as_found;         /* the group's offset carries the generation that the position was found with */
        bool any_commit_order;       /* LAW_ORDER is not checked: is the log exact without it? */
};

enum lane_state { LANE_FREE, LANE_ASSIGNED, LANE_OWNED, LANE_REVOKING };

/* The worker's ephemeral znode.  ENDED: gone, and the worker does not know.
 * CUT: the same, and it never will. */
enum session { SESSION_NONE, SESSION_LIVE, SESSION_ENDED, SESSION_CUT };

/* The lane's record as the worker has last read it.  OLD_SELF: it names an
 * earlier incarnation of this worker. */
enum known { KNOWN_NOTHING, KNOWN_ASSIGNED, KNOWN_OWNED, KNOWN_REVOKING, KNOWN_OLD_SELF, KNOWN_FOREIGN };

/* LANE_PUMP_* and PUMP_* in one: EARLY only with read_before_init, RECYCLED only
 * with recycle_without_claim; START: nothing read, the group's offset read, the
 * position record read, both. */
enum pump {
        PUMP_IDLE,
        PUMP_EARLY,
        PUMP_READY,
        PUMP_RECYCLED,
        PUMP_START,
        PUMP_START_GROUP,
        PUMP_START_RECORD,
        PUMP_START_READ,
        PUMP_RUNNING,
};

enum where { IN_NO_LANE, IN_LANE, IN_OTHER_LANE, IN_BOTH };

enum law {
        LAW_HOLDS,
        LAW_TWICE,      /* a record is committed twice */
        LAW_GAP,        /* a record is committed before one that precedes it */
        LAW_RECORD,     /* records are committed without their position */
        LAW_ORDER,      /* a transaction of an earlier owner after a later owner has started */
        LAW_LOST,       /* the committed position is beyond what was acknowledged */
        LAW_OWNERS,     /* two pumps run in one generation */
        LAW_GENERATION, /* a generation shrinks */
        LAW_SESSION,    /* a lane is claimed by a worker without a session */
        LAW_PLACED,     /* the partition is in two lanes */
        LAW_PROGRESS,   /* no way to one owner and a complete copy */
        LAWS
};
extern const char *const law_texts[LAWS];

struct model_worker {
        uint8_t up, session;
        uint8_t known, known_generation, fresh;
        uint8_t pump, held;             /* held: the generation that the pump was started with */
        uint8_t opened_for, claimed;    /* the generation read before the init; a claim since */
        uint8_t position, position_generation; /* of the last commit; at a start: as read so far */
        uint8_t next;                   /* record to send */
        uint8_t checked;                /* a commit chain has read the group's generation */
        uint8_t recorded;               /* its position is the record's: its commits to the group say so */
        uint8_t repeats;                /* the group's position, as read, only repeats the record's */
};

struct model_coordinator {
        uint8_t up, candidate, leading; /* leading: as it believes */
        uint8_t loaded, unplaced;       /* it has read the lanes; the partition was in none */
};

/* Bytes only, each below 16: model.c keeps it packed. */
struct state {
        struct model_worker worker[2];
        struct model_coordinator coordinator[2];
        uint8_t first;                  /* in the line of candidates */
        uint8_t leader;                 /* who wrote /leader last; 2: nobody */
        uint8_t lane, owner, generation, same; /* same: the owner's present incarnation */
        uint8_t where;
        /* destination */
        uint8_t log, record_generation; /* records; 0: no position record, else its generation */
        uint8_t epoch_of;               /* 2: nobody */
        uint8_t txn_from, txn_to;       /* of the open transaction; equal: empty */
        uint8_t late_end;               /* a copy of an EndTxn is under way */
        uint8_t group_position, group_generation, group_repeats;
        uint8_t faults;                 /* so far */
        uint8_t law;                    /* that was broken */
};

struct action {
        const char *text;               /* %s: who; second %s: at whom */
        bool fault;
        bool coordinator;               /* the first actor is a coordinator, */
        bool target;                    /* and there is a worker as a second */
        const char *stands_for;
        bool (*step)(const struct rules *rules, struct state *s, unsigned who, unsigned target);
};
extern const struct action actions[];
extern const size_t action_count;

/* false: the action is not possible in s, which has not changed. */
bool action_step(const struct rules *rules, const struct action *action, struct state *s, unsigned who,
                 unsigned target);
/* A protocol to walk through. */
struct row {
        const char *name, *says;
        unsigned broken;      /* the law that must be found broken; 0: all must hold */
        struct rules rules;   /* faults 0: as many as --faults says */
};
extern const struct row rows[];
extern const size_t row_count;
#define MODEL_TARGET 'A'      /* the name of target 0 */

/* The workers are registered, the coordinators are candidates. */
void state_init(const struct rules *rules, struct state *s);
/* One owner, which runs, and a complete copy; no zombie. */
bool state_is_goal(const struct rules *rules, const struct state *s);
void state_print(const struct state *s, FILE *out);

#endif
