#include "common/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"
#include "common/text.h"

const char *event_kind_name(enum event_kind kind) {
        static const char *const names[] = {
                "unknown",
#define X(KIND, name, tone) name,
                EVENTS(X)
#undef X
        };
        return kind < EVENT_KINDS ? names[kind] : names[0];
}

const char *event_tone(enum event_kind kind) {
        static const char *const tones[] = {
                "",
#define X(KIND, name, tone) tone,
                EVENTS(X)
#undef X
        };
        return kind < EVENT_KINDS ? tones[kind] : "";
}

static void set_text(char *out, size_t size, const char *text) {
        (void)snprintf(out, size, "%s", text ? text : ""); /* cut */
        text_one_line(out);
}

void event_set(struct event *event, enum event_kind kind, const char *route, const char *subject, const char *reason,
               const char *detail, int64_t duration_ms) {
        *event = (struct event){.kind = kind, .duration_ms = duration_ms, .count = 1};
        set_text(event->route, sizeof event->route, route);
        set_text(event->subject, sizeof event->subject, subject);
        set_text(event->reason, sizeof event->reason, reason);
        set_text(event->detail, sizeof event->detail, detail);
}

void event_text(const struct event *e, char *out, size_t size) {
        char duration[40] = "";
        if (e->duration_ms >= 0 && e->duration_ms < 10000)
                (void)snprintf(duration, sizeof duration, ", %" PRId64 " ms", e->duration_ms);
        else if (e->duration_ms >= 0)
                (void)snprintf(duration, sizeof duration, ", %" PRId64 " s", e->duration_ms / 1000);
        (void)snprintf(out, size, "%s%s%s%s%s%s%s", e->subject, *e->detail ? ": " : "", e->detail, *e->reason ? " (" : "",
                       e->reason, *e->reason ? ")" : "", duration); /* cut */
}

/* ---- the writer's side ---- */

static uint32_t chunk_of(uint64_t number) { return (uint32_t)(number / EVENTS_PER_CHUNK % EVENTS_CHUNKS); }

static void event_of_message(const Heliostat__Pb__Event *m, uint64_t number, struct event *out) {
        enum event_kind kind = m->kind < EVENT_KINDS ? (enum event_kind)m->kind : EVENT_NONE;
        event_set(out, kind, m->of_route, m->subject, m->reason, m->detail, m->duration_ms);
        out->number = number;
        out->at_ms = m->at_ms;
        out->count = m->count ? m->count : 1;
}

static void drop_first(struct events_ring *ring, size_t count) {
        if (count > ring->queued) count = ring->queued;
        memmove(ring->queue, ring->queue + count, (ring->queued - count) * sizeof *ring->queue);
        ring->queued -= count;
}

void events_ring_load(struct events_ring *ring, const Heliostat__Pb__Events *const chunks[EVENTS_CHUNKS],
                      const bool exists[EVENTS_CHUNKS]) {
        uint64_t before = ring->next, next = 0;
        const Heliostat__Pb__Events *newest = NULL;
        for (uint32_t k = 0; k < EVENTS_CHUNKS; k++) {
                const Heliostat__Pb__Events *c = chunks[k];
                ring->exists[k] = exists[k];
                if (!c || !c->n_events || c->first + c->n_events <= next) continue;
                newest = c;
                next = c->first + c->n_events;
        }
        if (newest && next % EVENTS_PER_CHUNK)
                for (size_t i = 0; i < newest->n_events; i++) {
                        uint64_t number = newest->first + i;
                        event_of_message(newest->events[i], number, &ring->current[number % EVENTS_PER_CHUNK]);
                }
        ring->next = next;
        if (ring->sent && next == before + ring->sent) drop_first(ring, ring->sent);
        ring->sent = 0;
}

