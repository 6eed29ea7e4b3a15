/* What a coordinator serves. */
#include "common/err.h"
#include "common/log.h"
#include "coordinator/coordinator_internal.h"
#include "coordinator/page.h"

static void on_page(void *ctx, const struct http_request *request, struct http_answer *answer) {
        (void)ctx;
        page_answer_html(request, answer);
}

static void on_openapi(void *ctx, const struct http_request *request, struct http_answer *answer) {
        (void)ctx;
        page_answer_openapi(request, answer);
}

static void on_api(void *ctx, const struct http_request *request, struct http_answer *answer) {
        struct coordinator *c = ctx;
        struct api_view view = {.trouble = "", .config = c->config, .id = c->id, .host = c->host,
                                .leads = coordinator_leads(c)};
        observe_view(c->observe, &view);
        page_answer_api(&view, request, answer);
}

/* The first that matches. */
static const struct http_path paths[] = {
        {"/metrics", coordinator_on_metrics, false},
        {"/livez", coordinator_on_livez, true},
        {"/readyz", coordinator_on_readyz, true},
        {"/healthz", coordinator_on_healthz, true},
        {"/", on_page, true},
        {"/api/v1/openapi.json", on_openapi, true},
        {PAGE_API_PREFIX "*", on_api, false},
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
