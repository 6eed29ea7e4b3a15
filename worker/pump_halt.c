/* Halts of partitions: how they are found out, answered and left again.
 *
 * A partition
 *   FLOWING -> PARKED, probing -> HALTED      out of the log's range: which way?
 *   FLOWING, NEW -> HALTED                    a record, or a lost position
 *   HALTED, recorded with an answer
 *     -> NEW at the answer's target -> START -> WAITING until the target is
 *        committed and the lane's record says so -> FLOWING
 *     -> NEW at the committed position        to retry, or to come to the halt
 *        again (approach), where the answer counts
 *
 * A skip needs to know that everything below it has arrived.  A halt that was
 * found by an earlier owner, or by clients that have gone since, tells nothing
 * about that: the partition starts at its committed position and flows up to
 * the halt.  A record that the destination has refused is known by its offset
 * (`poison`) and not sent again: it would spoil each transaction that the
 * records before it are in. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/halt_text.h"
#include "common/kafka.h"
#include "common/log.h"
#include "worker/pump_internal.h"

#define PROBE_RETRY_MS 1000
#define RETRY_AGAIN_MS 1000 /* between two tries of an answer that says so; doubles, */
#define RETRIES_MAX 6       /* so often */

static bool of_log(enum halt_kind kind) { return kind == HALT_GAP || kind == HALT_ABOVE_END; }

/* ---- found ---- */

/* Stands still at part->halt until that is recorded with an answer. */
static void halt_here(struct pump *pump, struct part *part) {
        part->resuming = part->resumed = part->approach = false;
        part->poison = -1;
        part_stop(pump, part, PART_HALTED, "%s", part->halt.reason);
        pump->facts_due |= !part->halt_recorded;
        pump_retry_soon(pump, 1); /* we may be inside a delivery, and more may halt with it */
}

void halt_forget_below(struct part *part) {
        part->below_state = BELOW_NONE;
        part->below = 0;
}

void part_halt(struct pump *pump, struct part *part, enum halt_kind kind, int64_t from, int64_t to,
               const char *format, ...) {
        struct halt halt = {.kind = kind, .from = from, .to = to};
        const struct halt *old = &part->halt;
        va_list ap;
        va_start(ap, format);
        (void)vsnprintf(halt.reason, sizeof halt.reason, format, ap); /* cut at the bound */
        va_end(ap);
        halt.answer = halt_policy(kind, pump->settings.gap_policy, pump->settings.poison_record_policy);
        if (part->resuming && part->approach && old->kind == kind && (of_log(kind) || old->from == from)) {
                halt.answer = old->answer; /* this is what it was given for */
                if (halt.answer == ANSWER_OFFSET) halt.to = old->to;
        }
        part->letter_refused = part->poison >= 0 && part->poison == from && old->answer == ANSWER_DEAD_LETTER;
        if (part->letter_refused) halt.answer = ANSWER_NONE;
        bool again = halt_same(old, &halt);
        if (!again && (size_t)kind < PUMP_STATS_KINDS) pump->stats.halts[kind]++;
        if (part->resuming && part->poison_met && !again) part->passed = *old;
        if (!again) halt_forget_below(part);
        part->halt_recorded = part->halt_recorded && again && old->answer == halt.answer;
        part->halt = halt;
        halt_here(pump, part);
        bool retries = again && halt.answer == ANSWER_RETRY;
        part->retry_ms = retries ? clock_boot_ms() + ((int64_t)RETRY_AGAIN_MS << part->retries) : 0;
        part->retries = !retries ? 0 : part->retries < RETRIES_MAX ? part->retries + 1 : RETRIES_MAX;
}

/* ---- the log's range ---- */

static void probe_job(void *arg) {
        struct halt_probe *probe = arg;
        /* The consumer lives: clients are destroyed only when no job runs. */
        probe->err = kafka_log_range(probe->pump->consumer, probe->part->topic->name, probe->part->partition, PUMP_REQUEST_MS,
                                     &probe->low, &probe->high);
}

