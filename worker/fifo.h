/* A queue of pointers that grows as needed; the caller bounds it.  PURE. */
#ifndef HELIOSTAT_WORKER_FIFO_H
#define HELIOSTAT_WORKER_FIFO_H

#include <stdbool.h>
#include <stddef.h>

struct fifo {
        void **ring;
        size_t capacity;  /* power of two, 0 before the first */
        size_t head, count;
};

/* false: no memory, nothing changed.  Borrows item until it is taken. */
bool fifo_push(struct fifo *fifo, void *item);
/* NULL: empty. */
void *fifo_first(const struct fifo *fifo);
void *fifo_last(const struct fifo *fifo); /* the same */
void fifo_pop(struct fifo *fifo);
/* Frees the ring; the items are the caller's. */
void fifo_fini(struct fifo *fifo);

#endif
