#include "cli/verify_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/status_json.h"
#include "common/text.h"

/* ---- collecting --------------------------------------------------------- */

static bool follows(int64_t before, uint64_t before_seq, int64_t after, uint64_t after_seq) {
        return before < 0 ? after < 0 : after >= 0 && after > before && after_seq == before_seq + 1;
}

/* Whether it is the next record behind the finding's, of the same kind. */
static bool joins(const struct verify_finding *was, const struct verify_finding *is) {
        if (was->kind == VERIFY_UNRESOLVED || was->parts != is->parts) return false;
        if (!follows(was->destination_last, was->destination_seq, is->destination, is->destination_seq)) return false;
        if (was->kind == VERIFY_DUPLICATED) /* the source's side is the record that it repeats */
                return is->source > was->source_last && is->first > was->first;
        return follows(was->source_last, was->source_seq, is->source, is->source_seq);
}

void verify_partition_found(void *ctx, const struct verify_finding *finding) {
        struct verify_partition *partition = ctx;
        if (finding->kind == VERIFY_NOT_MIRRORED) return; /* the position and the end say it */
        uint64_t records = finding->source_count > finding->destination_count ? finding->source_count
                                                                              : finding->destination_count;
        partition->count[finding->kind] += records;
        size_t newest = partition->newest[finding->kind];
        struct verify_finding *was = newest ? &partition->findings[newest - 1] : NULL;
        if (was && joins(was, finding)) {
                was->source_last = finding->source_last;
                was->source_seq = finding->source_seq;
                was->source_count += finding->source_count;
                was->destination_last = finding->destination_last;
                was->destination_seq = finding->destination_seq;
                was->destination_count += finding->destination_count;
                return;
        }
        if (partition->finding_count == partition->finding_room && partition->finding_room < partition->finding_max) {
                size_t room = partition->finding_room ? 2 * partition->finding_room : 8;
                if (room > partition->finding_max) room = partition->finding_max;
                struct verify_finding *findings = reallocarray(partition->findings, room, sizeof *findings);
                if (!findings) abort(); /* a comparison that forgets is worth nothing */
                partition->findings = findings;
                partition->finding_room = room;
        }
        if (partition->finding_count == partition->finding_room) {
                partition->findings_left_out++;
                partition->newest[finding->kind] = 0;
                return;
        }
        partition->findings[partition->finding_count++] = *finding;
        partition->newest[finding->kind] = partition->finding_count;
}

void verify_partition_range(struct verify_partition *partition, enum verify_kind kind, enum verify_side side,
                            int64_t from, int64_t to) {
        if (from >= to) return;
        struct verify_finding finding = {.kind = kind, .source = -1, .source_last = -1, .destination = -1,
                                         .destination_last = -1, .first = -1};
        if (side == VERIFY_SOURCE) {
                finding.source = from;
                finding.source_last = to - 1;
                finding.source_count = (uint64_t)(to - from);
        } else {
                finding.destination = from;
                finding.destination_last = to - 1;
                finding.destination_count = (uint64_t)(to - from);
        }
        verify_partition_found(partition, &finding);
}

void verify_partition_clear(struct verify_partition *partition) {
        partition->finding_count = 0;
        partition->findings_left_out = 0;
        memset(partition->newest, 0, sizeof partition->newest);
        memset(partition->count, 0, sizeof partition->count);
        partition->matched = partition->read[0] = partition->read[1] = 0;
        partition->stretch = 0;
        free(partition->resume);
        partition->resume = NULL;
        free(partition->why);
        partition->why = NULL;
}

void verify_partition_fini(struct verify_partition *partition) {
        free(partition->topic);
        free(partition->destination_topic);
        free(partition->why);
        free(partition->findings);
        free(partition->resume);
        *partition = (struct verify_partition){0};
}

/* ---- verdicts ----------------------------------------------------------- */

