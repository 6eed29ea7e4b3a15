#include "cli/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table.h"
#include "cli/words.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

bool watch_key(struct watch *w, char key) {
        switch (key) {
        case 'q':
        case 'Q':
        case 3: /* Ctrl-C, where the terminal does not make it a signal */
                w->quit = true;
                return false;
        case 'p': w->partitions = !w->partitions; return true;
        case 'r': w->now = true; return true;
        case '+':
        case '=':
                if (w->interval_s < WATCH_INTERVAL_MAX_S) w->interval_s++;
                return true;
        case '-':
                if (w->interval_s > WATCH_INTERVAL_MIN_S) w->interval_s--;
                return true;
        case 'j': w->first++; return true;
        case 'k':
                if (w->first) w->first--;
                return true;
        default: return false;
        }
}

static enum table_colour level_colour(enum health_level level) {
        return level == HEALTH_OK ? TABLE_GREEN : level == HEALTH_WARN ? TABLE_YELLOW : TABLE_RED;
}

static enum table_colour state_colour(enum status_state state) {
        return state == STATUS_RUNNING ? TABLE_GREEN
               : state == STATUS_HALTED || state == STATUS_STALLED ? TABLE_RED
               : state == STATUS_PAUSED || state == STATUS_PARKED || state == STATUS_UNASSIGNED ? TABLE_YELLOW : TABLE_PLAIN;
}

static void sums(const struct snapshot *s, int64_t *lag, double *lag_seconds, double *rate, size_t in_state[STATUS_STATES]) {
        *lag = 0;
        *lag_seconds = -1;
        *rate = 0;
        memset(in_state, 0, STATUS_STATES * sizeof *in_state);
        for (size_t i = 0; i < s->partition_count; i++) {
                const struct status_partition *p = &s->partitions[i];
                in_state[p->state]++;
                if (p->lag > 0 && __builtin_add_overflow(*lag, p->lag, lag)) *lag = INT64_MAX;
                if (p->lag_seconds > *lag_seconds) *lag_seconds = p->lag_seconds;
                *rate += p->rate;
        }
}

static void states_text(char *out, size_t size, const size_t in_state[STATUS_STATES]) {
        size_t n = 0;
        *out = '\0';
        for (int k = 0; k < STATUS_STATES && n < size; k++)
                if (in_state[k])
                        n += (size_t)snprintf(out + n, size - n, "%s%zu %s", n ? ", " : "", in_state[k],
                                              status_state_name((enum status_state)k));
        if (!n) (void)snprintf(out, size, "no partitions");
}

void watch_line(const struct snapshot *s, const struct health *health, struct text *out) {
        size_t in_state[STATUS_STATES];
        int64_t lag;
        double seconds, rate;
        char a[WORD], b[WORD], c[WORD], time[WORD], states[300];
        sums(s, &lag, &seconds, &rate, in_state);
        states_text(states, sizeof states, in_state);
        text_add(out, "%s %s lag=%s lag_time=\"%s\" rate=%s workers=%zu partitions=\"%s\"", word_time(time, s->now_ms),
                 health_level_name(health->level), word_offset(a, lag), word_duration(b, seconds), word_rate(c, rate), s->worker_count,
                 states);
        if (health->count) {
                text_add(out, " reason=\"");
                text_add_peer(out, health->reasons[0].text);
                text_add(out, "\"");
        }
        text_add(out, "\n");
}

/* ---- the screen ---- */

struct screen {
        struct text *out;
        unsigned rows, columns, used;
        bool colours;
};