/* Out of range, or a late answer of a broker that lags behind. */
static void found_out_of_range(struct pump *pump, struct part *part, int64_t low, int64_t high) {
        int64_t position = ledger_next(&part->ledger);
        if (position < low)
                part_halt(pump, part, HALT_GAP, position, low, "gap: the source no longer holds offsets [%lld, %lld)",
                          (long long)position, (long long)low);
        else if (position > high)
                part_halt(pump, part, HALT_ABOVE_END, position, high,
                          "position %lld lies above the end of the source's log, %lld: truncated, or created anew",
                          (long long)position, (long long)high);
}

static void answer_carry_out(struct pump *pump, struct part *part, int64_t target);

static void probe_done(void *arg) {
        struct halt_probe *probe = arg;
        struct pump *pump = probe->pump;
        struct part *part = probe->part;
        data_loop_tick(pump->loop);
        pump->jobs--;
        part->halt_probing = false;
        if (probe->err) {
                pump_set_error(pump, rd_kafka_err2str(probe->err));
                pump_retry_soon(pump, PROBE_RETRY_MS);
        } else if (pump->state == PUMP_RUNNING && part->state == PART_HALTED) {
                answer_carry_out(pump, part, halt_target(&part->halt, probe->low, probe->high));
                pump_start_parts(pump);
        } else if (pump->state == PUMP_RUNNING && part->state == PART_PARKED && part->flowed) {
                found_out_of_range(pump, part, probe->low, probe->high);
        }
        free(probe);
        pump_advance(pump);
}

void halt_probe(struct pump *pump, struct part *part) {
        struct halt_probe *probe = calloc(1, sizeof *probe);
        if (!probe) return pump_retry_soon(pump, PROBE_RETRY_MS);
        *probe = (struct halt_probe){.pump = pump, .part = part};
        part->halt_probing = true;
        pump->jobs++;
        short_thread_queue(&pump->loop->mailbox, &probe->work, probe, probe_job, probe_done);
}

/* ---- answered ---- */

/* Everything below the halt has arrived, or does not matter. */
static bool answer_counts_here(const struct part *part) {
        if (part->halt.answer == ANSWER_OFFSET || part->halt.answer == ANSWER_RESTART ||
            part->halt.kind == HALT_NO_POSITION)
                return true;
        if (part->halt.kind == HALT_REFUSED) return false; /* where the record is met */
        return part->flowed &&
               (ledger_in_flight(&part->ledger) == 0 || ledger_position(&part->ledger) >= part->halt.from);
}

static void approach(struct part *part) {
        bool known = part->halt.kind == HALT_REFUSED && part->halt.answer != ANSWER_RETRY;
        part->resuming = part->approach = true;
        part->resumed = part->poison_met = false;
        part->resumed_at = -1;
        part->poison = known ? part->halt.from : -1;
        part->state = PART_NEW;
}

/* target -1: at the committed position. */
static void answer_carry_out(struct pump *pump, struct part *part, int64_t target) {
        bool lost = part->halt.kind == HALT_NO_POSITION;
        bool seeks = target >= 0 && !part->flowed && part->halt.from >= 0;
        if (seeks && part->below_state == BELOW_NONE) part->below_state = BELOW_SOUGHT;
        approach(part);
        if (lost || target >= 0) part->committed_once = false; /* a position that has gone is known by now */
        /* Where it stood may be of a log that is gone: what the group says counts, and nothing else. */
        if (lost && target < 0) {
                part->flowed = false;
                part->position = -1;
        }
        part->approach = target < 0;
        part->resumed_at = target;
        if (target >= 0) part->poison = -1;
        log_info("partition.resume", "route=%s lane=%u topic=%s partition=%d answer=%s from=%lld to=%lld",
                 pump->settings.route, pump->settings.lane, part->topic->name, part->partition,
                 halt_answer_name((Heliostat__Pb__HaltAnswer)part->halt.answer), (long long)part->halt.from,
                 (long long)target);
        pump_drop_part(pump, part);
        if (target >= 0) {
                ledger_fini(&part->ledger);
                ledger_init(&part->ledger, target);
                part->position = target;
                part->flowed = true;
                part->committed = -1;
        }
}

