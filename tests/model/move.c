#include "tests/model/move.h"

#define NOBODY 2

const char *const law_texts[LAWS] = {
        [LAW_HOLDS] = "nothing",
        [LAW_TWICE] = "a record is committed twice at the destination",
        [LAW_GAP] = "a record arrives before one that precedes it",
        [LAW_LOST] = "a position is beyond what was acknowledged: a record would be lost",
        [LAW_OWNERS] = "two pumps run the partition in one generation",
        [LAW_RISES] = "an owner runs the partition in no higher generation than that it has left its last lane with",
        [LAW_PROGRESS] = "no way leads from here to one owner in the new lane with a complete copy and nobody else running",
};

static void broken(struct state *s, enum law law) {
        if (!s->law) s->law = (uint8_t)law;
}

#define STEP(name) static bool name(const struct rules *r, struct state *s, unsigned i, unsigned l)
/* Of worker i and its pump of lane l. */
#define PUMP                                                                                       \
        struct model_pump *p = &s->pump[l][i];                                                     \
        struct model_lane *lane = &s->lane[l];                                                     \
        (void)r, (void)p, (void)lane

/* ---- the lane's znode ---- */

/* A write at the version that `by` has read; by NOBODY: the leader's. */
static void written(struct state *s, unsigned l, unsigned by) {
        for (unsigned i = 0; i < 2; i++)
                if (i != by) s->pump[l][i].fresh = 0;
}

static bool mine(const struct state *s, unsigned i, unsigned l) {
        return s->lane[l].state != LANE_FREE && s->lane[l].owner == i && !s->lane[l].lost;
}

static void forget(struct model_pump *p) {
        p->known = KNOWN_NOTHING;
        p->known_generation = p->known_raised = p->fresh = 0;
        p->known_has = p->known_leaving = p->known_floor = p->known_floor_generation = 0;
}

static void positions_forget(struct model_pump *p) {
        p->position = p->position_generation = p->recorded = p->repeats = p->repeats_record = 0;
        p->next = p->checked = p->done = p->unheard = 0;
}

static void pump_stop(struct model_pump *p) {
        p->pump = PUMP_IDLE;
        p->held = p->has = p->floor = p->floor_generation = 0;
        positions_forget(p);
}

static void fence(struct model_pump *p) {
        pump_stop(p);
        forget(p);
}

static bool started(const struct model_pump *p) { return p->pump >= PUMP_RECYCLED; }

static void give(struct model_pump *p) {
        p->has = 1;
        p->floor = p->known_floor;
        p->floor_generation = p->known_floor_generation;
        positions_forget(p);
        p->pump = PUMP_START;
}

STEP(worker_reads) {
        PUMP;
        if (s->cut[i] || p->fresh) return false;
        forget(p);
        p->fresh = 1;
        p->known = mine(s, i, l) ? (lane->state == LANE_OWNED ? KNOWN_OWNED : KNOWN_ASSIGNED) : KNOWN_FOREIGN;
        p->known_generation = lane->generation;
        p->known_raised = lane->raised_from;
        if (s->in != l || s->entry == ENTRY_LEFT) return true;
        p->known_has = 1;
        p->known_leaving = s->entry == ENTRY_LEAVING;
        p->known_floor = s->floor;
        p->known_floor_generation = s->floor_generation;
        return true;
}

/* ---- worker: ownership ---- */

STEP(worker_inits) {
        PUMP;
        if (p->pump != PUMP_IDLE || (p->known != KNOWN_OWNED && p->known != KNOWN_ASSIGNED)) return false;
        if (r->exactly_once) {
                lane->epoch_of = (uint8_t)i;
                lane->txn_from = lane->txn_to = 0;
        }
        p->pump = PUMP_READY;
        return true;
}

STEP(worker_claims) {
        PUMP;
        if (p->known != KNOWN_ASSIGNED || !p->fresh || s->cut[i] || !mine(s, i, l) || p->pump == PUMP_IDLE) return false;
        lane->state = LANE_OWNED;
        written(s, l, i);
        p->known = KNOWN_OWNED;
        return true;
}

