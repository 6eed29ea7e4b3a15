/* Both sides are read in step: the side that has read less since the last
 * match in order is next.  A record that moved is then met out of order, and
 * its neighbours are not; and a side that lacks a stretch is caught up with
 * before the other goes on.
 *
 * A difference is told when it is settled, not when it is first seen: of a
 * record and another with the same key and timestamp at the other side, either
 * may still meet its like.  Rejected: a longest common subsequence of the
 * window, which names fewest moved records and costs a square of the window. */
#include "cli/verify_match.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define ENTRIES_MIN 64
#define STEPS_MIN 64      /* the shortest reorder distance, when the memory is full */
#define LEAD_MAX 1024     /* records held while the beginning is looked for */
#define THIN_BITS_MAX 40
#define SAVE_SEEN_MAX 1024

static const struct {
        const char *name;
        enum verify_class class;
} kinds[] = {
#define X(kind, text, kind_class) {text, kind_class},
        VERIFY_KINDS(X)
#undef X
};

const char *verify_kind_name(enum verify_kind kind) { return kinds[kind].name; }
enum verify_class verify_kind_class(enum verify_kind kind) { return kinds[kind].class; }

enum verify_kind verify_kind_parse(const char *name) {
        int kind = 0;
        while (kind < VERIFY_KIND_COUNT && strcmp(kinds[kind].name, name) != 0) kind++;
        return (enum verify_kind)kind;
}

/* By content; by key and timestamp; by value and headers. */
enum { BY_CONTENT, BY_NAME, BY_BODY, INDEXES };

struct node {
        struct verify_record record;
        uint64_t seq;        /* of its side */
        uint64_t step;       /* matches before it was fed */
        int64_t twin_source; /* of a record already matched with the same content, or -1 */
        int64_t twin_destination;
        uint32_t next[INDEXES];
        uint32_t newer, older;
};

struct side {
        uint64_t read;       /* records fed */
        uint64_t base;       /* `read` at the last match in order */
        bool ended;
        size_t waiting;      /* in the tables */
        size_t required;     /* of the source: waiting and not optional, the hand too */
        uint32_t oldest, newest;
        uint32_t *head[INDEXES], *tail[INDEXES];
        int64_t timestamp;   /* of the newest record */
        uint64_t given_up;   /* records passed over before the first match */
};

/* A record that has matched. */
struct seen {
        uint64_t content;
        int64_t source, destination;
        uint32_t next;
        bool in_order;
};

/* A match in order; both offsets grow. */
struct front {
        int64_t source, destination;
};

struct verify_match {
        struct verify_match_setup setup;
        void (*found)(void *ctx, const struct verify_finding *finding);
        void *ctx;

        struct side side[2];
        struct node *nodes;
        uint32_t free_node;
        uint32_t mask;        /* of the buckets */

        /* The newest record without a counterpart, not yet in the tables: in
         * step, the next record of the other side is its like. */
        struct node hand;
        bool has_hand;
        enum verify_side hand_side;

        struct seen *seen;
        struct front *front;
        uint32_t *seen_head;
        uint32_t ring_mask;
        uint64_t seen_count, front_count;

        uint64_t matched;
        bool any_match;
        struct front last;    /* the last match in order */
        int64_t first_match[2];

        unsigned thin_bits;   /* 0: every record is kept */
        uint64_t thin_step;   /* matches when the sides were last apart */
        struct verify_finding dropped;
        bool any_dropped;
};

/* ---- memory ------------------------------------------------------------- */

static uint32_t power_of_two(size_t least) {
        uint32_t n = 1;
        while (n < least) n <<= 1;
        return n;
}

static size_t bucket_count(size_t entries) { return power_of_two(entries / 4 + 1); }
static size_t ring_count(size_t entries) { return power_of_two(entries / 2 + 1); }

size_t verify_match_bytes(size_t entries) {
        return sizeof(struct verify_match) + entries * sizeof(struct node) +
               bucket_count(entries) * 4 * INDEXES * sizeof(uint32_t) +
               ring_count(entries) * (sizeof(struct seen) + sizeof(struct front) + sizeof(uint32_t));
}

size_t verify_match_entries(size_t bytes) {
        size_t entries = ENTRIES_MIN;
        for (size_t step = (size_t)1 << 31; step; step >>= 1)
                if (verify_match_bytes(entries + step) <= bytes) entries += step;
        return entries;
}

