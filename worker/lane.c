#include "worker/lane.h"

#include <assert.h>
#include <stddef.h>

#include "common/sabotage.h"

/* state -> name, allowed successors */
#define TO(state) (1u << LANE_PUMP_##state)
static const struct {
        const char *name;
        unsigned allowed;
} pump_states[] = {
        [LANE_PUMP_IDLE] = {"IDLE", TO(OPENING)},
        [LANE_PUMP_OPENING] = {"OPENING", TO(READY) | TO(DRAINING) | TO(DRAINED) | TO(FENCED)},
        [LANE_PUMP_READY] = {"READY", TO(STARTING) | TO(DRAINING) | TO(DRAINED) | TO(FENCED)},
        [LANE_PUMP_STARTING] = {"STARTING", TO(RUNNING) | TO(DRAINING) | TO(DRAINED) | TO(FENCED)},
        [LANE_PUMP_RUNNING] = {"RUNNING", TO(DRAINING) | TO(DRAINED) | TO(FENCED)},
        [LANE_PUMP_DRAINING] = {"DRAINING", TO(DRAINED) | TO(FENCED)},
        [LANE_PUMP_DRAINED] = {"DRAINED", TO(IDLE)},
        [LANE_PUMP_FENCED] = {"FENCED", TO(IDLE)},
};
#undef TO

const char *lane_pump_name(enum lane_pump pump) { return pump_states[pump].name; }

const char *lane_action_name(enum lane_action action) {
        static const char *const names[] = {
                [LANE_NOTHING] = "nothing",         [LANE_READ] = "read",
                [LANE_CLAIM] = "claim",             [LANE_MARK] = "mark",
                [LANE_RELEASE] = "release",         [LANE_PUMP_OPEN] = "pump-open",
                [LANE_PUMP_START] = "pump-start",   [LANE_PUMP_UPDATE] = "pump-update",
                [LANE_PUMP_GO] = "pump-go",         [LANE_PUMP_ADOPT] = "pump-adopt",
                [LANE_PUMP_DRAIN] = "pump-drain",   [LANE_FORGET] = "forget",
        };
        return names[action];
}

static void pump_move(struct lane *lane, enum lane_pump to) {
        assert(pump_states[lane->pump].allowed & (1u << to));
        lane->pump = to;
}

void lane_init(struct lane *lane, bool connected) {
        *lane = (struct lane){.connected = connected};
}

static void stale(struct lane *lane) { lane->record_stale = true; }

static bool pump_started(const struct lane *lane) {
        return lane->pump == LANE_PUMP_STARTING || lane->pump == LANE_PUMP_RUNNING;
}

static bool pump_active(const struct lane *lane) {
        return pump_started(lane) || lane->pump == LANE_PUMP_OPENING || lane->pump == LANE_PUMP_READY;
}