STEP(worker_starts) {
        PUMP;
        if (p->known != KNOWN_OWNED || p->pump != PUMP_READY) return false;
        p->held = p->known_generation;
        p->pump = PUMP_START;
        if (p->known_has) give(p);
        return true;
}

STEP(worker_adopts) {
        PUMP;
        if (p->known != KNOWN_OWNED || !started(p) || p->held == p->known_generation) return false;
        if (p->held + 1 != p->known_generation && (!p->known_raised || p->held != p->known_raised)) return false;
        p->held = p->known_generation;
        /* Together with the partitions: what was elsewhere meanwhile begins anew. */
        if (p->known_has && (!p->has || (p->floor_generation != p->known_floor_generation && !r->same_again)) &&
            p->pump != PUMP_RECYCLED)
                give(p);
        return true;
}

STEP(worker_stops) {
        PUMP;
        bool gap = p->known == KNOWN_OWNED && started(p) && p->held != p->known_generation &&
                   p->held + 1 != p->known_generation && (!p->known_raised || p->held != p->known_raised);
        if (p->pump == PUMP_IDLE || (!gap && p->known != KNOWN_FOREIGN)) return false;
        pump_stop(p);
        return true;
}

/* The lane's partitions, as its record has them now, to the running pump. */
STEP(worker_updates) {
        PUMP;
        if (p->known != KNOWN_OWNED || !started(p) || p->held != p->known_generation) return false;
        if (!p->known_has) { /* a LEFT whose answer was lost */
                if (p->pump != PUMP_LEAVING || !p->done) return false;
                p->pump = PUMP_OUT;
                p->has = 0;
                positions_forget(p);
                return true;
        }
        if (p->has && (p->floor_generation == p->known_floor_generation || r->same_again)) {
                if (p->pump != PUMP_LEAVING || p->known_leaving) return false;
                p->pump = PUMP_RUNNING;
                return true;
        }
        if (p->pump != PUMP_OUT && p->pump != PUMP_LEAVING) return false; /* when it has started */
        give(p);
        return true;
}

STEP(worker_releases) {
        PUMP;
        if (r->calm || !p->fresh || s->cut[i] || p->known != KNOWN_OWNED || !mine(s, i, l)) return false;
        pump_stop(p);
        lane->state = LANE_FREE;
        written(s, l, i);
        forget(p);
        p->fresh = 1;
        p->known = KNOWN_FOREIGN;
        return true;
}

/* ---- worker: the start of the partition ---- */

/* Where the group's position is an exactly-once lane's, the record counts. */
static void weigh(struct model_pump *p, uint8_t group, uint8_t generation, uint8_t row, uint8_t row_generation) {
        bool groups = !p->repeats && (generation > row_generation || (generation == row_generation && group > row));
        p->recorded = !groups;
        p->position = groups ? group : row;
        p->position_generation = groups ? generation : row_generation;
}

/* The group's position, or the floor where that is of no owner of this lane since. */
static void group_take(const struct rules *r, const struct state *s, struct model_pump *p) {
        bool floor = p->floor_generation && !r->no_floor && (s->group_generation <= p->floor_generation || r->floor_always);
        p->repeats = floor ? 0 : s->group_repeats;
        p->repeats_record = floor ? 0 : s->group_repeats_record;
        p->position = floor ? p->floor : s->group_position;
        p->position_generation = floor ? p->floor_generation : s->group_generation;
}

static bool row_counts(const struct rules *r, const struct model_lane *lane, const struct model_pump *p) {
        if (!lane->row) return false;
        return r->no_floor || (!r->floor_always && lane->row_generation > p->floor_generation) || !p->floor_generation;
}

/* A position that only repeats a record, and no record: halted, until a person has
 * it tried again. */
static void read_both(struct model_pump *p, bool listed) {
        bool halts = !listed && p->repeats_record;
        if (halts) positions_forget(p);
        p->pump = halts ? PUMP_START : PUMP_START_READ;
}

