/* What a comparison has found so far: of one partition, and of all; as text, as
 * JSON, and back from JSON.  PURE.
 *
 * Findings of neighbouring records are kept as one; so many are kept of a
 * partition, the others are counted. */
#ifndef HELIOSTAT_CLI_VERIFY_REPORT_H
#define HELIOSTAT_CLI_VERIFY_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "cli/verify_match.h"

enum verify_state { VERIFY_PENDING, VERIFY_RUNNING, VERIFY_DONE };

struct verify_partition {
        char *topic, *destination_topic; /* owned */
        int32_t partition;

        /* [from, to) is compared.  Source: every record below `position` has
         * to be at the destination; those from there to the end may be. */
        int64_t source_from, source_position, source_end;
        int64_t destination_from, destination_end;
        bool source_late, destination_late; /* the log does not begin at 0 */
        bool source_compacted, destination_compacted;
        bool no_timestamps;                 /* the destination's broker sets them */

        enum verify_state state;
        char *why;                /* not compared at all: the reason; owned, or NULL */
        uint64_t matched;
        uint64_t read[2];         /* records, by side */
        uint64_t count[VERIFY_KIND_COUNT]; /* records, by kind */
        struct verify_finding *findings;
        size_t finding_count, finding_room, finding_max;
        uint64_t findings_left_out;
        size_t newest[VERIFY_KIND_COUNT];  /* 1 + index of the newest of a kind; 0: none */

        /* Where another process may go on: next offsets, and the matcher's
         * text (owned).  NULL: at the beginning. */
        int64_t source_next, destination_next;
        char *resume;
        uint64_t stretch;         /* of a sample: the next one */
};

enum verify_verdict { VERIFY_EQUAL, VERIFY_DIFFERENT, VERIFY_UNDECIDED };

struct verify_report {
        const char *route, *source, *destination; /* borrowed */
        bool exact;               /* repeats are differences */
        double sample;            /* 1: everything */
        uint64_t seed;
        double seconds;
        bool interrupted;
        struct verify_partition *partitions;
        size_t partition_count;
};

/* As a callback of verify_match; partition is a struct verify_partition. */
void verify_partition_found(void *partition, const struct verify_finding *finding);
/* A finding of offsets [from, to) of one side, of which nothing else is known. */
void verify_partition_range(struct verify_partition *partition, enum verify_kind kind, enum verify_side side,
                            int64_t from, int64_t to);
/* Forgets what was found, for another start. */
void verify_partition_clear(struct verify_partition *partition);
void verify_partition_fini(struct verify_partition *partition);

enum verify_verdict verify_partition_verdict(const struct verify_partition *partition, bool exact);
/* The worst of the partitions; UNDECIDED when there are none or some are not done. */
enum verify_verdict verify_report_verdict(const struct verify_report *report);
const char *verify_verdict_name(enum verify_verdict verdict);

/* malloc'd text; NULL on no memory.  `most` findings of each partition. */
char *verify_report_text(const struct verify_report *report, size_t most);
/* NULL on no memory. */
json_t *verify_report_json(const struct verify_report *report);

/* One partition for a state file, and back into one with the same names and
 * partition.  NULL on no memory; 0 | ERR_INVALID */
json_t *verify_partition_save(const struct verify_partition *partition);
int verify_partition_load(struct verify_partition *partition, const json_t *json);

#endif
