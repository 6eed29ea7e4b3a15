/* Compares two streams of records, one record at a time and with bounded
 * memory.  PURE.
 *
 * The caller feeds whichever side `verify_match_next` names, each side in its
 * own order; what is found comes out by a callback.  A record is known by a
 * hash of its content (128 bits, keyed: siphash.h) and by short hashes of its
 * parts.
 *
 * Both sides advance together.  A record without a counterpart waits among the
 * unmatched, where its counterpart finds it, until so many later records have
 * matched (`reorder_records`) that it counts as missing at the other side: a
 * record that moved farther than that is told as missing and as extra.
 *
 * What differs in bulk does not end the comparison.  When the unmatched fill
 * the memory, only one of two, of four, of eight ... of them is kept, chosen by
 * its hash and therefore alike on both sides, until both sides are together
 * again.  What was dropped is told as UNRESOLVED, with the ranges, and nothing
 * is guessed about it. */
#ifndef HELIOSTAT_CLI_VERIFY_MATCH_H
#define HELIOSTAT_CLI_VERIFY_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verify_side { VERIFY_SOURCE, VERIFY_DESTINATION };

enum verify_class {
        VERIFY_DIFFERENCE,     /* the destination is not the source */
        VERIFY_ALLOWED,        /* at-least-once: a difference only with --exact */
        VERIFY_NOT_COMPARABLE, /* what would decide it no longer exists, or cannot be seen */
        VERIFY_NOTE,           /* as it should be */
};

/*      kind                           name                    class           */
#define VERIFY_KINDS(X) \
        X(VERIFY_MISSING,              "missing",              VERIFY_DIFFERENCE) \
        X(VERIFY_EXTRA,                "extra",                VERIFY_DIFFERENCE) \
        X(VERIFY_CHANGED,              "changed",              VERIFY_DIFFERENCE) \
        X(VERIFY_REORDERED,            "reordered",            VERIFY_DIFFERENCE) \
        X(VERIFY_UNRESOLVED,           "unresolved",           VERIFY_DIFFERENCE) \
        X(VERIFY_ABSENT,               "absent",               VERIFY_DIFFERENCE) \
        X(VERIFY_DUPLICATED,           "duplicated",           VERIFY_ALLOWED) \
        X(VERIFY_SOURCE_START,         "source-start",         VERIFY_NOT_COMPARABLE) \
        X(VERIFY_DESTINATION_START,    "destination-start",    VERIFY_NOT_COMPARABLE) \
        X(VERIFY_COMPACTED,            "compacted",            VERIFY_NOT_COMPARABLE) \
        X(VERIFY_OPEN,                 "open-transaction",     VERIFY_NOT_COMPARABLE) \
        X(VERIFY_NOT_LOCATED,          "not-located",          VERIFY_NOT_COMPARABLE) \
        X(VERIFY_OTHER,                "not-comparable",       VERIFY_NOT_COMPARABLE) \
        X(VERIFY_NOT_MIRRORED,         "not-mirrored-yet",     VERIFY_NOTE)

enum verify_kind {
#define X(kind, name, class) kind,
        VERIFY_KINDS(X)
#undef X
        VERIFY_KIND_COUNT
};
/* Static text. */
const char *verify_kind_name(enum verify_kind kind);
enum verify_class verify_kind_class(enum verify_kind kind);
/* VERIFY_KIND_COUNT when it is none. */
enum verify_kind verify_kind_parse(const char *name);

/* A record as the comparison sees it. */
struct verify_record {
        int64_t offset;
        uint64_t content[2];          /* of key, value, headers and timestamp */
        int64_t timestamp;
        uint32_t key, value, headers; /* of each part; null and empty differ */
        bool optional;                /* of the source: above the mirror's position */
};

enum verify_part { VERIFY_KEY = 1, VERIFY_VALUE = 2, VERIFY_HEADERS = 4, VERIFY_TIMESTAMP = 8 };

/* One record of either side or a pair; UNRESOLVED: ranges.  Offsets are -1
 * where the side has none.  `*_seq` number a side's records as they were fed:
 * neighbours have neighbouring numbers though their offsets may have gaps. */
struct verify_finding {
        enum verify_kind kind;
        int64_t source, source_last;
        int64_t destination, destination_last;
        uint64_t source_seq, destination_seq;
        uint64_t source_count, destination_count;
        unsigned parts;         /* CHANGED: what differs, of enum verify_part */
        int64_t first;          /* DUPLICATED: destination offset of the first one */
};

struct verify_match_setup {
        size_t entries;             /* unmatched records, both sides together; at least 64 */
        uint64_t reorder_records;   /* 0: a quarter of the entries */
        /* The log of this side begins behind where the other's counterpart
         * does (retention, deleted records): what the other has before the
         * first match is not comparable. */
        bool begins_late[2];
        /* Records may be gone from this side by compaction. */
        bool compacted[2];
        /* A stretch of a sample: where it begins at the destination is an
         * estimate. */
        bool stretch;
};

struct verify_match;

/* Memory: below verify_match_bytes(entries).  NULL on no memory. */
struct verify_match *verify_match_new(const struct verify_match_setup *setup,
                                      void (*found)(void *ctx, const struct verify_finding *finding),
                                      void *ctx);
void verify_match_free(struct verify_match *match);
size_t verify_match_bytes(size_t entries);
/* The most entries that fit into so many bytes. */
size_t verify_match_entries(size_t bytes);

/* The side whose next record (or end) is to be fed. */
enum verify_side verify_match_next(const struct verify_match *match);
void verify_match_feed(struct verify_match *match, enum verify_side side, const struct verify_record *record);
/* The side has no more records. */
void verify_match_end(struct verify_match *match, enum verify_side side);
/* Both sides have ended: what waits is told.  Once. */
void verify_match_finish(struct verify_match *match);

uint64_t verify_match_matched(const struct verify_match *match);
/* Records that wait for a counterpart. */
size_t verify_match_waiting(const struct verify_match *match, enum verify_side side);
/* Nothing but required source records stands between this and a full match:
 * every required record that was fed has matched. */
bool verify_match_required_done(const struct verify_match *match);

/* ---- resuming ----------------------------------------------------------- */

/* The state as text, for another process; malloc'd.  NULL when it is too
 * large for that now (more than VERIFY_SAVE_MAX records wait, or some were
 * dropped), or without memory: try again later. */
#define VERIFY_SAVE_MAX 4096
char *verify_match_save(const struct verify_match *match);
/* Into a new one with the same setup.  0 | ERR_INVALID */
int verify_match_load(struct verify_match *match, const char *text);

#endif
