#include "tests/model/protocol.h"

#define NOBODY 2

const char *const law_texts[LAWS] = {
        [LAW_HOLDS] = "nothing",
        [LAW_TWICE] = "a record is committed twice at the destination",
        [LAW_GAP] = "a record arrives before one that precedes it",
        [LAW_RECORD] = "records are committed without their position record",
        [LAW_ORDER] = "an earlier owner's transaction is committed after a later owner has started",
        [LAW_LOST] = "the committed position is beyond what was acknowledged: a record would be lost",
        [LAW_OWNERS] = "two workers run the lane in one generation",
        [LAW_GENERATION] = "the lane's generation shrinks",
        [LAW_SESSION] = "a worker claims the lane although its znode is gone",
        [LAW_PLACED] = "the partition is in two lanes",
        [LAW_PROGRESS] = "no way leads from here to one owner with a complete copy and nobody else running",
};

static void broken(struct state *s, enum law law) {
        if (!s->law) s->law = (uint8_t)law;
}

static uint8_t plus_one(uint8_t n) { return (uint8_t)(n + 1); }

/* ---- the lane's znode ---- */

/* A write at the version that `by` has read; by NOBODY: the leader's. */
static void lane_write(struct state *s, enum lane_state to, unsigned by, uint8_t generation) {
        if (generation < s->generation) broken(s, LAW_GENERATION);
        s->lane = (uint8_t)to;
        s->generation = generation;
        for (unsigned i = 0; i < 2; i++)
                if (i != by) s->worker[i].fresh = 0;
}

static void forget_record(struct model_worker *w) {
        w->known = KNOWN_NOTHING;
        w->known_generation = w->fresh = 0;
}

static bool linked(const struct model_worker *w) { return w->up && w->session == SESSION_LIVE; }

/* Of a lane known as OWNED: another claim between the init and the start. */
static bool claims_again(const struct rules *r) {
        return r->exactly_once && !r->start_without_claim && !r->claim_before_init;
}

/* A producer made for another assignment than the one known does not count. */
static bool old_init(const struct rules *r, const struct model_worker *w) {
        return r->exactly_once && !r->claim_with_old_init && !r->claim_before_init &&
               w->opened_for != w->known_generation;
}

/* ---- worker: sessions ---- */

#define STEP(name)                                                                                 \
        static bool name(const struct rules *r, struct state *s, unsigned i, unsigned k)
#define WORKER                                                                                     \
        struct model_worker *w = &s->worker[i];                                                    \
        (void)r, (void)k, (void)w

STEP(worker_register) {
        WORKER;
        if (w->session != SESSION_NONE) return false;
        w->up = 1;
        w->session = SESSION_LIVE;
        if (s->owner == i) s->same = 0;
        return true;
}

STEP(worker_learns) {
        WORKER;
        if (!w->up || w->session != SESSION_ENDED) return false;
        w->session = SESSION_NONE; /* what runs goes on */
        forget_record(w);
        return true;
}

STEP(worker_expires) {
        WORKER;
        if (!linked(w)) return false;
        w->session = SESSION_ENDED;
        return true;
}

STEP(worker_is_cut) {
        WORKER;
        if (!linked(w) || s->worker[1 - i].session == SESSION_CUT) return false;
        w->session = SESSION_CUT;
        return true;
}

STEP(worker_crashes) {
        WORKER;
        if (!w->up) return false;
        *w = (struct model_worker){.session = w->session == SESSION_LIVE ? SESSION_LIVE : SESSION_NONE};
        return true;
}

STEP(worker_dead_session_ends) {
        WORKER;
        if (w->up || w->session != SESSION_LIVE) return false;
        w->session = SESSION_NONE;
        return true;
}

/* ---- worker: ownership ---- */

static void pump_stop(struct model_worker *w) {
        w->pump = PUMP_IDLE;
        w->held = w->opened_for = w->claimed = w->checked = w->recorded = w->repeats = 0;
        w->position = w->position_generation = w->next = 0;
}