enum verify_verdict verify_partition_verdict(const struct verify_partition *partition, bool exact) {
        enum verify_verdict verdict = partition->why || partition->no_timestamps ? VERIFY_UNDECIDED : VERIFY_EQUAL;
        for (int kind = 0; kind < VERIFY_KIND_COUNT; kind++) {
                if (!partition->count[kind]) continue;
                enum verify_class class = verify_kind_class((enum verify_kind)kind);
                if (class == VERIFY_DIFFERENCE || (class == VERIFY_ALLOWED && exact)) return VERIFY_DIFFERENT;
                if (class == VERIFY_NOT_COMPARABLE) verdict = VERIFY_UNDECIDED;
        }
        return partition->state == VERIFY_DONE ? verdict : VERIFY_UNDECIDED;
}

enum verify_verdict verify_report_verdict(const struct verify_report *report) {
        enum verify_verdict verdict = report->partition_count ? VERIFY_EQUAL : VERIFY_UNDECIDED;
        for (size_t i = 0; i < report->partition_count; i++)
                switch (verify_partition_verdict(&report->partitions[i], report->exact)) {
                case VERIFY_DIFFERENT: return VERIFY_DIFFERENT;
                case VERIFY_UNDECIDED: verdict = VERIFY_UNDECIDED; break;
                case VERIFY_EQUAL: break;
                }
        return verdict;
}

const char *verify_verdict_name(enum verify_verdict verdict) {
        static const char *const names[] = {"equal", "different", "not-comparable"};
        return names[verdict];
}

/* ---- text --------------------------------------------------------------- */

static void put_range(FILE *out, const char *side, int64_t first, int64_t last, uint64_t count) {
        if (first < 0) return;
        if (first == last) fprintf(out, "  %s %" PRId64, side, first);
        else if (count && count != (uint64_t)(last - first + 1))
                fprintf(out, "  %s %" PRId64 "..%" PRId64 " (%" PRIu64 " records)", side, first, last, count);
        else fprintf(out, "  %s %" PRId64 "..%" PRId64, side, first, last);
}

static const struct {
        unsigned part;
        const char *name;
} parts[] = {{VERIFY_KEY, "key"}, {VERIFY_VALUE, "value"}, {VERIFY_HEADERS, "headers"}, {VERIFY_TIMESTAMP, "timestamp"}};

static const char *note_of(const struct verify_finding *finding) {
        switch (finding->kind) {
        case VERIFY_SOURCE_START: return "  the source's log no longer has it";
        case VERIFY_DESTINATION_START: return "  the destination's log no longer has it";
        case VERIFY_COMPACTED:
                return finding->source >= 0 ? "  may be compacted at the destination" : "  may be compacted at the source";
        case VERIFY_OPEN: return "  behind a transaction that is still open";
        case VERIFY_ABSENT: return "  the destination has no such partition";
        case VERIFY_UNRESOLVED: return "  too many in a row without counterparts for --memory";
        case VERIFY_NOT_LOCATED: return "  the sample's place at the destination was not found";
        default: return "";
        }
}

static void put_finding(FILE *out, const struct verify_finding *f) {
        fprintf(out, "  %-17s", verify_kind_name(f->kind));
        put_range(out, f->kind == VERIFY_DUPLICATED ? "repeats source" : "source", f->source, f->source_last,
                  f->kind == VERIFY_DUPLICATED ? f->destination_count : f->source_count);
        put_range(out, "destination", f->destination, f->destination_last, f->destination_count);
        if (f->kind == VERIFY_DUPLICATED && f->first >= 0) fprintf(out, "  (first at %" PRId64 ")", f->first);
        const char *comma = "  differs in ";
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
                if (f->parts & parts[i].part) {
                        fprintf(out, "%s%s", comma, parts[i].name);
                        comma = ", ";
                }
        fprintf(out, "%s\n", note_of(f));
}

