/* A thread with a libuv loop that hosts pumps.  Everything of a pump runs on
 * its data loop's thread; other threads reach it through the mailbox.
 *
 * A pump with work left asks for another turn; turns are given round robin, so
 * that one busy lane never starves the others. */
#ifndef HELIOSTAT_WORKER_DATA_LOOP_H
#define HELIOSTAT_WORKER_DATA_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/loop_lag.h"
#include "common/mailbox.h"

/* A stretch in which this process did not run (stopped, suspended, starved)
 * of this length makes every pump check its generation before it goes on. */
#define DATA_LOOP_GAP_MS 1000
#define DATA_LOOP_BEAT_MS 250

struct data_loop;

/* What the loop calls; embedded in the pump. */
struct data_loop_member {
        struct data_loop_member *next, *prev;   /* all members */
        struct data_loop_member *ready_next;    /* those that asked for a turn */
        bool ready;
        /* One bounded piece of work; true: has more. */
        bool (*turn)(struct data_loop_member *member);
        /* The process was not running for gap_ms. */
        void (*gap)(struct data_loop_member *member, int64_t gap_ms);
};

struct data_loop {
        uv_loop_t loop;
        uv_thread_t thread;
        struct mailbox mailbox;
        uv_idle_t idle;       /* active while members are ready: poll does not block */
        uv_prepare_t prepare; /* gives the turns */
        uv_timer_t beat;      /* bounds the poll, so that a gap is seen */
        int64_t last_us;      /* boot clock, of the last tick */
        struct loop_lag lag;
        struct data_loop_member members;             /* list head */
        struct data_loop_member *ready_head, **ready_tail;
        unsigned index;
};

/* Starts the thread.  0 | ERR_SYSTEM */
int data_loop_start(struct data_loop *loop, unsigned index);
/* Stops and joins; every member must have left. */
void data_loop_stop(struct data_loop *loop);

/* On the loop's thread. */
void data_loop_join(struct data_loop *loop, struct data_loop_member *member);
void data_loop_leave(struct data_loop *loop, struct data_loop_member *member);
void data_loop_ready(struct data_loop *loop, struct data_loop_member *member);
/* To be called first in each callback that may send records: tells every
 * member when the process did not run for DATA_LOOP_GAP_MS. */
void data_loop_tick(struct data_loop *loop);

#endif