void verify_match_free(struct verify_match *match) {
        if (!match) return;
        for (int s = 0; s < 2; s++)
                for (int i = 0; i < INDEXES; i++) {
                        free(match->side[s].head[i]);
                        free(match->side[s].tail[i]);
                }
        free(match->nodes);
        free(match->seen);
        free(match->front);
        free(match->seen_head);
        free(match);
}

static uint32_t *filled(size_t count) {
        uint32_t *array = malloc(count * sizeof *array);
        if (array) memset(array, 0xff, count * sizeof *array); /* NONE */
        return array;
}

struct verify_match *verify_match_new(const struct verify_match_setup *setup,
                                      void (*found)(void *ctx, const struct verify_finding *finding),
                                      void *ctx) {
        struct verify_match *match = calloc(1, sizeof *match);
        if (!match) return NULL;
        match->setup = *setup;
        if (match->setup.entries < ENTRIES_MIN) match->setup.entries = ENTRIES_MIN;
        size_t entries = match->setup.entries;
        if (!match->setup.reorder_records) match->setup.reorder_records = entries / 4;
        if (match->setup.reorder_records > ring_count(entries)) match->setup.reorder_records = ring_count(entries);
        match->found = found;
        match->ctx = ctx;
        match->mask = (uint32_t)bucket_count(entries) - 1;
        match->ring_mask = (uint32_t)ring_count(entries) - 1;
        match->last = (struct front){-1, -1};
        match->nodes = malloc(entries * sizeof *match->nodes);
        match->seen = calloc(ring_count(entries), sizeof *match->seen);
        match->front = calloc(ring_count(entries), sizeof *match->front);
        match->seen_head = filled(ring_count(entries));
        bool ok = match->nodes && match->seen && match->front && match->seen_head;
        for (int s = 0; s < 2; s++) {
                match->side[s].oldest = match->side[s].newest = NONE;
                for (int i = 0; i < INDEXES; i++) {
                        match->side[s].head[i] = filled(bucket_count(entries));
                        match->side[s].tail[i] = filled(bucket_count(entries));
                        ok = ok && match->side[s].head[i] && match->side[s].tail[i];
                }
        }
        if (!ok) {
                verify_match_free(match);
                return NULL;
        }
        for (size_t i = 0; i < entries; i++) match->nodes[i].newer = i + 1 < entries ? (uint32_t)(i + 1) : NONE;
        match->free_node = 0;
        return match;
}

/* ---- tables ------------------------------------------------------------- */

static uint32_t mix(uint64_t a, uint64_t b) {
        uint64_t x = (a ^ (b << 32 | b >> 32)) * 0x9e3779b97f4a7c15ULL;
        return (uint32_t)(x >> 32);
}

static uint32_t bucket_of(const struct verify_match *match, const struct verify_record *record, int index) {
        uint32_t hash = index == BY_CONTENT ? (uint32_t)record->content[0]
                        : index == BY_NAME  ? mix((uint64_t)record->timestamp, record->key)
                                            : mix(record->value, record->headers);
        return hash & match->mask;
}

static bool alike(const struct verify_record *a, const struct verify_record *b, int index) {
        switch (index) {
        case BY_CONTENT: return a->content[0] == b->content[0] && a->content[1] == b->content[1];
        case BY_NAME: return a->timestamp == b->timestamp && a->key == b->key;
        default: return a->value == b->value && a->headers == b->headers;
        }
}

/* Behind the others of its bucket, so that the oldest of equals is found first. */
static void node_insert(struct verify_match *match, enum verify_side which, const struct node *node) {
        struct side *side = &match->side[which];
        uint32_t at = match->free_node;
        assert(at != NONE);
        match->free_node = match->nodes[at].newer;
        struct node *new = &match->nodes[at];
        *new = *node;
        for (int i = 0; i < INDEXES; i++) {
                uint32_t bucket = bucket_of(match, &new->record, i), tail = side->tail[i][bucket];
                new->next[i] = NONE;
                if (tail == NONE) side->head[i][bucket] = at;
                else match->nodes[tail].next[i] = at;
                side->tail[i][bucket] = at;
        }
        new->newer = NONE;
        new->older = side->newest;
        if (side->newest == NONE) side->oldest = at;
        else match->nodes[side->newest].newer = at;
        side->newest = at;
        side->waiting++;
}