/* One line, cut at the width; escape sequences of colours have no width. */
static void screen_line(struct screen *screen, const char *line, size_t bytes) {
        unsigned width = 0;
        bool cut = false;
        if (screen->used == screen->rows) return;
        if (screen->used++) text_add(screen->out, "\r\n");
        for (size_t i = 0; i < bytes; i++) {
                if (line[i] == '\033') {
                        size_t n = 1;
                        while (i + n < bytes && line[i + n] != 'm') n++;
                        if (i + n < bytes) n++;
                        text_add(screen->out, "%.*s", (int)n, line + i);
                        i += n - 1;
                } else if (width < screen->columns) {
                        text_add(screen->out, "%c", line[i]);
                        width++;
                } else {
                        cut = true;
                }
        }
        (void)cut;
        text_add(screen->out, "\033[K"); /* what was there before */
}

/* Takes the text. */
static void screen_text(struct screen *screen, struct text *text) {
        for (const char *at = text->data; at && *at;) {
                size_t bytes = strcspn(at, "\n");
                screen_line(screen, at, bytes);
                at += bytes + (at[bytes] == '\n');
        }
        if (text->failed) screen->out->failed = true;
        free(text->data);
        *text = (struct text){0};
}

static int lag_order(const void *x, const void *y) {
        const struct status_partition *a = *(const struct status_partition *const *)x, *b = *(const struct status_partition *const *)y;
        if (a->lag != b->lag) return a->lag < b->lag ? 1 : -1;
        return a < b ? -1 : a > b;
}

static void partitions(struct screen *screen, const struct watch *w, const struct snapshot *s) {
        static const char *const head[] = {"ROUTE", "TOPIC", ">PARTITION", "STATE", ">POSITION", ">END", ">LAG", ">LAG TIME", ">RECORDS/S", "WORKER", "ERROR"};
        const struct status_partition **rows = calloc(s->partition_count + 1, sizeof *rows);
        struct table *table = table_new(head, COUNT(head));
        size_t room = screen->rows > screen->used + 2 ? screen->rows - screen->used - 2 : 0;
        char a[WORD];
        struct text text = {0};
        for (size_t i = 0; rows && i < s->partition_count; i++) rows[i] = &s->partitions[i];
        if (rows && s->partition_count) qsort(rows, s->partition_count, sizeof *rows, lag_order);
        size_t first = w->first < s->partition_count ? w->first : s->partition_count ? s->partition_count - 1 : 0;
        for (size_t i = first; rows && table && i < s->partition_count && i < first + room; i++) {
                const struct status_partition *p = rows[i];
                table_cell(table, TABLE_PLAIN, "%s", p->route);
                table_cell(table, TABLE_BOLD, "%s", p->topic);
                table_cell(table, TABLE_PLAIN, "%u", p->partition);
                table_cell(table, state_colour(p->state), "%s", status_state_name(p->state));
                table_cell(table, TABLE_PLAIN, "%s", word_offset(a, p->position));
                table_cell(table, TABLE_PLAIN, "%s", word_offset(a, p->end_offset));
                table_cell(table, TABLE_PLAIN, "%s", p->lag < 0 ? "-" : word_grouped(a, p->lag));
                table_cell(table, TABLE_PLAIN, "%s", word_duration(a, p->lag_seconds));
                table_cell(table, TABLE_PLAIN, "%s", word_rate(a, p->rate));
                table_cell(table, TABLE_PLAIN, "%s", p->worker ? p->worker : "");
                table_cell(table, *p->error ? TABLE_RED : TABLE_PLAIN, "%s", p->error);
        }
        if (table) table_render(table, screen->colours, &text);
        else text.failed = true;
        table_free(table);
        free(rows);
        text_add(&text, "\n");
        screen_text(screen, &text);
}

