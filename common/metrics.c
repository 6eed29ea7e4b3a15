#include "common/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text_grow.h"

enum type { COUNTER, GAUGE, HISTOGRAM };
static const char *const type_names[] = {"counter", "gauge", "histogram"};

static const struct row {
        enum type type;
        const char *name, *who, *labels, *help;
} rows[METRICS_COUNT] = {
#define ROW(id, type, name, who, labels, help) {type, name, #who, labels, help},
        METRICS(ROW)
#undef ROW
#define ROW(id, type, name, help) {type, name, NULL, "target, topic, partition", help},
        MM2_METRICS(ROW)
#undef ROW
};

const char *metrics_name(enum metric metric) { return rows[metric].name; }

/* Which line of its family a figure is. */
#define PLAIN 0
#define SUM (HISTOGRAM_BUCKETS + 1)
#define COUNT (HISTOGRAM_BUCKETS + 2) /* 1 ... HISTOGRAM_BUCKETS: a bucket */

struct figure {
        uint8_t metric, line;
        uint32_t labels; /* where they begin in the text */
        double value;
};

struct metrics {
        struct figure *figures;
        size_t count, room;
        char *labels;    /* texts, each ended by NUL; the first is "" */
        size_t labels_bytes, labels_room;
        bool failed;
        /* reading */
        bool sealed;
        size_t at;
        bool headed;     /* the head of the figure's family is out */
};

struct metrics *metrics_new(void) {
        struct metrics *metrics = calloc(1, sizeof *metrics);
        if (!metrics) return NULL;
        metrics->labels = calloc(1, metrics->labels_room = 4096);
        metrics->labels_bytes = 1;
        if (metrics->labels) return metrics;
        free(metrics);
        return NULL;
}

void metrics_free(struct metrics *metrics) {
        if (!metrics) return;
        free(metrics->figures);
        free(metrics->labels);
        free(metrics);
}

bool metrics_failed(const struct metrics *metrics) { return metrics->failed; }

size_t metrics_held_bytes(const struct metrics *metrics) {
        return sizeof *metrics + metrics->room * sizeof *metrics->figures + metrics->labels_room;
}

/* ---- labels ---- */

static void put(struct metrics *metrics, char c) {
        if (metrics->failed) return;
        if (metrics->labels_bytes == metrics->labels_room) {
                size_t room = metrics->labels_room * 2;
                char *more = room > METRICS_LABELS_BYTES_MAX ? NULL : realloc(metrics->labels, room);
                if (!more) {
                        metrics->failed = true;
                        return;
                }
                metrics->labels = more;
                metrics->labels_room = room;
        }
        metrics->labels[metrics->labels_bytes++] = c;
}

static void put_text(struct metrics *metrics, const char *text) {
        for (; *text; text++) put(metrics, *text);
}

/* Bytes of the UTF-8 sequence that begins here; 0: it is none. */
static size_t utf8(const unsigned char *s) {
        size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
                 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
        for (size_t i = 1; i < n; i++)
                if ((s[i] & 0xc0) != 0x80) return 0;
        if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) || (s[0] == 0xf0 && s[1] < 0x90) ||
            (s[0] == 0xf4 && s[1] >= 0x90))
                return 0;
        return n;
}

static void put_value(struct metrics *metrics, const char *value) {
        for (const unsigned char *s = (const unsigned char *)value; *s;) {
                size_t n = utf8(s);
                if (n == 0) {
                        put(metrics, '?');
                        s++;
                } else if (*s == '\\' || *s == '"') {
                        put(metrics, '\\');
                        put(metrics, (char)*s++);
                } else if (*s == '\n') {
                        put(metrics, '\\');
                        put(metrics, 'n');
                        s++;
                } else {
                        while (n--) put(metrics, (char)*s++);
                }
        }
}

static void put_pairs(struct metrics *metrics, bool comma, va_list pairs) {
        const char *name;
        while ((name = va_arg(pairs, const char *))) {
                const char *value = va_arg(pairs, const char *);
                if (comma) put(metrics, ',');
                comma = true;
                put_text(metrics, name);
                put_text(metrics, "=\"");
                put_value(metrics, value ? value : "");
                put(metrics, '"');
        }
        put(metrics, '\0');
}

uint32_t metrics_labels(struct metrics *metrics, ...) {
        uint32_t at = (uint32_t)metrics->labels_bytes;
        va_list pairs;
        va_start(pairs, metrics);
        put_pairs(metrics, false, pairs);
        va_end(pairs);
        return metrics->failed ? METRICS_NO_LABELS : at;
}

uint32_t metrics_labels_more(struct metrics *metrics, uint32_t labels, ...) {
        uint32_t at = (uint32_t)metrics->labels_bytes;
        va_list pairs;
        /* byte by byte: the text moves as it grows */
        for (size_t i = labels; metrics->labels[i] && !metrics->failed; i++) put(metrics, metrics->labels[i]);
        va_start(pairs, labels);
        put_pairs(metrics, at != metrics->labels_bytes, pairs);
        va_end(pairs);
        return metrics->failed ? METRICS_NO_LABELS : at;
}

/* ---- figures ---- */

static void add(struct metrics *metrics, enum metric metric, unsigned line, uint32_t labels, double value) {
        if (metrics->failed) return;
        if (metrics->count == metrics->room) {
                size_t room = metrics->room ? metrics->room * 2 : 256;
                struct figure *more = room > 2 * METRICS_FIGURES_MAX ? NULL : realloc(metrics->figures, room * sizeof *more);
                if (!more) {
                        metrics->failed = true;
                        return;
                }
                metrics->figures = more;
                metrics->room = room;
        }
        metrics->figures[metrics->count++] = (struct figure){(uint8_t)metric, (uint8_t)line, labels, value};
}

