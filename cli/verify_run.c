/* The destination ends at the offset that was its end at the start.  The source
 * is read to the mirror's position, and behind it as long as the destination has
 * records that came from there: those of a running route that were acknowledged
 * and not yet committed.
 *
 * A sample is a number of short ranges.  Where one begins at the destination is
 * looked up by time, some records early; what lies around it is not told. */
#include "cli/verify_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/siphash.h"

#define POLL_MS 100
#define CHECKPOINT_MS 1000
#define CLOCK_RECORDS 256        /* between two looks at the clock */
#define AHEAD_MAX 1000000        /* source records read above the position in search of counterparts */
#define STRETCH_MARGIN 500       /* records before and behind a stretch */
#define STRETCH_SEARCH 20000     /* destination records read beyond it */
#define LOOK_UP_MS 10000

struct range {
        int64_t source_from, source_required, source_end;
        int64_t destination_from, destination_end;
        struct verify_match_setup setup;
};

static int why(struct verify_partition *partition, const char *text) {
        free(partition->why);
        partition->why = strdup(text);
        return partition->why ? 0 : ERR_NOMEM;
}

static int64_t next_of(const struct verify_comparer *comparer, enum verify_side side) {
        return verify_reader_next(&comparer->reader[side]);
}

/* Nothing more is to be learned from this side. */
static bool enough(const struct verify_comparer *comparer, const struct range *range, const struct verify_match *match,
                   enum verify_side side, const bool ended[2], const uint64_t read[2]) {
        if (!ended[1 - side]) return false;
        if (range->setup.stretch)
                return side == VERIFY_DESTINATION &&
                       (verify_match_required_done(match) ||
                        read[VERIFY_DESTINATION] > read[VERIFY_SOURCE] + STRETCH_SEARCH);
        if (side == VERIFY_DESTINATION) return false;
        int64_t above = next_of(comparer, VERIFY_SOURCE) - range->source_required;
        return above >= 0 && (verify_match_waiting(match, VERIFY_DESTINATION) == 0 || above > AHEAD_MAX);
}

