#include "worker/data_loop.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"

void data_loop_tick(struct data_loop *loop) {
        int64_t now = clock_boot_us(), gap = (now - loop->last_us) / 1000;
        loop->last_us = now;
        if (gap < DATA_LOOP_GAP_MS) return;
        log_warn("loop.gap", "loop=%u gap_ms=%lld note=\"generations are checked before records flow again\"",
                 loop->index, (long long)gap);
        for (struct data_loop_member *m = loop->members.next; m != &loop->members; m = m->next)
                m->gap(m, gap);
}

static void on_beat(uv_timer_t *timer) {
        struct data_loop *loop = timer->data;
        data_loop_tick(loop);
        loop_lag_beat(&loop->lag, loop->last_us / 1000, DATA_LOOP_BEAT_MS);
}

static void on_idle(uv_idle_t *idle) { (void)idle; }

static void on_prepare(uv_prepare_t *prepare) {
        struct data_loop *loop = prepare->data;
        data_loop_tick(loop);
        /* Those that are ready now get one turn each; those that ask again
         * wait for the next round. */
        struct data_loop_member *member = loop->ready_head;
        loop->ready_head = NULL;
        loop->ready_tail = &loop->ready_head;
        while (member) {
                struct data_loop_member *next = member->ready_next;
                member->ready = false;
                if (member->turn(member)) data_loop_ready(loop, member);
                member = next;
        }
        if (!loop->ready_head) (void)uv_idle_stop(&loop->idle);
}

void data_loop_join(struct data_loop *loop, struct data_loop_member *member) {
        member->next = &loop->members;
        member->prev = loop->members.prev;
        member->prev->next = member;
        loop->members.prev = member;
        member->ready = false;
}

void data_loop_leave(struct data_loop *loop, struct data_loop_member *member) {
        for (struct data_loop_member **at = &loop->ready_head; *at; at = &(*at)->ready_next)
                if (*at == member) {
                        *at = member->ready_next;
                        if (!*at) loop->ready_tail = at;
                        break;
                }
        member->ready = false;
        member->prev->next = member->next;
        member->next->prev = member->prev;
}

void data_loop_ready(struct data_loop *loop, struct data_loop_member *member) {
        if (member->ready) return;
        member->ready = true;
        member->ready_next = NULL;
        *loop->ready_tail = member;
        loop->ready_tail = &member->ready_next;
        (void)uv_idle_start(&loop->idle, on_idle);
}

static void run(void *arg) {
        struct data_loop *loop = arg;
        loop->last_us = clock_boot_us();
        (void)uv_run(&loop->loop, UV_RUN_DEFAULT);
}

int data_loop_start(struct data_loop *loop, unsigned index) {
        *loop = (struct data_loop){.index = index};
        loop_lag_beat(&loop->lag, clock_boot_ms(), 0);
        loop->members.next = loop->members.prev = &loop->members;
        loop->ready_tail = &loop->ready_head;
        if (uv_loop_init(&loop->loop)) return ERR_SYSTEM;
        if (mailbox_init(&loop->mailbox, &loop->loop)) return ERR_SYSTEM;
        /* These three cannot fail. */
        (void)uv_idle_init(&loop->loop, &loop->idle);
        (void)uv_prepare_init(&loop->loop, &loop->prepare);
        (void)uv_timer_init(&loop->loop, &loop->beat);
        loop->prepare.data = loop->beat.data = loop;
        (void)uv_prepare_start(&loop->prepare, on_prepare);
        (void)uv_timer_start(&loop->beat, on_beat, DATA_LOOP_BEAT_MS, DATA_LOOP_BEAT_MS);
        return uv_thread_create(&loop->thread, run, loop) ? ERR_SYSTEM : 0;
}

static void stop_on_loop(void *arg) {
        struct data_loop *loop = arg;
        uv_close((uv_handle_t *)&loop->idle, NULL);
        uv_close((uv_handle_t *)&loop->prepare, NULL);
        uv_close((uv_handle_t *)&loop->beat, NULL);
        mailbox_close(&loop->mailbox, NULL, NULL);
}

void data_loop_stop(struct data_loop *loop) {
        mailbox_post(&loop->mailbox, stop_on_loop, loop);
        (void)uv_thread_join(&loop->thread);
        (void)uv_loop_close(&loop->loop);
}
