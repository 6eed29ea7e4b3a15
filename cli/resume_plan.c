/* A halt keeps `from`, `to` and an answer.  The answer OFFSET uses `to` for the
 * offset to go on at; another answer that replaces it must not go on there. */
#include "cli/resume_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/halt_text.h"
#include "common/err.h"
#include "common/text.h"

enum { NONE = HELIOSTAT__PB__HALT_ANSWER__ANSWER_NONE,
       RETRY = HELIOSTAT__PB__HALT_ANSWER__ANSWER_RETRY,
       SKIP = HELIOSTAT__PB__HALT_ANSWER__ANSWER_SKIP,
       RESTART = HELIOSTAT__PB__HALT_ANSWER__ANSWER_RESTART,
       DEAD_LETTER = HELIOSTAT__PB__HALT_ANSWER__ANSWER_DEAD_LETTER,
       OFFSET = HELIOSTAT__PB__HALT_ANSWER__ANSWER_OFFSET };

static bool selected(const struct resume_request *request, const char *topic, uint32_t partition) {
        if (request->topic && strcmp(request->topic, topic) != 0) return false;
        return request->partition < 0 || request->partition == (int64_t)partition;
}

/* "" or why the answer makes no sense. */
static const char *misfit(const Heliostat__Pb__Halt *halt, int answer) {
        if (answer == DEAD_LETTER && halt->kind != HELIOSTAT__PB__HALT_KIND__HALT_REFUSED)
                return "--dead-letter is for records that the destination refuses";
        /* it would come to the same record again */
        if (answer == RESTART && halt_of_one_record(halt->kind))
                return "--restart does not get past a single record, --skip does";
        return "";
}

static void consequence(FILE *out, const Heliostat__Pb__Halt *halt, const struct resume_request *request) {
        switch ((int)request->answer) {
        case SKIP:
                if (halt_of_one_record(halt->kind)) fputs("goes on behind it", out);
                else if (halt->kind == HELIOSTAT__PB__HALT_KIND__HALT_GAP)
                        fputs("goes on at the first offset that there is", out);
                else if (halt->kind == HELIOSTAT__PB__HALT_KIND__HALT_ABOVE_END)
                        fputs("goes on at the log's end", out);
                else fputs("goes on at the log's end, without what the log holds now", out);
                break;
        case RESTART:
                fputs("goes on at the log's start", out);
                break;
        case DEAD_LETTER:
                fputs("is sent to the topic of dead letters", out);
                break;
        case OFFSET:
                fprintf(out, "goes on at offset %lld", (long long)request->to);
                break;
        default:
                fputs("is tried again", out);
        }
}

static bool has_answer(const Heliostat__Pb__Halt *halt, const struct resume_request *request) {
        return halt->answer == request->answer && (halt->answer != (int)OFFSET || halt->to == request->to);
}

static void print_halt(FILE *out, const Heliostat__Pb__Lane *lane, uint32_t number,
                       const Heliostat__Pb__Halt *halt, const struct resume_request *request) {
        char range[HALT_RANGE_SIZE];
        /* not the end of what is missing */
        int64_t to = halt->answer == (int)OFFSET ? -1 : halt->to;
        halt_range_text(range, halt->from, to);
        fprintf(out, "%s-%u: %s%s%s%s: ", halt->topic, halt->partition, halt_kind_text(halt->kind),
                *range ? " (" : "", range, *range ? ")" : "");
        consequence(out, halt, request);
        if (has_answer(halt, request)) fputs(", as answered before", out);
        else if (halt->answer != (int)NONE)
                fprintf(out, ", instead of '%s'", halt_answer_name(halt->answer));
        if (lane->state == HELIOSTAT__PB__LANE_STATE__LANE_FREE)
                fprintf(out, ", once lane %u has an owner", number);
        fputc('\n', out);
}

static void answer(Heliostat__Pb__Halt *halt, const struct resume_request *request) {
        if (request->answer == (int)OFFSET) halt->to = request->to;
        else if (halt->answer == (int)OFFSET)
                halt->to = halt_of_one_record(halt->kind) && halt->from >= 0 && halt->from < INT64_MAX
                                   ? halt->from + 1
                                   : -1;
        halt->answer = request->answer;
}