static void fence(struct model_worker *w) {
        pump_stop(w);
        forget_record(w);
}

STEP(worker_reads) {
        WORKER;
        if (!linked(w) || w->fresh) return false;
        w->fresh = 1;
        w->known_generation = s->generation;
        static const uint8_t known[] = {
                [LANE_ASSIGNED] = KNOWN_ASSIGNED, [LANE_OWNED] = KNOWN_OWNED, [LANE_REVOKING] = KNOWN_REVOKING};
        if (s->lane == LANE_FREE || s->owner != i)
                w->known = KNOWN_FOREIGN;
        else
                w->known = s->same ? known[s->lane] : KNOWN_OLD_SELF;
        return true;
}

STEP(worker_reads_early) {
        WORKER;
        if (!r->read_before_init || w->pump != PUMP_IDLE ||
            (w->known != KNOWN_ASSIGNED && w->known != KNOWN_OWNED))
                return false;
        w->pump = PUMP_EARLY;
        w->position = s->log;
        return true;
}

/* At the transaction coordinator. */
static void init_transactions(const struct rules *r, struct state *s, unsigned i) {
        if (!r->exactly_once) return;
        s->txn_from = s->txn_to = 0; /* aborted */
        s->epoch_of = (uint8_t)i;
        s->late_end = 0;             /* of an older epoch from now on */
}

STEP(worker_inits) {
        WORKER;
        if (w->pump != (r->read_before_init ? PUMP_EARLY : PUMP_IDLE)) return false;
        if (w->known != KNOWN_OWNED && (w->known != KNOWN_ASSIGNED || r->claim_before_init)) return false;
        init_transactions(r, s, i);
        w->pump = PUMP_READY;
        w->opened_for = w->known_generation;
        w->claimed = 0;
        return true;
}

STEP(worker_inits_unheard) {
        if (!worker_inits(r, s, i, k)) return false;
        pump_stop(&s->worker[i]);
        return true;
}

static bool may_claim(const struct rules *r, const struct model_worker *w) {
        if (!w->up || !w->fresh) return false;
        if (w->session != SESSION_LIVE && !(r->no_session_check && w->session == SESSION_ENDED)) return false;
        if (w->known == KNOWN_OWNED) /* once more, after an init */
                return claims_again(r) && w->pump == PUMP_READY && !w->claimed && !old_init(r, w);
        if (w->known != KNOWN_ASSIGNED || w->pump == PUMP_EARLY) return false;
        if (w->pump == PUMP_IDLE) return r->claim_before_init;
        return w->pump != PUMP_READY || !old_init(r, w);
}

STEP(worker_claims) {
        WORKER;
        if (!may_claim(r, w)) return false;
        if (w->session != SESSION_LIVE) broken(s, LAW_SESSION);
        lane_write(s, LANE_OWNED, i, s->generation);
        w->known = KNOWN_OWNED;
        w->claimed = w->pump != PUMP_IDLE;
        return true;
}

STEP(worker_claims_unheard) {
        if (!worker_claims(r, s, i, k)) return false;
        s->worker[i].claimed = 0;
        forget_record(&s->worker[i]);
        return true;
}

/* The producer was made for an assignment that is no longer the one known. */
STEP(worker_reopens) {
        WORKER;
        if (w->pump != PUMP_READY || !old_init(r, w) ||
            (w->known != KNOWN_ASSIGNED && w->known != KNOWN_OWNED))
                return false;
        pump_stop(w);
        return true;
}

static void pump_runs(struct model_worker *w) {
        w->pump = PUMP_RUNNING;
        w->next = w->position;
}

STEP(worker_starts) {
        WORKER;
        if (w->known != KNOWN_OWNED || w->pump != PUMP_READY || (claims_again(r) && !w->claimed)) return false;
        w->pump = PUMP_START;
        w->held = w->known_generation;
        w->opened_for = w->claimed = 0;
        if (r->read_before_init) pump_runs(w);
        return true;
}

static bool pump_started(const struct model_worker *w) { return w->pump >= PUMP_RECYCLED; }

