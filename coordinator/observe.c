/*     timer -> facts_read -> thread: snapshot, health -> shown, added to history
 *                 |                                          |
 *                 +-- failed: why, and the timer again <-----+
 *
 * What was read before stays shown until something newer is complete.  A field
 * of many znodes is read less often, so that no coordinator asks ZooKeeper for
 * more than READS_PER_S of them. */
#include "coordinator/observe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/facts_read.h"
#include "common/log.h"

#define REQUESTS_MAX 32 /* the leader's own reads shall not wait behind these */
#define INTERVAL_MIN_MS 1000
#define INTERVAL_MAX_MS 5000
#define READS_PER_S 250

/* One reading, and what was made of it. */
struct picture {
        struct facts facts;
        struct snapshot snapshot;
        struct health health;
        int64_t wall_ms, boot_ms; /* when its reading began */
};

struct observe {
        uv_loop_t *loop;
        struct zk *zk;
        char *connect;            /* of its own: a configuration may be read anew while the thread runs */
        int64_t report_interval_ms;
        uv_timer_t timer;
        uv_async_t made;
        struct facts_read *read;  /* under way, or NULL */
        uv_thread_t thread;       /* runs while making is not NULL */
        struct picture *making;
        int make_code;            /* the thread's answer */
        struct picture *shown;    /* NULL: nothing yet */
        struct history *history;
        int64_t begun_wall_ms, begun_boot_ms;
        char trouble[200];
        bool stopped;
};

static void picture_free(struct picture *picture) {
        if (!picture) return;
        health_fini(&picture->health);
        snapshot_fini(&picture->snapshot);
        facts_fini(&picture->facts);
        free(picture);
}

static int64_t interval_ms(const struct observe *o) {
        int64_t ms = o->report_interval_ms;
        int64_t for_zookeeper = o->shown ? (int64_t)o->shown->facts.count * 1000 / READS_PER_S : 0;
        if (ms < INTERVAL_MIN_MS) ms = INTERVAL_MIN_MS;
        if (ms > INTERVAL_MAX_MS) ms = INTERVAL_MAX_MS;
        return ms > for_zookeeper ? ms : for_zookeeper;
}

static void on_timer(uv_timer_t *timer);

static void again(struct observe *o) {
        if (o->stopped) return;
        int64_t wait = o->begun_boot_ms + interval_ms(o) - clock_boot_ms();
        (void)uv_timer_start(&o->timer, on_timer, wait > 0 ? (uint64_t)wait : 1, 0); /* cannot fail */
}

static void failed(struct observe *o, const char *why) {
        if (strcmp(o->trouble, why) != 0) log_warn("page.read", "error=\"%s\"", why);
        (void)snprintf(o->trouble, sizeof o->trouble, "%s", why);
        again(o);
}

/* ---- the thread ---- */

static void make(void *arg) {
        struct observe *o = arg;
        struct picture *p = o->making;
        o->make_code = snapshot_build(&p->facts, p->wall_ms, STATUS_STALE_MS(o->report_interval_ms), &p->snapshot);
        if (!o->make_code) {
                p->snapshot.zookeeper = o->connect;
                o->make_code = health_compute(&p->snapshot, &p->health);
        }
        (void)uv_async_send(&o->made); /* cannot fail on an open handle */
}

static void add_history(struct observe *o, const struct picture *p) {
        const struct snapshot *s = &p->snapshot;
        struct history_sample total = {0, -1, 0, 0};
        size_t known = 0;

        for (size_t i = 0; i < s->worker_count; i++) total.bytes_rate += s->workers[i].bytes_rate;
        for (size_t i = 0; i < s->route_count; i++) {
                const struct status_route *r = &s->routes[i];
                struct history_sample sample = {r->lag_known ? r->lag : HISTORY_UNKNOWN, r->lag_seconds, r->rate, HISTORY_UNKNOWN};
                known += r->lag_known;
                if (__builtin_add_overflow(total.lag, r->lag, &total.lag)) total.lag = INT64_MAX;
                if (r->lag_seconds > total.lag_seconds) total.lag_seconds = r->lag_seconds;
                total.rate += r->rate;
                (void)history_add(o->history, r->name, p->boot_ms, &sample); /* full: the total has it */
        }
        if (!known) total.lag = HISTORY_UNKNOWN;
        (void)history_add(o->history, HISTORY_TOTAL, p->boot_ms, &total); /* no memory: a gap */
}

