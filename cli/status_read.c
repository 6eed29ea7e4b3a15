/* A session of its own around one reading (facts_read.h).  A connection that
 * breaks in between starts the reading over: half a picture would show
 * partitions as missing. */
#include "cli/status_read.h"

#include <uv.h>

#include "cli/cli.h"
#include "common/err.h"
#include "common/zk.h"

#define REQUESTS_MAX 128
#define SESSION_TIMEOUT_MS 6000

struct reading {
        uv_loop_t loop;
        uv_timer_t deadline;
        struct zk *zk;
        const char *connect;
        unsigned timeout_s;
        struct facts_read *read; /* under way, or NULL */
        struct facts facts;
        bool ended;
        int exit_code;
};

static void on_zk_closed(void *ctx) {
        struct reading *s = ctx;
        uv_close((uv_handle_t *)&s->deadline, NULL);
}

static void end(struct reading *s, int exit_code) {
        if (s->ended) return;
        s->ended = true;
        s->exit_code = exit_code;
        facts_read_cancel(s->read);
        s->read = NULL;
        (void)uv_timer_stop(&s->deadline); /* cannot fail on an initialized timer */
        zk_close(s->zk, on_zk_closed, s);
        s->zk = NULL;
}

static void on_deadline(uv_timer_t *timer) {
        struct reading *s = timer->data;
        const char *why = zk_last_error(s->zk);
        bool reading = zk_state(s->zk) == ZK_CONNECTED;
        cli_error("ZooKeeper at %s %s within %u s%s%s", s->connect,
                  reading ? "did not answer everything" : "cannot be reached", s->timeout_s,
                  *why ? ": " : "", why);
        end(s, CLI_UNREACHABLE);
}

static void on_read(void *ctx, int code, struct facts *facts) {
        struct reading *s = ctx;

        s->read = NULL;
        if (code == 0) {
                s->facts = *facts;
                end(s, CLI_OK);
        } else if (code == ERR_NOT_FOUND) {
                cli_error("%s: ZooKeeper has no %s; is the path right, was 'heliostat apply' run?",
                          s->connect, *zk_chroot(s->zk) ? zk_chroot(s->zk) : "/");
                end(s, CLI_FAILED);
        } else if (code == ERR_NOMEM) {
                cli_error("%s", err_text(code));
                end(s, CLI_FAILED);
        } else if (code != ERR_CONNECTION && code != ERR_SESSION && code != ERR_CLOSING) {
                cli_error("%s: %s", s->connect, err_text(code));
                end(s, CLI_FAILED);
        } /* else the next CONNECTED starts over */
}

static void on_state(void *ctx, enum zk_state state) {
        struct reading *s = ctx;

        if (s->ended) return;
        if (state == ZK_REFUSED) {
                cli_error("ZooKeeper at %s refused the connection: %s", s->connect,
                          zk_last_error(s->zk));
                end(s, CLI_UNREACHABLE);
        }
        if (state != ZK_CONNECTED) return;
        facts_read_cancel(s->read);
        s->read = NULL;
        int rc = facts_read_start(s->zk, REQUESTS_MAX, on_read, s, &s->read);
        if (rc == 0 || rc == ERR_CONNECTION) return; /* lost again: then we are called again */
        cli_error("%s", err_text(rc));
        end(s, CLI_FAILED);
}

int status_read(const char *connect, unsigned timeout_s, struct facts *out) {
        struct reading reading = {.connect = connect, .timeout_s = timeout_s}, *s = &reading;
        if (uv_loop_init(&s->loop) != 0) {
                cli_error("%s", err_text(ERR_SYSTEM));
                return CLI_FAILED;
        }
        (void)uv_timer_init(&s->loop, &s->deadline); /* cannot fail */
        s->deadline.data = s;
        int rc = zk_open(&s->loop, s->connect, SESSION_TIMEOUT_MS, on_state, s, &s->zk);
        if (rc) {
                cli_error("%s: %s", s->connect, err_text(rc));
                s->exit_code = CLI_FAILED;
                uv_close((uv_handle_t *)&s->deadline, NULL);
        } else {
                (void)uv_timer_start(&s->deadline, on_deadline, (uint64_t)s->timeout_s * 1000, 0);
        }
        (void)uv_run(&s->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&s->loop); /* everything in it is closed */
        if (s->exit_code) facts_fini(&s->facts);
        else *out = s->facts;
        return s->exit_code;
}