STEP(worker_adopts) {
        WORKER;
        if (w->known != KNOWN_OWNED || !pump_started(w) || w->held + 1 != w->known_generation) return false;
        w->held = w->known_generation;
        return true;
}

STEP(worker_drains) {
        WORKER;
        bool gap = w->known == KNOWN_OWNED && pump_started(w) && w->held != w->known_generation &&
                   w->held + 1 != w->known_generation;
        if (w->pump == PUMP_IDLE || (!gap && w->known != KNOWN_REVOKING && w->known != KNOWN_FOREIGN)) return false;
        pump_stop(w);
        return true;
}

STEP(worker_releases) {
        WORKER;
        if (!linked(w) || !w->fresh || w->known != KNOWN_REVOKING || w->pump != PUMP_IDLE) return false;
        lane_write(s, LANE_FREE, i, s->generation);
        s->owner = s->same = 0;
        w->known = KNOWN_FOREIGN;
        return true;
}

/* ---- worker: the start of the pump ---- */

STEP(start_reads_group) {
        WORKER;
        if (w->pump != PUMP_START && w->pump != PUMP_START_RECORD) return false;
        if (s->group_generation > w->held && !r->no_generation_check) {
                fence(w);
                return true;
        }
        if (w->pump == PUMP_START) {
                w->position = s->group_position;
                w->position_generation = s->group_generation;
                w->repeats = s->group_repeats;
        } else if (!(s->group_repeats && w->recorded) &&
                   (s->group_generation > w->position_generation ||
                    (s->group_generation == w->position_generation && s->group_position > w->position))) {
                w->position = s->group_position;
                w->position_generation = s->group_generation;
                w->recorded = 0;
        }
        w->pump = r->exactly_once && w->pump == PUMP_START ? PUMP_START_GROUP : PUMP_START_READ;
        return true;
}

STEP(start_reads_record) {
        WORKER;
        if (!r->exactly_once || (w->pump != PUMP_START && w->pump != PUMP_START_GROUP)) return false;
        if (s->record_generation > w->held) {
                fence(w);
                return true;
        }
        bool group = w->pump == PUMP_START_GROUP && !(w->repeats && s->record_generation) &&
                     (w->position_generation > s->record_generation ||
                      (w->position_generation == s->record_generation && w->position > s->log));
        if (!group) {
                w->position = s->log;
                w->position_generation = s->record_generation;
                w->recorded = s->record_generation != 0;
        }
        w->repeats = 0;
        w->pump = w->pump == PUMP_START ? PUMP_START_RECORD : PUMP_START_READ;
        return true;
}

static void group_write(const struct rules *r, struct state *s, const struct model_worker *w) {
        s->group_position = r->commit_before_ack ? w->next : w->position;
        s->group_generation = r->exactly_once && r->group_as_found ? w->position_generation : w->held;
        s->group_repeats = r->exactly_once && !r->group_by_generation;
        if (s->group_position > s->log) broken(s, LAW_LOST);
}

STEP(start_commits_group) {
        WORKER;
        if (w->pump != PUMP_START_READ) return false;
        pump_runs(w);
        group_write(r, s, w);
        return true;
}

/* ---- worker: records ---- */

STEP(pump_sends) {
        WORKER;
        if (w->pump != PUMP_RUNNING || w->next == r->records) return false;
        if (r->exactly_once) {
                if (s->epoch_of != i) return false; /* refused: pump_is_refused */
                if (s->txn_from == s->txn_to) s->txn_from = w->next;
                s->txn_to = plus_one(w->next);
        }
        w->next++;
        return true;
}

/* At-least-once: what is sent arrives in order. */
static bool arrives(const struct rules *r, struct state *s, struct model_worker *w) {
        if (r->exactly_once || w->pump != PUMP_RUNNING || w->position == w->next) return false;
        if (w->position > s->log) broken(s, LAW_GAP);
        if (w->position == s->log) s->log++;
        return true;
}

