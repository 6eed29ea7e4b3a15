#include "common/mailbox.h"

#include <stdlib.h>

#include "common/err.h"

struct mailbox_letter {
        struct mailbox_letter *next;
        void (*fn)(void *arg);
        void *arg;
};

static void mailbox_drain(struct mailbox *mailbox) {
        uv_mutex_lock(&mailbox->lock);
        struct mailbox_letter *letter = mailbox->head;
        mailbox->head = NULL;
        mailbox->tail = &mailbox->head;
        uv_mutex_unlock(&mailbox->lock);
        while (letter) {
                struct mailbox_letter *next = letter->next;
                letter->fn(letter->arg);
                free(letter);
                letter = next;
        }
}

static void mailbox_on_async(uv_async_t *async) { mailbox_drain(async->data); }

int mailbox_init(struct mailbox *mailbox, uv_loop_t *loop) {
        *mailbox = (struct mailbox){.tail = &mailbox->head};
        if (uv_mutex_init(&mailbox->lock)) return ERR_SYSTEM;
        mailbox->async.data = mailbox;
        if (uv_async_init(loop, &mailbox->async, mailbox_on_async)) {
                uv_mutex_destroy(&mailbox->lock);
                return ERR_SYSTEM;
        }
        return 0;
}

void mailbox_post(struct mailbox *mailbox, void (*fn)(void *arg), void *arg) {
        struct mailbox_letter *letter = malloc(sizeof *letter);
        if (!letter) abort();
        *letter = (struct mailbox_letter){.fn = fn, .arg = arg};
        uv_mutex_lock(&mailbox->lock);
        *mailbox->tail = letter;
        mailbox->tail = &letter->next;
        (void)uv_async_send(&mailbox->async); /* fails only on a bad handle */
        uv_mutex_unlock(&mailbox->lock); /* who gets the letter may close the mailbox */
}

static void mailbox_on_closed(uv_handle_t *handle) {
        struct mailbox *mailbox = handle->data;
        uv_mutex_destroy(&mailbox->lock);
        if (mailbox->on_closed) mailbox->on_closed(mailbox->closed_ctx);
}

void mailbox_close(struct mailbox *mailbox, void (*on_closed)(void *ctx), void *ctx) {
        mailbox_drain(mailbox);
        mailbox->on_closed = on_closed;
        mailbox->closed_ctx = ctx;
        uv_close((uv_handle_t *)&mailbox->async, mailbox_on_closed);
}
