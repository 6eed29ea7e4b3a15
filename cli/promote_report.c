#include "cli/promote_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"
#include "common/status_json.h"
#include "common/text.h"

/* Kept sorted: found by halves, inserted where it belongs. */
struct promote_partition *promote_at(struct promote_report *report, const char *topic, uint32_t partition) {
        size_t low = 0, high = report->count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                const struct promote_partition *p = &report->partitions[middle];
                int order = strcmp(p->topic, topic);
                if (!order) order = p->partition < partition ? -1 : p->partition > partition;
                if (!order) return &report->partitions[middle];
                if (order < 0) low = middle + 1;
                else high = middle;
        }
        if (report->count == report->room) {
                size_t room = report->room ? 2 * report->room : 64;
                struct promote_partition *more = reallocarray(report->partitions, room, sizeof *more);
                if (!more) return NULL;
                report->partitions = more;
                report->room = room;
        }
        char *copy = strdup(topic);
        if (!copy) return NULL;
        memmove(report->partitions + low + 1, report->partitions + low, (report->count++ - low) * sizeof *report->partitions);
        report->partitions[low] = (struct promote_partition){.topic = copy, .partition = partition, .position = -1,
                                                             .end_offset = -1, .records = -1};
        return &report->partitions[low];
}

void promote_witness(struct promote_partition *p, int64_t position, int64_t end_offset, int64_t seen_ms) {
        /* A position only grows; one that was committed is better than one that was reported. */
        if (!p->committed && position > p->position) p->position = position;
        if (end_offset < 0 || p->asked || (p->end_offset >= 0 && seen_ms < p->end_ms)) return;
        p->end_offset = end_offset;
        p->end_ms = seen_ms;
}

void promote_report_fini(struct promote_report *report) {
        for (size_t i = 0; i < report->count; i++) free(report->partitions[i].topic);
        free(report->partitions);
        report->partitions = NULL;
        report->count = report->room = 0;
}

/* ---- sums --------------------------------------------------------------- */

/* Records, or offsets where they were not counted; -1: not known. */
static int64_t unmirrored(const struct promote_partition *p) {
        if (p->records >= 0) return p->records;
        if (p->position < 0 || p->end_offset < 0) return -1;
        return p->end_offset > p->position ? p->end_offset - p->position : 0;
}

struct promote_sum promote_sum(const struct promote_report *report) {
        struct promote_sum sum = {.exact = true};
        for (size_t i = 0; i < report->count; i++) {
                const struct promote_partition *p = &report->partitions[i];
                int64_t n = unmirrored(p), age_ms = report->now_ms - p->end_ms;
                if (n < 0) {
                        sum.unknown++;
                        continue;
                }
                sum.unmirrored += n;
                if (n > 0 && p->records < 0) sum.exact = false;
                if (!p->asked && age_ms > sum.oldest_ms) sum.oldest_ms = age_ms;
        }
        return sum;
}

/* ---- text --------------------------------------------------------------- */

static void put_partition(FILE *out, const struct promote_report *report, const struct promote_partition *p) {
        int64_t n = unmirrored(p);
        if (n == 0 && p->asked) return;
        fprintf(out, "  %s-%u: ", p->topic, p->partition);
        if (n < 0) {
                fprintf(out, "unmirrored records unknown%s%s\n", p->position < 0 ? ", position unknown" : "",
                        p->end_offset < 0 ? ", end of the source unknown" : "");
                return;
        }
        fprintf(out, "position %" PRId64 "%s, source's end %" PRId64, p->position, p->committed ? "" : " (as reported)",
                p->end_offset);
        if (!p->asked) fprintf(out, " (%.1f s old)", (double)(report->now_ms - p->end_ms) / 1000);
        fprintf(out, ": %s%" PRId64 " unmirrored%s\n", p->records >= 0 ? "" : p->asked ? "at most " : "about ", n,
                p->asked ? "" : " then");
}

char *promote_text(const struct promote_report *report) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        struct promote_sum sum = promote_sum(report);
        if (!out) return NULL;
        for (size_t i = 0; i < report->count; i++) put_partition(out, report, &report->partitions[i]);
        fprintf(out, "%s: ", report->route);
        if (report->source_reachable && !sum.unknown)
                fprintf(out, "%s%" PRId64 " records of the source are not mirrored, of %zu partitions\n",
                        sum.exact ? "" : "at most ", sum.unmirrored, report->count);
        else if (report->source_reachable)
                fprintf(out, "%" PRId64 " records of the source are not mirrored; of %zu of %zu partitions it is unknown\n",
                        sum.unmirrored, sum.unknown, report->count);
        else if (sum.unknown < report->count)
                fprintf(out,
                        "source unreachable: unmirrored records unknown; last known end offsets, up to %.1f s old, give "
                        "%" PRId64 "; %zu of %zu partitions have none\n",
                        (double)sum.oldest_ms / 1000, sum.unmirrored, sum.unknown, report->count);
        else
                fprintf(out, "source unreachable: unmirrored records unknown, and no end offset is known of its %zu partitions\n",
                        report->count);
        if (!report->source_reachable) fprintf(out, "  %s\n", report->why);
        if (report->groups) fprintf(out, "groups: %s\n", report->groups);
        if (report->dry_run) fprintf(out, "dry run: nothing was written\n");
        else if (strcmp(report->state, CODEC_INTAKE_STOPPED) == 0)
                fprintf(out, "%s is stopped; heliostat promote '%s' --undo lets it mirror again\n", report->route, report->route);
        if (fclose(out) == 0) {
                text_for_terminal(text); /* why a cluster cannot be reached may be its broker's words */
                return text;
        }
        free(text);
        return NULL;
}