static int range_run(struct verify_comparer *comparer, struct verify_partition *partition, const struct range *range) {
        struct verify_reader *reader = comparer->reader;
        struct verify_match *match = verify_match_new(&range->setup, verify_partition_found, partition);
        uint64_t read[2] = {0}, since_clock = 0, matched = range->setup.stretch ? partition->matched : 0;
        bool ended[2] = {false}, heard = false;
        int64_t now_ms = clock_boot_ms(), heard_ms = now_ms, saved_ms = now_ms;
        int rc = match ? 0 : ERR_NOMEM;

        if (!rc && !range->setup.stretch && partition->resume && verify_match_load(match, partition->resume) != 0)
                rc = ERR_INVALID;
        reader[VERIFY_SOURCE].optional_from = range->source_required;
        if (!rc)
                rc = verify_reader_start(&reader[VERIFY_SOURCE], partition->topic, partition->partition, range->source_from,
                                         range->source_end, comparer->err, sizeof comparer->err);
        if (!rc)
                rc = verify_reader_start(&reader[VERIFY_DESTINATION], partition->destination_topic, partition->partition,
                                         range->destination_from, range->destination_end, comparer->err,
                                         sizeof comparer->err);
        while (!rc && !(ended[0] && ended[1])) {
                enum verify_side side = verify_match_next(match);
                if (enough(comparer, range, match, side, ended, read)) {
                        verify_match_end(match, side);
                        ended[side] = true;
                        continue;
                }
                int got = verify_reader_peek(&reader[side], POLL_MS, comparer->err, sizeof comparer->err);
                if (got == VERIFY_READ_RECORD) {
                        verify_match_feed(match, side, &reader[side].record);
                        verify_reader_take(&reader[side]);
                        read[side]++;
                        partition->read[side]++;
                        heard = true;
                        if (++since_clock < CLOCK_RECORDS) continue;
                } else if (got == VERIFY_READ_END) {
                        verify_match_end(match, side);
                        ended[side] = heard = true;
                } else if (got == VERIFY_READ_GONE) {
                        rc = VERIFY_RUN_GONE;
                } else if (got < 0) {
                        rc = why(partition, comparer->err);
                        break;
                }
                since_clock = 0;
                now_ms = clock_boot_ms();
                if (heard) heard_ms = now_ms;
                heard = false;
                partition->matched = matched + verify_match_matched(match);
                if (comparer->on_progress)
                        comparer->on_progress(comparer->ctx, partition, (uint64_t)next_of(comparer, VERIFY_SOURCE));
                if (!rc && *comparer->stop) rc = VERIFY_RUN_STOPPED;
                if (got == VERIFY_READ_WAIT && reader[side].at_end_of_log && now_ms - heard_ms > comparer->open_ms) {
                        verify_partition_range(partition, VERIFY_OPEN, side, next_of(comparer, side), reader[side].end);
                        reader[side].ended = true;
                } else if (got == VERIFY_READ_WAIT && !reader[side].at_end_of_log &&
                           now_ms - heard_ms > comparer->silence_ms) {
                        (void)snprintf(comparer->err, sizeof comparer->err,
                                       "no answer for %u s while %s-%d was read at offset %lld of the %s",
                                       comparer->silence_ms / 1000, reader[side].topic, reader[side].partition,
                                       (long long)next_of(comparer, side), side == VERIFY_SOURCE ? "source" : "destination");
                        rc = ERR_TIMEOUT;
                }
                if (range->setup.stretch || !comparer->on_checkpoint || rc == VERIFY_RUN_GONE ||
                    (now_ms - saved_ms < CHECKPOINT_MS && rc != VERIFY_RUN_STOPPED))
                        continue;
                saved_ms = now_ms;
                char *text = verify_match_save(match);
                if (!text) continue;
                free(partition->resume);
                partition->resume = text;
                partition->source_next = next_of(comparer, VERIFY_SOURCE);
                partition->destination_next = next_of(comparer, VERIFY_DESTINATION);
                comparer->on_checkpoint(comparer->ctx, partition);
        }
        if (!rc && !partition->why) verify_match_finish(match);
        if (match) partition->matched = matched + verify_match_matched(match);
        verify_match_free(match);
        verify_reader_stop(&reader[VERIFY_SOURCE]);
        verify_reader_stop(&reader[VERIFY_DESTINATION]);
        return rc;
}

static struct verify_match_setup setup_of(const struct verify_comparer *comparer, const struct verify_partition *p) {
        return (struct verify_match_setup){.entries = comparer->entries,
                                           .begins_late = {p->source_late, p->destination_late},
                                           .compacted = {p->source_compacted, p->destination_compacted}};
}

static int run_whole(struct verify_comparer *comparer, struct verify_partition *p) {
        struct range range = {p->source_from, p->source_position, p->source_end,
                              p->destination_from, p->destination_end, setup_of(comparer, p)};
        if (p->resume) {
                range.source_from = p->source_next;
                range.destination_from = p->destination_next;
        }
        return range_run(comparer, p, &range);
}

/* ---- samples ------------------------------------------------------------ */

bool verify_sampled(const struct verify_partition *partition, uint64_t seed, double sample, uint64_t stretch) {
        const uint64_t key[2] = {seed, 0x73616d706c65};
        struct siphash hash;
        uint64_t out[2];
        siphash_init(&hash, key);
        siphash_add(&hash, partition->topic, strlen(partition->topic));
        siphash_add_u64(&hash, (uint64_t)partition->partition);
        siphash_add_u64(&hash, stretch);
        siphash_end(&hash, out);
        return (double)(out[0] >> 11) / (double)(1ULL << 53) < sample;
}

/* Where the destination has the first record that is as young as the source's
 * from `offset` on.  An outcome or error as of verify_run; 0, *out -1: the
 * source has none below `end`. */