static void on_made(uv_async_t *async) {
        struct observe *o = async->data;
        struct picture *p = o->making;
        if (!p) return;
        (void)uv_thread_join(&o->thread);
        o->making = NULL;
        if (o->make_code) {
                picture_free(p);
                return failed(o, err_text(o->make_code));
        }
        if (*o->trouble) log_info("page.read", "note=\"ZooKeeper is read again\"");
        *o->trouble = '\0';
        add_history(o, p);
        picture_free(o->shown);
        o->shown = p;
        again(o);
}

/* ---- the loop ---- */

static void on_read(void *ctx, int code, struct facts *facts) {
        struct observe *o = ctx;
        o->read = NULL;
        if (code) return failed(o, err_text(code));
        struct picture *p = calloc(1, sizeof *p);
        if (!p || o->stopped) {
                free(p);
                facts_fini(facts);
                return failed(o, err_text(ERR_NOMEM));
        }
        p->facts = *facts;
        p->wall_ms = o->begun_wall_ms;
        p->boot_ms = o->begun_boot_ms;
        o->making = p;
        if (uv_thread_create(&o->thread, make, o) == 0) return;
        o->making = NULL;
        picture_free(p);
        failed(o, err_text(ERR_SYSTEM));
}

static void on_timer(uv_timer_t *timer) {
        struct observe *o = timer->data;
        o->begun_wall_ms = clock_wall_ms();
        o->begun_boot_ms = clock_boot_ms();
        int rc = facts_read_start(o->zk, REQUESTS_MAX, on_read, o, &o->read);
        if (!rc) return;
        char why[sizeof o->trouble];
        const char *last = zk_last_error(o->zk);
        (void)snprintf(why, sizeof why, "ZooKeeper is %s%s%.100s", zk_state_name(zk_state(o->zk)), *last ? ": " : "", last);
        failed(o, rc == ERR_CONNECTION ? why : err_text(rc));
}

struct observe *observe_new(uv_loop_t *loop, struct zk *zk, const struct config *config) {
        struct observe *o = calloc(1, sizeof *o);
        if (!o) return NULL;
        *o = (struct observe){.loop = loop, .zk = zk, .connect = strdup(config->zookeeper_connect),
                              .report_interval_ms = config->report_interval_ms, .history = history_new()};
        if (!o->history || !o->connect || uv_async_init(loop, &o->made, on_made) != 0) {
                history_free(o->history);
                free(o->connect);
                free(o);
                return NULL;
        }
        (void)uv_timer_init(loop, &o->timer); /* cannot fail */
        o->timer.data = o->made.data = o;
        (void)uv_timer_start(&o->timer, on_timer, 1, 0);
        return o;
}

void observe_view(struct observe *o, struct api_view *view) {
        const struct picture *p = o->shown;
        view->facts = p ? &p->facts : NULL;
        view->snapshot = p ? &p->snapshot : NULL;
        view->health = p ? &p->health : NULL;
        view->boot_ms = clock_boot_ms();
        view->wall_ms = clock_wall_ms();
        view->age_ms = p ? view->boot_ms - p->boot_ms : 0;
        view->trouble = o->trouble;
        view->history = o->history;
}

void observe_stop(struct observe *o) {
        if (!o) return;
        o->stopped = true;
        (void)uv_timer_stop(&o->timer);
        facts_read_cancel(o->read);
        o->read = NULL;
}
