/* How a run of `heliostat mirror` or `heliostat migrate` is shown: a bar that
 * is drawn again in place, lines, and the report at the end.  PURE. */
#ifndef HELIOSTAT_CLI_MIRROR_PROGRESS_H
#define HELIOSTAT_CLI_MIRROR_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

#include "cli/mirror_table.h"
#include "cli/table.h"

/* Records and bytes per second of the last seconds. */
struct mirror_rate {
        int64_t at_ms; /* 0: nothing is known yet */
        uint64_t records, bytes;
        double records_per_s, bytes_per_s;
        double offsets_per_s; /* of `done`; for the remaining time */
        int64_t done;
};
void mirror_rate_take(struct mirror_rate *rate, int64_t now_ms, const struct mirror_sums *sums);

struct mirror_progress {
        struct mirror_sums sums;
        struct mirror_rate rate;
        bool bounded;      /* it goes to targets */
        bool offsets_only; /* records and bytes are not known: `records` are offsets */
        const char *word;  /* what is being done, "mirroring" */
        int64_t elapsed_ms;
};

/* One line of at most `width` columns, without a newline:
 *     [=======>      ]  52%  1,234,567 records  85,100/s  64.0 MiB/s  0:17 left
 * Something that needs a person stands at the end and is never cut off. */
void mirror_progress_bar(const struct mirror_progress *progress, unsigned width, struct text *out);
/* The same as words for a log. */
void mirror_progress_line(const struct mirror_progress *progress, struct text *out);

/* "1,234,567", "64.0 MiB", "1:02:03" */
#define MIRROR_NUMBER_SIZE 32
const char *mirror_count_text(char buf[static MIRROR_NUMBER_SIZE], uint64_t count);
const char *mirror_bytes_text(char buf[static MIRROR_NUMBER_SIZE], double bytes);
const char *mirror_time_text(char buf[static MIRROR_NUMBER_SIZE], int64_t ms);

/* Source offsets that an answer or a policy passed over. */
struct mirror_passed {
        const char *topic;
        int32_t partition;
        int64_t from, to;    /* from -1: not known */
        const char *kind, *answer;
};

struct mirror_report {
        const char *mode;       /* "until-end", ... */
        const char *verified;   /* what was compared, one clause; NULL: nothing was */
        bool offsets_only;      /* records and bytes are not known: `records` are offsets */
        bool differs;           /* the comparison found a difference */
        json_t *comparison;     /* of the contents, as `heliostat verify` has it; NULL: none was made */
        const char *stopped;    /* why it ended before its end; NULL: it came to it */
        int64_t elapsed_ms;
        const struct mirror_table *table;
        const struct mirror_passed *passed;
        size_t passed_count;
};
/* What would be mirrored: positions, and the ends as targets. */
void mirror_plan_text(const struct mirror_table *table, struct text *out);
/* Nothing is missing, halted or different. */
bool mirror_report_complete(const struct mirror_report *report);
void mirror_report_text(const struct mirror_report *report, struct text *out);
/* malloc'd; NULL on no memory */
char *mirror_report_json(const struct mirror_report *report);

#endif