STEP(pump_is_acknowledged) {
        WORKER;
        if (!arrives(r, s, w)) return false;
        w->position++;
        return true;
}

STEP(pump_ack_is_lost) {
        WORKER;
        if (!arrives(r, s, w)) return false;
        w->next = w->position;
        return true;
}

STEP(chain_reads_group) {
        WORKER;
        if (w->pump != PUMP_RUNNING || w->checked) return false;
        uint8_t generation = r->exactly_once && r->group_as_found ? w->position_generation : w->held;
        uint8_t position = r->commit_before_ack ? w->next : w->position;
        if (s->group_generation == generation && s->group_position == position) return false;
        if (s->group_generation > w->held && !r->no_generation_check)
                fence(w);
        else
                w->checked = 1;
        return true;
}

STEP(chain_commits_group) {
        WORKER;
        if (!w->checked) return false;
        w->checked = 0;
        group_write(r, s, w);
        return true;
}

/* ---- worker: transactions ---- */

static void destination_commits(struct state *s) {
        if (s->txn_from < s->log) broken(s, LAW_TWICE);
        if (s->txn_from > s->log) broken(s, LAW_GAP);
        s->log = s->txn_to;
        s->txn_from = s->txn_to = 0;
}

STEP(pump_commits) {
        WORKER;
        if (!r->exactly_once || w->pump != PUMP_RUNNING || w->next == w->position || s->epoch_of != i) return false;
        const struct model_worker *other = &s->worker[1 - i];
        if (pump_started(other) && other->held > w->held && !r->any_commit_order) broken(s, LAW_ORDER);
        destination_commits(s);
        s->record_generation = w->held;
        w->position = w->next;
        w->position_generation = w->held;
        w->recorded = 1;
        return true;
}

static void recycle(const struct rules *r, struct model_worker *w) {
        if (!r->exactly_once) {
                w->next = w->position;
                return;
        }
        if (!r->recycle_without_claim) return fence(w);
        uint8_t held = w->held;
        pump_stop(w);
        w->held = held;
        w->pump = PUMP_RECYCLED;
}

STEP(pump_commits_unheard) {
        if (!pump_commits(r, s, i, k)) return false;
        recycle(r, &s->worker[i]);
        return true;
}

STEP(pump_commits_resent) {
        if (!pump_commits(r, s, i, k)) return false;
        s->late_end = 1;
        if (!r->no_recycle) recycle(r, &s->worker[i]);
        return true;
}

STEP(pump_fails) {
        WORKER;
        if (w->pump != PUMP_RUNNING || w->next == w->position) return false;
        recycle(r, w);
        return true;
}

static bool is_refused(const struct rules *r, const struct state *s, unsigned i) {
        const struct model_worker *w = &s->worker[i];
        return r->exactly_once && w->pump == PUMP_RUNNING && s->epoch_of != i &&
               (w->next < r->records || w->next != w->position);
}

STEP(pump_is_refused) {
        WORKER;
        if (!is_refused(r, s, i)) return false;
        fence(w);
        return true;
}

STEP(pump_delivery_is_refused) {
        WORKER;
        if (!is_refused(r, s, i)) return false;
        recycle(r, w);
        return true;
}

STEP(pump_reopens) {
        WORKER;
        if (w->pump != PUMP_RECYCLED) return false;
        init_transactions(r, s, i);
        w->pump = PUMP_START;
        return true;
}

STEP(late_end_arrives) {
        WORKER;
        if (!s->late_end || s->epoch_of != i) return false;
        s->late_end = 0;
        if (s->txn_from != s->txn_to) {
                destination_commits(s);
                broken(s, LAW_RECORD);
        }
        return true;
}

/* ---- coordinators ---- */

#define COORDINATOR                                                                                \
        struct model_coordinator *c = &s->coordinator[i];                                          \
        (void)r, (void)k, (void)c

static void candidate_gone(struct state *s, unsigned i) {
        s->coordinator[i].candidate = 0;
        if (s->coordinator[1 - i].candidate) s->first = (uint8_t)(1 - i);
}