static void lane_absorb(struct lane *lane, const struct lane_event *event) {
        switch (event->type) {
        case LANE_ON_ASSIGNED:
                /* The entry changes with the record in one multi, so a new
                 * entry means that the record we know is old. */
                if (!lane->wanted || lane->want_generation != event->generation ||
                    lane->want_spec != event->spec || event->revoke)
                        stale(lane);
                lane->wanted = true;
                lane->want_generation = event->generation;
                lane->want_spec = event->spec;
                break;
        case LANE_ON_UNASSIGNED:
                if (lane->wanted) stale(lane);
                lane->wanted = false;
                break;
        case LANE_ON_SESSION:
                lane->connected = event->connected;
                stale(lane);
                break;
        case LANE_ON_READ:
                lane->request = LANE_REQUEST_NONE;
                lane->record_known = true;
                lane->record_missing = event->missing;
                lane->record = event->record;
                break;
        case LANE_ON_WRITTEN:
                lane->record.version = event->version;
                if (lane->request == LANE_REQUEST_CLAIM) {
                        lane->record.state = LANE_RECORD_OWNED;
                        lane->record.generation = lane->claim_generation;
                } else if (lane->request == LANE_REQUEST_MARK) {
                        lane->go = true;
                } else if (lane->request == LANE_REQUEST_RELEASE) {
                        lane->record.state = LANE_RECORD_FREE;
                        lane->record.owner_is_me = lane->record.incarnation_is_me = false;
                        if (lane->pump == LANE_PUMP_DRAINED) pump_move(lane, LANE_PUMP_IDLE);
                }
                lane->request = LANE_REQUEST_NONE;
                break;
        case LANE_ON_REFUSED:
        case LANE_ON_UNKNOWN:
                if (lane->request == LANE_REQUEST_MARK) lane->unmarked = pump_started(lane);
                lane->request = LANE_REQUEST_NONE;
                stale(lane);
                break;
        case LANE_ON_READY:
                if (lane->pump == LANE_PUMP_OPENING) pump_move(lane, LANE_PUMP_READY);
                break;
        case LANE_ON_FACTS:
                if (pump_started(lane)) lane->unmarked = true;
                break;
        case LANE_ON_RUNNING:
                if (lane->pump == LANE_PUMP_STARTING) pump_move(lane, LANE_PUMP_RUNNING);
                break;
        case LANE_ON_FENCED:
                if (event->generation > lane->fenced_generation)
                        lane->fenced_generation = event->generation;
                pump_move(lane, LANE_PUMP_FENCED);
                lane->unmarked = lane->go = false;
                stale(lane); /* who owns it now? */
                break;
        case LANE_ON_DRAINED:
                pump_move(lane, LANE_PUMP_DRAINED);
                lane->unmarked = lane->go = false;
                break;
        case LANE_ON_REOPEN:
                lane->reopen = pump_active(lane);
                break;
        case LANE_ON_STOP:
                lane->stopping = true;
                break;
        }
}

static enum lane_action request(struct lane *lane, enum lane_request request,
                                enum lane_action action) {
        lane->request = request;
        return action;
}

static enum lane_action drain(struct lane *lane) {
        lane->unmarked = lane->go = lane->reopen = false;
        pump_move(lane, LANE_PUMP_DRAINING);
        return LANE_PUMP_DRAIN;
}

static enum lane_action claim(struct lane *lane, uint64_t generation) {
        lane->claim_generation = generation;
        return request(lane, LANE_REQUEST_CLAIM, LANE_CLAIM);
}

static uint64_t above_fence(const struct lane *lane, uint64_t generation) {
        return generation > lane->fenced_generation ? generation : lane->fenced_generation + 1;
}

static enum lane_action open_pump(struct lane *lane) {
        lane->reopen = false; /* it gets what is there now */
        pump_move(lane, LANE_PUMP_OPENING);
        return LANE_PUMP_OPEN;
}

/* Ours by the record, state OWNED. */
static enum lane_action lane_decide_owned(struct lane *lane) {
        switch (lane->pump) {
        case LANE_PUMP_FENCED:
                pump_move(lane, LANE_PUMP_IDLE);
                return lane_decide_owned(lane);
        case LANE_PUMP_DRAINED:
                if (lane->stopping || !lane->wanted)
                        return request(lane, LANE_REQUEST_RELEASE, LANE_RELEASE);
                pump_move(lane, LANE_PUMP_IDLE);
                return lane_decide_owned(lane);
        case LANE_PUMP_IDLE:
                if (lane->stopping) return request(lane, LANE_REQUEST_RELEASE, LANE_RELEASE);
                return open_pump(lane);
        case LANE_PUMP_OPENING:
                return LANE_NOTHING;
        case LANE_PUMP_READY:
                /* A higher generation is committed in the group although the
                 * record is ours (ZooKeeper was wiped, or a lane number was
                 * used before): the owner by record takes a higher one. */
                if (lane->fenced_generation >= lane->record.generation)
                        return claim(lane, above_fence(lane, lane->record.generation));
                pump_move(lane, LANE_PUMP_STARTING);
                lane->unmarked = lane->go = false;
                lane->held_generation = lane->record.generation;
                lane->pump_spec = lane->record.spec;
                return LANE_PUMP_START;
        case LANE_PUMP_STARTING:
        case LANE_PUMP_RUNNING:
                if (lane->stopping) return drain(lane);
                if (lane->held_generation != lane->record.generation) {
                        /* Somebody may have run it in between: start again at
                         * what is committed. */
                        bool raised = lane->record.raised_from && lane->record.raised_from == lane->held_generation;
                        if ((lane->record.generation != lane->held_generation + 1 && !raised) || lane->record.moved) return drain(lane);
                        lane->held_generation = lane->record.generation;
                        return LANE_PUMP_ADOPT;
                }
                if (lane->pump_spec != lane->record.spec) {
                        lane->pump_spec = lane->record.spec;
                        return LANE_PUMP_UPDATE;
                }
                if (lane->unmarked) {
                        lane->unmarked = false; /* what is told from now on needs another */
                        return request(lane, LANE_REQUEST_MARK, LANE_MARK);
                }
                return LANE_NOTHING;
        case LANE_PUMP_DRAINING:
                return LANE_NOTHING;
        }
        return LANE_NOTHING;
}

