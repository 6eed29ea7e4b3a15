/* Slots are numbered by absolute time and kept at number % HISTORY_SLOTS, each
 * with its number: what is stale there shows by itself, and nothing has to be
 * cleared as time goes on. */
#include "coordinator/history.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"

struct slot {
        int64_t number; /* -1: never used */
        int64_t lag;
        float lag_seconds, rate, bytes_rate;
};

struct series {
        char *name;
        int64_t last_ms; /* of the last sample */
        struct slot slots[HISTORY_SLOTS];
};

struct history {
        struct series *series[HISTORY_SERIES_MAX];
        size_t count;
};

struct history *history_new(void) { return calloc(1, sizeof(struct history)); }

static void series_free(struct series *series) {
        if (!series) return;
        free(series->name);
        free(series);
}

void history_free(struct history *history) {
        if (!history) return;
        for (size_t i = 0; i < history->count; i++) series_free(history->series[i]);
        free(history);
}

static struct series *series_find(const struct history *history, const char *name) {
        for (size_t i = 0; i < history->count; i++)
                if (strcmp(history->series[i]->name, name) == 0) return history->series[i];
        return NULL;
}

static int series_add(struct history *history, const char *name, int64_t now_ms, struct series **out) {
        for (size_t i = history->count; i-- > 0;) {
                if (history->count < HISTORY_SERIES_MAX) break;
                if (now_ms - history->series[i]->last_ms < (int64_t)HISTORY_SLOTS * HISTORY_STEP_MS) continue;
                series_free(history->series[i]);
                history->series[i] = history->series[--history->count];
        }
        if (history->count == HISTORY_SERIES_MAX) return ERR_TOO_MANY;
        struct series *series = calloc(1, sizeof *series);
        if (!series || !(series->name = strdup(name))) {
                series_free(series);
                return ERR_NOMEM;
        }
        for (size_t i = 0; i < HISTORY_SLOTS; i++) series->slots[i].number = -1;
        series->last_ms = INT64_MIN / 2;
        history->series[history->count++] = *out = series;
        return 0;
}

int history_add(struct history *history, const char *name, int64_t now_ms,
                const struct history_sample *sample) {
        struct series *series = series_find(history, name);
        int rc = series ? 0 : series_add(history, name, now_ms, &series);
        if (rc) return rc;
        int64_t number = now_ms / HISTORY_STEP_MS, from = number;
        if (now_ms - series->last_ms <= HISTORY_HOLD_MS && series->last_ms / HISTORY_STEP_MS < number)
                from = series->last_ms / HISTORY_STEP_MS + 1;
        for (; from <= number; from++)
                series->slots[from % HISTORY_SLOTS] = (struct slot){
                        .number = from, .lag = sample->lag, .lag_seconds = (float)sample->lag_seconds,
                        .rate = (float)sample->rate, .bytes_rate = (float)sample->bytes_rate};
        series->last_ms = now_ms;
        return 0;
}

size_t history_points(const struct history *history, const char *name, int64_t now_ms, size_t points_max,
                      struct history_point *out, int64_t *out_step_ms) {
        const struct series *series = series_find(history, name);
        if (!series) return 0;
        /* One more than fits the hour evenly: the first and the last are cut. */
        int64_t each = (HISTORY_SLOTS + (int64_t)points_max - 2) / ((int64_t)points_max - 1);
        int64_t last = now_ms / HISTORY_STEP_MS, first = last - HISTORY_SLOTS + 1;
        size_t count = 0;

        if (first < 0) first = 0;
        for (int64_t begin = first - first % each; begin <= last; begin += each) {
                struct history_point *point = &out[count++];
                struct history_sample *sum = &point->sample;
                size_t bytes_known = 0;
                *point = (struct history_point){
                        .time_ms = begin * HISTORY_STEP_MS,
                        .sample = {HISTORY_UNKNOWN, HISTORY_UNKNOWN, 0, 0}};
                for (int64_t n = begin > first ? begin : first; n < begin + each && n <= last; n++) {
                        const struct slot *slot = &series->slots[n % HISTORY_SLOTS];
                        if (slot->number != n) continue;
                        point->slots++;
                        if (slot->lag > sum->lag) sum->lag = slot->lag;
                        if ((double)slot->lag_seconds > sum->lag_seconds) sum->lag_seconds = (double)slot->lag_seconds;
                        sum->rate += (double)slot->rate;
                        if (slot->bytes_rate < 0) continue;
                        sum->bytes_rate += (double)slot->bytes_rate;
                        bytes_known++;
                }
                if (point->slots) sum->rate /= (double)point->slots;
                sum->bytes_rate = bytes_known ? sum->bytes_rate / (double)bytes_known : HISTORY_UNKNOWN;
        }
        *out_step_ms = each * HISTORY_STEP_MS;
        return count;
}
