/* Edits a copy of the lane's record in place: the copy is written whole, at the
 * version that was read, so a half edit is never seen. */
#include "worker/lane_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct halt halt_of(const Heliostat__Pb__Halt *row) {
        struct halt halt = {.kind = (enum halt_kind)row->kind, .answer = (enum halt_answer)row->answer,
                            .from = row->from, .to = row->to};
        (void)snprintf(halt.reason, sizeof halt.reason, "%s", row->reason); /* the codec bounds it */
        return halt;
}

struct pump_partition *lane_record_partitions(const Heliostat__Pb__Lane *record, size_t *out_count) {
        size_t count = 0, n = 0;
        for (size_t i = 0; i < record->n_topics; i++) count += record->topics[i]->n_partitions;
        struct pump_partition *partitions = calloc(count ? count : 1, sizeof *partitions);
        if (!partitions) abort();
        for (size_t i = 0; i < record->n_topics; i++)
                for (size_t k = 0; k < record->topics[i]->n_partitions; k++) {
                        const Heliostat__Pb__LanePartition *p = record->topics[i]->partitions[k];
                        if (p->left) continue;
                        const Heliostat__Pb__Halt *halt =
                                codec_lane_halt(record, record->topics[i]->topic, p->partition);
                        partitions[n] = (struct pump_partition){.topic = record->topics[i]->topic,
                                                                .partition = (int32_t)p->partition,
                                                                .started = p->started,
                                                                .existed = p->existed,
                                                                .leaving = p->to != 0,
                                                                .floor = {p->floor, p->floor_generation}};
                        if (halt) partitions[n].halt = halt_of(halt);
                        n++;
                }
        *out_count = n;
        return partitions;
}

bool lane_record_moved(const Heliostat__Pb__Lane *record) {
        for (size_t i = 0; i < record->n_halts; i++)
                if ((int)record->halts[i]->kind == HALT_MOVED) return true;
        return false;
}

static Heliostat__Pb__LanePartition *record_partition(const Heliostat__Pb__Lane *record, const char *topic,
                                                      int32_t partition) {
        for (size_t i = 0; i < record->n_topics; i++) {
                if (strcmp(record->topics[i]->topic, topic) != 0) continue;
                for (size_t k = 0; k < record->topics[i]->n_partitions; k++)
                        if ((int32_t)record->topics[i]->partitions[k]->partition == partition)
                                return record->topics[i]->partitions[k];
        }
        return NULL;
}

/* Messages of ours are freed by codec_free: every part is malloc'd. */
static char *text_copy(const char *text) {
        char *copy = strdup(text);
        if (!copy) abort();
        return copy;
}

static void halt_remove(Heliostat__Pb__Lane *record, const Heliostat__Pb__Halt *halt) {
        for (size_t i = 0; i < record->n_halts; i++) {
                if (record->halts[i] != halt) continue;
                codec_free(record->halts[i]);
                record->halts[i] = record->halts[--record->n_halts];
                return;
        }
}

/* More would not fit into the znode.  The others stay with the pump, and get
 * in when some of these are done with. */
#define HALTS_MAX 300

static void halt_write(Heliostat__Pb__Lane *record, const struct pump_fact *fact, int64_t now_ms) {
        Heliostat__Pb__Halt *old = codec_lane_halt(record, fact->topic, (uint32_t)fact->partition);
        if (!old && record->n_halts >= HALTS_MAX) return;
        struct halt before = old ? halt_of(old) : (struct halt){0};
        bool same = old && halt_same(&before, &fact->halt);
        int64_t since_ms = same ? old->since_ms : now_ms;
        /* A person's answer that came in the meantime is not taken back, unless it was tried in vain. */
        bool keeps = same && fact->halt.answer == ANSWER_NONE && !(fact->letter_refused && before.answer == ANSWER_DEAD_LETTER);
        enum halt_answer answer = keeps ? before.answer : fact->halt.answer;
        if (old) halt_remove(record, old);
        Heliostat__Pb__Halt **halts = reallocarray(record->halts, record->n_halts + 1, sizeof *halts);
        Heliostat__Pb__Halt *halt = malloc(sizeof *halt);
        if (!halts || !halt) abort();
        heliostat__pb__halt__init(halt);
        halt->topic = text_copy(fact->topic);
        halt->partition = (uint32_t)fact->partition;
        halt->kind = (Heliostat__Pb__HaltKind)fact->halt.kind;
        halt->from = fact->halt.from;
        halt->to = answer == ANSWER_OFFSET ? before.to : fact->halt.to;
        halt->answer = (Heliostat__Pb__HaltAnswer)answer;
        halt->reason = text_copy(fact->halt.reason);
        halt->since_ms = since_ms;
        record->halts = halts;
        record->halts[record->n_halts++] = halt;
}