/* Not ours by the record (or the record is gone). */
static enum lane_action lane_decide_foreign(struct lane *lane) {
        if (pump_active(lane)) return drain(lane);
        if (lane->pump == LANE_PUMP_DRAINED || lane->pump == LANE_PUMP_FENCED)
                pump_move(lane, LANE_PUMP_IDLE);
        if (lane->pump == LANE_PUMP_IDLE && (!lane->wanted || lane->stopping)) return LANE_FORGET;
        return LANE_NOTHING;
}

static enum lane_action lane_decide(struct lane *lane) {
        /* What needs no ZooKeeper comes first. */
        if (lane->go) {
                lane->go = false;
                if (pump_started(lane)) return LANE_PUMP_GO;
        }
        if (lane->stopping && pump_active(lane)) return drain(lane);
        if (lane->request != LANE_REQUEST_NONE || !lane->connected) return LANE_NOTHING;
        if (!lane->record_known || lane->record_stale) {
                lane->record_stale = false;
                return request(lane, LANE_REQUEST_READ, LANE_READ);
        }
        if (lane->record_missing || !lane->record.owner_is_me ||
            lane->record.state == LANE_RECORD_FREE)
                return lane_decide_foreign(lane);
        if (!lane->record.incarnation_is_me) {
                /* An earlier session of ours: what runs goes on (the committed
                 * generation fences it), and the coordinator decides. */
                if (lane->stopping) return lane_decide_foreign(lane);
                if (lane->pump == LANE_PUMP_FENCED || lane->pump == LANE_PUMP_DRAINED)
                        pump_move(lane, LANE_PUMP_IDLE);
                return LANE_NOTHING;
        }
        /* Not before here: without ZooKeeper, or a claim of this incarnation, it
         * would not be opened again. */
        if (lane->reopen && pump_active(lane)) return drain(lane);
        switch (lane->record.state) {
        case LANE_RECORD_ASSIGNED:
                if (lane->stopping) return lane_decide_foreign(lane);
                if (lane->pump == LANE_PUMP_DRAINED || lane->pump == LANE_PUMP_FENCED)
                        pump_move(lane, LANE_PUMP_IDLE);
                if (lane->pump == LANE_PUMP_IDLE) return open_pump(lane);
                if (lane->pump == LANE_PUMP_OPENING || lane->pump == LANE_PUMP_DRAINING) return LANE_NOTHING;
                if (SABOTAGE(CLAIM_SKIPPED) && lane->pump == LANE_PUMP_READY) return lane_decide_owned(lane);
                return claim(lane, above_fence(lane, lane->record.generation));
        case LANE_RECORD_OWNED:
                return lane_decide_owned(lane);
        case LANE_RECORD_REVOKING:
                if (pump_active(lane)) return drain(lane);
                if (lane->pump == LANE_PUMP_DRAINING) return LANE_NOTHING;
                if (lane->pump == LANE_PUMP_FENCED) pump_move(lane, LANE_PUMP_IDLE);
                return request(lane, LANE_REQUEST_RELEASE, LANE_RELEASE);
        case LANE_RECORD_FREE:
                break;
        }
        return LANE_NOTHING;
}

enum lane_action lane_step(struct lane *lane, const struct lane_event *event) {
        if (event) lane_absorb(lane, event);
        return lane_decide(lane);
}