STEP(start_reads_group) {
        PUMP;
        if (!p->has || (p->pump != PUMP_START && p->pump != PUMP_START_RECORD)) return false;
        if (s->group_generation > p->held) {
                fence(p);
                return true;
        }
        if (p->pump == PUMP_START) {
                group_take(r, s, p);
                p->pump = r->exactly_once ? PUMP_START_GROUP : PUMP_START_READ;
                return true;
        }
        uint8_t row = p->position, row_generation = p->position_generation, listed = p->recorded;
        group_take(r, s, p);
        if (listed) weigh(p, p->position, p->position_generation, row, row_generation);
        read_both(p, listed);
        return true;
}

STEP(start_reads_record) {
        PUMP;
        if (!r->exactly_once || (p->pump != PUMP_START && p->pump != PUMP_START_GROUP)) return false;
        if (r->fence_by_row ? lane->row && p->has && lane->row_generation > p->held : lane->record_generation > p->held) {
                fence(p);
                return true;
        }
        bool listed = row_counts(r, lane, p);
        if (!p->has) {
                p->pump = PUMP_OUT;
        } else if (p->pump == PUMP_START) {
                p->position = listed ? lane->row_position : 0;
                p->position_generation = listed ? lane->row_generation : 0;
                p->recorded = listed;
                p->pump = PUMP_START_RECORD;
        } else {
                if (listed) weigh(p, p->position, p->position_generation, lane->row_position, lane->row_generation);
                read_both(p, listed);
        }
        return true;
}

STEP(start_without) {
        PUMP;
        if (r->exactly_once || p->has || p->pump != PUMP_START) return false;
        p->pump = PUMP_OUT;
        return true;
}

static void group_write(const struct rules *r, struct state *s, struct model_pump *p) {
        s->group_position = p->position;
        s->group_generation = p->held;
        s->group_repeats = r->exactly_once;
        s->group_repeats_record = r->exactly_once && p->recorded;
        if (s->group_position > s->log) broken(s, LAW_LOST);
}

STEP(start_commits_group) {
        PUMP;
        if (p->pump != PUMP_START_READ) return false;
        p->pump = PUMP_RUNNING;
        p->next = p->position;
        p->position_generation = p->held;
        p->repeats = p->repeats_record = 0;
        group_write(r, s, p);
        if (p->held <= p->floor_generation) broken(s, LAW_RISES);
        return true;
}

/* ---- worker: records ---- */

STEP(pump_sends) {
        PUMP;
        if (p->pump != PUMP_RUNNING || p->next == r->records) return false;
        if (r->exactly_once) {
                if (lane->epoch_of != i) return false;
                if (lane->txn_from == lane->txn_to && !p->unheard) lane->txn_from = p->next;
                if (!p->unheard) lane->txn_to = (uint8_t)(p->next + 1); /* else the sequence is known */
        }
        p->next++;
        p->unheard = 0;
        return true;
}

/* It is taken back, and goes on from there under the same sequence. */
STEP(pump_hears_nothing) {
        PUMP;
        if (!r->exactly_once || p->pump < PUMP_LEAVING || p->next == p->position || p->unheard || lane->epoch_of != i) return false;
        p->next--;
        p->unheard = 1;
        return true;
}

STEP(pump_is_acknowledged) {
        PUMP;
        if (r->exactly_once || (p->pump != PUMP_RUNNING && p->pump != PUMP_LEAVING) || p->position == p->next) return false;
        if (p->position > s->log) broken(s, LAW_GAP);
        if (p->position == s->log) s->log++;
        p->position++;
        return true;
}

static bool commits_now(const struct model_pump *p) {
        return p->pump == PUMP_RUNNING || (p->pump == PUMP_LEAVING && !p->done);
}

STEP(chain_reads_group) {
        PUMP;
        if (!commits_now(p) || p->checked) return false;
        /* Also what has not moved: idle positions are committed again. */
        if (s->group_generation > p->held)
                fence(p);
        else
                p->checked = 1;
        return true;
}

STEP(chain_commits_group) {
        PUMP;
        if (!p->checked) return false;
        p->checked = 0;
        if (commits_now(p)) group_write(r, s, p);
        if (!r->exactly_once && p->pump == PUMP_LEAVING && p->position == p->next) p->done = 1;
        return true;
}

