/* A partition leaves its lane for another one (docs/design.md, "A partition changes
 * its lane").
 *
 *   FLOWING -> PARKED, leaving      it is not read any more, what was sent is waited for
 *     -> its last commit: at-least-once the group's offset, under our generation;
 *        exactly-once a transaction with a record of our generation that has its last
 *        position, also when it has not moved: an earlier owner that comes back reads
 *        that record, and stops
 *     -> told: the lane's record gets `left` and the position
 *     -> left                       nothing is read, sent, committed or listed of it
 *
 * A halt, or an answer that is being carried out, comes first: for that it flows
 * once more.  Clients that are replaced before it has left, and records that fail,
 * begin anew: it is started, and taken out again. */
#include <inttypes.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/pump_internal.h"

bool leave_rests(const struct part *part) { return part->leaving && !part->resuming && part->halt.kind == HALT_NONE; }

/* What has failed of it since is not in flight, and has not arrived: it starts again, at that record, and rests there.
 * A transaction fails with it, and the clients are replaced. */
bool part_rests(const struct pump *pump, const struct part *part) {
        if (!part->flowed || !(part->paused || part->leaving)) return false;
        return pump->settings.exactly_once || ledger_in_flight(&part->ledger) == 0;
}

bool leave_still(const struct pump *pump, const struct part *part) {
        if (!part->leaving || part->left || part->state != PART_PARKED || part->starting || part->relayed || part->halt_probing) return false;
        if (!part->flowed || part->under_way || part->halt.kind != HALT_NONE || part->passed.kind != HALT_NONE) return false;
        if (part->resuming || part->poison >= 0) return false;
        return pump->state == PUMP_RUNNING && ledger_in_flight(&part->ledger) == 0 &&
               ledger_position(&part->ledger) == ledger_next(&part->ledger);
}

bool leave_due(const struct pump *pump) {
        for (size_t i = 0; i < pump->part_count; i++)
                if (!pump->parts[i]->leave_recorded && leave_still(pump, pump->parts[i])) return true;
        return false;
}

static bool committed(const struct pump *pump, const struct part *part) {
        if (pump->settings.exactly_once)
                return part->leave_recorded && part->txn_position == ledger_next(&part->ledger);
        return part->committed >= 0 && part->committed == ledger_position(&part->ledger);
}

void leave_look(struct pump *pump) {
        bool tell = false;
        if (pump->state != PUMP_RUNNING) return;
        for (size_t i = 0; i < pump->part_count; i++) {
                struct part *part = pump->parts[i];
                if (!part->leaving || part->left) continue;
                if (part->state == PART_FLOWING && leave_rests(part)) part_stop(pump, part, PART_PARKED, "leaves for another lane");
                if (part->leave_done || !leave_still(pump, part)) continue;
                if (!committed(pump, part)) {
                        if (!pump->settings.exactly_once && !pump->commit_op && clock_boot_ms() >= pump->recheck_ms)
                                (void)pump_commit(pump, false);
                        continue;
                }
                part->leave_done = tell = true;
                log_info("partition.leave", "route=%s lane=%u topic=%s partition=%d position=%" PRId64 " gen=%" PRIu64,
                         pump->settings.route, pump->settings.lane, part->topic->name, part->partition,
                         ledger_position(&part->ledger), pump->settings.generation);
        }
        if (tell) pump_tell(pump, PUMP_TELL_FACTS, 0);
}

/* As if it had just been added. */
static void begin_anew(struct pump *pump, struct part *part, const struct pump_partition *now) {
        if (part->under_way || part->relayed) { /* a bug, or a record that nobody of ours has written: ask whose the lane is */
                log_error("partition.leave", "route=%s lane=%u topic=%s partition=%d note=\"it was elsewhere, and still runs here\"",
                          pump->settings.route, pump->settings.lane, part->topic->name, part->partition);
                return pump_fence(pump, 0);
        }
        if (part->state == PART_FLOWING) part_stop(pump, part, PART_PARKED, "was in another lane");
        /* What a chain has read of it is of its earlier stay. */
        if (pump->start_op) pump->start_op->stale = true;
        if (pump->commit_op) pump->commit_op->stale = true;
        pump_drop_part(pump, part);
        ledger_fini(&part->ledger);
        map_part_fini(part);
        offset_map_init(&part->map);
        offset_map_init(&part->map_older);
        part->left = part->leave_done = part->leave_recorded = part->leave_in_txn = part->flowed = false;
        part->recorded = part->record_stale = part->record_wanted = part->record_counts = false;
        part->committed_once = part->resuming = part->resumed = part->approach = part->poison_met = false;
        part->position = part->committed = part->txn_position = part->txn_next = part->poison = part->map_next = part->relay_until = -1;
        part->small = false; /* `place` stays: the producer's sequence goes on where it was */
        part->txn_generation = part->map_generation = 0;
        part->single_until = 0;
        part->gone_ms = 0;
        part->halt = part->passed = (struct halt){0};
        part->halt_recorded = false;
        halt_forget_below(part);
        part->started = now->started;
        part->floor = now->floor;
        part->state = PART_NEW;
        halt_from_record(pump, part, &now->halt, true);
}

void leave_update(struct pump *pump, struct part *part, const struct pump_partition *now) {
        bool was = part->leaving;
        part->leaving = now->leaving;
        if (now->floor.generation != part->floor.generation) return begin_anew(pump, part, now);
        if (part->left) return;
        halt_from_record(pump, part, &now->halt, false);
        if (!was || now->leaving) return;
        part->leave_done = part->leave_recorded = part->leave_in_txn = false; /* it stays after all */
        part->retry_ms = clock_boot_ms();
        pump_retry_soon(pump, 1);
}

void leave_on_reopen(struct part *part) { part->leave_done = part->leave_recorded = part->leave_in_txn = false; }
