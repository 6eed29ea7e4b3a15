#include "common/metrics_page.h"

#include <stdio.h>
#include <string.h>

static bool refuse(struct http_answer *answer, const char *name, const char *value, const char *expected) {
        char text[256];
        (void)snprintf(text, sizeof text, "%.60s=%.60s: expected %s\n", name, value, expected);
        for (char *c = text; *c; c++)
                if ((unsigned char)*c < ' ' && *c != '\n') *c = '?';
        http_answer_text(answer, 400, text);
        return false;
}

bool metrics_query(const struct http_request *request, struct metrics_query *out, struct http_answer *answer) {
        static const char *const words[] = {"route", "topic", "partition"};
        *out = (struct metrics_query){0};
        for (size_t i = 0; i < request->arg_count; i++) {
                const char *name = request->args[i].name, *value = request->args[i].value ? request->args[i].value : "";
                if (strcmp(name, "granularity") == 0) {
                        size_t k = 0;
                        while (k < 3 && strcmp(words[k], value) != 0) k++;
                        if (k == 3) return refuse(answer, name, value, "granularity=route (the default), topic or partition");
                        out->granularity = (enum granularity)k;
                } else if (strcmp(name, "compat") == 0) {
                        if (strcmp(value, "mm2") != 0) return refuse(answer, name, value, "compat=mm2");
                        out->mm2 = true;
                } else {
                        return refuse(answer, name, value, "granularity or compat");
                }
        }
        return true;
}

static ssize_t read_metrics(void *ctx, char *out, size_t max) { return metrics_read(ctx, out, max); }
static void free_metrics(void *ctx) { metrics_free(ctx); }

void metrics_answer(struct metrics *metrics, struct http_answer *answer) {
        if (!metrics || metrics_failed(metrics)) {
                metrics_free(metrics);
                return http_answer_text(answer, 503, "too much for one page, or out of memory; use a coarser granularity\n");
        }
        answer->type = METRICS_TYPE;
        answer->read = read_metrics;
        answer->read_free = free_metrics;
        answer->read_ctx = metrics;
        answer->read_bytes = metrics_held_bytes(metrics);
}

void metrics_loop(struct metrics *metrics, const char *name, struct loop_lag *lag, int64_t now_ms, int64_t interval_ms) {
        uint32_t labels = metrics_labels(metrics, "loop", name, NULL);
        metrics_add(metrics, METRIC_LOOP_LAG, labels, (double)loop_lag_worst(lag, now_ms, interval_ms) / 1000);
        metrics_add(metrics, METRIC_LOOP_GAPS, labels, (double)atomic_load_explicit(&lag->gaps, memory_order_relaxed));
}

void metrics_zookeeper(struct metrics *metrics, const struct zk_counts *counts, bool connected, int timeout_ms) {
        metrics_add(metrics, METRIC_ZK_CONNECTED, METRICS_NO_LABELS, connected);
        metrics_add(metrics, METRIC_ZK_SESSIONS, METRICS_NO_LABELS, (double)counts->sessions);
        metrics_add(metrics, METRIC_ZK_LOSSES, METRICS_NO_LABELS, (double)counts->losses);
        metrics_add(metrics, METRIC_ZK_TIMEOUT, METRICS_NO_LABELS, (double)timeout_ms / 1000);
}

void checks_answer(const struct checks *checks, const char *path, const struct http_request *request,
                   struct http_answer *answer) {
        char *text = checks_text(checks, path, http_arg(request, "verbose"), request->trusted);
        answer->status = checks_status(checks);
        answer->body = text;
        answer->bytes = text ? strlen(text) : 0;
}