enum halt_answer halt_at_poison(struct pump *pump, struct part *part) {
        bool passes = part->halt.answer == ANSWER_SKIP || part->halt.answer == ANSWER_DEAD_LETTER;
        part->poison_met = part->halt_recorded && passes;
        if (part->poison_met) {
                if (pump->txn != TXN_NONE) txn_answered(pump);
                return part->halt.answer;
        }
        halt_here(pump, part); /* another answer is carried out there */
        return ANSWER_NONE;
}

/* A transaction that is lost is begun again below the answered record; if one behind it had been refused meanwhile, that
 * one's halt would have taken the place of the answer, and so on in turns. */
bool halt_holds_back(const struct pump *pump, const struct part *part) {
        return pump->txn != TXN_NONE && part->resuming && part->approach && part->poison_met && !part->resumed;
}

void halt_answers(struct pump *pump) {
        if (pump->state != PUMP_RUNNING) return;
        for (size_t i = 0; i < pump->part_count; i++) {
                struct part *part = pump->parts[i];
                if (part->state != PART_HALTED || !part->halt_recorded || part->halt.answer == ANSWER_NONE ||
                    part->halt_probing)
                        continue;
                if (part->retry_ms > clock_boot_ms()) {
                        pump_retry_soon(pump, RETRY_AGAIN_MS);
                        continue;
                }
                if (part->under_way) {
                        pump_retry_soon(pump, 100); /* what is under way would be sent twice */
                        continue;
                }
                if (!answer_counts_here(part))
                        answer_carry_out(pump, part, -1);
                else if (halt_needs_log(&part->halt))
                        halt_probe(pump, part);
                else
                        answer_carry_out(pump, part, halt_target(&part->halt, -1, -1));
        }
}

/* ---- done with ---- */

/* Both the record at the destination and the group's position: the higher of
 * the two would count, and a restart leads to a lower one. */
static bool target_committed(const struct pump *pump, const struct part *part) {
        if (pump->txn != TXN_NONE && part->txn_position != part->resumed_at) return false;
        return part->committed == part->resumed_at;
}

/* The reader is there and reads; the record was taken, or passed over. */
static bool halt_behind(const struct part *part) {
        if (part->state != PART_FLOWING) return false;
        if (of_log(part->halt.kind) || part->halt.kind == HALT_NO_POSITION)
                return part->eof || ledger_next(&part->ledger) > part->resumed_at;
        return part->committed > part->halt.from;
}

void halt_look_committed(struct pump *pump) {
        bool tell = false;
        for (size_t i = 0; i < pump->part_count; i++) {
                struct part *part = pump->parts[i];
                if (!part->resuming || part->resumed) continue;
                part->resumed = part->approach ? halt_behind(part) : target_committed(pump, part);
                tell |= part->resumed;
        }
        if (tell) pump_tell(pump, PUMP_TELL_FACTS, 0);
}

void halt_note_committed(struct part *part, int64_t offset, bool last) {
        if (part->below_state != BELOW_SOUGHT) return;
        if (offset >= 0) part->below = offset < part->halt.from ? part->halt.from - offset : 0;
        if (last) part->below_state = BELOW_FOUND; /* from now on it may be our own */
}

void halt_on_started(struct part *part) {
        /* An earlier owner may have carried the answer out already. */
        if (part->resuming && part->approach) part->resumed_at = part->position;
}

void halt_on_reopen(struct part *part) {
        if (part->resuming && !part->resumed) {
                part->resuming = part->approach = false;
                part->poison = -1;
                part->state = PART_HALTED;
        }
        /* What was sent before it may have gone with the clients.  An offset is gone to, wherever it stands. */
        if (part->state == PART_HALTED && part->halt.kind == HALT_REFUSED && part->halt.answer != ANSWER_OFFSET) approach(part);
}

bool halt_waits(const struct part *part) { return part->resuming && !part->approach; }

/* ---- the lane's record ---- */

/* The range that an answer to one record passed over. */
static struct halt one_record(const struct halt *of) {
        struct halt halt = *of;
        halt.to = halt.from + 1;
        return halt;
}