STEP(coordinator_joins) {
        COORDINATOR;
        if (c->candidate || c->leading) return false;
        c->up = c->candidate = 1;
        if (!s->coordinator[1 - i].candidate) s->first = (uint8_t)i;
        return true;
}

STEP(coordinator_crashes) {
        COORDINATOR;
        if (!c->up) return false;
        *c = (struct model_coordinator){.candidate = c->candidate};
        return true;
}

STEP(coordinator_dead_session_ends) {
        COORDINATOR;
        if (c->up || !c->candidate) return false;
        candidate_gone(s, i);
        return true;
}

STEP(coordinator_expires) {
        COORDINATOR;
        if (!c->up || !c->candidate) return false;
        candidate_gone(s, i);
        return true;
}

STEP(coordinator_leads) {
        COORDINATOR;
        if (!c->up || !c->candidate || s->first != i || c->leading) return false;
        c->leading = 1;
        s->leader = (uint8_t)i;
        return true;
}

STEP(coordinator_resigns) {
        COORDINATOR;
        if (!c->leading || (c->candidate && s->leader == i)) return false;
        c->leading = c->loaded = c->unplaced = 0;
        return true;
}

STEP(leader_reads) {
        COORDINATOR;
        if (!c->leading || c->loaded) return false;
        c->loaded = 1;
        c->unplaced = s->where == IN_NO_LANE;
        return true;
}

static bool may_step(const struct rules *r, const struct state *s, unsigned i) {
        const struct model_coordinator *c = &s->coordinator[i];
        return c->leading && c->loaded && (s->leader == i || r->no_leader_check);
}

/* A lane that holds the partition already has another version. */
static bool place(const struct rules *r, struct state *s, unsigned i, enum where in) {
        if (!may_step(r, s, i) || !s->coordinator[i].unplaced || (s->where & in)) return false;
        s->where = (uint8_t)(s->where | in);
        s->coordinator[i].unplaced = 0;
        if (s->where == IN_BOTH) broken(s, LAW_PLACED);
        return true;
}

STEP(leader_places) { return (void)k, place(r, s, i, IN_LANE); }
STEP(leader_places_elsewhere) { return (void)k, place(r, s, i, IN_OTHER_LANE); }

STEP(leader_places_unheard) {
        if (!leader_places(r, s, i, k)) return false;
        s->coordinator[i].loaded = 0;
        return true;
}

static void assign(struct state *s, unsigned to) {
        lane_write(s, LANE_ASSIGNED, NOBODY, plus_one(s->generation));
        s->owner = (uint8_t)to;
        s->same = 1;
}

static bool owner_present(const struct state *s) {
        return s->lane != LANE_FREE && s->worker[s->owner].session == SESSION_LIVE && s->same;
}

STEP(leader_assigns) {
        bool alive = s->worker[s->owner].session == SESSION_LIVE;
        if (!may_step(r, s, i) || !(s->where & IN_LANE) || s->worker[k].session != SESSION_LIVE) return false;
        if (s->lane != LANE_FREE && (owner_present(s) || (alive && s->owner != k))) return false;
        assign(s, k);
        return true;
}

STEP(leader_moves_assigned) {
        if (!may_step(r, s, i) || s->lane != LANE_ASSIGNED || !owner_present(s) || s->owner == k ||
            s->worker[k].session != SESSION_LIVE)
                return false;
        assign(s, k);
        return true;
}

STEP(leader_revokes) {
        (void)k;
        if (!may_step(r, s, i) || s->lane != LANE_OWNED || !owner_present(s)) return false;
        lane_write(s, LANE_REVOKING, NOBODY, s->generation);
        return true;
}

/* ---- the table ---- */