static void node_remove(struct verify_match *match, enum verify_side which, uint32_t at) {
        struct side *side = &match->side[which];
        struct node *node = &match->nodes[at];
        for (int i = 0; i < INDEXES; i++) {
                uint32_t bucket = bucket_of(match, &node->record, i), before = NONE, here = side->head[i][bucket];
                while (here != at) {
                        before = here;
                        here = match->nodes[here].next[i];
                }
                if (before == NONE) side->head[i][bucket] = node->next[i];
                else match->nodes[before].next[i] = node->next[i];
                if (side->tail[i][bucket] == at) side->tail[i][bucket] = before;
        }
        if (node->older == NONE) side->oldest = node->newer;
        else match->nodes[node->older].newer = node->newer;
        if (node->newer == NONE) side->newest = node->older;
        else match->nodes[node->newer].older = node->older;
        node->newer = match->free_node;
        match->free_node = at;
        side->waiting--;
        if (which == VERIFY_SOURCE && !node->record.optional) side->required--;
}

static uint32_t node_find(const struct verify_match *match, enum verify_side which, const struct verify_record *like) {
        const struct side *side = &match->side[which];
        if (!side->waiting) return NONE;
        uint32_t at = side->head[BY_CONTENT][bucket_of(match, like, BY_CONTENT)];
        while (at != NONE && !alike(&match->nodes[at].record, like, BY_CONTENT)) at = match->nodes[at].next[BY_CONTENT];
        return at;
}

/* ---- what has matched --------------------------------------------------- */

static void seen_add(struct verify_match *match, const struct verify_record *record, int64_t source,
                     int64_t destination, bool in_order) {
        uint32_t at = (uint32_t)(match->seen_count & match->ring_mask);
        if (match->seen_count > match->ring_mask) { /* the oldest makes room */
                uint32_t bucket = (uint32_t)match->seen[at].content & match->ring_mask;
                uint32_t *link = &match->seen_head[bucket];
                while (*link != at) link = &match->seen[*link].next;
                *link = match->seen[at].next;
        }
        uint32_t *head = &match->seen_head[(uint32_t)record->content[0] & match->ring_mask];
        match->seen[at] = (struct seen){record->content[0], source, destination, *head, in_order};
        *head = at;
        match->seen_count++;
        if (in_order) match->front[match->front_count++ & match->ring_mask] = (struct front){source, destination};
}

static const struct seen *seen_find(const struct verify_match *match, const struct verify_record *record) {
        uint32_t at = match->seen_head[(uint32_t)record->content[0] & match->ring_mask];
        while (at != NONE && match->seen[at].content != record->content[0]) at = match->seen[at].next;
        return at == NONE ? NULL : &match->seen[at];
}

/* How many of the remembered matches in order lie before the offset. */
static uint64_t gap_of(const struct verify_match *match, enum verify_side side, int64_t offset) {
        uint64_t high = match->front_count, low = high > match->ring_mask + 1ULL ? high - match->ring_mask - 1 : 0;
        while (low < high) {
                uint64_t middle = low + (high - low) / 2;
                const struct front *front = &match->front[middle & match->ring_mask];
                if ((side == VERIFY_SOURCE ? front->source : front->destination) < offset) low = middle + 1;
                else high = middle;
        }
        return low;
}

/* ---- telling ------------------------------------------------------------ */

static struct verify_finding finding_of(enum verify_kind kind) {
        return (struct verify_finding){.kind = kind, .source = -1, .source_last = -1, .destination = -1,
                                       .destination_last = -1, .first = -1};
}

static void finding_put(struct verify_finding *finding, enum verify_side side, const struct node *node) {
        if (side == VERIFY_SOURCE) {
                finding->source = finding->source_last = node->record.offset;
                finding->source_seq = node->seq;
                finding->source_count = 1;
        } else {
                finding->destination = finding->destination_last = node->record.offset;
                finding->destination_seq = node->seq;
                finding->destination_count = 1;
        }
}

/* Why a record of this side may rightly have no counterpart, or what it is;
 * VERIFY_KIND_COUNT: nothing to tell. */
