/* An array of runs.  Where it has grown too long, runs next to each other are
 * merged: as in an exponential histogram, at most OFFSET_MAP_PER_LEVEL of each
 * length stay, so the error of an old offset is a fraction of its distance.  A
 * merged run keeps the sums of its gaps, which bound the error: with source gaps
 * Gs and destination gaps Gd anywhere in it, the record at `from + x` has at
 * least x - Gs records of the run before it, and at most x + Gd offsets.
 *
 * What is not known (an owner died before it had written its map) is a run
 * without records. */
#include "common/offset_map.h"

#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"

_Static_assert(OFFSET_MAP_RUNS_MAX <= CODEC_OFFSET_RUNS_MAX, "a map fits its message");
_Static_assert(OFFSET_MAP_LEVELS <= CODEC_OFFSET_LEVEL_MAX, "so do its levels");

void offset_map_init(struct offset_map *map) {
        *map = (struct offset_map){.begin = -1, .next_source = -1, .next_destination = -1};
}

void offset_map_fini(struct offset_map *map) {
        free(map->runs);
        offset_map_init(map);
}

/* Nothing is known below `begin`. */
static void forget(struct offset_map *map, int64_t begin) {
        map->count = 0;
        map->begin = begin;
        map->next_source = map->next_destination = -1;
}

static int64_t source_end(const struct offset_run *run) {
        return run->source_from + run->count + run->source_gap;
}

static int64_t destination_end(const struct offset_run *run) {
        return run->destination_from + run->count + run->destination_gap;
}

/* The newest run grows by next_source alone; only one without gaps does. */
static struct offset_run run_at(const struct offset_map *map, uint32_t index) {
        struct offset_run run = map->runs[index];
        if (index + 1 == map->count && !run.source_gap && !run.destination_gap)
                run.count = map->next_source - run.source_from;
        return run;
}

/* Whether it holds records is not known. */
static bool is_hole(const struct offset_run *run) { return run->count == 0; }

static bool has_gaps(const struct offset_run *run) { return run->source_gap || run->destination_gap; }

/* After a change of the newest run.  Nothing continues one that has gaps. */
static void set_next(struct offset_map *map) {
        map->next_source = map->next_destination = -1;
        if (map->count == 0) return;
        const struct offset_run *last = &map->runs[map->count - 1];
        map->next_source = source_end(last);
        if (!has_gaps(last)) map->next_destination = destination_end(last);
}

static struct offset_run merged(const struct offset_run *a, const struct offset_run *b) {
        uint8_t level = a->level > b->level ? a->level : b->level;
        return (struct offset_run){
                .source_from = a->source_from,
                .destination_from = a->destination_from,
                .count = a->count + b->count,
                .source_gap = a->source_gap + b->source_gap + (b->source_from - source_end(a)),
                .destination_gap = a->destination_gap + b->destination_gap +
                                   (b->destination_from - destination_end(a)),
                .level = level < OFFSET_MAP_LEVELS ? (uint8_t)(level + 1) : level,
        };
}

/* Too many of a level become half as many of the next; old runs have high
 * levels, so those of one level lie side by side. */
static void merge_level(struct offset_map *map, uint8_t level, uint32_t kept) {
        uint32_t from = 0, to;
        while (from < map->count && map->runs[from].level > level) from++;
        to = from;
        while (to < map->count && map->runs[to].level == level) to++;
        if (to - from <= kept + 1) return;
        uint32_t pairs = (to - from - kept) / 2, at = from;
        for (uint32_t i = 0; i < pairs; i++)
                map->runs[at++] = merged(&map->runs[from + 2 * i], &map->runs[from + 2 * i + 1]);
        uint32_t rest = from + 2 * pairs;
        memmove(&map->runs[at], &map->runs[rest], (map->count - rest) * sizeof *map->runs);
        map->count -= pairs;
}

static void bound(struct offset_map *map) {
        uint32_t exact = 0;
        while (exact < map->count && map->runs[map->count - 1 - exact].level == 0) exact++;
        if (exact <= OFFSET_MAP_EXACT_MAX) return;
        merge_level(map, 0, OFFSET_MAP_EXACT);
        for (uint8_t level = 1; level < OFFSET_MAP_LEVELS; level++)
                merge_level(map, level, OFFSET_MAP_PER_LEVEL);
        merge_level(map, OFFSET_MAP_LEVELS, 1); /* into one, at last */
}

/* The newest run is as it stands.  Nothing is known below its end, without
 * memory for it. */
static void append(struct offset_map *map, struct offset_run run) {
        if (map->count == map->capacity) {
                uint32_t capacity = map->capacity ? map->capacity * 2 : 1;
                struct offset_run *runs = realloc(map->runs, capacity * sizeof *runs);
                if (!runs) return forget(map, source_end(&run));
                map->runs = runs;
                map->capacity = capacity;
        }
        map->runs[map->count++] = run;
        bound(map);
        set_next(map);
}