#define FAULT true
#define CORD true
#define WORK false
const struct action actions[] = {
        /* text, is a fault, of a coordinator, names a worker, product */
        {"worker %s starts, or has a new session, and registers", false, WORK, false,
         "worker.c worker_register", worker_register},
        {"worker %s hears that its session has ended", false, WORK, false,
         "worker.c ZK_EXPIRED, lane.c LANE_ON_SESSION", worker_learns},
        {"worker %s, dead: its session ends", false, WORK, false,
         "ZooKeeper; supervisor.c", worker_dead_session_ends},
        {"worker %s: its session ends, the process goes on", FAULT, WORK, false,
         "a pause, a cut", worker_expires},
        {"worker %s is cut from ZooKeeper for good, its session ends", FAULT, WORK, false,
         "a cut", worker_is_cut},
        {"worker %s crashes", FAULT, WORK, false,
         "SIGKILL", worker_crashes},
        {"worker %s reads the lane's record", false, WORK, false,
         "assign.c on_assign, on_lane_read", worker_reads},
        {"worker %s reads the position record (too early)", false, WORK, false,
         "-", worker_reads_early},
        {"worker %s: init_transactions; an open transaction is aborted, the epoch is %s's", false, WORK, false,
         "lane.c LANE_PUMP_OPEN, pump_life.c open_job, pump_txn.c txn_init", worker_inits},
        {"worker %s: init_transactions, the answer is lost; the epoch is %s's", FAULT, WORK, false,
         "pump_life.c open_done, backoff_ms", worker_inits_unheard},
        {"worker %s claims the lane", false, WORK, false,
         "lane.c LANE_CLAIM, assign.c lane_write", worker_claims},
        {"worker %s claims the lane, and the answer is lost", FAULT, WORK, false,
         "lane.c LANE_ON_UNKNOWN", worker_claims_unheard},
        {"worker %s throws away a producer that was made for an earlier assignment", false, WORK, false,
         "see docs/design.md", worker_reopens},
        {"worker %s starts the pump", false, WORK, false,
         "lane.c LANE_PUMP_START, pump_life.c life_run", worker_starts},
        {"worker %s adopts the new generation", false, WORK, false,
         "lane.c LANE_PUMP_ADOPT, pump_life.c pump_take_generation", worker_adopts},
        {"worker %s stops its pump", false, WORK, false,
         "lane.c drain, pump_life.c advance_draining", worker_drains},
        {"worker %s releases the lane", false, WORK, false,
         "lane.c LANE_RELEASE", worker_releases},
        {"worker %s, starting: reads the group's position", false, WORK, false,
         "pump_start.c op_take_committed", start_reads_group},
        {"worker %s, starting: reads the position record", false, WORK, false,
         "pump_start.c op_take_recorded, positions.c", start_reads_record},
        {"worker %s, starting: commits to the group, and runs", false, WORK, false,
         "pump_start.c op_commit, start_finish", start_commits_group},
        {"worker %s sends a record", false, WORK, false,
         "pump.c pump_send", pump_sends},
        {"worker %s: a record arrives and is acknowledged", false, WORK, false,
         "pump.c on_delivery, ledger.c ledger_ack", pump_is_acknowledged},
        {"worker %s: a record arrives, its acknowledgement is lost", FAULT, WORK, false,
         "pump.c on_delivery, pump_recycle", pump_ack_is_lost},
        {"worker %s reads the group's generation before a commit", false, WORK, false,
         "pump_start.c pump_commit, on_committed", chain_reads_group},
        {"worker %s commits its position to the group", false, WORK, false,
         "pump_start.c op_commit", chain_commits_group},
        {"worker %s commits a transaction with its position record", false, WORK, false,
         "pump_txn.c txn_end, end_job, end_done", pump_commits},
        {"worker %s commits a transaction, the answer is lost; it gives its producer up", FAULT, WORK, false,
         "pump_txn.c end_failed", pump_commits_unheard},
        {"worker %s commits a transaction with two EndTxn, a copy of which is late", FAULT, WORK, false,
         "pump_txn.c end_done, txn_end_requests", pump_commits_resent},
        {"worker %s: a delivery or a commit fails; it gives its producer up", FAULT, WORK, false,
         "pump.c on_delivery, pump_life.c pump_recycle", pump_fails},
        {"worker %s is refused by the destination: a newer producer", false, WORK, false,
         "pump_txn.c txn_error_fences, pump_life.c pump_fence", pump_is_refused},
        {"worker %s: a delivery is refused (a newer producer); it gives its producer up", false, WORK, false,
         "pump.c on_delivery", pump_delivery_is_refused},
        {"worker %s: init_transactions again without a claim; the epoch is %s's", false, WORK, false,
         "pump_life.c close_done, open_done", pump_reopens},
        {"the late EndTxn of worker %s arrives", false, WORK, false,
         "KAFKA-17754", late_end_arrives},
        {"coordinator %s starts, or has a new session, and is a candidate", false, CORD, false,
         "elect.c make_candidate", coordinator_joins},
        {"coordinator %s crashes", FAULT, CORD, false,
         "SIGKILL", coordinator_crashes},
        {"coordinator %s, dead: its session ends", false, CORD, false,
         "ZooKeeper", coordinator_dead_session_ends},
        {"coordinator %s: its session ends, the process goes on", FAULT, CORD, false,
         "a pause, a cut", coordinator_expires},
        {"coordinator %s is first in line and writes /leader", false, CORD, false,
         "elect.c read_leader, on_leader_read", coordinator_leads},
        {"coordinator %s hears that it leads no longer", false, CORD, false,
         "elect.c resign, store.c on_step", coordinator_resigns},
        {"coordinator %s reads the lanes", false, CORD, false,
         "cluster.c lane_take", leader_reads},
        {"coordinator %s places the partition in the lane", false, CORD, false,
         "cluster_step.c place_partitions", leader_places},
        {"coordinator %s places the partition in another lane", false, CORD, false,
         "cluster_step.c place_partitions", leader_places_elsewhere},
        {"coordinator %s places the partition in the lane, and the answer is lost", FAULT, CORD, false,
         "store.c on_step, cluster_on_reconnected", leader_places_unheard},
        {"coordinator %s assigns the lane to worker %s", false, CORD, true,
         "cluster_step.c hand_out_lane", leader_assigns},
        {"coordinator %s assigns the lane, not yet claimed, to worker %s", FAULT, CORD, true,
         "cluster_step.c move_lane", leader_moves_assigned},
        {"coordinator %s revokes the lane (a planned move)", FAULT, CORD, false,
         "cluster_step.c lane_revoke", leader_revokes},
};
const size_t action_count = sizeof actions / sizeof *actions;