static enum verify_kind kind_alone(const struct verify_match *match, enum verify_side side, const struct node *node) {
        static const enum verify_kind began_late[] = {VERIFY_DESTINATION_START, VERIFY_SOURCE_START};
        const struct verify_match_setup *setup = &match->setup;
        enum verify_side other = 1 - side;
        int64_t offset = node->record.offset;
        if (side == VERIFY_SOURCE && node->record.optional) return VERIFY_NOT_MIRRORED;
        if (setup->stretch && (!match->any_match || offset < match->first_match[side] ||
                               offset > (side == VERIFY_SOURCE ? match->last.source : match->last.destination)))
                return side == VERIFY_SOURCE ? VERIFY_NOT_LOCATED : VERIFY_KIND_COUNT;
        if (match->any_match ? setup->begins_late[other] && offset < match->first_match[side]
                             : setup->begins_late[other])
                return began_late[side];
        /* Something was passed over in search of the beginning, which was not found. */
        if (!match->any_match && match->side[other].given_up) return VERIFY_UNRESOLVED;
        if (setup->compacted[other]) return VERIFY_COMPACTED;
        return side == VERIFY_SOURCE ? VERIFY_MISSING : VERIFY_EXTRA;
}

static void tell_alone(struct verify_match *match, enum verify_side side, const struct node *node) {
        enum verify_kind kind = kind_alone(match, side, node);
        if (kind == VERIFY_KIND_COUNT) return;
        struct verify_finding finding = finding_of(kind);
        if (side == VERIFY_DESTINATION && node->twin_source >= 0 && (kind == VERIFY_EXTRA || kind == VERIFY_COMPACTED)) {
                finding.kind = VERIFY_DUPLICATED;
                finding.source = finding.source_last = node->twin_source;
                finding.first = node->twin_destination;
        }
        finding_put(&finding, side, node);
        match->found(match->ctx, &finding);
}

static void drop_count(struct verify_match *match, enum verify_side side, const struct node *node) {
        struct verify_finding *dropped = &match->dropped;
        if (side == VERIFY_SOURCE && node->record.optional) {
                tell_alone(match, side, node);
                return;
        }
        if (!match->any_dropped) *dropped = finding_of(VERIFY_UNRESOLVED);
        match->any_dropped = true;
        int64_t offset = node->record.offset;
        int64_t *first = side == VERIFY_SOURCE ? &dropped->source : &dropped->destination;
        int64_t *last = side == VERIFY_SOURCE ? &dropped->source_last : &dropped->destination_last;
        if (*first < 0 || offset < *first) *first = offset;
        if (offset > *last) *last = offset;
        if (side == VERIFY_SOURCE) dropped->source_count++;
        else dropped->destination_count++;
}

static void drop_tell(struct verify_match *match) {
        if (match->any_dropped) match->found(match->ctx, &match->dropped);
        match->any_dropped = false;
}

/* The record of the other side that stands in this one's place: between the
 * same neighbours, with the same key and timestamp, or the same value and
 * headers. */
static uint32_t stand_in(const struct verify_match *match, enum verify_side side, const struct node *node) {
        enum verify_side other = 1 - side;
        if (!match->side[other].waiting) return NONE;
        uint64_t gap = gap_of(match, side, node->record.offset);
        for (int index = BY_NAME; index < INDEXES; index++) {
                uint32_t at = match->side[other].head[index][bucket_of(match, &node->record, index)];
                for (; at != NONE; at = match->nodes[at].next[index]) {
                        const struct node *that = &match->nodes[at];
                        if (that->twin_source >= 0 || !alike(&that->record, &node->record, index)) continue;
                        uint64_t its = gap_of(match, other, that->record.offset);
                        if (its == gap) return at;
                        if (its > gap) break; /* the chain is in order */
                }
        }
        return NONE;
}

/* No counterpart is waited for any longer. */
static void settle(struct verify_match *match, enum verify_side side, uint32_t at) {
        struct node *node = &match->nodes[at];
        uint32_t that_at = node->twin_source >= 0 ? NONE : stand_in(match, side, node);
        if (that_at == NONE) {
                tell_alone(match, side, node);
        } else {
                struct node *that = &match->nodes[that_at];
                const struct verify_record *a = &node->record, *b = &that->record;
                struct verify_finding finding = finding_of(VERIFY_CHANGED);
                finding_put(&finding, side, node);
                finding_put(&finding, 1 - side, that);
                finding.parts = (a->key != b->key ? VERIFY_KEY : 0U) | (a->value != b->value ? VERIFY_VALUE : 0U) |
                                (a->headers != b->headers ? VERIFY_HEADERS : 0U) |
                                (a->timestamp != b->timestamp ? VERIFY_TIMESTAMP : 0U);
                node_remove(match, 1 - side, that_at);
                match->found(match->ctx, &finding);
        }
        node_remove(match, side, at);
}

