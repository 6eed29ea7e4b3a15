#include "worker/fifo.h"

#include <stdlib.h>

bool fifo_push(struct fifo *fifo, void *item) {
        if (fifo->count == fifo->capacity) {
                size_t capacity = fifo->capacity ? fifo->capacity * 2 : 64;
                void **ring = malloc(capacity * sizeof *ring);
                if (!ring) return false;
                for (size_t i = 0; i < fifo->count; i++)
                        ring[i] = fifo->ring[(fifo->head + i) & (fifo->capacity - 1)];
                free(fifo->ring);
                fifo->ring = ring;
                fifo->capacity = capacity;
                fifo->head = 0;
        }
        fifo->ring[(fifo->head + fifo->count++) & (fifo->capacity - 1)] = item;
        return true;
}

void *fifo_first(const struct fifo *fifo) { return fifo->count ? fifo->ring[fifo->head] : NULL; }

void *fifo_last(const struct fifo *fifo) {
        return fifo->count ? fifo->ring[(fifo->head + fifo->count - 1) & (fifo->capacity - 1)] : NULL;
}

void fifo_pop(struct fifo *fifo) {
        if (fifo->count == 0) return;
        fifo->head = (fifo->head + 1) & (fifo->capacity - 1);
        fifo->count--;
}

void fifo_fini(struct fifo *fifo) {
        free(fifo->ring);
        *fifo = (struct fifo){0};
}