bool action_step(const struct rules *r, const struct action *action, struct state *s, unsigned who,
                 unsigned target) {
        if (!action->step(r, s, who, target)) return false;
        const struct model_worker *a = &s->worker[0], *b = &s->worker[1];
        if (pump_started(a) && pump_started(b) && a->held == b->held) broken(s, LAW_OWNERS);
        return true;
}

/* ---- states ---- */

void state_init(const struct rules *r, struct state *s) {
        (void)r;
        *s = (struct state){
                .worker = {{.up = 1, .session = SESSION_LIVE}, {.up = 1, .session = SESSION_LIVE}},
                .coordinator = {{.up = 1, .candidate = 1}, {.up = 1, .candidate = 1}},
                .leader = NOBODY,
                .epoch_of = NOBODY,
        };
}

bool state_is_goal(const struct rules *r, const struct state *s) {
        const struct model_worker *w = &s->worker[s->owner], *other = &s->worker[1 - s->owner];
        if (s->where == IN_OTHER_LANE) return true; /* nothing to do here */
        return s->lane == LANE_OWNED && owner_present(s) && w->up && w->pump == PUMP_RUNNING &&
               w->held == s->generation && w->position == r->records && s->log == r->records &&
               s->group_position == r->records && !pump_started(other);
}

static const char *generation_text(uint8_t generation, char *text) {
        (void)sprintf(text, "%u", generation);
        return generation ? text : "-";
}