static void destination_commits(struct state *s, struct model_lane *lane) {
        if (lane->txn_from == lane->txn_to) return;
        if (lane->txn_from < s->log) broken(s, LAW_TWICE);
        if (lane->txn_from > s->log) broken(s, LAW_GAP);
        s->log = lane->txn_to;
        lane->txn_from = lane->txn_to = 0;
}

STEP(pump_commits) {
        PUMP;
        if (!r->exactly_once || !commits_now(p) || lane->epoch_of != i || (p->unheard && !r->end_over_unheard)) return false;
        if (p->next == p->position && lane->record_generation == p->held && p->pump != PUMP_LEAVING) return false;
        destination_commits(s, lane);
        if (p->next != p->position) p->position_generation = p->held;
        lane->record_generation = p->held;
        lane->row = 1;
        lane->row_position = p->position = p->next;
        lane->row_generation = p->position_generation;
        p->recorded = 1;
        if (p->pump == PUMP_LEAVING) p->done = 1;
        return true;
}

STEP(pump_commits_others) {
        PUMP;
        if (!r->exactly_once || p->pump != PUMP_OUT || lane->epoch_of != i) return false;
        if (lane->record_generation == p->held && !lane->row) return false;
        lane->record_generation = p->held;
        lane->row = lane->row_position = lane->row_generation = 0;
        return true;
}

static void recycle(const struct rules *r, struct model_pump *p) {
        positions_forget(p);
        p->pump = r->exactly_once ? PUMP_RECYCLED : PUMP_START;
}

STEP(pump_commits_unheard) {
        if (!pump_commits(r, s, i, l)) return false;
        recycle(r, &s->pump[l][i]);
        return true;
}

STEP(pump_fails) {
        PUMP;
        if (p->pump < PUMP_OUT) return false;
        if (!r->exactly_once && p->next == p->position) return false;
        recycle(r, p);
        return true;
}

STEP(pump_gives_up) {
        PUMP;
        if (!p->unheard) return false;
        recycle(r, p);
        return true;
}

STEP(pump_reopens) {
        PUMP;
        if (p->pump != PUMP_RECYCLED) return false;
        lane->epoch_of = (uint8_t)i;
        lane->txn_from = lane->txn_to = 0;
        p->pump = PUMP_START;
        return true;
}

STEP(pump_is_refused) {
        PUMP;
        if (!r->exactly_once || lane->epoch_of == i || p->pump < PUMP_OUT) return false;
        fence(p);
        return true;
}

/* ---- worker: the partition leaves ---- */

STEP(pump_leaves) {
        PUMP;
        if (p->pump != PUMP_RUNNING || p->known != KNOWN_OWNED || !p->known_leaving || p->held != p->known_generation ||
            p->floor_generation != p->known_floor_generation)
                return false;
        p->pump = PUMP_LEAVING;
        return true;
}

static bool has_left(const struct rules *r, const struct model_pump *p) {
        if (p->pump != PUMP_LEAVING) return false;
        if (r->leave_early || (r->no_record && p->next == p->position)) return true;
        return p->done && p->next == p->position;
}

STEP(worker_writes_left) {
        PUMP;
        if (!p->fresh || s->cut[i] || p->known != KNOWN_OWNED || !mine(s, i, l) || !has_left(r, p) ||
            p->held != p->known_generation)
                return false;
        if (s->in != l || s->entry != ENTRY_LEAVING) return false;
        s->entry = ENTRY_LEFT;
        s->floor = r->leave_early ? p->next : p->position;
        s->floor_generation = lane->generation;
        if (s->floor > s->log) broken(s, LAW_LOST);
        written(s, l, i);
        p->known_has = p->known_leaving = p->has = 0;
        positions_forget(p);
        p->pump = PUMP_OUT;
        return true;
}

STEP(worker_writes_left_unheard) {
        struct model_pump before = s->pump[l][i];
        if (!worker_writes_left(r, s, i, l)) return false;
        s->pump[l][i] = before;
        forget(&s->pump[l][i]);
        return true;
}

/* ---- workers end ---- */

static void lanes_lost(struct state *s, unsigned i) {
        for (unsigned l = 0; l < 2; l++)
                if (s->lane[l].state != LANE_FREE && s->lane[l].owner == i) s->lane[l].lost = 1;
}

