/* The metrics and the health of a coordinator. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/process_stats.h"
#include "coordinator/coordinator_internal.h"

static const char *const reasons[] = {
#define X(text) text,
        CLUSTER_REASONS(X)
#undef X
};

/* ---- counting ---- */

void coordinator_note_move(struct coordinator *c, const struct cluster_move *move) {
        size_t i = 0;
        while (i < CLUSTER_REASON_COUNT && strcmp(reasons[i], move->reason) != 0) i++;
        if (i == CLUSTER_REASON_COUNT) return;
        if (!move->done) {
                c->moves[i]++;
                c->moves_open++;
        } else {
                histogram_add(&c->move_times[i], move->duration_ms * 1000);
                if (c->moves_open) c->moves_open--;
        }
}

void coordinator_note_discovery(struct coordinator *c, const char *route, bool good) {
        struct discovery_count *d = c->discoveries;
        while (d && strcmp(d->route, route) != 0) d = d->next;
        if (!d) {
                d = calloc(1, sizeof *d);
                if (!d || !(d->route = strdup(route))) abort();
                d->next = c->discoveries;
                c->discoveries = d;
        }
        if (good) d->good++;
        else d->failed++;
}

/* ---- figures ---- */

/* What `heliostat status` would say. */
static void fill_field(struct metrics *m, const struct coordinator *c) {
        struct api_view view = {.trouble = ""};
        size_t workers = 0;
        observe_view(c->observe, &view);
        if (!view.snapshot) return;
        const struct snapshot *s = view.snapshot;
        for (size_t i = 0; i < s->worker_count; i++) workers += !s->workers[i].unreadable;
        metrics_add(m, METRIC_FIELD_HEALTH, METRICS_NO_LABELS, view.health->level);
        metrics_add(m, METRIC_FIELD_AGE, METRICS_NO_LABELS, (double)view.age_ms / 1000);
        metrics_add(m, METRIC_FIELD_WORKERS, METRICS_NO_LABELS, (double)workers);
        metrics_add(m, METRIC_FIELD_COORDINATORS, METRICS_NO_LABELS, (double)s->candidates);
        metrics_add(m, METRIC_FIELD_LEADER, METRICS_NO_LABELS, s->leader.id != NULL);
        for (size_t i = 0; i < s->route_count; i++) {
                const struct status_route *route = &s->routes[i];
                uint32_t labels = metrics_labels(m, "route", route->name, NULL);
                if (route->unreadable) continue;
                for (int k = 0; k < STATUS_STATES; k++)
                        metrics_add(m, METRIC_FIELD_PARTITIONS, metrics_labels_more(m, labels, "state", status_state_name((enum status_state)k), NULL),
                                    (double)route->in_state[k]);
                metrics_add(m, METRIC_FIELD_LAG_RECORDS, labels, (double)route->lag);
                if (route->lag_seconds >= 0) metrics_add(m, METRIC_FIELD_LAG_SECONDS, labels, route->lag_seconds);
        }
}

static void fill(struct metrics *m, struct coordinator *c) {
        bool connected = !c->closing && zk_state(c->zk) == ZK_CONNECTED; /* closing: zk has gone */
        bool leads = coordinator_leads(c);
        metrics_add(m, METRIC_LEADER, METRICS_NO_LABELS, leads);
        metrics_add(m, METRIC_LEADER_EPOCH, METRICS_NO_LABELS, leads ? (double)c->leader_epoch : 0);
        metrics_add(m, METRIC_LEADERSHIPS, METRICS_NO_LABELS, (double)c->leaderships);
        for (size_t i = 0; i < CLUSTER_REASON_COUNT; i++) {
                uint32_t labels = metrics_labels(m, "reason", reasons[i], NULL);
                metrics_add(m, METRIC_REBALANCES, labels, (double)c->moves[i]);
                metrics_add_histogram(m, METRIC_REBALANCE, labels, &c->move_times[i]);
        }
        metrics_add(m, METRIC_REBALANCE_OPEN, METRICS_NO_LABELS, leads ? (double)c->moves_open : 0);
        for (const struct discovery_count *d = c->discoveries; d; d = d->next) {
                metrics_add(m, METRIC_DISCOVERIES, metrics_labels(m, "route", d->route, "result", "ok", NULL), (double)d->good);
                metrics_add(m, METRIC_DISCOVERIES, metrics_labels(m, "route", d->route, "result", "failed", NULL), (double)d->failed);
        }
        metrics_loop(m, "control", &c->lag, clock_boot_ms(), COORDINATOR_HOUSE_MS);
        metrics_zookeeper(m, &c->zk_counts, connected, c->closing ? 0 : zk_session_timeout_ms(c->zk));
        fill_field(m, c);
        process_metrics(m, "coordinator", c->id);
}

