/* What becomes of a worker's process that has ended: whether another one is
 * started, and when.  PURE: time and the wait status arrive with the event. */
#ifndef HELIOSTAT_WORKER_SUPERVISE_H
#define HELIOSTAT_WORKER_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>

#define SUPERVISE_PAUSE_MIN_MS 100
#define SUPERVISE_PAUSE_MAX_MS 10000
#define SUPERVISE_LONG_LIFE_MS 30000 /* after which the next pause is the shortest again */
/* A child that ends with one of 0 to this has chosen to: it was stopped (0),
 * refused (1), or used wrongly (2).  See cli.h. */
#define SUPERVISE_CHOSEN_EXIT_MAX 2

/* WAITING <-> RUNNING      WAITING: for due_ms, when the next child is started
 * any -> DONE              RUNNING: for the end of the child
 * DONE: the supervisor ends with exit_code */
enum supervise_state { SUPERVISE_WAITING, SUPERVISE_RUNNING, SUPERVISE_DONE };

struct supervise {
        enum supervise_state state;
        bool stopping;      /* SIGTERM or SIGINT came: no further child */
        int64_t due_ms;     /* WAITING */
        int64_t started_ms; /* RUNNING */
        int pause_ms;       /* the last one; 0: none since a long life */
        unsigned starts;
        int exit_code;      /* DONE */
};

/* WAITING, due at once. */
void supervise_init(struct supervise *supervise, int64_t now_ms);
/* WAITING: a child was started, or none could be. */
void supervise_started(struct supervise *supervise, int64_t now_ms);
void supervise_not_started(struct supervise *supervise, int64_t now_ms);
/* RUNNING: the child ended; status is that of waitpid.  Killed by a signal, or
 * with an exit code that is not its own choice: WAITING.  Otherwise, or when
 * stopping: DONE with its code, 128 + signal for a killed one.  One killed by
 * the very SIGTERM or SIGINT that was forwarded had not begun yet: code 0. */
void supervise_ended(struct supervise *supervise, int64_t now_ms, int status);
/* SIGTERM, SIGINT or SIGHUP came.  RUNNING: the caller forwards it.  WAITING:
 * DONE, with code 0; SIGHUP changes nothing. */
void supervise_told(struct supervise *supervise, int number);

#endif