static void put_partition(FILE *out, const struct verify_report *report, const struct verify_partition *p, size_t most) {
        enum verify_verdict verdict = verify_partition_verdict(p, report->exact);
        fprintf(out, "%s-%d: %s", p->topic, p->partition,
                p->state == VERIFY_DONE ? verify_verdict_name(verdict)
                : verdict == VERIFY_DIFFERENT ? "different so far" : "not finished");
        if (p->why) fprintf(out, ": %s", p->why);
        else
                fprintf(out, ", %" PRIu64 " records match; source %" PRId64 "..%" PRId64 ", destination %s%s%" PRId64
                             "..%" PRId64,
                        p->matched, p->source_from, p->source_position, strcmp(p->topic, p->destination_topic) ? p->destination_topic : "",
                        strcmp(p->topic, p->destination_topic) ? " " : "", p->destination_from, p->destination_end);
        if (!p->why && p->source_end > p->source_position)
                fprintf(out, "; above the position: source %" PRId64 "..%" PRId64, p->source_position, p->source_end);
        fputc('\n', out);
        if (p->no_timestamps)
                fputs("  not-comparable     timestamps: the destination's topic sets its own "
                      "(message.timestamp.type=LogAppendTime)\n", out);
        for (size_t i = 0; i < p->finding_count && i < most; i++) put_finding(out, &p->findings[i]);
        if (p->finding_count > most || p->findings_left_out)
                fprintf(out, "  ... and %" PRIu64 " more findings%s\n",
                        (p->finding_count > most ? (uint64_t)(p->finding_count - most) : 0) + p->findings_left_out,
                        p->findings_left_out ? " (not all are kept)" : "; --report has them");
}

static uint64_t total(const struct verify_report *report, int kind) {
        uint64_t sum = 0;
        for (size_t i = 0; i < report->partition_count; i++) sum += report->partitions[i].count[kind];
        return sum;
}

char *verify_report_text(const struct verify_report *report, size_t most) {
        char *text = NULL;
        size_t size, of[3] = {0};
        uint64_t matched = 0;
        FILE *out = open_memstream(&text, &size);
        if (!out) return NULL;
        for (size_t i = 0; i < report->partition_count; i++) {
                put_partition(out, report, &report->partitions[i], most);
                of[verify_partition_verdict(&report->partitions[i], report->exact)]++;
                matched += report->partitions[i].matched;
        }
        fprintf(out, "%s: %s: %zu partitions equal, %zu different, %zu not comparable; %" PRIu64 " records match",
                report->route, verify_verdict_name(verify_report_verdict(report)), of[0], of[1], of[2], matched);
        for (int kind = 0; kind < VERIFY_KIND_COUNT; kind++)
                if (total(report, kind)) fprintf(out, ", %" PRIu64 " %s", total(report, kind), verify_kind_name((enum verify_kind)kind));
        fprintf(out, "; %.1f s\n", report->seconds);
        if (report->sample < 1)
                fprintf(out, "only a sample was compared (--sample %g, seed %" PRIu64 "): what lies outside is not known\n",
                        report->sample, report->seed);
        if (report->interrupted) fputs("interrupted: this is not the whole\n", out);
        if (fclose(out) == 0) {
                text_for_terminal(text); /* reasons are brokers' words */
                return text;
        }
        free(text);
        return NULL;
}

/* ---- JSON --------------------------------------------------------------- */

static json_t *offset_json(int64_t offset) { return offset < 0 ? json_null() : json_integer(offset); }

static json_t *range_json(int64_t first, int64_t last, uint64_t count) {
        return first < 0 ? json_null()
                         : json_pack("{s:I,s:I,s:I}", "first", (json_int_t)first, "last", (json_int_t)last, "records",
                                     (json_int_t)count);
}

static json_t *finding_json(const struct verify_finding *f) {
        json_t *json = json_pack("{s:s,s:o,s:o}", "kind", verify_kind_name(f->kind), "source",
                                 range_json(f->source, f->source_last,
                                            f->kind == VERIFY_DUPLICATED ? f->destination_count : f->source_count),
                                 "destination", range_json(f->destination, f->destination_last, f->destination_count));
        if (f->first >= 0) (void)json_object_set_new(json, "first_at", offset_json(f->first));
        if (f->parts) {
                json_t *list = json_array();
                for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
                        if (f->parts & parts[i].part) (void)json_array_append_new(list, json_string(parts[i].name));
                (void)json_object_set_new(json, "differs_in", list);
        }
        return json;
}

