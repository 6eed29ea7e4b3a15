/* Where a partition begins that was never started: the values of `start.from`
 * and of `start.from.topics`.  PURE but for PCRE2.
 *
 *   earliest                    the log's start
 *   latest                      its end, as it is at the first start
 *   timestamp:2026-01-31T13:45:00Z   the first record of that time or later
 *   offsets:FILE                the file's offset (offsets_file.h)
 *   group:NAME                  that consumer group's offset at the source
 *   mm2, mm2:ALIAS              MirrorMaker 2's, for its alias of the source
 *
 * The last three know some partitions only.  What is to become of the others
 * may follow, `group:mm1,earliest`: earliest, latest, timestamp:... or halt
 * (the default). */
#ifndef HELIOSTAT_COMMON_START_FROM_H
#define HELIOSTAT_COMMON_START_FROM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define START_NAME_SIZE 256
#define START_FROM_BYTES_MAX 1024
#define START_TOPICS_BYTES_MAX 16384

enum start_kind {
        START_FROM_EARLIEST,
        START_FROM_LATEST,
        START_FROM_TIMESTAMP,
        START_FROM_OFFSETS,
        START_FROM_GROUP,
        START_FROM_MM2,
        START_FROM_HALT, /* `otherwise` only */
};

struct start_from {
        enum start_kind kind;
        enum start_kind otherwise;  /* where kind knows no offset */
        int64_t timestamp_ms;       /* of TIMESTAMP, as kind or otherwise */
        char name[START_NAME_SIZE]; /* OFFSETS: file; GROUP: group; MM2: alias, "" for the route's source */
};

/* 0 | ERR_INVALID; why says what was expected. */
int start_from_parse(const char *text, struct start_from *out, char *why, size_t why_size);
/* "2026-01-31T13:45:00Z", "2026-01-31T13:45:00.250+01:00": milliseconds since
 * 1970.  A time without Z or an offset from UTC is no time.
 * 0 | ERR_INVALID; why as above. */
int start_time_parse(const char *text, int64_t *out_ms, char *why, size_t why_size);

/* What holds for a partition.  existed: it was there when the route was first
 * looked at.  One that came later begins at its log's start where `from` does
 * not know an offset of its own: `latest` and `timestamp` would lose the first
 * records of a new topic. */
struct start_from start_from_for(const struct start_from *from, bool existed);
/* The kind knows an offset of some partitions only. */
bool start_from_looks_up(const struct start_from *from);
/* "group mm1", for messages.  Returns buf. */
const char *start_from_text(const struct start_from *from, char *buf, size_t size);

/* The rules of a route.  Counted references; may be used by several threads. */
struct start_rules;
/* topics: "REGEX=VALUE; REGEX=VALUE", the first that matches counts; `from`
 * holds for the others.  NULL or "": as "earliest" and none.
 * 0 | ERR_INVALID (why: one line) | ERR_NOMEM */
int start_rules_new(const char *from, const char *topics, struct start_rules **out, char *why, size_t why_size);
struct start_rules *start_rules_ref(struct start_rules *rules);
void start_rules_unref(struct start_rules *rules); /* NULL is fine */
/* *out is borrowed.  0 | ERR_TOO_MANY: an expression needs too many steps for
 * this name */
int start_rules_find(struct start_rules *rules, const char *topic, const struct start_from **out);
/* The files that the rules name, each once; NULL behind the last. */
const char *start_rules_file(const struct start_rules *rules, size_t index);
/* Gives the rules a file's offset of a partition.  All of them before another
 * thread uses the rules.  0 | ERR_NOMEM */
int start_rules_give(struct start_rules *rules, const char *file, const char *topic, int32_t partition, int64_t offset);
/* The offset, or -1. */
int64_t start_rules_offset(struct start_rules *rules, const char *file, const char *topic, int32_t partition);

#endif