/* "a->b lane 7" and "a->b lane 9": "a->b lanes 7 9" */
static bool join(struct event *old, const struct event *new) {
        static const char one[] = " lane ", many[] = " lanes ";
        const char *number = strstr(new->subject, one);
        if (old->kind != EVENT_MOVE || new->kind != EVENT_MOVE || !number || strcmp(old->route, new->route) != 0 ||
            strcmp(old->reason, new->reason) != 0 || strcmp(old->detail, new->detail) != 0)
                return false;
        number += strlen(one);
        char *at = strstr(old->subject, one);
        size_t length = strlen(old->subject);
        if (at && length + 1 < sizeof old->subject) {
                memmove(at + strlen(many), at + strlen(one), strlen(at + strlen(one)) + 1);
                memcpy(at, many, strlen(many));
                length++;
        }
        if (length + strlen(number) + 6 < sizeof old->subject) {
                (void)snprintf(old->subject + length, sizeof old->subject - length, " %s", number);
        } else if (length >= 4 && strcmp(old->subject + length - 4, " ...") != 0 && length + 5 < sizeof old->subject) {
                memcpy(old->subject + length, " ...", 5);
        }
        old->count++;
        if (new->duration_ms > old->duration_ms) old->duration_ms = new->duration_ms;
        return true;
}

void events_ring_add(struct events_ring *ring, const struct event *event) {
        for (size_t i = ring->queued; i-- > ring->sent;)
                if (join(&ring->queue[i], event)) return;
        if (ring->queued == EVENTS_QUEUE_MAX) {
                /* the first that is not being written */
                memmove(ring->queue + ring->sent, ring->queue + ring->sent + 1,
                        (ring->queued - ring->sent - 1) * sizeof *ring->queue);
                ring->queued--;
                ring->dropped++;
        }
        ring->queue[ring->queued++] = *event;
}

bool events_ring_write(struct events_ring *ring, uint32_t *out_chunk, void **out_data, size_t *out_bytes) {
        Heliostat__Pb__Events chunk = HELIOSTAT__PB__EVENTS__INIT;
        Heliostat__Pb__Event messages[EVENTS_PER_CHUNK], *list[EVENTS_PER_CHUNK];
        size_t kept = ring->next % EVENTS_PER_CHUNK, count = EVENTS_PER_CHUNK - kept;
        if (count > ring->queued) count = ring->queued;
        if (!count || ring->sent) return false;
        for (size_t i = 0; i < count; i++) {
                ring->current[kept + i] = ring->queue[i];
                ring->current[kept + i].number = ring->next + i;
        }
        for (size_t i = 0; i < kept + count; i++) {
                struct event *e = &ring->current[i];
                heliostat__pb__event__init(&messages[i]);
                messages[i].kind = (uint32_t)e->kind;
                messages[i].at_ms = e->at_ms;
                messages[i].duration_ms = e->duration_ms;
                messages[i].count = e->count;
                messages[i].of_route = e->route;
                messages[i].subject = e->subject;
                messages[i].reason = e->reason;
                messages[i].detail = e->detail;
                list[i] = &messages[i];
        }
        chunk.first = ring->next - kept;
        chunk.n_events = kept + count;
        chunk.events = list;
        if (codec_pack(&chunk.base, out_data, out_bytes)) return false;
        *out_chunk = chunk_of(ring->next);
        ring->sent = count;
        return true;
}

void events_ring_written(struct events_ring *ring) {
        ring->exists[chunk_of(ring->next)] = true;
        ring->next += ring->sent;
        drop_first(ring, ring->sent);
        ring->sent = 0;
}

void events_ring_failed(struct events_ring *ring) { ring->sent = 0; }

/* ---- the reader's side ---- */

int events_collect(const Heliostat__Pb__Events *chunk, struct event **events, size_t *count) {
        struct event *grown = reallocarray(*events, *count + chunk->n_events + 1, sizeof *grown);
        if (!grown) return ERR_NOMEM;
        *events = grown;
        for (size_t i = 0; i < chunk->n_events; i++) event_of_message(chunk->events[i], chunk->first + i, &grown[(*count)++]);
        return 0;
}

static int by_number(const void *a, const void *b) {
        uint64_t x = ((const struct event *)a)->number, y = ((const struct event *)b)->number;
        return x < y ? -1 : x > y;
}

void events_sort(struct event *events, size_t *count) {
        size_t kept = 0;
        if (*count) qsort(events, *count, sizeof *events, by_number);
        for (size_t i = 0; i < *count; i++)
                if (!kept || events[kept - 1].number != events[i].number) events[kept++] = events[i];
        *count = kept;
}