/* ---- JSON --------------------------------------------------------------- */

static json_t *known(int64_t number) { return number < 0 ? json_null() : json_integer(number); }

json_t *promote_json(const struct promote_report *report) {
        struct promote_sum sum = promote_sum(report);
        json_t *partitions = json_array();
        for (size_t i = 0; i < report->count; i++) {
                const struct promote_partition *p = &report->partitions[i];
                (void)json_array_append_new(
                        partitions, json_pack("{s:s,s:i,s:o,s:b,s:o,s:o,s:o,s:b}", "topic", p->topic, "partition",
                                              (int)p->partition, "position", known(p->position), "position_committed",
                                              p->committed, "end_offset", known(p->end_offset), "end_age_ms",
                                              p->end_offset < 0 ? json_null()
                                              : p->asked        ? json_integer(0)
                                                                : json_integer(report->now_ms - p->end_ms),
                                              "unmirrored", known(unmirrored(p)), "unmirrored_exact",
                                              p->records >= 0 || (p->asked && unmirrored(p) == 0)));
        }
        return json_pack("{s:s,s:s,s:b,s:b,s:o*,s:I,s:b,s:I,s:I,s:I,s:o*,s:o}", "route", report->route, "state", report->state,
                         "dry_run", report->dry_run, "source_reachable", report->source_reachable, "source_error",
                         report->source_reachable ? NULL : status_json_text(report->why), "unmirrored", (json_int_t)sum.unmirrored,
                         "unmirrored_exact", sum.exact && report->source_reachable && !sum.unknown, "unknown_partitions",
                         (json_int_t)sum.unknown, "oldest_end_ms", (json_int_t)sum.oldest_ms, "running_lanes",
                         (json_int_t)report->running, "groups", report->groups ? status_json_text(report->groups) : NULL, "partitions", partitions);
}

/* ---- znode -------------------------------------------------------------- */

static char *copy_of(const char *text) {
        char *copy = strdup(text);
        if (!copy) abort();
        return copy;
}

Heliostat__Pb__Promotion *promote_save(const struct promote_report *report) {
        Heliostat__Pb__Promotion *promotion = malloc(sizeof *promotion);
        if (!promotion) return NULL;
        heliostat__pb__promotion__init(promotion);
        promotion->route = copy_of(report->route);
        promotion->begun_ms = report->now_ms;
        promotion->topics = calloc(report->count + 1, sizeof *promotion->topics);
        for (size_t i = 0; promotion->topics && i < report->count;) {
                size_t n = 1;
                while (i + n < report->count && strcmp(report->partitions[i].topic, report->partitions[i + n].topic) == 0) n++;
                Heliostat__Pb__PromotionTopic *topic = malloc(sizeof *topic);
                if (!topic) abort();
                heliostat__pb__promotion_topic__init(topic);
                topic->topic = copy_of(report->partitions[i].topic);
                topic->partitions = calloc(n, sizeof *topic->partitions);
                if (!topic->partitions) abort();
                for (; n > 0; n--, i++) {
                        Heliostat__Pb__PromotionPartition *p = malloc(sizeof *p);
                        if (!p) abort();
                        heliostat__pb__promotion_partition__init(p);
                        p->partition = report->partitions[i].partition;
                        p->position = report->partitions[i].position;
                        p->end_offset = report->partitions[i].end_offset;
                        p->seen_ms = report->partitions[i].end_ms;
                        topic->partitions[topic->n_partitions++] = p;
                }
                promotion->topics[promotion->n_topics++] = topic;
        }
        return promotion;
}

int promote_load(struct promote_report *report, const Heliostat__Pb__Promotion *promotion) {
        for (size_t i = 0; i < promotion->n_topics; i++)
                for (size_t k = 0; k < promotion->topics[i]->n_partitions; k++) {
                        const Heliostat__Pb__PromotionPartition *from = promotion->topics[i]->partitions[k];
                        struct promote_partition *p = promote_at(report, promotion->topics[i]->topic, from->partition);
                        if (!p) return ERR_NOMEM;
                        promote_witness(p, from->position, from->end_offset, from->seen_ms);
                }
        return 0;
}