static json_t *counts_json(const uint64_t *counts) {
        json_t *json = json_object();
        for (int kind = 0; kind < VERIFY_KIND_COUNT; kind++)
                if (counts[kind])
                        (void)json_object_set_new(json, verify_kind_name((enum verify_kind)kind),
                                                  json_integer((json_int_t)counts[kind]));
        return json;
}

static json_t *partition_json(const struct verify_report *report, const struct verify_partition *p) {
        json_t *findings = json_array();
        for (size_t i = 0; i < p->finding_count; i++) (void)json_array_append_new(findings, finding_json(&p->findings[i]));
        return json_pack("{s:s,s:s,s:i,s:s,s:b,s:o*,s:I,s:{s:I,s:I,s:I,s:I},s:{s:I,s:I,s:I},s:I,s:b,s:o,s:o,s:I}",
                         "topic", p->topic, "destination_topic", p->destination_topic, "partition", (int)p->partition,
                         "verdict", verify_verdict_name(verify_partition_verdict(p, report->exact)),
                         "finished", p->state == VERIFY_DONE, "reason", p->why ? status_json_text(p->why) : NULL, "matched", (json_int_t)p->matched,
                         "source", "from", (json_int_t)p->source_from, "to", (json_int_t)p->source_position,
                         "end", (json_int_t)p->source_end, "records", (json_int_t)p->read[0],
                         "destination", "from", (json_int_t)p->destination_from, "to", (json_int_t)p->destination_end,
                         "records", (json_int_t)p->read[1],
                         "not_mirrored_yet", (json_int_t)(p->why || p->source_end < p->source_position ? 0 : p->source_end - p->source_position),
                         "timestamps_compared", !p->no_timestamps, "counts", counts_json(p->count),
                         "findings", findings, "findings_left_out", (json_int_t)p->findings_left_out);
}

json_t *verify_report_json(const struct verify_report *report) {
        json_t *partitions = json_array();
        uint64_t counts[VERIFY_KIND_COUNT], matched = 0;
        for (int kind = 0; kind < VERIFY_KIND_COUNT; kind++) counts[kind] = total(report, kind);
        for (size_t i = 0; i < report->partition_count; i++) {
                matched += report->partitions[i].matched;
                (void)json_array_append_new(partitions, partition_json(report, &report->partitions[i]));
        }
        return json_pack("{s:i,s:s,s:s,s:s,s:s,s:b,s:f,s:I,s:f,s:b,s:I,s:o,s:o}", "format", 1, "route", report->route,
                         "source", report->source, "destination", report->destination, "verdict",
                         verify_verdict_name(verify_report_verdict(report)), "exact", report->exact, "sample",
                         report->sample, "seed", (json_int_t)report->seed, "seconds", report->seconds, "interrupted",
                         report->interrupted, "matched", (json_int_t)matched, "counts", counts_json(counts), "partitions",
                         partitions);
}

/* ---- state -------------------------------------------------------------- */

static json_t *finding_save(const struct verify_finding *f) {
        return json_pack("[s,I,I,I,I,I,I,I,I,i,I]", verify_kind_name(f->kind), (json_int_t)f->source,
                         (json_int_t)f->source_last, (json_int_t)f->destination, (json_int_t)f->destination_last,
                         (json_int_t)f->source_seq, (json_int_t)f->destination_seq, (json_int_t)f->source_count,
                         (json_int_t)f->destination_count, (int)f->parts, (json_int_t)f->first);
}

static int finding_load(const json_t *json, struct verify_finding *f) {
        const char *kind;
        json_int_t n[9];
        int part;
        if (json_unpack((json_t *)json, "[s,I,I,I,I,I,I,I,I,i,I]", &kind, &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6],
                        &n[7], &part, &n[8]) != 0)
                return ERR_INVALID;
        *f = (struct verify_finding){.kind = verify_kind_parse(kind), .source = n[0], .source_last = n[1],
                                     .destination = n[2], .destination_last = n[3], .source_seq = (uint64_t)n[4],
                                     .destination_seq = (uint64_t)n[5], .source_count = (uint64_t)n[6],
                                     .destination_count = (uint64_t)n[7], .parts = (unsigned)part, .first = n[8]};
        return f->kind == VERIFY_KIND_COUNT ? ERR_INVALID : 0;
}

