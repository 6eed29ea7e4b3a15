/* What a worker serves. */
#include <stdio.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/worker_internal.h"

/* A data loop that has not turned for so long will not turn again. */
#define LOOP_STUCK_MS 60000

static void on_livez(void *ctx, const struct http_request *request, struct http_answer *answer) {
        struct worker *worker = ctx;
        char text[96];
        (void)request;
        for (unsigned i = 0; i < worker->data_loop_count; i++) {
                int64_t still_ms = clock_boot_ms() - atomic_load_explicit(&worker->data_loops[i].beat_ms, memory_order_relaxed);
                if (still_ms < LOOP_STUCK_MS) continue;
                (void)snprintf(text, sizeof text, "data loop %u has stood still for %lld s\n", i, (long long)still_ms / 1000);
                return http_answer_text(answer, 503, text);
        }
        http_answer_text(answer, 200, "ok\n"); /* the control loop turns, or nobody would read this */
}

/* The first that matches. */
static const struct http_path paths[] = {
        {"/livez", on_livez, true},
};

void worker_http_start(struct worker *worker) {
        char err[512];
        struct http_settings settings = {
                .listen = worker->config->worker_http_listen, .token = worker->config->http_token,
                .certificate = worker->config->http_tls_certificate, .key = worker->config->http_tls_key,
                .insecure = worker->config->http_insecure, .host = worker->host,
        };
        if (http_open(&worker->loop, &settings, paths, sizeof paths / sizeof *paths, worker, &worker->http, err, sizeof err))
                log_error("http.listen", "error=\"%s\" note=\"no metrics and no health; mirroring goes on\"", err);
}
