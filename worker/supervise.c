#include "worker/supervise.h"

#include <assert.h>
#include <signal.h>
#include <sys/wait.h>

static const struct {
        unsigned next; /* allowed successors, a bit each */
} states[] = {
        [SUPERVISE_WAITING] = {1u << SUPERVISE_RUNNING | 1u << SUPERVISE_WAITING | 1u << SUPERVISE_DONE},
        [SUPERVISE_RUNNING] = {1u << SUPERVISE_WAITING | 1u << SUPERVISE_DONE},
        [SUPERVISE_DONE] = {0},
};

static void supervise_move(struct supervise *supervise, enum supervise_state state) {
        assert(states[supervise->state].next & 1u << state);
        supervise->state = state;
}

static void done(struct supervise *supervise, int exit_code) {
        supervise->exit_code = exit_code;
        supervise_move(supervise, SUPERVISE_DONE);
}

static void wait_longer(struct supervise *supervise, int64_t now_ms) {
        int pause_ms = supervise->pause_ms * 2;
        if (pause_ms < SUPERVISE_PAUSE_MIN_MS) pause_ms = SUPERVISE_PAUSE_MIN_MS;
        if (pause_ms > SUPERVISE_PAUSE_MAX_MS) pause_ms = SUPERVISE_PAUSE_MAX_MS;
        supervise->pause_ms = pause_ms;
        supervise->due_ms = now_ms + pause_ms;
        supervise_move(supervise, SUPERVISE_WAITING);
}

void supervise_init(struct supervise *supervise, int64_t now_ms) {
        *supervise = (struct supervise){.state = SUPERVISE_WAITING, .due_ms = now_ms};
}

void supervise_started(struct supervise *supervise, int64_t now_ms) {
        supervise_move(supervise, SUPERVISE_RUNNING);
        supervise->started_ms = now_ms;
        supervise->starts++;
}

void supervise_not_started(struct supervise *supervise, int64_t now_ms) {
        wait_longer(supervise, now_ms);
}

void supervise_ended(struct supervise *supervise, int64_t now_ms, int status) {
        if (WIFEXITED(status)) {
                int code = WEXITSTATUS(status);
                if (supervise->stopping || code <= SUPERVISE_CHOSEN_EXIT_MAX)
                        return done(supervise, code);
        } else {
                int number = WTERMSIG(status);
                if (supervise->stopping)
                        return done(supervise,
                                    number == SIGTERM || number == SIGINT ? 0 : 128 + number);
        }
        if (now_ms - supervise->started_ms >= SUPERVISE_LONG_LIFE_MS) supervise->pause_ms = 0;
        wait_longer(supervise, now_ms);
}

void supervise_told(struct supervise *supervise, int number) {
        if (supervise->state == SUPERVISE_DONE) return;
        if (number == SIGHUP) return; /* the child reads its configuration; the next one does so in any case */
        supervise->stopping = true;
        if (supervise->state == SUPERVISE_WAITING) done(supervise, 0);
}