/* What so many matches in order lie behind.  (Matches since it was fed would
 * not do: while the other side is caught up with, they lie before it.) */
static void settle_older(struct verify_match *match, uint64_t steps) {
        for (int s = 0; s < 2; s++) {
                struct side *side = &match->side[s];
                while (side->oldest != NONE) {
                        const struct node *node = &match->nodes[side->oldest];
                        if (match->matched - node->step < steps || /* cheaper, and never more */
                            match->front_count - gap_of(match, (enum verify_side)s, node->record.offset) < steps)
                                break;
                        settle(match, (enum verify_side)s, side->oldest);
                }
        }
}

/* ---- full memory -------------------------------------------------------- */

static bool kept(const struct verify_match *match, const struct verify_record *record) {
        return (record->content[1] & ((1ULL << match->thin_bits) - 1)) == 0;
}

static bool in_lead(const struct verify_match *match) {
        return !match->any_match && (match->setup.begins_late[0] || match->setup.begins_late[1]);
}

static void thin(struct verify_match *match) {
        size_t before = match->side[0].waiting + match->side[1].waiting;
        while (match->side[0].waiting + match->side[1].waiting > before - before / 4) {
                match->thin_bits++;
                for (int s = 0; s < 2; s++)
                        for (uint32_t at = match->side[s].oldest; at != NONE;) {
                                uint32_t newer = match->nodes[at].newer;
                                if (match->thin_bits > THIN_BITS_MAX || !kept(match, &match->nodes[at].record)) {
                                        drop_count(match, (enum verify_side)s, &match->nodes[at]);
                                        node_remove(match, (enum verify_side)s, at);
                                }
                                at = newer;
                        }
                if (match->thin_bits > THIN_BITS_MAX) match->thin_bits = THIN_BITS_MAX;
        }
        match->thin_step = match->matched;
}

/* There is a free node afterwards. */
static void make_room(struct verify_match *match, enum verify_side side) {
        size_t before = match->side[0].waiting + match->side[1].waiting;
        bool behind = match->setup.stretch && match->side[VERIFY_SOURCE].ended && side == VERIFY_DESTINATION;
        if (((in_lead(match) && match->setup.begins_late[1 - side]) || behind) && match->side[side].waiting) {
                /* Its counterpart lies before the other's log, or behind the stretch. */
                uint32_t at = match->side[side].oldest;
                match->side[side].given_up++;
                settle(match, side, at);
                return;
        }
        settle_older(match, STEPS_MIN);
        if (match->side[0].waiting + match->side[1].waiting > before - before / 8) thin(match);
}

/* ---- feeding ------------------------------------------------------------ */

static void hand_put(struct verify_match *match) {
        if (!match->has_hand) return;
        match->has_hand = false;
        bool counted = match->hand_side == VERIFY_SOURCE && !match->hand.record.optional;
        if (match->thin_bits && !kept(match, &match->hand.record)) {
                if (counted) match->side[VERIFY_SOURCE].required--;
                drop_count(match, match->hand_side, &match->hand);
                return;
        }
        if (match->free_node == NONE) make_room(match, match->hand_side);
        if (match->thin_bits && !kept(match, &match->hand.record)) { /* by now */
                if (counted) match->side[VERIFY_SOURCE].required--;
                drop_count(match, match->hand_side, &match->hand);
                return;
        }
        node_insert(match, match->hand_side, &match->hand);
}

static void on_match(struct verify_match *match, const struct node *source, const struct node *destination) {
        int64_t s = source->record.offset, d = destination->record.offset;
        bool in_order = s > match->last.source && d > match->last.destination;
        seen_add(match, &source->record, s, d, in_order);
        match->matched++;
        if (!match->any_match) {
                match->any_match = true;
                match->first_match[VERIFY_SOURCE] = s;
                match->first_match[VERIFY_DESTINATION] = d;
        }
        if (in_order) {
                match->last = (struct front){s, d};
                match->side[VERIFY_SOURCE].base = source->seq;
                match->side[VERIFY_DESTINATION].base = destination->seq;
        } else {
                struct verify_finding finding = finding_of(VERIFY_REORDERED);
                finding_put(&finding, VERIFY_SOURCE, source);
                finding_put(&finding, VERIFY_DESTINATION, destination);
                match->found(match->ctx, &finding);
        }
        settle_older(match, match->setup.reorder_records);
        if (!match->thin_bits) return;
        uint64_t apart = match->side[0].read - match->side[0].base + match->side[1].read - match->side[1].base;
        if (apart > 1) {
                match->thin_step = match->matched;
        } else if (match->matched - match->thin_step >= match->setup.reorder_records) {
                match->thin_bits = 0; /* together again for long: nothing that was dropped can turn up */
                drop_tell(match);
        }
}