json_t *verify_partition_save(const struct verify_partition *p) {
        json_t *findings = json_array();
        for (size_t i = 0; i < p->finding_count; i++) (void)json_array_append_new(findings, finding_save(&p->findings[i]));
        return json_pack("{s:s,s:i,s:i,s:[I,I,I,I,I],s:[b,b,b,b,b],s:o*,s:[I,I,I],s:o,s:o,s:I,s:[I,I],s:s*,s:I}",
                         "topic", p->topic, "partition", (int)p->partition, "state", (int)p->state,
                         "range", (json_int_t)p->source_from, (json_int_t)p->source_position, (json_int_t)p->source_end,
                         (json_int_t)p->destination_from, (json_int_t)p->destination_end,
                         "flags", p->source_late, p->destination_late, p->source_compacted, p->destination_compacted,
                         p->no_timestamps, "why", p->why ? status_json_text(p->why) : NULL, "records", (json_int_t)p->matched, (json_int_t)p->read[0],
                         (json_int_t)p->read[1], "counts", counts_json(p->count), "findings", findings,
                         "left_out", (json_int_t)p->findings_left_out, "next", (json_int_t)p->source_next,
                         (json_int_t)p->destination_next, "matcher", p->resume, "stretch", (json_int_t)p->stretch);
}

int verify_partition_load(struct verify_partition *p, const json_t *json) {
        const char *why = NULL, *resume = NULL;
        json_int_t range[5], records[3], left_out, next[2], stretch;
        json_t *counts, *findings, *one;
        int state, flags[5];
        size_t i;
        if (json_unpack((json_t *)json, "{s:i,s:[I,I,I,I,I],s:[b,b,b,b,b],s?s,s:[I,I,I],s:o,s:o,s:I,s:[I,I],s?s,s:I}", "state",
                        &state, "range", &range[0], &range[1], &range[2], &range[3], &range[4], "flags", &flags[0],
                        &flags[1], &flags[2], &flags[3], &flags[4], "why", &why, "records", &records[0], &records[1],
                        &records[2], "counts", &counts, "findings", &findings, "left_out", &left_out, "next", &next[0],
                        &next[1], "matcher", &resume, "stretch", &stretch) != 0 ||
            state < VERIFY_PENDING || state > VERIFY_DONE || !json_is_array(findings))
                return ERR_INVALID;
        verify_partition_clear(p);
        const char *name;
        json_object_foreach(counts, name, one) {
                enum verify_kind kind = verify_kind_parse(name);
                if (kind == VERIFY_KIND_COUNT || !json_is_integer(one)) return ERR_INVALID;
                p->count[kind] = (uint64_t)json_integer_value(one);
        }
        uint64_t counted[VERIFY_KIND_COUNT];
        memcpy(counted, p->count, sizeof counted);
        json_array_foreach(findings, i, one) {
                struct verify_finding finding;
                if (finding_load(one, &finding)) return ERR_INVALID;
                verify_partition_found(p, &finding);
        }
        memcpy(p->count, counted, sizeof counted);
        p->source_from = range[0], p->source_position = range[1], p->source_end = range[2];
        p->destination_from = range[3], p->destination_end = range[4];
        p->source_late = flags[0], p->destination_late = flags[1];
        p->source_compacted = flags[2], p->destination_compacted = flags[3];
        p->no_timestamps = flags[4];
        p->matched = (uint64_t)records[0], p->read[0] = (uint64_t)records[1], p->read[1] = (uint64_t)records[2];
        p->findings_left_out = (uint64_t)left_out;
        p->source_next = next[0], p->destination_next = next[1];
        p->stretch = (uint64_t)stretch;
        p->state = state == VERIFY_DONE ? VERIFY_DONE : VERIFY_PENDING;
        if (why && !(p->why = strdup(why))) return ERR_NOMEM;
        if (resume && !(p->resume = strdup(resume))) return ERR_NOMEM;
        return 0;
}