/* Everything at or above the source offset goes. */
static void cut(struct offset_map *map, int64_t source) {
        if (map->count) map->runs[map->count - 1] = run_at(map, map->count - 1);
        while (map->count && map->runs[map->count - 1].source_from >= source) map->count--;
        if (map->count) {
                struct offset_run *run = &map->runs[map->count - 1];
                if (source_end(run) > source) {
                        int64_t length = source - run->source_from;
                        if (has_gaps(run)) {
                                /* How many of its records remain is not known; what
                                 * remains of it lies behind its beginning. */
                                run->count = 0;
                                run->source_gap = length;
                                run->destination_gap = 0;
                        } else {
                                run->count = length;
                        }
                }
        }
        set_next(map);
}

void offset_map_restart(struct offset_map *map, int64_t source) {
        if (map->begin < 0 || source < map->begin) return forget(map, source);
        cut(map, source);
}

/* Between the newest run and `to`, records may lie anywhere behind its end. */
static void add_hole(struct offset_map *map, int64_t from, int64_t to) {
        if (map->count == 0) return forget(map, to);
        map->runs[map->count - 1] = run_at(map, map->count - 1);
        struct offset_run *last = &map->runs[map->count - 1];
        if (is_hole(last)) {
                last->source_gap = to - last->source_from;
                return set_next(map);
        }
        append(map, (struct offset_run){.source_from = from, .destination_from = destination_end(last),
                                        .source_gap = to - from});
}

/* A run that follows in the source. */
static void add_run(struct offset_map *map, struct offset_run run) {
        if (map->count) {
                map->runs[map->count - 1] = run_at(map, map->count - 1);
                struct offset_run *last = &map->runs[map->count - 1];
                /* The destination's log has begun anew: what was there is gone. */
                if (run.destination_from < destination_end(last)) {
                        forget(map, run.source_from);
                } else if (has_gaps(last)) {
                        /* What it does not know of may reach up to here. */
                        last->destination_gap += run.destination_from - destination_end(last);
                        last->source_gap += run.source_from - source_end(last);
                }
        }
        append(map, run);
}

void offset_map_jump(struct offset_map *map, int64_t source, int64_t destination) {
        if (map->begin < 0 || source < map->begin) forget(map, source);
        if (source < map->next_source) cut(map, source);
        if (destination < 0)
                add_hole(map, source, source + 1);
        else
                add_run(map, (struct offset_run){.source_from = source, .destination_from = destination, .count = 1});
}

void offset_map_continue(struct offset_map *map, struct offset_map *older, int64_t next) {
        int64_t begin = map->begin;
        if (older->returned > map->returned) map->returned = older->returned;
        older->returned = map->returned; /* whichever of them stays */
        if (older->begin < 0 || begin < 0) {
                if (begin < 0 && older->begin >= 0) {
                        struct offset_map swap = *map;
                        *map = *older;
                        *older = swap;
                }
                return offset_map_fini(older);
        }
        offset_map_restart(older, begin);
        /* Levels fall with age reversed: what comes is younger. */
        for (uint32_t i = 0; map->count && i < older->count; i++)
                if (older->runs[i].level < map->runs[0].level) older->runs[i].level = map->runs[0].level;
        if (next < begin && older->begin < begin) add_hole(older, next, begin);
        for (uint32_t i = 0; i < map->count; i++) add_run(older, run_at(map, i));
        offset_map_fini(map);
        *map = *older;
        offset_map_init(older);
}

/* At most so many offsets of the destination lie between what is told of an
 * offset in or before the run and the truth; -1: the run has no end yet. */
static int64_t error_of(const struct offset_run *run, bool newest) {
        return newest && is_hole(run) ? -1 : run->source_gap + run->destination_gap;
}

/* Of a source offset below the run, and behind all before it. */
static struct offset_translation beginning_of(const struct offset_run *run, bool newest) {
        /* A merged one may begin with what is not known. */
        int64_t by = error_of(run, newest);
        return (struct offset_translation){by ? OFFSET_EARLIER : OFFSET_EXACT, run->destination_from, by};
}

/* Of a source offset behind the newest run. */
static struct offset_translation end_of(const struct offset_run *run, int64_t next, int64_t source) {
        int64_t end = destination_end(run);
        if (source > next) return (struct offset_translation){OFFSET_BEYOND, end, source - next};
        if (is_hole(run)) return (struct offset_translation){OFFSET_EARLIER, end, -1};
        return (struct offset_translation){OFFSET_EXACT, end, 0};
}

