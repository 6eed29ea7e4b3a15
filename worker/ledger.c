/* A ring of offsets in source order.  An idempotent producer acknowledges a
 * partition's records in order, so an acknowledgement is nearly always for the
 * head; the others are found by bisection.  A bitmap by offset was rejected:
 * offsets have gaps of any size. */
#include "worker/ledger.h"

#include <stdlib.h>

#include "common/err.h"

#define ACKED ((uint64_t)1)

void ledger_init(struct ledger *ledger, int64_t position) {
        *ledger = (struct ledger){.next = position};
}

void ledger_fini(struct ledger *ledger) {
        free(ledger->ring);
        *ledger = (struct ledger){0};
}

static uint64_t *slot(const struct ledger *ledger, uint32_t index) {
        return &ledger->ring[(ledger->head + index) & (ledger->capacity - 1)];
}

static int64_t offset_at(const struct ledger *ledger, uint32_t index) {
        return (int64_t)(*slot(ledger, index) >> 1);
}

static int ledger_grow(struct ledger *ledger) {
        uint32_t capacity = ledger->capacity ? ledger->capacity * 2 : 64;
        if (capacity > LEDGER_ENTRIES_MAX) return ERR_TOO_MANY;
        uint64_t *ring = malloc(capacity * sizeof *ring);
        if (!ring) return ERR_NOMEM;
        for (uint32_t i = 0; i < ledger->count; i++) ring[i] = *slot(ledger, i);
        free(ledger->ring);
        ledger->ring = ring;
        ledger->capacity = capacity;
        ledger->head = 0;
        return 0;
}

int ledger_send(struct ledger *ledger, int64_t offset) {
        if (offset < ledger->next) return LEDGER_SEEN;
        if (ledger->count == ledger->capacity) {
                int rc = ledger_grow(ledger);
                if (rc) return rc;
        }
        ledger->count++;
        *slot(ledger, ledger->count - 1) = (uint64_t)offset << 1;
        ledger->next = offset + 1;
        return 0;
}

void ledger_unsend(struct ledger *ledger, int64_t offset) {
        if (ledger->count == 0 || offset_at(ledger, ledger->count - 1) != offset) return;
        ledger->count--;
        ledger->next = offset;
}

int ledger_ack(struct ledger *ledger, int64_t offset) {
        uint32_t low = 0, high = ledger->count;
        if (ledger->count && offset_at(ledger, 0) == offset) {
                high = 0;
        } else {
                while (low < high) {
                        uint32_t middle = low + (high - low) / 2;
                        if (offset_at(ledger, middle) < offset)
                                low = middle + 1;
                        else
                                high = middle;
                }
        }
        if (low == ledger->count || offset_at(ledger, low) != offset || (*slot(ledger, low) & ACKED))
                return LEDGER_UNKNOWN;
        *slot(ledger, low) |= ACKED;
        while (ledger->count && (*slot(ledger, 0) & ACKED)) {
                ledger->head = (ledger->head + 1) & (ledger->capacity - 1);
                ledger->count--;
        }
        return 0;
}

void ledger_skip(struct ledger *ledger, int64_t offset) {
        if (offset > ledger->next) ledger->next = offset;
}

int64_t ledger_position(const struct ledger *ledger) {
        return ledger->count ? offset_at(ledger, 0) : ledger->next;
}