static int look_up(struct verify_comparer *comparer, const struct verify_partition *p, int64_t offset, int64_t end,
                   int64_t *out) {
        struct verify_reader *source = &comparer->reader[VERIFY_SOURCE];
        int rc = verify_reader_start(source, p->topic, p->partition, offset, end, comparer->err, sizeof comparer->err);
        int64_t deadline_ms = clock_boot_ms() + comparer->silence_ms;
        int got = VERIFY_READ_WAIT;
        while (!rc && got == VERIFY_READ_WAIT) {
                got = verify_reader_peek(source, POLL_MS, comparer->err, sizeof comparer->err);
                if (*comparer->stop) rc = VERIFY_RUN_STOPPED;
                else if (got == VERIFY_READ_WAIT && clock_boot_ms() > deadline_ms) rc = ERR_TIMEOUT;
        }
        int64_t timestamp = source->record.timestamp;
        verify_reader_stop(source);
        *out = -1;
        if (rc) return rc;
        if (got < 0) return ERR_KAFKA;
        if (got == VERIFY_READ_GONE) return VERIFY_RUN_GONE;
        if (got == VERIFY_READ_END) return 0;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_t *place = rd_kafka_topic_partition_list_add(list, p->destination_topic, p->partition);
        place->offset = timestamp;
        rd_kafka_resp_err_t e = rd_kafka_offsets_for_times(comparer->reader[VERIFY_DESTINATION].client, list, LOOK_UP_MS);
        if (!e) e = place->err;
        *out = place->offset < 0 ? p->destination_end : place->offset; /* none so young: behind the last one */
        rd_kafka_topic_partition_list_destroy(list);
        if (!e) return 0;
        (void)snprintf(comparer->err, sizeof comparer->err, "%s-%d: offset by time: %s", p->destination_topic, p->partition,
                       rd_kafka_err2str(e));
        return e == RD_KAFKA_RESP_ERR__TIMED_OUT ? ERR_TIMEOUT : ERR_KAFKA;
}

static int run_sample(struct verify_comparer *comparer, struct verify_partition *p) {
        uint64_t stretch = (uint64_t)(p->source_from / VERIFY_STRETCH);
        if (p->no_timestamps)
                return why(p, "a sample is looked up by time, and the destination's topic sets its own timestamps "
                              "(message.timestamp.type=LogAppendTime); leave out --sample");
        if (p->stretch > stretch) stretch = p->stretch;
        for (; (int64_t)stretch * VERIFY_STRETCH < p->source_position; stretch++) {
                int64_t from = (int64_t)stretch * VERIFY_STRETCH, to = from + VERIFY_STRETCH, place;
                if (!verify_sampled(p, comparer->seed, comparer->sample, stretch)) continue;
                if (from < p->source_from) from = p->source_from;
                if (to > p->source_position) to = p->source_position;
                int rc = look_up(comparer, p, from, to, &place);
                if (rc == ERR_KAFKA) return why(p, comparer->err);
                if (rc) return rc;
                if (place >= 0) {
                        struct range range = {from, to, to + STRETCH_MARGIN, place - STRETCH_MARGIN, p->destination_end,
                                              setup_of(comparer, p)};
                        if (range.source_end > p->source_end) range.source_end = p->source_end;
                        if (range.destination_from < p->destination_from) range.destination_from = p->destination_from;
                        range.setup.stretch = true;
                        range.setup.begins_late[0] = range.setup.begins_late[1] = true;
                        rc = range_run(comparer, p, &range);
                        if (rc || p->why) return rc;
                }
                p->stretch = stretch + 1;
                if (comparer->on_checkpoint) comparer->on_checkpoint(comparer->ctx, p);
        }
        return 0;
}

int verify_run(struct verify_comparer *comparer, struct verify_partition *partition) {
        comparer->reader[0].timestamps = comparer->reader[1].timestamps = !partition->no_timestamps;
        partition->state = VERIFY_RUNNING;
        int rc = comparer->sample < 1 ? run_sample(comparer, partition) : run_whole(comparer, partition);
        if (!rc) partition->state = VERIFY_DONE;
        return rc;
}