void state_print(const struct state *s, FILE *out) {
        static const char *const lanes[] = {"FREE", "ASSIGNED", "OWNED", "REVOKING"};
        char record[4], group[4];
        (void)fprintf(out, "lane %s", lanes[s->lane]);
        if (s->lane != LANE_FREE) (void)fprintf(out, "(%c%s)", 'A' + s->owner, s->same ? "" : ", an earlier one");
        (void)fprintf(out, " g%u | log %u, record g%s, open [%u,%u), epoch %c | group %u g%s", s->generation, s->log,
                      generation_text(s->record_generation, record), s->txn_from, s->txn_to,
                      s->epoch_of == NOBODY ? '-' : 'A' + s->epoch_of, s->group_position,
                      generation_text(s->group_generation, group));
        for (unsigned i = 0; i < 2; i++)
                if (pump_started(&s->worker[i]))
                        (void)fprintf(out, " | %c g%u at %u", 'A' + i, s->worker[i].held, s->worker[i].next);
}

/* ---- the rows ---- */

#define LAW(name) (1u << LAW_##name)
#define HOLDS 0
/* Three ways in which the worker starts with an init that no claim has followed. */
#define AS_BUILT                                                                                   \
        .recycle_without_claim = true, .start_without_claim = true, .claim_with_old_init = true,   \
        .any_commit_order = true

/* Of the group's position and the record's, the one of the later generation
 * counts, though the group's only repeats an older record. */
#define BY_GENERATION .group_by_generation = true, .any_commit_order = true

const struct row rows[] = {
        {"exactly-once", "all laws hold", HOLDS, {.exactly_once = true}},
        {"at-least-once", "all laws hold", HOLDS, {.exactly_once = false}},
        {"as-built", "an init without a claim behind it: a late transaction, and still an exact log", HOLDS,
         {.exactly_once = true, AS_BUILT}},

        {"claim-before-init", "claim and init swapped, and the group's generation trusted", LAW(TWICE),
         {.exactly_once = true, .claim_before_init = true, BY_GENERATION, .faults = 1}},
        {"claim-before-init-order", "claim and init swapped", LAW(ORDER),
         {.exactly_once = true, .claim_before_init = true, .faults = 1}},
        {"no-leader-check", "steps of a leader without the check of /leader", LAW(PLACED),
         {.exactly_once = true, .no_leader_check = true, .faults = 1}},
        {"no-session-check", "a claim without the check of the own znode", LAW(SESSION),
         {.exactly_once = true, .no_session_check = true, .faults = 1}},
        {"read-before-init", "the position record is read before the init", LAW(TWICE),
         {.exactly_once = true, .read_before_init = true, .any_commit_order = true, .faults = 1}},
        {"no-recycle", "a producer that has sent EndTxn twice is kept", LAW(RECORD),
         {.exactly_once = true, .no_recycle = true, .faults = 1}},
        {"commit-before-ack", "at-least-once: the position of what was sent is committed", LAW(LOST),
         {.commit_before_ack = true, .faults = 1}},
        {"no-generation-check", "at-least-once: commits without a look at the committed generation", LAW(PROGRESS),
         {.no_generation_check = true, .faults = 1}},

        {"recycle-without-claim", "the pump replaces its producer without a new claim, the group's generation trusted",
         LAW(TWICE), {.exactly_once = true, .recycle_without_claim = true, BY_GENERATION, .faults = 1}},
        {"start-without-claim", "a lane known as OWNED is opened again without a new claim, the same", LAW(TWICE),
         {.exactly_once = true, .start_without_claim = true, BY_GENERATION, .faults = 2}},
        {"claim-with-old-init", "a claim with the producer of an earlier assignment, the same", LAW(TWICE),
         {.exactly_once = true, .claim_with_old_init = true, BY_GENERATION, .faults = 2}},
        /* That no other law is broken first means that the log is exact. */
        {"as-built-as-found", "the group's offset with the generation of the record that it repeats",
         LAW(PROGRESS), {.exactly_once = true, AS_BUILT, .group_by_generation = true, .group_as_found = true}},
};
const size_t row_count = sizeof rows / sizeof *rows;