static struct offset_translation inside(const struct offset_run *run, bool newest, int64_t source) {
        int64_t x = source - run->source_from, at = run->destination_from, by = error_of(run, newest);
        if (!has_gaps(run)) return (struct offset_translation){OFFSET_EXACT, at + x, 0};
        if (x > run->source_gap) at += x - run->source_gap;
        int64_t left = destination_end(run) - at;
        return (struct offset_translation){OFFSET_EARLIER, at, by > left ? left : by};
}

struct offset_translation offset_map_translate(const struct offset_map *map, int64_t next, int64_t source) {
        if (source < map->returned) return (struct offset_translation){OFFSET_UNKNOWN, -1, map->returned - source};
        if (map->begin < 0 || source < map->begin) return (struct offset_translation){OFFSET_UNKNOWN, -1, 0};
        if (map->count == 0) {
                /* From 0 on, and nothing was mirrored: it will follow wherever
                 * the destination begins. */
                if (map->begin > 0) return (struct offset_translation){OFFSET_UNKNOWN, -1, 0};
                if (source > next) return (struct offset_translation){OFFSET_BEYOND, 0, source - next};
                return (struct offset_translation){OFFSET_EXACT, 0, 0};
        }
        uint32_t low = 0, high = map->count; /* the first run that begins behind it */
        while (low < high) {
                uint32_t middle = low + (high - low) / 2;
                if (map->runs[middle].source_from <= source)
                        low = middle + 1;
                else
                        high = middle;
        }
        struct offset_run after = low < map->count ? run_at(map, low) : (struct offset_run){0};
        if (low == 0) return beginning_of(&after, map->count == 1);
        struct offset_run run = run_at(map, low - 1);
        if (source < source_end(&run)) return inside(&run, low == map->count, source);
        return low < map->count ? beginning_of(&after, low + 1 == map->count) : end_of(&run, next, source);
}

/* ---- the message ---- */

int offset_map_pack(const struct offset_map *map, const struct offset_map_name *name, int64_t next,
                    void **out_data, size_t *out_bytes) {
        Heliostat__Pb__OffsetMap message = HELIOSTAT__PB__OFFSET_MAP__INIT;
        Heliostat__Pb__OffsetRun *runs = calloc(map->count + 1, sizeof *runs);
        Heliostat__Pb__OffsetRun **pointers = calloc(map->count + 1, sizeof(Heliostat__Pb__OffsetRun *));
        int rc = ERR_NOMEM;
        if (runs && pointers) {
                int64_t source = map->begin, destination = 0;
                for (uint32_t i = 0; i < map->count; i++) {
                        struct offset_run run = run_at(map, i);
                        heliostat__pb__offset_run__init(&runs[i]);
                        runs[i].source_skip = (uint64_t)(run.source_from - source);
                        runs[i].destination_skip = (uint64_t)(run.destination_from - destination);
                        runs[i].count = (uint64_t)run.count;
                        runs[i].source_gap = (uint64_t)run.source_gap;
                        runs[i].destination_gap = (uint64_t)run.destination_gap;
                        runs[i].level = run.level;
                        source = source_end(&run);
                        destination = destination_end(&run);
                        pointers[i] = &runs[i];
                }
                message.topic = (char *)name->topic;
                message.destination_topic = (char *)name->destination_topic;
                message.partition = (uint32_t)name->partition;
                message.generation = name->generation;
                message.begin = map->begin;
                message.next = next;
                message.returned = map->returned;
                message.runs = pointers;
                message.n_runs = map->count;
                rc = codec_pack(&message.base, out_data, out_bytes);
        }
        free(runs);
        free(pointers);
        return rc;
}

int offset_map_unpack(const Heliostat__Pb__OffsetMap *message, struct offset_map *out) {
        struct offset_map map;
        offset_map_init(&map);
        map.runs = calloc(message->n_runs ? message->n_runs : 1, sizeof *map.runs);
        if (!map.runs) return ERR_NOMEM;
        map.capacity = message->n_runs ? (uint32_t)message->n_runs : 1;
        int64_t source = message->begin, destination = 0;
        for (size_t i = 0; i < message->n_runs; i++) {
                const Heliostat__Pb__OffsetRun *run = message->runs[i];
                map.runs[i] = (struct offset_run){
                        .source_from = source + (int64_t)run->source_skip,
                        .destination_from = destination + (int64_t)run->destination_skip,
                        .count = (int64_t)run->count,
                        .source_gap = (int64_t)run->source_gap,
                        .destination_gap = (int64_t)run->destination_gap,
                        .level = (uint8_t)run->level,
                };
                source = source_end(&map.runs[i]);
                destination = destination_end(&map.runs[i]);
        }
        map.count = (uint32_t)message->n_runs;
        map.begin = message->begin;
        map.returned = message->returned;
        set_next(&map);
        *out = map;
        return 0;
}