STEP(worker_crashes) {
        (void)l;
        if (r->calm) return false;
        for (unsigned k = 0; k < 2; k++) fence(&s->pump[k][i]);
        lanes_lost(s, i);
        return !s->cut[i];
}

STEP(worker_expires) {
        (void)l;
        if (r->calm) return false;
        lanes_lost(s, i);
        for (unsigned k = 0; k < 2; k++) s->pump[k][i].fresh = 0;
        return !s->cut[i];
}

STEP(worker_is_cut) {
        (void)l;
        if (s->cut[0] || s->cut[1] || r->calm) return false;
        s->cut[i] = 1;
        lanes_lost(s, i);
        return true;
}

/* ---- the leader ---- */

STEP(leader_assigns) {
        PUMP;
        if (s->cut[i] || (lane->state != LANE_FREE && !lane->lost)) return false;
        lane->state = LANE_ASSIGNED;
        lane->owner = (uint8_t)i;
        lane->lost = 0;
        lane->generation++;
        lane->raised_from = 0;
        written(s, l, NOBODY);
        return true;
}

STEP(leader_sends_away) {
        PUMP;
        if (i || s->in != l || s->entry != ENTRY_HERE || s->moves == r->moves || lane->state != LANE_OWNED) return false;
        s->entry = ENTRY_LEAVING;
        s->moves++;
        written(s, l, NOBODY);
        return true;
}

STEP(leader_moves) {
        PUMP;
        struct model_lane *to = &s->lane[1 - l];
        if (i || s->in != l || s->entry != ENTRY_LEFT || to->state == LANE_ASSIGNED) return false;
        s->in = (uint8_t)(1 - l);
        s->entry = ENTRY_HERE;
        if (to->generation <= s->floor_generation && !r->no_raise) {
                to->raised_from = to->generation;
                to->generation = (uint8_t)(s->floor_generation + 1);
        }
        written(s, l, NOBODY);
        written(s, 1 - l, NOBODY);
        return true;
}

/* ---- the table ---- */