static bool skip_of(const Heliostat__Pb__Skip *skip, const struct pump_fact *fact) {
        return strcmp(skip->topic, fact->topic) == 0 && skip->partition == (uint32_t)fact->partition &&
               (int)skip->kind == (int)fact->halt.kind && (int)skip->answer == (int)fact->halt.answer;
}

/* The row that has this stretch already (it was passed over before: what an
 * aborted transaction held is met again), or ends where it begins; or NULL. */
static Heliostat__Pb__Skip *skip_known(const Heliostat__Pb__Lane *record, const struct pump_fact *fact, int64_t from) {
        for (size_t i = record->n_skips; i-- > 0;) {
                Heliostat__Pb__Skip *skip = record->skips[i];
                if (!skip_of(skip, fact)) continue;
                if (skip->from <= from && skip->to >= fact->halt.to) return skip;
                if (i == record->n_skips - 1 && skip->to == from) return skip;
        }
        return NULL;
}

/* What an answer passed over, kept for `status`: one row for a stretch. */
static void skip_write(Heliostat__Pb__Lane *record, const struct pump_fact *fact, int64_t now_ms) {
        const struct halt *halt = &fact->halt;
        if (halt->answer == ANSWER_RETRY || halt->kind == HALT_MOVED || halt->to < 0) return;
        /* A position that has gone says nothing of the log that there is now: all below `to`. */
        int64_t from = halt->kind == HALT_NO_POSITION ? -1 : halt->from - fact->below;
        if (halt->answer != ANSWER_RESTART && from >= 0 && halt->to <= from) return;
        Heliostat__Pb__Skip *known = skip_known(record, fact, from);
        if (known) {
                if (known->to < halt->to) known->to = halt->to;
                known->at_ms = now_ms;
                return;
        }
        Heliostat__Pb__Skip **skips = reallocarray(record->skips, record->n_skips + 1, sizeof *skips);
        Heliostat__Pb__Skip *skip = malloc(sizeof *skip);
        if (!skips || !skip) abort();
        heliostat__pb__skip__init(skip);
        skip->topic = text_copy(fact->topic);
        skip->partition = (uint32_t)fact->partition;
        skip->kind = (Heliostat__Pb__HaltKind)halt->kind;
        skip->answer = (Heliostat__Pb__HaltAnswer)halt->answer;
        skip->from = from;
        skip->to = halt->to;
        skip->at_ms = now_ms;
        record->skips = skips;
        record->skips[record->n_skips++] = skip;
        if (record->n_skips <= CODEC_SKIPS_MAX) return;
        codec_free(skips[0]);
        memmove(skips, skips + 1, --record->n_skips * sizeof *skips);
}

void lane_record_mark(Heliostat__Pb__Lane *record, const struct pump_fact *fact, int64_t now_ms) {
        Heliostat__Pb__LanePartition *partition = record_partition(record, fact->topic, fact->partition);
        if (!partition) return;
        Heliostat__Pb__Halt *row = codec_lane_halt(record, fact->topic, (uint32_t)fact->partition);
        struct halt halt = row ? halt_of(row) : (struct halt){0};
        switch (fact->kind) {
        case PUMP_FACT_POSITIONED: partition->started = true; break;
        case PUMP_FACT_HALTED: halt_write(record, fact, now_ms); break;
        case PUMP_FACT_RESUMED:
                if (!halt_same(&halt, &fact->halt)) break; /* written before: the answer was lost on the way */
                halt_remove(record, row);
                skip_write(record, fact, now_ms);
                break;
        case PUMP_FACT_LEFT:
                if (!partition->to || partition->left || partition->floor_generation != fact->came_with) break;
                partition->left = true;
                partition->floor = fact->position;
                partition->floor_generation = record->generation;
                break;
        }
}

bool lane_record_has(const Heliostat__Pb__Lane *record, const struct pump_fact *fact) {
        const Heliostat__Pb__LanePartition *partition = record_partition(record, fact->topic, fact->partition);
        const Heliostat__Pb__Halt *row = codec_lane_halt(record, fact->topic, (uint32_t)fact->partition);
        struct halt halt = row ? halt_of(row) : (struct halt){0};
        switch (fact->kind) {
        case PUMP_FACT_POSITIONED: return partition && partition->started;
        case PUMP_FACT_HALTED: return row && halt_same(&halt, &fact->halt) && halt.answer == fact->halt.answer;
        case PUMP_FACT_RESUMED: return !halt_same(&halt, &fact->halt);
        /* Of one that has been elsewhere since there is nothing left to say. */
        case PUMP_FACT_LEFT: return !partition || partition->left || partition->floor_generation != fact->came_with;
        }
        return false;
}
