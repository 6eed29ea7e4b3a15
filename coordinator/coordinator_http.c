/* What a coordinator serves. */
#include "common/err.h"
#include "common/log.h"
#include "coordinator/coordinator_internal.h"

static void on_livez(void *ctx, const struct http_request *request, struct http_answer *answer) {
        (void)ctx;
        (void)request;
        /* Whoever reads this has been answered by the loop: it turns. */
        http_answer_text(answer, 200, "ok\n");
}

/* The first that matches. */
static const struct http_path paths[] = {
        {"/livez", on_livez, true},
};

void coordinator_http_start(struct coordinator *c) {
        char err[512];
        struct http_settings settings = {
                .listen = c->config->coordinator_http_listen, .token = c->config->http_token,
                .certificate = c->config->http_tls_certificate, .key = c->config->http_tls_key,
                .insecure = c->config->http_insecure, .host = c->host,
        };
        if (http_open(&c->loop, &settings, paths, sizeof paths / sizeof *paths, c, &c->http, err, sizeof err))
                log_error("http.listen", "error=\"%s\" note=\"no metrics and no health; all else goes on\"", err);
}