size_t halt_facts(const struct part *part, struct pump_fact out[static HALT_FACTS_MAX]) {
        size_t n = 0;
        if (part->passed.kind != HALT_NONE)
                out[n++] = (struct pump_fact){.kind = PUMP_FACT_RESUMED, .topic = part->topic->name,
                                              .partition = part->partition, .halt = one_record(&part->passed)};
        if (part->leave_done && !part->left) {
                out[n++] = (struct pump_fact){.kind = PUMP_FACT_LEFT, .topic = part->topic->name, .partition = part->partition,
                                              .position = ledger_position(&part->ledger), .came_with = part->floor.generation};
                return n;
        }
        struct pump_fact *fact = &out[n];
        *fact = (struct pump_fact){.topic = part->topic->name, .partition = part->partition, .halt = part->halt};
        if (part->state == PART_WAITING && !part->started) {
                fact->kind = PUMP_FACT_POSITIONED;
                if (!part->resuming || !part->resumed) return n + 1;
                /* It begins at an answer's target: both, or it would wait for ever. */
                out[++n] = *fact;
                fact = &out[n];
        } else if (part->state == PART_HALTED && part->halt.kind != HALT_NONE && !part->halt_recorded) {
                fact->kind = PUMP_FACT_HALTED;
                fact->letter_refused = part->letter_refused;
                return n + 1;
        }
        if (part->resuming && part->resumed) {
                fact->kind = PUMP_FACT_RESUMED;
                fact->below = part->below;
                if (part->halt.kind == HALT_REFUSED && part->approach)
                        fact->halt = one_record(&part->halt);
                else
                        fact->halt.to = part->resumed_at;
        } else {
                return n;
        }
        return n + 1;
}

void halt_fact_recorded(struct pump *pump, struct part *part, const struct pump_fact *fact) {
        switch (fact->kind) {
        case PUMP_FACT_POSITIONED: part->started = true; break;
        case PUMP_FACT_LEFT:
                if (!part->leave_done || part->floor.generation != fact->came_with) break;
                part->left = true;
                limits_share_topics(pump);
                break;
        case PUMP_FACT_HALTED:
                if (halt_same(&part->halt, &fact->halt) && part->halt.answer == fact->halt.answer)
                        part->halt_recorded = true;
                break;
        case PUMP_FACT_RESUMED:
                if ((size_t)fact->halt.answer < PUMP_STATS_KINDS) pump->stats.answers[fact->halt.answer]++;
                if (halt_same(&part->passed, &fact->halt)) part->passed = (struct halt){0};
                if (!part->resuming || !part->resumed || !halt_same(&part->halt, &fact->halt)) break;
                part->halt = (struct halt){0};
                halt_forget_below(part);
                part->halt_recorded = part->resuming = part->resumed = part->approach = false;
                part->poison = -1; /* and it may be relayed again, or leave the lane */
                log_info("partition.resumed", "route=%s lane=%u topic=%s partition=%d position=%lld",
                         pump->settings.route, pump->settings.lane, part->topic->name, part->partition,
                         (long long)part_position(part));
                break;
        }
}

/* One that has none, or is tried again and again, may get a better answer, also
 * while it is approached: then that counts where the halt is met again. */
static bool takes_answer(const struct part *part) {
        if (part->halt.answer != ANSWER_NONE && part->halt.answer != ANSWER_RETRY) return false;
        return part->state == PART_HALTED || (part->resuming && part->approach);
}

void halt_from_record(struct pump *pump, struct part *part, const struct halt *halt, bool added) {
        if (halt->kind == HALT_NONE) return;
        if (added) {
                part->halt = *halt;
                part->state = PART_HALTED;
                (void)snprintf(part->error, sizeof part->error, "%.159s", halt->reason);
                if (halt->answer == ANSWER_NONE)
                        part->halt.answer = halt_policy(halt->kind, pump->settings.gap_policy,
                                                        pump->settings.poison_record_policy);
                part->halt_recorded = part->halt.answer == halt->answer;
                halt_on_reopen(part);
        } else if (halt_same(&part->halt, halt) && halt->answer != ANSWER_NONE && takes_answer(part)) {
                part->retry_ms = 0;
                part->retries = 0;
                part->halt.answer = halt->answer;
                if (halt->answer == ANSWER_OFFSET) part->halt.to = halt->to;
                part->halt_recorded = true;
        }
}