void verify_match_feed(struct verify_match *match, enum verify_side which, const struct verify_record *record) {
        struct side *side = &match->side[which];
        enum verify_side other = 1 - which;
        assert(!side->ended);
        side->read++;
        side->timestamp = record->timestamp;
        struct node node = {.record = *record, .seq = side->read, .step = match->matched, .twin_source = -1,
                            .twin_destination = -1};
        bool required = which == VERIFY_SOURCE && !record->optional;
        uint32_t at = node_find(match, other, record);
        if (at == NONE && match->has_hand && match->hand_side == other &&
            alike(&match->hand.record, record, BY_CONTENT)) {
                match->has_hand = false;
                if (other == VERIFY_SOURCE && !match->hand.record.optional) match->side[other].required--;
                on_match(match, which == VERIFY_SOURCE ? &node : &match->hand,
                         which == VERIFY_SOURCE ? &match->hand : &node);
                return;
        }
        if (at != NONE) {
                struct node that = match->nodes[at];
                node_remove(match, other, at);
                on_match(match, which == VERIFY_SOURCE ? &node : &that, which == VERIFY_SOURCE ? &that : &node);
                return;
        }
        hand_put(match);
        if (which == VERIFY_DESTINATION) {
                const struct seen *seen = seen_find(match, record);
                if (seen) {
                        node.twin_source = seen->source;
                        node.twin_destination = seen->destination;
                }
        }
        if (required) side->required++;
        match->hand = node;
        match->hand_side = which;
        match->has_hand = true;
}

static uint64_t ahead(const struct side *side) { return side->read - side->base; }

enum verify_side verify_match_next(const struct verify_match *match) {
        const struct side *source = &match->side[VERIFY_SOURCE], *destination = &match->side[VERIFY_DESTINATION];
        if (source->ended) return VERIFY_DESTINATION;
        if (destination->ended) return VERIFY_SOURCE;
        if (in_lead(match)) {
                /* Some of the side that begins late are held, and the other is
                 * read until it meets one of them. */
                uint64_t lead = match->setup.entries / 4 < LEAD_MAX ? match->setup.entries / 4 : LEAD_MAX;
                bool late = match->setup.begins_late[VERIFY_SOURCE];
                if (source->read < lead || destination->read < lead)
                        return source->read <= destination->read ? VERIFY_SOURCE : VERIFY_DESTINATION;
                if (match->setup.begins_late[VERIFY_SOURCE] && match->setup.begins_late[VERIFY_DESTINATION])
                        return source->timestamp < destination->timestamp ? VERIFY_SOURCE : VERIFY_DESTINATION;
                return late ? VERIFY_DESTINATION : VERIFY_SOURCE;
        }
        return ahead(source) <= ahead(destination) ? VERIFY_SOURCE : VERIFY_DESTINATION;
}

void verify_match_end(struct verify_match *match, enum verify_side side) { match->side[side].ended = true; }

/* Pairs and duplicates are looked for in the order of the records. */
void verify_match_finish(struct verify_match *match) {
        hand_put(match);
        for (int s = 0; s < 2; s++)
                while (match->side[s].oldest != NONE) settle(match, (enum verify_side)s, match->side[s].oldest);
        drop_tell(match);
}

uint64_t verify_match_matched(const struct verify_match *match) { return match->matched; }

size_t verify_match_waiting(const struct verify_match *match, enum verify_side side) {
        return match->side[side].waiting + (match->has_hand && match->hand_side == side);
}

bool verify_match_required_done(const struct verify_match *match) {
        return match->side[VERIFY_SOURCE].required == 0;
}

/* ---- resuming ----------------------------------------------------------- */

static void save_node(FILE *out, enum verify_side side, const struct node *node) {
        const struct verify_record *r = &node->record;
        fprintf(out, "n %d %" PRId64 " %" PRIx64 " %" PRIx64 " %" PRId64 " %x %x %x %d %" PRIu64 " %" PRIu64 " %" PRId64
                     " %" PRId64 "\n",
                side, r->offset, r->content[0], r->content[1], r->timestamp, r->key, r->value, r->headers, r->optional,
                node->seq, node->step, node->twin_source, node->twin_destination);
}