void metrics_add(struct metrics *metrics, enum metric metric, uint32_t labels, double value) {
        add(metrics, metric, PLAIN, labels, value);
}

void metrics_add_histogram(struct metrics *metrics, enum metric metric, uint32_t labels,
                           const struct histogram *histogram) {
        uint64_t count = 0;
        for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
                count += histogram->counts[i];
                add(metrics, metric, 1 + i, labels, (double)count);
        }
        add(metrics, metric, SUM, labels, (double)histogram->sum_us / 1e6);
        add(metrics, metric, COUNT, labels, (double)count);
}

/* By metric, else in the order added: a family's lines stand together. */
static void seal(struct metrics *metrics) {
        size_t begin[METRICS_COUNT + 1] = {0};
        metrics->sealed = true;
        if (metrics->failed) return;
        struct figure *sorted = malloc((metrics->count ? metrics->count : 1) * sizeof *sorted);
        if (!sorted) {
                metrics->failed = true;
                return;
        }
        for (size_t i = 0; i < metrics->count; i++) begin[metrics->figures[i].metric + 1]++;
        for (size_t i = 0; i < METRICS_COUNT; i++) begin[i + 1] += begin[i];
        for (size_t i = 0; i < metrics->count; i++) sorted[begin[metrics->figures[i].metric]++] = metrics->figures[i];
        free(metrics->figures);
        metrics->figures = sorted;
        metrics->room = metrics->count;
}

/* ---- text ---- */

static int format_number(char *out, size_t size, double value) {
        if (value != value) return snprintf(out, size, "NaN");
        if (value > 1.7976931348623157e308 || value < -1.7976931348623157e308)
                return snprintf(out, size, value > 0 ? "+Inf" : "-Inf");
        if (value > -9007199254740993.0 && value < 9007199254740993.0 && value == (double)(int64_t)value) return snprintf(out, size, "%" PRId64, (int64_t)value);
        return snprintf(out, size, "%.13g", value);
}

static int format_line(const struct metrics *metrics, const struct figure *f, char *out, size_t max) {
        const struct row *row = &rows[f->metric];
        const char *labels = metrics->labels + f->labels;
        char number[40];
        (void)format_number(number, sizeof number, f->value);
        if (f->line == PLAIN || f->line == SUM || f->line == COUNT)
                return snprintf(out, max, "%s%s%s%s%s %s\n", row->name,
                                f->line == SUM ? "_sum" : f->line == COUNT ? "_count" : "", *labels ? "{" : "",
                                labels, *labels ? "}" : "", number);
        const char *bound = f->line < HISTOGRAM_BUCKETS ? histogram_bounds_text[f->line - 1] : "+Inf";
        return snprintf(out, max, "%s_bucket{%s%sle=\"%s\"} %s\n", row->name, labels, *labels ? "," : "", bound, number);
}

/* HELP is one line: a backslash or a newline would need an escape, and the
 * table has neither. */
static int format_head(const struct row *row, char *out, size_t max) {
        return snprintf(out, max, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name, type_names[row->type]);
}

ssize_t metrics_read(struct metrics *metrics, char *out, size_t max) {
        size_t used = 0;
        if (!metrics->sealed) seal(metrics);
        if (metrics->failed) return -1;
        while (metrics->at < metrics->count) {
                const struct figure *f = &metrics->figures[metrics->at];
                bool head = !metrics->headed && (metrics->at == 0 || f[-1].metric != f->metric);
                int n = head ? format_head(&rows[f->metric], out + used, max - used)
                             : format_line(metrics, f, out + used, max - used);
                if (n < 0) return -1;
                if ((size_t)n >= max - used) return used ? (ssize_t)used : -1;
                used += (size_t)n;
                metrics->headed = head;
                if (!head) metrics->at++;
        }
        return (ssize_t)used;
}

char *metrics_text(struct metrics *metrics, size_t *out_bytes) {
        size_t bytes = 0, room = 65536;
        char *text = malloc(room);
        while (text) {
                if (room - bytes < 32768) {
                        char *more = realloc(text, room *= 2);
                        if (!more) break;
                        text = more;
                }
                ssize_t n = metrics_read(metrics, text + bytes, room - bytes - 1);
                if (n < 0) break;
                bytes += (size_t)n;
                if (n > 0) continue;
                text[bytes] = '\0';
                if (out_bytes) *out_bytes = bytes;
                return text;
        }
        free(text);
        return NULL;
}

/* ---- docs ---- */

char *metrics_reference(void) {
        static const char *const parts[][2] = {{"WORKER", "### Of a worker"}, {"COORDINATOR", "### Of a coordinator"}, {"BOTH", "### Of both"}};
        struct text text = {0};
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
                text_add(&text, "%s%s\n\n| metric | type | labels | |\n|---|---|---|---|\n", k ? "\n" : "", parts[k][1]);
                for (size_t i = 0; i < METRICS_COUNT; i++)
                        if (rows[i].who && strcmp(rows[i].who, parts[k][0]) == 0)
                                text_add(&text, "| `%s` | %s | %s | %s |\n", rows[i].name, type_names[rows[i].type],
                                         rows[i].labels, rows[i].help);
        }
        text_add(&text, "\n### With `compat=mm2`\n\n| metric | type | |\n|---|---|---|\n");
        for (size_t i = 0; i < METRICS_COUNT; i++)
                if (!rows[i].who) text_add(&text, "| `%s` | %s | %s |\n", rows[i].name, type_names[rows[i].type], rows[i].help);
        if (!text.failed) return text.data;
        free(text.data);
        return NULL;
}