/* 0, or RESUME_REFUSED with the line | ERR_NOMEM */
static int refuse(const Heliostat__Pb__Lane *lane, const struct resume_request *request, char **out_text) {
        for (size_t i = 0; i < lane->n_halts; i++) {
                const Heliostat__Pb__Halt *halt = lane->halts[i];
                const char *why = misfit(halt, request->answer);
                if (!*why || !selected(request, halt->topic, halt->partition)) continue;
                return asprintf(out_text, "%s-%u: %s; here %s\n", halt->topic, halt->partition, why,
                                halt_kind_text(halt->kind)) < 0
                               ? ERR_NOMEM
                               : RESUME_REFUSED;
        }
        return 0;
}

int resume_plan(Heliostat__Pb__Lane *lane, uint32_t number, const struct resume_request *request,
                char **out_text) {
        char *text = NULL;
        size_t size;
        int outcome = refuse(lane, request, &text);

        if (outcome) {
                if (outcome == RESUME_REFUSED) *out_text = text;
                return outcome;
        }
        FILE *out = open_memstream(&text, &size);
        if (!out) return ERR_NOMEM;
        outcome = RESUME_NOTHING;
        for (size_t i = 0; i < lane->n_halts; i++) {
                const Heliostat__Pb__Halt *halt = lane->halts[i];
                if (!selected(request, halt->topic, halt->partition)) continue;
                if (!has_answer(halt, request)) outcome = RESUME_CHANGED;
                else if (outcome == RESUME_NOTHING) outcome = RESUME_ANSWERED;
                print_halt(out, lane, number, halt, request);
        }
        bool bad = ferror(out);
        if (fclose(out) != 0 || bad) {
                free(text);
                return ERR_NOMEM;
        }
        if (outcome == RESUME_CHANGED) {
                for (size_t i = 0; i < lane->n_halts; i++)
                        if (selected(request, lane->halts[i]->topic, lane->halts[i]->partition))
                                answer(lane->halts[i], request);
                lane->spec++;
        }
        *out_text = text;
        return outcome;
}

bool resume_tell(Heliostat__Pb__Assignment *assign, const char *route, uint32_t lane, uint32_t spec) {
        for (size_t i = 0; i < assign->n_lanes; i++) {
                Heliostat__Pb__AssignedLane *entry = assign->lanes[i];
                if (entry->lane != lane || strcmp(entry->route, route) != 0) continue;
                entry->spec = spec;
                return true;
        }
        return false;
}

int resume_check(const Heliostat__Pb__Lane *const *lanes, size_t count, const struct resume_request *request,
                 char *err, size_t err_size) {
        const char **names;
        size_t name_count = 0, partitions = 0;
        bool topic_known = false, partition_known = false;

        if (!request->topic) return 0;
        for (size_t i = 0; i < count; i++) name_count += lanes[i] ? lanes[i]->n_topics : 0;
        names = calloc(name_count ? name_count : 1, sizeof *names);
        if (!names) return ERR_NOMEM;
        name_count = 0;
        for (size_t i = 0; i < count; i++)
                for (size_t t = 0; lanes[i] && t < lanes[i]->n_topics; t++) {
                        const Heliostat__Pb__LaneTopic *topic = lanes[i]->topics[t];
                        names[name_count++] = topic->topic;
                        if (strcmp(topic->topic, request->topic) != 0) continue;
                        topic_known = true;
                        partitions += topic->n_partitions;
                        for (size_t p = 0; p < topic->n_partitions; p++)
                                partition_known |= selected(request, topic->topic, topic->partitions[p]->partition);
                }
        const char *nearest = topic_known ? NULL : text_nearest(request->topic, names, name_count);
        if (nearest)
                (void)snprintf(err, err_size, "has no topic '%.249s'; did you mean '%s'?", request->topic, nearest);
        else if (!topic_known) (void)snprintf(err, err_size, "has no topic '%.249s'", request->topic);
        else if (!partition_known)
                (void)snprintf(err, err_size, "has no partition %lld of %s, which has %zu partition%s",
                               (long long)request->partition, request->topic, partitions,
                               partitions == 1 ? "" : "s");
        free(names);
        return topic_known && partition_known ? 0 : ERR_NOT_FOUND;
}