#define FAULT true
#define CORD true
#define WORK false
const struct action actions[] = {
        {"worker %s reads the znode of lane %s", false, WORK, true, "assign.c on_lane_read", worker_reads},
        {"worker %s: init_transactions of lane %s", false, WORK, true, "pump_life.c open_job", worker_inits},
        {"worker %s claims lane %s", false, WORK, true, "lane.c LANE_CLAIM", worker_claims},
        {"worker %s starts the pump of lane %s", false, WORK, true, "lane.c LANE_PUMP_START", worker_starts},
        {"worker %s adopts the new generation of lane %s", false, WORK, true, "lane.c LANE_PUMP_ADOPT", worker_adopts},
        {"worker %s stops its pump of lane %s", false, WORK, true, "lane.c drain", worker_stops},
        {"worker %s tells its pump the partitions of lane %s", false, WORK, true, "pump_request.c handle_update", worker_updates},
        {"worker %s stops and releases lane %s", FAULT, WORK, true, "lane.c LANE_RELEASE", worker_releases},
        {"worker %s, starting in lane %s: reads the group's position", false, WORK, true, "pump_start.c op_take_committed",
         start_reads_group},
        {"worker %s, starting in lane %s: reads the position record", false, WORK, true, "pump_start.c op_take_recorded",
         start_reads_record},
        {"worker %s starts lane %s without the partition", false, WORK, true, "pump_start.c", start_without},
        {"worker %s, starting in lane %s: commits to the group, and runs", false, WORK, true, "pump_start.c op_commit",
         start_commits_group},
        {"worker %s sends a record in lane %s", false, WORK, true, "pump.c pump_send", pump_sends},
        {"worker %s: a record of lane %s arrives and is acknowledged", false, WORK, true, "pump.c on_delivery",
         pump_is_acknowledged},
        {"worker %s reads the group's generation before a commit of lane %s", false, WORK, true, "pump_start.c pump_commit",
         chain_reads_group},
        {"worker %s commits its position in lane %s to the group", false, WORK, true, "pump_start.c op_commit",
         chain_commits_group},
        {"worker %s commits a transaction of lane %s with its position record", false, WORK, true, "pump_txn.c txn_end",
         pump_commits},
        {"worker %s commits a transaction of lane %s without the partition", false, WORK, true, "pump_txn.c txn_end",
         pump_commits_others},
        {"worker %s commits a transaction of lane %s, and the answer is lost", FAULT, WORK, true, "pump_txn.c end_failed",
         pump_commits_unheard},
        {"worker %s: a delivery of lane %s fails; it gives its producer up", FAULT, WORK, true, "pump_life.c pump_recycle",
         pump_fails},
        {"worker %s: what was sent in lane %s has got no answer, and is to be sent again", FAULT, WORK, true,
         "pump_relay.c on_taken_back", pump_hears_nothing},
        {"worker %s gives up the transaction of lane %s, for what has got no answer", false, WORK, true, "pump_txn.c holds_lost",
         pump_gives_up},
        {"worker %s: init_transactions of lane %s again, without a claim", false, WORK, true, "pump_life.c open_done",
         pump_reopens},
        {"worker %s is refused in lane %s: a newer producer", false, WORK, true, "pump_life.c pump_fence", pump_is_refused},
        {"worker %s sends no more of the partition, which leaves lane %s", false, WORK, true, "pump_leave.c", pump_leaves},
        {"worker %s writes into lane %s that the partition has left, and its position", false, WORK, true,
         "lane_record.c PUMP_FACT_LEFT", worker_writes_left},
        {"worker %s writes into lane %s that the partition has left; the answer is lost", FAULT, WORK, true,
         "lane.c LANE_ON_UNKNOWN", worker_writes_left_unheard},
        {"worker %s crashes", FAULT, WORK, false, "SIGKILL", worker_crashes},
        {"worker %s: its session ends, the process goes on", FAULT, WORK, false, "a pause, a cut", worker_expires},
        {"worker %s is cut from ZooKeeper for good", FAULT, WORK, false, "a cut", worker_is_cut},
        {"the leader gives worker %s lane %s", false, WORK, true, "cluster_step.c lane_assign", leader_assigns},
        {"the leader (%s) has the partition leave lane %s", false, CORD, true, "cluster_spread.c", leader_sends_away},
        {"the leader (%s) moves the partition out of lane %s", false, CORD, true, "cluster_spread.c", leader_moves},
};
const size_t action_count = sizeof actions / sizeof *actions;

bool action_step(const struct rules *r, const struct action *action, struct state *s, unsigned who, unsigned target) {
        if (!action->step(r, s, who, target)) return false;
        for (unsigned n = 0; n < 4; n++)
                for (unsigned m = 0; m < n; m++) {
                        const struct model_pump *p = &s->pump[n / 2][n % 2], *q = &s->pump[m / 2][m % 2];
                        if (commits_now(p) && commits_now(q) && p->held == q->held && p->has && q->has &&
                            p->pump == PUMP_RUNNING && q->pump == PUMP_RUNNING)
                                broken(s, LAW_OWNERS);
                }
        return true;
}

void state_init(const struct rules *r, struct state *s) {
        const struct model_pump pump = {.known = KNOWN_OWNED, .known_generation = 1, .fresh = 1, .held = 1};
        *s = (struct state){
                .lane = {{.state = LANE_OWNED, .owner = 0, .generation = 1, .epoch_of = 0},
                         {.state = LANE_OWNED, .owner = 1, .generation = 1, .epoch_of = 1}},
                .group_generation = 1,
        };
        s->pump[0][0] = s->pump[1][1] = pump;
        s->pump[0][0].pump = PUMP_RUNNING;
        s->pump[0][0].has = s->pump[0][0].known_has = 1;
        s->pump[1][1].pump = PUMP_OUT;
        if (!r->zombie) return;
        s->pump[0][0].fresh = s->pump[1][1].fresh = 0;
        s->cut[0] = 1;
        s->lane[0].owner = 1;
        s->lane[0].generation = 2;
        s->lane[0].epoch_of = 1;
        s->pump[0][1] = (struct model_pump){.known = KNOWN_OWNED, .known_generation = 2, .fresh = 1, .known_has = 1, .pump = PUMP_READY};
}

