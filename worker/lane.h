/* The life of one lane at a worker: which step towards ZooKeeper or the pump
 * comes next.  PURE.
 *
 * Level-triggered: facts come in as events, and each event is answered by the
 * one next action, until LANE_NOTHING.  At most one ZooKeeper request of a lane
 * is under way.  A result of unknown fate (connection lost) only marks the
 * record as stale: it is read again, never assumed.
 *
 * Ownership as the lane's record has it      what this worker does
 *   ASSIGNED to this incarnation             open the pump, then claim it
 *   OWNED by this incarnation                run it; release it when stopping
 *   REVOKING from this incarnation           drain, commit, release
 *   owned by this id, other incarnation      keep running what runs, wait: the
 *                                            coordinator hands it over anew
 *   anything else                            stop what runs; it is not ours
 *
 * The pump as the lane knows it
 *
 *   IDLE -> OPENING -> READY -> STARTING -> RUNNING -> DRAINING -> DRAINED -> IDLE
 *              any but IDLE -> DRAINING          any but IDLE -> FENCED -> IDLE
 *
 *   OPENING   clients are made.  With exactly-once the producer ends whatever a
 *             predecessor left open: this comes before the claim, so that a later
 *             owner's always follows an earlier owner's, and the destination
 *             refuses the earlier one
 *   READY     waits for the claim
 *   STARTING  positions; unstarted partitions wait for MARK
 *   DRAINING  waits for acknowledgements and the last commit
 *   DRAINED   nothing runs, the last commit is done
 *   FENCED    a higher generation was found committed; the pump has stopped */
#ifndef HELIOSTAT_WORKER_LANE_H
#define HELIOSTAT_WORKER_LANE_H

#include <stdbool.h>
#include <stdint.h>

enum lane_pump {
        LANE_PUMP_IDLE,
        LANE_PUMP_OPENING,
        LANE_PUMP_READY,
        LANE_PUMP_STARTING,
        LANE_PUMP_RUNNING,
        LANE_PUMP_DRAINING,
        LANE_PUMP_DRAINED,
        LANE_PUMP_FENCED,
};
const char *lane_pump_name(enum lane_pump pump);

/* The state field of the lane's record. */
enum lane_record_state { LANE_RECORD_FREE, LANE_RECORD_ASSIGNED, LANE_RECORD_OWNED, LANE_RECORD_REVOKING };

struct lane_record {
        enum lane_record_state state;
        bool owner_is_me;        /* worker id */
        bool incarnation_is_me;
        uint64_t generation;
        uint32_t spec;
        int32_t version;         /* of the znode */
        uint64_t raised_from;    /* the owner's generation before the leader raised it; 0: it has not */
        bool moved;              /* an operator moves positions of it: for who has it from the record */
};

enum lane_event_type {
        LANE_ON_ASSIGNED,    /* generation, spec, revoke: as /assign/<id> says now */
        LANE_ON_UNASSIGNED,  /* no longer in /assign/<id> */
        LANE_ON_SESSION,     /* connected: usable or not; a changed incarnation makes records stale */
        LANE_ON_READ,        /* answer to READ: record, or missing */
        LANE_ON_WRITTEN,     /* answer to CLAIM, MARK, RELEASE: done and the new version */
        LANE_ON_REFUSED,     /* answer: somebody else has changed it */
        LANE_ON_UNKNOWN,     /* answer: connection lost, result unknown */
        LANE_ON_READY,       /* pump: the clients are made */
        LANE_ON_FACTS,       /* pump: the record must hold something before it goes on */
        LANE_ON_RUNNING,     /* pump: records flow */
        LANE_ON_FENCED,      /* pump: found `generation` committed, or (0) was refused by the
                              * destination in favour of another producer; it has stopped */
        LANE_ON_DRAINED,     /* pump: stopped after its last commit */
        LANE_ON_REOPEN,      /* what the pump was opened with has changed */
        LANE_ON_STOP,        /* the worker is stopping */
};

struct lane_event {
        enum lane_event_type type;
        uint64_t generation;
        uint32_t spec;
        bool revoke;
        bool connected;
        bool missing;            /* LANE_ON_READ: the znode does not exist */
        struct lane_record record;
        int32_t version;
};

enum lane_action {
        LANE_NOTHING,
        LANE_READ,         /* read the lane's znode */
        LANE_CLAIM,        /* write OWNED with lane->claim_generation, at version */
        LANE_MARK,         /* write the pump's facts into the record, at version */
        LANE_RELEASE,      /* write FREE, at version */
        LANE_PUMP_OPEN,    /* make the pump's clients */
        LANE_PUMP_START,   /* run it at lane->held_generation */
        LANE_PUMP_UPDATE,  /* hand the record's partitions to the running pump */
        LANE_PUMP_GO,      /* marked: tell the pump what the record holds */
        LANE_PUMP_ADOPT,   /* the running pump commits lane->held_generation from now on */
        LANE_PUMP_DRAIN,   /* stop intake, wait, commit, stop */
        LANE_FORGET,       /* nothing left: free the lane */
};
const char *lane_action_name(enum lane_action action);

enum lane_request { LANE_REQUEST_NONE, LANE_REQUEST_READ, LANE_REQUEST_CLAIM, LANE_REQUEST_MARK, LANE_REQUEST_RELEASE };

struct lane {
        /* wanted, as /assign/<id> says */
        bool wanted;
        uint64_t want_generation;
        uint32_t want_spec;
        bool stopping;
        /* session */
        bool connected;
        enum lane_request request;
        /* the record as last read or written */
        bool record_known, record_stale, record_missing;
        struct lane_record record;
        /* the pump */
        enum lane_pump pump;
        uint64_t held_generation;   /* that the pump commits with */
        uint64_t claim_generation;  /* that a CLAIM under way writes */
        uint64_t fenced_generation; /* the highest found committed by others */
        uint32_t pump_spec;         /* of the partitions that the pump has */
        bool unmarked;              /* facts of the pump wait for MARK */
        bool go;                    /* a MARK is done, the pump must hear of it */
        bool reopen;                /* to be drained and opened again, once ZooKeeper is there */
};

void lane_init(struct lane *lane, bool connected);
/* Takes one event in and gives the next action.  Call again with NULL until
 * LANE_NOTHING: an action may be followed by another. */
enum lane_action lane_step(struct lane *lane, const struct lane_event *event);

#endif
