#include "cli/mirror_progress.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/snapshot.h"
#include "common/status_json.h"

#define RATE_WINDOW_MS 5000.0
#define LINE_MAX_BYTES 512

/* ---- numbers ---- */

const char *mirror_count_text(char buf[static MIRROR_NUMBER_SIZE], uint64_t count) {
        char digits[24];
        int n = snprintf(digits, sizeof digits, "%" PRIu64, count), at = 0;
        for (int i = 0; i < n; i++) {
                if (i && (n - i) % 3 == 0) buf[at++] = ',';
                buf[at++] = digits[i];
        }
        buf[at] = '\0';
        return buf;
}

const char *mirror_bytes_text(char buf[static MIRROR_NUMBER_SIZE], double bytes) {
        static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
        size_t unit = 0;
        while (bytes >= 1024 && unit < 5) {
                bytes /= 1024;
                unit++;
        }
        (void)snprintf(buf, MIRROR_NUMBER_SIZE, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
        return buf;
}

const char *mirror_time_text(char buf[static MIRROR_NUMBER_SIZE], int64_t ms) {
        long long s = ms > 0 ? (ms + 500) / 1000 : 0;
        if (s >= 3600) (void)snprintf(buf, MIRROR_NUMBER_SIZE, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
        else (void)snprintf(buf, MIRROR_NUMBER_SIZE, "%lld:%02lld", s / 60, s % 60);
        return buf;
}

/* ---- rates ---- */

/* What was known fades over a few seconds: a mirror's rate is uneven. */
static void mix(double *rate, double now, double part) { *rate += (now - *rate) * part; }

void mirror_rate_take(struct mirror_rate *rate, int64_t now_ms, const struct mirror_sums *sums) {
        double ms = (double)(now_ms - rate->at_ms);
        if (rate->at_ms && ms < 1) return;
        if (rate->at_ms) {
                bool first = rate->records_per_s == 0 && rate->bytes_per_s == 0 && rate->offsets_per_s == 0;
                double part = first || ms > RATE_WINDOW_MS ? 1 : ms / RATE_WINDOW_MS;
                double records = sums->records > rate->records ? (double)(sums->records - rate->records) : 0;
                double bytes = sums->bytes > rate->bytes ? (double)(sums->bytes - rate->bytes) : 0;
                double done = sums->done > rate->done ? (double)(sums->done - rate->done) : 0;
                mix(&rate->records_per_s, records * 1000 / ms, part);
                mix(&rate->bytes_per_s, bytes * 1000 / ms, part);
                mix(&rate->offsets_per_s, done * 1000 / ms, part);
        }
        rate->at_ms = now_ms;
        rate->records = sums->records;
        rate->bytes = sums->bytes;
        rate->done = sums->done;
}

/* ---- progress ---- */

static double share(const struct mirror_sums *s) {
        if (s->targets && s->arrived == s->targets) return 1;
        if (s->total <= 0) return 0;
        double done = (double)s->done / (double)s->total;
        return done > 0.999 ? 0.999 : done; /* 100% says that it has arrived */
}

static void trouble(const struct mirror_sums *s, struct text *out) {
        if (s->halted) text_add(out, "  %zu halted", s->halted);
        if (s->parked) text_add(out, "  %zu parked", s->parked);
}

static void figures(const struct mirror_progress *p, struct text *out) {
        char a[MIRROR_NUMBER_SIZE], b[MIRROR_NUMBER_SIZE], c[MIRROR_NUMBER_SIZE];
        text_add(out, "  %s %s  %s/s", mirror_count_text(a, p->sums.records), p->offsets_only ? "offsets" : "records",
                 mirror_count_text(b, (uint64_t)(p->rate.records_per_s + 0.5)));
        if (!p->offsets_only) text_add(out, "  %s/s", mirror_bytes_text(c, p->rate.bytes_per_s));
}

static void remaining(const struct mirror_progress *p, struct text *out) {
        char a[MIRROR_NUMBER_SIZE];
        if (!p->bounded) {
                if (p->sums.lag >= 0) text_add(out, "  %s behind", mirror_count_text(a, (uint64_t)p->sums.lag));
                return;
        }
        if (p->sums.targets && p->sums.arrived == p->sums.targets) return;
        if (p->rate.offsets_per_s < 0.5 || p->sums.total <= p->sums.done) return;
        double ms = (double)(p->sums.total - p->sums.done) / p->rate.offsets_per_s * 1000;
        if (ms < 1e12) text_add(out, "  %s left", mirror_time_text(a, (int64_t)ms));
}

/* Leaves out what does not fit, from the right; trouble comes last and stays. */
void mirror_progress_bar(const struct mirror_progress *p, unsigned width, struct text *out) {
        struct text tail = {0}, middle = {0}, rest = {0};
        trouble(&p->sums, &tail);
        figures(p, &middle);
        remaining(p, &rest);
        unsigned fixed = (unsigned)tail.bytes, bar = 0;
        if (fixed > width) fixed = width;
        char head[64];
        (void)snprintf(head, sizeof head, " %3.0f%%", share(&p->sums) < 1 ? (double)(int)(share(&p->sums) * 100) : 100.0);
        unsigned words = p->bounded ? (unsigned)strlen(head) : (unsigned)strlen(p->word);
        bool with_rest = words + middle.bytes + rest.bytes + fixed <= width;
        bool with_middle = words + middle.bytes + fixed <= width;
        unsigned used = words + (with_middle ? (unsigned)middle.bytes : 0) +
                        (with_rest ? (unsigned)rest.bytes : 0) + fixed;
        if (p->bounded && width > used + 8) {
                bar = width - used - 2;
                if (bar > 40) bar = 40;
                unsigned full = (unsigned)(share(&p->sums) * bar);
                text_add(out, "[");
                for (unsigned i = 0; i < bar; i++) text_add(out, "%c", i < full ? '=' : i == full ? '>' : ' ');
                text_add(out, "]");
        }
        if (words <= width) text_add(out, "%s", p->bounded ? head : p->word);
        if (with_middle && middle.data) text_add(out, "%s", middle.data);
        if (with_rest && rest.data) text_add(out, "%s", rest.data);
        if (tail.data) text_add(out, "%.*s", (int)fixed, tail.data);
        free(tail.data);
        free(middle.data);
        free(rest.data);
}

void mirror_progress_line(const struct mirror_progress *p, struct text *out) {
        char a[MIRROR_NUMBER_SIZE];
        text_add(out, "%s", p->word);
        if (p->bounded)
                text_add(out, "  %d%%  %zu of %zu partitions", (int)(share(&p->sums) * 100), p->sums.arrived,
                         p->sums.targets);
        else
                text_add(out, "  %zu partitions", p->sums.partitions);
        figures(p, out);
        remaining(p, out);
        text_add(out, "  after %s", mirror_time_text(a, p->elapsed_ms));
        trouble(&p->sums, out);
}

/* ---- the report ---- */

static bool missing(const struct mirror_part *part, int64_t *from) {
        if (mirror_part_arrived(part)) return false;
        *from = part->position >= 0 ? part->position : part->begin;
        return true;
}

static const char *state_of(const struct mirror_part *part) {
        return status_state_name((enum status_state)part->state) /* the same numbers */;
}

bool mirror_report_complete(const struct mirror_report *r) {
        if (r->differs || r->stopped) return false;
        for (size_t i = 0; i < r->table->count; i++) {
                const struct mirror_part *part = &r->table->parts[i];
                if (!mirror_part_arrived(part) || part->state == HELIOSTAT__PB__PARTITION_STATE__PARTITION_HALTED)
                        return false;
        }
        return true;
}

struct topic_sum {
        const char *topic;
        size_t partitions, halted;
        uint64_t records, bytes;
        int64_t missing;
};

/* The rows of one topic stand together.  Returns the index behind them. */
static size_t sum_topic(const struct mirror_table *table, size_t at, struct topic_sum *out) {
        int64_t from;
        *out = (struct topic_sum){.topic = table->parts[at].topic};
        for (; at < table->count && strcmp(table->parts[at].topic, out->topic) == 0; at++) {
                const struct mirror_part *part = &table->parts[at];
                out->partitions++;
                out->records += part->records;
                out->bytes += part->bytes;
                out->halted += part->state == HELIOSTAT__PB__PARTITION_STATE__PARTITION_HALTED;
                if (missing(part, &from)) out->missing += part->target - (from >= 0 ? from : 0);
        }
        return at;
}

static void range(struct text *out, int64_t from, int64_t to) {
        if (from >= 0) text_add(out, "[%lld, %lld)", (long long)from, (long long)to);
        else text_add(out, "all below %lld", (long long)to);
}

void mirror_report_text(const struct mirror_report *r, struct text *out) {
        const char *const headings[] = {"TOPIC", ">PARTITIONS", r->offsets_only ? ">OFFSETS" : ">RECORDS", ">BYTES",
                                        ">MISSING", ">HALTED"};
        char a[MIRROR_NUMBER_SIZE], b[MIRROR_NUMBER_SIZE], c[MIRROR_NUMBER_SIZE];
        struct table *table = table_new(headings, 6);
        uint64_t records = 0, bytes = 0;
        int64_t from;
        if (!table) {
                out->failed = true;
                return;
        }
        for (size_t at = 0; at < r->table->count;) {
                struct topic_sum sum;
                at = sum_topic(r->table, at, &sum);
                records += sum.records;
                bytes += sum.bytes;
                table_cell(table, TABLE_PLAIN, "%s", sum.topic);
                table_cell(table, TABLE_PLAIN, "%zu", sum.partitions);
                table_cell(table, TABLE_PLAIN, "%s", mirror_count_text(a, sum.records));
                table_cell(table, TABLE_PLAIN, "%s", r->offsets_only ? "" : mirror_bytes_text(b, (double)sum.bytes));
                table_cell(table, sum.missing ? TABLE_RED : TABLE_PLAIN, "%s",
                           mirror_count_text(c, (uint64_t)sum.missing));
                table_cell(table, sum.halted ? TABLE_RED : TABLE_PLAIN, "%zu", sum.halted);
        }
        if (r->table->count) table_render(table, false, out);
        table_free(table);
        for (size_t i = 0; i < r->table->count; i++) {
                const struct mirror_part *part = &r->table->parts[i];
                bool absent = missing(part, &from);
                if (!absent && part->state != HELIOSTAT__PB__PARTITION_STATE__PARTITION_HALTED) continue;
                text_add(out, absent ? "missing: " : "halted: ");
                text_add_peer(out, part->topic);
                text_add(out, " partition %d", part->partition);
                if (absent) {
                        text_add(out, " offsets ");
                        range(out, from, part->target);
                }
                text_add(out, ": %s", state_of(part));
                if (*part->error) {
                        text_add(out, ", ");
                        text_add_peer(out, part->error);
                }
                text_add(out, "\n");
        }
        for (size_t i = 0; i < r->passed_count; i++) {
                text_add(out, "left out: ");
                text_add_peer(out, r->passed[i].topic);
                text_add(out, " partition %d offsets ", r->passed[i].partition);
                range(out, r->passed[i].from, r->passed[i].to);
                text_add(out, ": %s, %s\n", r->passed[i].kind, r->passed[i].answer);
        }
        if (r->stopped) {
                text_add(out, "stopped: ");
                text_add_peer(out, r->stopped);
                text_add(out, "\n");
        }
        if (r->verified) {
                text_add(out, r->differs ? "differs: " : "verified: ");
                text_add_peer(out, r->verified);
                text_add(out, "\n");
        }
        bool endless = strcmp(r->mode, "forever") == 0; /* it had no end to come to */
        text_add(out, "%s: %s %s",
                 mirror_report_complete(r) ? endless ? "ended" : "complete" : endless ? "ENDED WITH ERRORS" : "INCOMPLETE",
                 mirror_count_text(a, records), r->offsets_only ? "offsets" : "records");
        if (!r->offsets_only) text_add(out, ", %s", mirror_bytes_text(b, (double)bytes));
        text_add(out, " in %s\n", mirror_time_text(c, r->elapsed_ms));
}

void mirror_plan_text(const struct mirror_table *parts, struct text *out) {
        static const char *const headings[] = {"TOPIC", ">PARTITIONS", ">WITH A POSITION", ">OFFSETS TO COPY"};
        char count[MIRROR_NUMBER_SIZE];
        struct table *table = table_new(headings, 4);
        if (!table) {
                out->failed = true;
                return;
        }
        for (size_t at = 0; at < parts->count;) {
                const char *topic = parts->parts[at].topic;
                size_t first = at, positioned = 0;
                int64_t offsets = 0;
                for (; at < parts->count && strcmp(parts->parts[at].topic, topic) == 0; at++) {
                        const struct mirror_part *part = &parts->parts[at];
                        positioned += part->position >= 0;
                        if (!mirror_part_arrived(part)) offsets += part->target - (part->position > 0 ? part->position : 0);
                }
                table_cell(table, TABLE_PLAIN, "%s", topic);
                table_cell(table, TABLE_PLAIN, "%zu", at - first);
                table_cell(table, TABLE_PLAIN, "%zu", positioned);
                table_cell(table, TABLE_PLAIN, "%s", mirror_count_text(count, (uint64_t)offsets));
        }
        if (parts->count) table_render(table, false, out);
        else text_add(out, "no topic of the source matches\n");
        table_free(table);
}

/* Of a peer, or cut: jansson takes UTF-8 only, and json_pack of anything else
 * gives nothing at all. */
static json_t *json_words(const char *text) { return text && !*text ? json_string("") : status_json_text(text); }

static json_t *json_offset(int64_t offset) { return offset < 0 ? json_null() : json_integer(offset); }

char *mirror_report_json(const struct mirror_report *r) {
        json_t *topics = json_array(), *absent = json_array(), *halts = json_array(), *passed = json_array();
        uint64_t records = 0, bytes = 0;
        int64_t from;
        for (size_t at = 0; at < r->table->count;) {
                struct topic_sum sum;
                at = sum_topic(r->table, at, &sum);
                records += sum.records;
                bytes += sum.bytes;
                (void)json_array_append_new(
                        topics, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "topic", sum.topic, "partitions",
                                          (json_int_t)sum.partitions, r->offsets_only ? "offsets" : "records", (json_int_t)sum.records, "bytes",
                                          (json_int_t)sum.bytes, "missing", (json_int_t)sum.missing, "halted",
                                          (json_int_t)sum.halted)); /* a failed append shows at the dump */
        }
        for (size_t i = 0; i < r->table->count; i++) {
                const struct mirror_part *part = &r->table->parts[i];
                if (missing(part, &from))
                        (void)json_array_append_new(
                                absent, json_pack("{s:o, s:i, s:o, s:I, s:s, s:o}", "topic", json_words(part->topic), "partition",
                                                  part->partition, "from", json_offset(from), "to",
                                                  (json_int_t)part->target, "state", state_of(part), "error",
                                                  json_words(part->error)));
                if (part->state == HELIOSTAT__PB__PARTITION_STATE__PARTITION_HALTED)
                        (void)json_array_append_new(
                                halts, json_pack("{s:o, s:i, s:o, s:o}", "topic", json_words(part->topic), "partition",
                                                 part->partition, "position", json_offset(part->position), "error",
                                                 json_words(part->error)));
        }
        for (size_t i = 0; i < r->passed_count; i++)
                (void)json_array_append_new(
                        passed, json_pack("{s:s, s:i, s:o, s:I, s:s, s:s}", "topic", r->passed[i].topic, "partition",
                                          r->passed[i].partition, "from", json_offset(r->passed[i].from), "to",
                                          (json_int_t)r->passed[i].to, "kind", r->passed[i].kind, "answer",
                                          r->passed[i].answer));
        json_t *root = json_pack("{s:s, s:b, s:s, s:o, s:o, s:b, s:f, s:I, s:I, s:o, s:o, s:o, s:o}", "schema",
                                 "heliostat.mirror/v1", "complete", mirror_report_complete(r), "mode", r->mode,
                                 "stopped", json_words(r->stopped), "verified", json_words(r->verified), "differs", r->differs, "elapsed_s",
                                 (double)r->elapsed_ms / 1000, r->offsets_only ? "offsets" : "records", (json_int_t)records, "bytes",
                                 (json_int_t)bytes, "topics", topics, "missing", absent, "halts", halts, "passed",
                                 passed);
        if (root && r->comparison) (void)json_object_set(root, "comparison", r->comparison); /* no memory: left out */
        char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
        json_decref(root);
        return text;
}
