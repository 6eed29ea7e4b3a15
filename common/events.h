/* What happened to the field lately: a ring of EVENTS_CHUNKS znodes, /event/0 to
 * /event/7, each with up to EVENTS_PER_CHUNK events.  Event number n stands in
 * chunk n / EVENTS_PER_CHUNK % EVENTS_CHUNKS; a chunk that comes round is written
 * anew, and so the oldest go.  Only the leader writes, with a check of /leader.
 * PURE. */
#ifndef HELIOSTAT_COMMON_EVENTS_H
#define HELIOSTAT_COMMON_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heliostat.pb-c.h"

#define EVENTS_CHUNKS 8
#define EVENTS_PER_CHUNK 64
#define EVENTS_QUEUE_MAX 256 /* that wait to be written; beyond, the oldest are dropped */

/* KIND, name, tone ("ok", "warn", "err" or "") */
#define EVENTS(X) \
        X(LEADER, "leader", "") \
        X(JOIN, "worker-joined", "ok") \
        X(LEAVE, "worker-left", "warn") \
        X(MOVE, "move", "") \
        X(HALT, "halt", "err") \
        X(ANSWER, "halt-answered", "ok") \
        X(PAUSE, "pause", "warn") \
        X(RESUME, "resume", "ok") \
        X(APPLY, "apply", "") \
        X(DRAIN, "drain", "") \
        X(UNDRAIN, "undrain", "") \
        X(PIN, "pin", "") \
        X(UNPIN, "unpin", "") \
        X(REBALANCE, "rebalance", "") \
        X(LANE, "partition-moved", "")

enum event_kind {
        EVENT_NONE,
#define X(KIND, name, tone) EVENT_##KIND,
        EVENTS(X)
#undef X
        EVENT_KINDS,
};
const char *event_kind_name(enum event_kind kind);
const char *event_tone(enum event_kind kind);

/* Texts are one line, cut where they do not fit. */
struct event {
        uint64_t number;
        enum event_kind kind;
        int64_t at_ms;       /* wall clock */
        int64_t duration_ms; /* -1: none */
        uint32_t count;      /* events that were made one: moves of lanes with the same reason */
        char route[260];     /* "" for none */
        char subject[300];   /* "w1", "a->b", "a->b lane 7", "a->b t-0" */
        char reason[200];    /* "" for none */
        char detail[300];    /* "w1 -> w2" */
};

/* Fills an event; NULL texts are "". */
void event_set(struct event *event, enum event_kind kind, const char *route, const char *subject, const char *reason,
               const char *detail, int64_t duration_ms);
/* One line for people: "a->b lane 7: w1 -> w2 (drained), 240 ms". */
void event_text(const struct event *event, char *out, size_t size);

/* ---- the writer's side ---- */

struct events_ring {
        uint64_t next;                            /* number of the next event */
        struct event current[EVENTS_PER_CHUNK];   /* of the chunk that `next` falls into */
        bool exists[EVENTS_CHUNKS];
        struct event queue[EVENTS_QUEUE_MAX];
        size_t queued, sent;                      /* the first `sent` are being written */
        uint64_t dropped;
};

/* What the chunks hold: each as it was found (NULL: missing, or garbage).  What was being
 * written and is there now leaves the queue; the rest is written again. */
void events_ring_load(struct events_ring *ring, const Heliostat__Pb__Events *const chunks[EVENTS_CHUNKS],
                      const bool exists[EVENTS_CHUNKS]);
/* A move joins one that waits and has the same route, reason and detail. */
void events_ring_add(struct events_ring *ring, const struct event *event);
/* The chunk to write next, packed (the caller's); false: nothing waits, or no memory.
 * Answer with events_ring_written, events_ring_failed or events_ring_load. */
bool events_ring_write(struct events_ring *ring, uint32_t *out_chunk, void **out_data, size_t *out_bytes);
void events_ring_written(struct events_ring *ring);
void events_ring_failed(struct events_ring *ring);

/* ---- the reader's side ---- */

/* Appends a chunk's events to a malloc'd array.  0 | ERR_NOMEM */
int events_collect(const Heliostat__Pb__Events *chunk, struct event **events, size_t *count);
/* By number; of two with the same number the later copy goes. */
void events_sort(struct event *events, size_t *count);

#endif
