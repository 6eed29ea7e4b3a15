#include "worker/relay_queue.h"

#include <assert.h>
#include <stdlib.h>

#include "common/err.h"
#include "worker/relay_join.h"

void relay_queue_init(struct relay_queue *queue, int64_t offset) {
        *queue = (struct relay_queue){.fetch_offset = offset};
}

void relay_queue_fini(struct relay_queue *queue) {
        assert(queue->count == 0);
        free(queue->ring);
        *queue = (struct relay_queue){0};
}

static struct relay_slot *slot_at(const struct relay_queue *queue, uint32_t index) {
        return &queue->ring[(queue->head + index) & (queue->capacity - 1)];
}

/* After the largest number comes 0, as brokers count. */
static int32_t sequence_after(int32_t sequence, int32_t records) {
        return sequence > INT32_MAX - records ? records - (INT32_MAX - sequence) - 1 : sequence + records;
}

static int grow(struct relay_queue *queue) {
        uint32_t capacity = queue->capacity ? queue->capacity * 2 : 8;
        struct relay_slot *ring = calloc(capacity, sizeof *ring);
        if (!ring) return ERR_NOMEM;
        for (uint32_t i = 0; i < queue->count; i++) ring[i] = *slot_at(queue, i);
        free(queue->ring);
        queue->ring = ring;
        queue->capacity = capacity;
        queue->head = 0;
        return 0;
}

int relay_queue_push(struct relay_queue *queue, struct relay_slot slot) {
        assert(slot.base >= queue->fetch_offset && slot.last >= slot.base && slot.records > 0);
        if (queue->count == queue->capacity && grow(queue)) return ERR_NOMEM;
        slot.next = slot.last + 1;
        slot.sequence = queue->sequence;
        queue->sequence = sequence_after(queue->sequence, slot.records);
        queue->fetch_offset = slot.next;
        queue->waiting_bytes += slot.bytes;
        *slot_at(queue, queue->count++) = slot;
        return 0;
}

bool relay_queue_pass(struct relay_queue *queue, int64_t next) {
        assert(next >= queue->fetch_offset);
        queue->fetch_offset = next;
        if (queue->count == 0) return true;
        slot_at(queue, queue->count - 1)->next = next;
        return false;
}

#define SMALL_BYTES 4096

bool relay_queue_small(const struct relay_queue *queue) {
        uint32_t waiting = queue->count - queue->sent;
        return waiting >= RELAY_SMALL_BATCHES && queue->waiting_bytes / waiting < SMALL_BYTES;
}

bool relay_queue_crowded(const struct relay_queue *queue) {
        uint32_t waiting = queue->count - queue->sent;
        return waiting >= 2 * RELAY_IN_FLIGHT_MAX && queue->waiting_bytes / waiting < RELAY_JOINABLE_BYTES;
}

/* There are more than five at a time only of batches that end elsewhere now: the greatest is forgotten. */
static void ends_add(struct relay_ends *ends, int64_t last) {
        uint32_t at = ends->count;
        while (at > 0 && ends->last[at - 1] > last) at--;
        if (at == RELAY_IN_FLIGHT_MAX || (at > 0 && ends->last[at - 1] == last)) return;
        if (ends->count < RELAY_IN_FLIGHT_MAX) ends->count++;
        for (uint32_t i = ends->count - 1; i > at; i--) ends->last[i] = ends->last[i - 1];
        ends->last[at] = last;
}

static void ends_pass(struct relay_ends *ends, int64_t last) {
        uint32_t gone = 0;
        while (gone < ends->count && ends->last[gone] <= last) gone++;
        ends->count -= gone;
        for (uint32_t i = 0; gone && i < ends->count; i++) ends->last[i] = ends->last[i + gone];
}

int64_t relay_queue_end(const struct relay_queue *queue, int64_t offset) {
        for (uint32_t i = 0; i < queue->ends.count; i++)
                if (queue->ends.last[i] >= offset) return queue->ends.last[i];
        return -1;
}

struct relay_slot *relay_queue_unsent(struct relay_queue *queue) {
        if (queue->failed || queue->sent == queue->count) return NULL;
        if (queue->sent >= (queue->known ? RELAY_IN_FLIGHT_MAX : 1)) return NULL;
        return slot_at(queue, queue->sent);
}

const struct relay_slot *relay_queue_oldest(const struct relay_queue *queue) { return queue->count ? slot_at(queue, 0) : NULL; }

void relay_queue_sent(struct relay_queue *queue) {
        assert(relay_queue_unsent(queue));
        queue->waiting_bytes -= slot_at(queue, queue->sent)->bytes;
        queue->sent++;
        queue->in_flight++;
}

enum relay_answer relay_queue_answer(struct relay_queue *queue, bool taken, struct relay_slot *out) {
        assert(queue->in_flight > 0);
        queue->in_flight--;
        if (queue->failed) return RELAY_IGNORED;
        if (!taken) {
                queue->failed = true;
                queue->known = false;
                return RELAY_FAILED;
        }
        *out = *slot_at(queue, 0);
        ends_pass(&queue->ends, out->last);
        queue->head = (queue->head + 1) & (queue->capacity - 1);
        queue->count--;
        queue->sent--;
        queue->known = queue->count > 0;
        return RELAY_ACKED;
}

void relay_queue_lost(struct relay_queue *queue) {
        if (queue->in_flight == 0) return;
        queue->in_flight = 0;
        queue->failed = true;
        queue->known = false;
}

bool relay_queue_take_back(struct relay_queue *queue, struct relay_slot *out, bool *out_sent) {
        *out_sent = false;
        if (queue->count == 0) queue->failed = false;
        if (queue->count == 0 || (queue->count == queue->sent && (!queue->failed || queue->in_flight))) return false;
        *out = *slot_at(queue, --queue->count);
        queue->fetch_offset = out->base;
        queue->sequence = out->sequence;
        if (queue->sent > queue->count) {
                queue->sent = queue->count;
                *out_sent = true;
                ends_add(&queue->ends, out->last);
        } else {
                queue->waiting_bytes -= out->bytes;
        }
        return true;
}