void coordinator_on_metrics(void *ctx, const struct http_request *request, struct http_answer *answer) {
        struct metrics_query query;
        if (!metrics_query(request, &query, answer)) return;
        struct metrics *m = metrics_new();
        if (m) fill(m, ctx);
        metrics_answer(m, answer);
}

/* ---- health ---- */

void coordinator_on_livez(void *ctx, const struct http_request *request, struct http_answer *answer) {
        struct checks checks = {0};
        (void)ctx;
        /* Whoever reads this has been answered by the loop: it turns. */
        checks_add(&checks, "loop", CHECK_OK, " ");
        checks_answer(&checks, "livez", request, answer);
}

static void check_zookeeper(const struct coordinator *c, struct checks *checks) {
        enum zk_state state = c->closing ? ZK_CLOSED : zk_state(c->zk);
        if (c->closing) checks_add(checks, "stopping", CHECK_WARN, "it ends");
        else if (state == ZK_CONNECTED) checks_add(checks, "zookeeper", CHECK_OK, " ");
        else
                checks_add(checks, "zookeeper", CHECK_FAILED, "%s: %s; nothing is planned or changed meanwhile", zk_state_name(state),
                           zk_last_error(c->zk));
}

#define REASONS_SHOWN 20

/* The levels of `heliostat status`: OK, WARN, ERR. */
static void check_field(const struct coordinator *c, struct checks *checks) {
        static const enum check_level levels[] = {CHECK_OK, CHECK_WARN, CHECK_FAILED};
        struct api_view view = {.trouble = ""};
        observe_view(c->observe, &view);
        if (!view.snapshot)
                return checks_add(checks, "field", CHECK_FAILED, "not read from ZooKeeper yet%s%s", *view.trouble ? ": " : "", view.trouble);
        if (view.age_ms > API_OLD_MS)
                checks_add(checks, "facts", CHECK_FAILED, "%lld s old%s%s", (long long)view.age_ms / 1000,
                           *view.trouble ? ": " : "", view.trouble);
        if (view.health->count == 0) checks_add(checks, "field", CHECK_OK, " ");
        for (size_t i = 0; i < view.health->count && i < REASONS_SHOWN; i++)
                checks_add(checks, "field", levels[view.health->reasons[i].level], "%s", view.health->reasons[i].text);
}

void coordinator_on_readyz(void *ctx, const struct http_request *request, struct http_answer *answer) {
        struct coordinator *c = ctx;
        struct checks checks = {0};
        if (c->candidate) checks_add(&checks, "candidate", CHECK_OK, " ");
        else checks_add(&checks, "candidate", CHECK_FAILED, "it has not reached ZooKeeper yet");
        if (c->closing) checks_add(&checks, "stopping", CHECK_FAILED, "it ends");
        checks_answer(&checks, "readyz", request, answer);
}

void coordinator_on_healthz(void *ctx, const struct http_request *request, struct http_answer *answer) {
        struct coordinator *c = ctx;
        struct checks checks = {0};
        check_zookeeper(c, &checks);
        check_field(c, &checks);
        checks_answer(&checks, "healthz", request, answer);
}