static void routes_and_workers(struct screen *screen, const struct snapshot *s) {
        static const char *const routes[] = {"ROUTE", ">PARTITIONS", ">LAG", ">LAG TIME", ">RECORDS/S", "STATES"};
        static const char *const workers[] = {"WORKER", "HOST", ">LANES", ">PARTITIONS", ">RECORDS/S", ">REPORTED"};
        struct table *table = table_new(routes, COUNT(routes));
        char a[WORD], states[300];
        struct text text = {0};
        for (size_t i = 0; table && i < s->route_count; i++) {
                const struct status_route *r = &s->routes[i];
                states_text(states, sizeof states, r->in_state);
                table_cell(table, TABLE_BOLD, "%s", r->name);
                table_cell(table, TABLE_PLAIN, "%zu", r->partitions);
                table_cell(table, TABLE_PLAIN, "%s", r->lag_known ? word_grouped(a, r->lag) : "-");
                table_cell(table, TABLE_PLAIN, "%s", word_duration(a, r->lag_known ? r->lag_seconds : -1));
                table_cell(table, TABLE_PLAIN, "%s", word_rate(a, r->rate));
                table_cell(table, TABLE_PLAIN, "%s", states);
        }
        if (table) table_render(table, screen->colours, &text);
        table_free(table);
        text_add(&text, "\n");
        struct table *second = table_new(workers, COUNT(workers));
        for (size_t i = 0; second && i < s->worker_count; i++) {
                const struct status_worker *v = &s->workers[i];
                table_cell(second, TABLE_BOLD, "%s", v->id);
                table_cell(second, TABLE_PLAIN, "%s", v->host);
                table_cell(second, TABLE_PLAIN, "%zu", v->lanes);
                table_cell(second, TABLE_PLAIN, "%zu", v->partitions);
                table_cell(second, TABLE_PLAIN, "%s", word_rate(a, v->rate));
                table_cell(second, v->stale ? TABLE_RED : TABLE_PLAIN, "%s ago", word_duration_ms(a, v->report_age_ms));
        }
        if (second) table_render(second, screen->colours, &text);
        table_free(second);
        screen_text(screen, &text);
}

void watch_screen(const struct watch *w, const struct snapshot *s, const struct health *health, const char *trouble,
                  unsigned rows, unsigned columns, bool colours, struct text *out) {
        struct screen screen = {out, rows ? rows - 1 : 0, columns, 0, colours}; /* the last one is for the keys */
        struct text text = {0};
        text_add(out, "\033[H");
        if (*trouble) {
                text_add(&text, "%s", table_colour_on(TABLE_RED, colours));
                text_add_peer(&text, trouble);
                text_add(&text, "%s\n", table_colour_off(TABLE_RED, colours));
                screen_text(&screen, &text);
        }
        if (s) {
                size_t in_state[STATUS_STATES];
                int64_t lag;
                double seconds, rate;
                char a[WORD], b[WORD], c[WORD], time[WORD], states[300];
                sums(s, &lag, &seconds, &rate, in_state);
                states_text(states, sizeof states, in_state);
                text_add(&text, "%s%s%s  lag %s, %s  %s records/s  %s  %zu workers  %s\n",
                         table_colour_on(level_colour(health->level), colours), health_level_name(health->level),
                         table_colour_off(level_colour(health->level), colours), word_grouped(a, lag), word_duration(b, seconds),
                         word_rate(c, rate), states, s->worker_count, word_time(time, s->now_ms));
                for (size_t i = 0; i < health->count && i < 3; i++) {
                        text_add(&text, "  %s", table_colour_on(level_colour(health->reasons[i].level), colours));
                        text_add_peer(&text, health->reasons[i].text);
                        text_add(&text, "%s\n", table_colour_off(level_colour(health->reasons[i].level), colours));
                }
                text_add(&text, " \n");
                screen_text(&screen, &text);
                if (w->partitions) partitions(&screen, w, s);
                else routes_and_workers(&screen, s);
        } else if (!*trouble) {
                screen_line(&screen, "reading ...", 11);
        }
        text_add(out, "\033[J\033[%u;1H", rows);
        screen.rows = rows;
        screen.used = 0;
        char keys[160];
        int n = snprintf(keys, sizeof keys, "q quit  p %s  r read now  +/- every %u s  j/k scroll",
                         w->partitions ? "routes and workers" : "partitions", w->interval_s);
        screen_line(&screen, keys, (size_t)n);
}
