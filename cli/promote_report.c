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
        for (size_t i = 0; i < report->lane_count; i++) {
                free(report->lanes[i].owner);
                free(report->lanes[i].lost);
        }
        free(report->partitions);
        free(report->lanes);
        report->partitions = NULL;
        report->lanes = NULL;
        report->count = report->room = report->lane_count = 0;
}

/* ---- lanes -------------------------------------------------------------- */

/* Added where it is new.  NULL on no memory. */
static struct promote_lane *lane_at(struct promote_report *report, uint32_t number) {
        size_t at = 0;
        while (at < report->lane_count && report->lanes[at].number < number) at++;
        if (at < report->lane_count && report->lanes[at].number == number) return &report->lanes[at];
        struct promote_lane *more = reallocarray(report->lanes, report->lane_count + 1, sizeof *more);
        if (!more) return NULL;
        report->lanes = more;
        memmove(more + at + 1, more + at, (report->lane_count++ - at) * sizeof *more);
        more[at] = (struct promote_lane){.number = number};
        return &more[at];
}

static bool listed(char *const *names, size_t count, const char *name) {
        for (size_t i = 0; i < count; i++)
                if (strcmp(names[i], name) == 0) return true;
        return false;
}

static int name_set(char **name, const char *text) {
        char *copy = text ? strdup(text) : NULL;
        if (text && !copy) return ERR_NOMEM;
        free(*name);
        *name = copy;
        return 0;
}

int promote_lane_look(struct promote_report *report, uint32_t number, const Heliostat__Pb__Lane *record,
                      char *const *workers, size_t worker_count) {
        struct promote_lane *lane = lane_at(report, number);
        if (!lane) return ERR_NOMEM;
        if (lane->lost && listed(workers, worker_count, lane->lost)) (void)name_set(&lane->lost, NULL);
        bool free_now = record->state == HELIOSTAT__PB__LANE_STATE__LANE_FREE;
        bool claimed = !free_now && record->state != HELIOSTAT__PB__LANE_STATE__LANE_ASSIGNED;
        /* Freed, and the worker gone since the last look: by which of the two is not known. */
        const char *owner = free_now ? lane->owner : record->owner;
        bool lives = owner && listed(workers, worker_count, owner);
        int rc = 0;
        if (owner && !lives && (claimed || !lane->lost)) rc = name_set(&lane->lost, owner);
        else if (claimed && lives) rc = name_set(&lane->lost, NULL);
        if (!rc) rc = name_set(&lane->owner, lives && !free_now ? record->owner : NULL);
        return !rc && lives && !free_now ? PROMOTE_LANE_RUNS : rc;
}

size_t promote_lost_count(const struct promote_report *report) {
        size_t count = 0;
        for (size_t i = 0; i < report->lane_count; i++) count += report->lanes[i].lost != NULL;
        return count;
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

static bool names_worker(const struct promote_lane *lane, const char *worker) {
        return lane->lost && strcmp(lane->lost, worker) == 0;
}

static void put_lost(FILE *out, const struct promote_report *report) {
        for (size_t i = 0; i < report->lane_count; i++) {
                const char *worker = report->lanes[i].lost;
                bool told = !worker;
                for (size_t k = 0; !told && k < i; k++) told = names_worker(&report->lanes[k], worker);
                if (told) continue;
                fprintf(out, "not seen to stop: worker %s, whose session has ended:", worker);
                for (size_t k = i; k < report->lane_count; k++)
                        if (names_worker(&report->lanes[k], worker))
                                fprintf(out, "%s lane %u", k > i ? "," : "", report->lanes[k].number);
                fprintf(out, "\n");
        }
        if (promote_lost_count(report))
                fprintf(out, "  if it lives without ZooKeeper it mirrors on: make sure that its process or host is down, or that it "
                             "reaches ZooKeeper again, then run promote again\n");
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
        put_lost(out, report);
        if (report->dry_run) fprintf(out, "dry run: nothing was written\n");
        else if (strcmp(report->state, CODEC_INTAKE_STOPPED) == 0)
                fprintf(out, "%s is stopped%s; heliostat promote '%s' --undo lets it mirror again\n", report->route,
                        promote_lost_count(report) ? ", but for what is named above" : "", report->route);
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
        json_t *partitions = json_array(), *lost = json_array();
        for (size_t i = 0; i < report->lane_count; i++)
                if (report->lanes[i].lost)
                        (void)json_array_append_new(lost, json_pack("{s:i,s:s}", "lane", (int)report->lanes[i].number, "worker",
                                                                    report->lanes[i].lost));
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
        return json_pack("{s:s,s:s,s:b,s:b,s:o*,s:I,s:b,s:I,s:I,s:I,s:o,s:o*,s:o}", "route", report->route, "state", report->state,
                         "dry_run", report->dry_run, "source_reachable", report->source_reachable, "source_error",
                         report->source_reachable ? NULL : status_json_text(report->why), "unmirrored", (json_int_t)sum.unmirrored,
                         "unmirrored_exact", sum.exact && report->source_reachable && !sum.unknown, "unknown_partitions",
                         (json_int_t)sum.unknown, "oldest_end_ms", (json_int_t)sum.oldest_ms, "running_lanes",
                         (json_int_t)report->running, "lost_lanes", lost, "groups",
                         report->groups ? status_json_text(report->groups) : NULL, "partitions", partitions);
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
        promotion->lost = calloc(report->lane_count + 1, sizeof *promotion->lost);
        for (size_t i = 0; promotion->lost && i < report->lane_count; i++) {
                if (!report->lanes[i].lost) continue;
                Heliostat__Pb__LostLane *lane = malloc(sizeof *lane);
                if (!lane) abort();
                heliostat__pb__lost_lane__init(lane);
                lane->lane = report->lanes[i].number;
                lane->worker = copy_of(report->lanes[i].lost);
                promotion->lost[promotion->n_lost++] = lane;
        }
        return promotion;
}

int promote_load(struct promote_report *report, const Heliostat__Pb__Promotion *promotion, bool goes_on) {
        for (size_t i = 0; i < promotion->n_topics; i++)
                for (size_t k = 0; k < promotion->topics[i]->n_partitions; k++) {
                        const Heliostat__Pb__PromotionPartition *from = promotion->topics[i]->partitions[k];
                        struct promote_partition *p = promote_at(report, promotion->topics[i]->topic, from->partition);
                        if (!p) return ERR_NOMEM;
                        promote_witness(p, from->position, from->end_offset, from->seen_ms);
                }
        for (size_t i = 0; goes_on && i < promotion->n_lost; i++) {
                struct promote_lane *lane = lane_at(report, promotion->lost[i]->lane);
                if (!lane || name_set(&lane->lost, promotion->lost[i]->worker)) return ERR_NOMEM;
        }
        return 0;
}