bool state_is_goal(const struct rules *r, const struct state *s) {
        const struct model_lane *lane = &s->lane[s->in];
        const struct model_pump *owner = &s->pump[s->in][lane->owner];
        if (s->moves != r->moves || s->entry != ENTRY_HERE || lane->state != LANE_OWNED || lane->lost) return false;
        for (unsigned n = 0; n < 4; n++)
                if (&s->pump[n / 2][n % 2] != owner && s->pump[n / 2][n % 2].pump == PUMP_RUNNING) return false;
        return owner->pump == PUMP_RUNNING && owner->held == lane->generation && owner->position == r->records &&
               s->log == r->records && s->group_position == r->records && s->group_generation == owner->held;
}

void state_print(const struct state *s, FILE *out) {
        static const char *const states[] = {"FREE", "ASSIGNED", "OWNED"};
        static const char *const entries[] = {"", " leaving", " left"};
        static const char *const pumps[] = {"idle", "ready", "recycled", "start", "start", "start", "start", "without", "leaving",
                                            "running"};
        for (unsigned l = 0; l < 2; l++) {
                const struct model_lane *lane = &s->lane[l];
                (void)fprintf(out, "lane %u %s(%c%s) g%u", l + 1, states[lane->state], 'A' + lane->owner, lane->lost ? ", lost" : "",
                              lane->generation);
                if (s->in == l) (void)fprintf(out, " has it%s", entries[s->entry]);
                (void)fprintf(out, " record g%u", lane->record_generation);
                if (lane->row) (void)fprintf(out, " at %u g%u", lane->row_position, lane->row_generation);
                if (lane->txn_from != lane->txn_to) (void)fprintf(out, " open [%u,%u)", lane->txn_from, lane->txn_to);
                for (unsigned i = 0; i < 2; i++) {
                        const struct model_pump *p = &s->pump[l][i];
                        if (p->pump) (void)fprintf(out, " %c:%s g%u", 'A' + i, pumps[p->pump], p->held);
                        if (p->pump >= PUMP_LEAVING) (void)fprintf(out, " %u/%u", p->position, p->next);
                }
                (void)fprintf(out, " | ");
        }
        (void)fprintf(out, "floor %u g%u | log %u | group %u g%u", s->floor, s->floor_generation, s->log, s->group_position,
                      s->group_generation);
}

/* ---- the rows ---- */

#define LAW(name) (1u << LAW_##name)
#define HOLDS 0
#define EO .exactly_once = true, .moves = 1
#define ZOMBIE EO, .zombie = true, .calm = true
#define BACK .exactly_once = true, .moves = 2, .calm = true
const struct row rows[] = {
        {"exactly-once", "all laws hold", HOLDS, {EO}},
        {"at-least-once", "all laws hold", HOLDS, {.moves = 1}},
        {"zombie", "exactly-once, an earlier owner is cut from ZooKeeper", HOLDS, {ZOMBIE}},
        {"there-and-back", "exactly-once, the partition comes back", HOLDS, {BACK}},
        {"there-and-back-at-least-once", "the same", HOLDS, {.moves = 2, .calm = true}},
        {"no-floor", "the new owner does not look at the floor", LAW(TWICE), {EO, .no_floor = true}},
        {"floor-always", "the floor counts for ever", LAW(TWICE), {EO, .floor_always = true}},
        {"no-raise", "the new lane keeps its lower generation", LAW(RISES), {EO, .no_raise = true}},
        {"leave-early", "the partition leaves before its last commit", LAW(LOST), {EO, .leave_early = true}},
        {"leave-early-at-least-once", "the same", LAW(LOST), {.leave_early = true, .moves = 1}},
        {"no-record", "the partition leaves without a record of this owner's", LAW(TWICE), {ZOMBIE, .no_record = true}},
        {"fence-by-row", "a record's own generation says nothing", LAW(TWICE), {ZOMBIE, .fence_by_row = true}},
        {"same-again", "a partition that comes back goes on where it was", LAW(TWICE), {BACK, .same_again = true}},
        {"end-over-unheard", "a transaction ends over a record without an answer", LAW(TWICE), {EO, .end_over_unheard = true}},
};
const size_t row_count = sizeof rows / sizeof *rows;
