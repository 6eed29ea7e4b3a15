/* The page over a field that is made up, for the tests in a browser:
 *
 *     page_server LISTEN [TOKEN]      prints its URL, ends with SIGTERM
 *
 * GET /made?partitions=N&lanes=N&workers=N&halted&hostile&paused&lost&stale&leaderless&more&old=SECONDS&minutes=N changes what there is; what is
 * not given is 0 or false, but for the 60 minutes that are remembered. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/http.h"
#include "coordinator/page.h"
#include "tests/unit/made_field.h"

static struct made {
        struct made_field field;
        struct facts facts;
        struct snapshot snapshot;
        struct health health;
        struct history *history;
        struct config config;
        int64_t old_s;
        bool nothing; /* ZooKeeper was not read yet */
        uv_timer_t timer;
} made;

static void check(bool good) {
        if (!good) abort();
}

static double wave(int64_t ms) {
        double t = (double)ms / 60000;
        return 0.5 + 0.28 * sin(t / 5) + 0.14 * sin(t / 1.7 + 1) + 0.08 * sin(t * 2.3);
}

static void make(void) {
        health_fini(&made.health);
        snapshot_fini(&made.snapshot);
        facts_fini(&made.facts);
        made.field.now_ms = clock_wall_ms();
        made.field.wave = wave(made.field.now_ms);
        made_field(&made.field, &made.facts);
        check(!snapshot_build(&made.facts, made.field.now_ms, 13000, &made.snapshot));
        made.snapshot.zookeeper = "zk1.example:2181/heliostat";
        check(!health_compute(&made.snapshot, &made.health));
}

/* An hour before now, with a burst of lag in it and a pause of the coordinator. */
static void remember(int64_t minutes) {
        int64_t now = clock_boot_ms();
        double lag = 0, rate = 0;
        history_free(made.history);
        check((made.history = history_new()) != NULL);
        for (size_t i = 0; i < made.snapshot.route_count; i++) {
                lag += (double)made.snapshot.routes[i].lag;
                rate += made.snapshot.routes[i].rate;
        }
        if (!made.snapshot.partition_count) return;
        for (int64_t ago = minutes * 60000 - 10000; ago >= 0; ago -= HISTORY_STEP_MS) {
                double w = wave(made.field.now_ms - ago) / (made.field.wave + 0.01), burst = exp(-pow((double)(ago - 1500000) / 200000, 2));
                struct history_sample sample = {(int64_t)(lag * (w * 0.8 + burst * 4)), w * 2 + burst * 9, rate * (w + burst * 0.6),
                                                rate * (w + burst * 0.6) * 512};
                if (now - ago < 0 || (ago < 2600000 && ago > 2480000)) continue;
                check(!history_add(made.history, HISTORY_TOTAL, now - ago, &sample));
                sample.bytes_rate = HISTORY_UNKNOWN;
                check(!history_add(made.history, "east->west", now - ago, &sample));
        }
}

static void on_timer(uv_timer_t *timer) {
        (void)timer;
        make();
}

static long long number(const struct http_request *request, const char *name) {
        const char *text = http_arg(request, name);
        return text ? atoll(text) : 0;
}

static void on_made(void *ctx, const struct http_request *request, struct http_answer *answer) {
        (void)ctx;
        made.field = (struct made_field){.partitions = (size_t)number(request, "partitions"),
                                         .lanes = (uint32_t)number(request, "lanes"),
                                         .workers = (size_t)number(request, "workers"),
                                         .halted = http_arg(request, "halted"), .hostile = http_arg(request, "hostile"), .lost = http_arg(request, "lost"),
                                         .paused = http_arg(request, "paused"), .stale = http_arg(request, "stale"), .led = !http_arg(request, "leaderless"),
                                         .disabled_route = http_arg(request, "more")};
        made.old_s = number(request, "old");
        made.nothing = http_arg(request, "nothing");
        make();
        remember(http_arg(request, "minutes") ? number(request, "minutes") : 60);
        http_answer_text(answer, 200, "made\n");
}

static void on_page(void *ctx, const struct http_request *request, struct http_answer *answer) {
        (void)ctx;
        page_answer_html(request, answer);
}

static void on_openapi(void *ctx, const struct http_request *request, struct http_answer *answer) {
        (void)ctx;
        page_answer_openapi(request, answer);
}

static void on_api(void *ctx, const struct http_request *request, struct http_answer *answer) {
        struct api_view view = {.facts = &made.facts, .snapshot = made.nothing ? NULL : &made.snapshot, .health = &made.health,
                                .age_ms = 400 + made.old_s * 1000, .trouble = made.old_s ? "connection refused" : "",
                                .history = made.history, .boot_ms = clock_boot_ms(), .wall_ms = clock_wall_ms(), .config = &made.config, .id = "c1",
                                .host = "coordinator-1.example", .leads = made.field.led};
        (void)ctx;
        page_answer_api(&view, request, answer);
}

static void on_signal(uv_signal_t *signal, int number) {
        (void)number;
        uv_stop(signal->loop);
}

int main(int argc, char **argv) {
        static const char text[] = "zookeeper.connect = zk1.example:2181/heliostat\nclusters = east, west\n"
                                   "east.bootstrap.servers = e1.example:9093\nwest.bootstrap.servers = w1.example:9093\n"
                                   "east.security.protocol = SASL_SSL\neast.sasl.username = mirror\n"
                                   "east.sasl.password = CANARY\neast->west.enabled = true\n"
                                   "east->west.delivery.guarantee = exactly-once\n";
        static const struct http_path paths[] = {
                {"/made", on_made, true},
                {"/", on_page, true},
                {"/api/v1/openapi.json", on_openapi, true},
                {PAGE_API_PREFIX "*", on_api, false},
        };
        uv_loop_t loop;
        uv_signal_t signal;
        struct http *http;
        char err[CONFIG_ERROR_MAX];
        struct http_settings settings = {.listen = argc > 1 ? argv[1] : "127.0.0.1:0", .token = argc > 2 ? argv[2] : NULL};

        check(!uv_loop_init(&loop) && !uv_timer_init(&loop, &made.timer) && !uv_signal_init(&loop, &signal));
        check(!uv_signal_start(&signal, on_signal, SIGTERM));
        check(!config_parse("mirror.properties", text, strlen(text), &made.config, err, sizeof err));
        made.field = (struct made_field){.led = true};
        make();
        remember(60);
        check(!uv_timer_start(&made.timer, on_timer, 2000, 2000));
        if (http_open(&loop, &settings, paths, sizeof paths / sizeof *paths, NULL, &http, err, sizeof err)) {
                (void)fprintf(stderr, "page_server: %s\n", err);
                return 2;
        }
        (void)printf("%s\n", http_url(http));
        (void)fflush(stdout);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        http_close(http);
        (void)uv_run(&loop, UV_RUN_NOWAIT);
        health_fini(&made.health);
        snapshot_fini(&made.snapshot);
        facts_fini(&made.facts);
        history_free(made.history);
        config_fini(&made.config);
        return 0;
}
