/* Hands work to another thread's loop: any thread posts, the loop that owns
 * the mailbox calls.  Letters from one thread arrive in the order posted.
 *
 * Bound: the number of letters under way is bounded by their senders (each
 * lane has a fixed number of requests outstanding). */
#ifndef HELIOSTAT_COMMON_MAILBOX_H
#define HELIOSTAT_COMMON_MAILBOX_H

#include <uv.h>

struct mailbox_letter;

struct mailbox {
        uv_async_t async;
        uv_mutex_t lock;
        struct mailbox_letter *head, **tail;
        void (*on_closed)(void *ctx);
        void *closed_ctx;
};

/* Call on the loop's thread.  0 | ERR_SYSTEM */
int mailbox_init(struct mailbox *mailbox, uv_loop_t *loop);
/* From any thread.  fn(arg) runs on the loop's thread.  Aborts when there is
 * no memory: a lost letter would be a lost promise. */
void mailbox_post(struct mailbox *mailbox, void (*fn)(void *arg), void *arg);
/* Runs what is still inside, then closes.  Nobody may post any more.
 * mailbox must live until on_closed (may be NULL). */
void mailbox_close(struct mailbox *mailbox, void (*on_closed)(void *ctx), void *ctx);

#endif