char *verify_match_save(const struct verify_match *match) {
        char *text = NULL;
        size_t size;
        if (match->thin_bits || match->any_dropped || in_lead(match) ||
            match->side[0].waiting + match->side[1].waiting > VERIFY_SAVE_MAX)
                return NULL;
        FILE *out = open_memstream(&text, &size);
        if (!out) return NULL;
        fprintf(out, "m %" PRIu64 " %d %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", match->matched, match->any_match,
                match->last.source, match->last.destination, match->first_match[0], match->first_match[1]);
        for (int s = 0; s < 2; s++)
                fprintf(out, "s %d %" PRIu64 " %" PRIu64 " %" PRId64 "\n", s, match->side[s].read, match->side[s].base,
                        match->side[s].timestamp);
        uint64_t from = match->seen_count > SAVE_SEEN_MAX ? match->seen_count - SAVE_SEEN_MAX : 0;
        if (match->seen_count - from > match->ring_mask + 1ULL) from = match->seen_count - match->ring_mask - 1;
        for (uint64_t i = from; i < match->seen_count; i++) {
                const struct seen *seen = &match->seen[i & match->ring_mask];
                fprintf(out, "o %" PRIx64 " %" PRId64 " %" PRId64 " %d\n", seen->content, seen->source, seen->destination,
                        seen->in_order);
        }
        for (int s = 0; s < 2; s++)
                for (uint32_t at = match->side[s].oldest; at != NONE; at = match->nodes[at].newer)
                        save_node(out, (enum verify_side)s, &match->nodes[at]);
        if (match->has_hand) save_node(out, match->hand_side, &match->hand);
        if (fclose(out) == 0) return text;
        free(text);
        return NULL;
}

static bool load_node(struct verify_match *match, const char *line) {
        struct node node = {0};
        struct verify_record *r = &node.record;
        int side, optional;
        if (sscanf(line,
                   "n %d %" SCNd64 " %" SCNx64 " %" SCNx64 " %" SCNd64 " %x %x %x %d %" SCNu64 " %" SCNu64 " %" SCNd64
                   " %" SCNd64,
                   &side, &r->offset, &r->content[0], &r->content[1], &r->timestamp, &r->key, &r->value, &r->headers,
                   &optional, &node.seq, &node.step, &node.twin_source, &node.twin_destination) != 13 ||
            side < 0 || side > 1 || match->free_node == NONE || node.step > match->matched)
                return false;
        r->optional = optional != 0;
        if (side == VERIFY_SOURCE && !r->optional) match->side[side].required++;
        node_insert(match, (enum verify_side)side, &node);
        return true;
}

static bool load_line(struct verify_match *match, const char *line) {
        int which, flag;
        struct verify_record record = {0};
        int64_t source, destination;
        struct side side;
        switch (*line) {
        case 'm':
                if (sscanf(line, "m %" SCNu64 " %d %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64, &match->matched, &flag,
                           &match->last.source, &match->last.destination, &match->first_match[0],
                           &match->first_match[1]) != 6)
                        return false;
                match->any_match = flag != 0;
                return true;
        case 's':
                if (sscanf(line, "s %d %" SCNu64 " %" SCNu64 " %" SCNd64, &which, &side.read, &side.base,
                           &side.timestamp) != 4 || which < 0 || which > 1 || side.base > side.read)
                        return false;
                match->side[which].read = side.read;
                match->side[which].base = side.base;
                match->side[which].timestamp = side.timestamp;
                return true;
        case 'o':
                if (sscanf(line, "o %" SCNx64 " %" SCNd64 " %" SCNd64 " %d", &record.content[0], &source, &destination,
                           &flag) != 4)
                        return false;
                seen_add(match, &record, source, destination, flag != 0);
                return true;
        case 'n': return load_node(match, line);
        default: return false;
        }
}

int verify_match_load(struct verify_match *match, const char *text) {
        while (*text) {
                size_t length = strcspn(text, "\n");
                char line[320];
                if (length >= sizeof line) return -1;
                memcpy(line, text, length);
                line[length] = '\0';
                if (!load_line(match, line)) return -1;
                text += length + (text[length] == '\n');
        }
        return 0;
}
