/* How many lines of a kind may pass: a burst, then one per interval; what was
 * left out is counted and told with the next line of the kind, or by itself
 * once the storm is over.  PURE. */
#ifndef HELIOSTAT_COMMON_LOG_BUDGET_H
#define HELIOSTAT_COMMON_LOG_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* Of more kinds at a time, the one that was silent the longest is forgotten. */
#define LOG_KINDS_MAX 64
#define LOG_KIND_MAX 64 /* bytes that tell kinds apart */
/* So long after the last that was left out, the count is due by itself. */
#define LOG_OVERDUE_MS 10000

struct log_kind {
        char name[LOG_KIND_MAX];
        unsigned burst, interval_ms;
        unsigned tokens;
        int64_t refilled_ms, seen_ms;
        uint64_t suppressed;
};

struct log_budget {
        struct log_kind kinds[LOG_KINDS_MAX];
};

/* Whether a line of this kind may pass at now_ms; *suppressed is then how many
 * before it could not. */
bool log_budget_admit(struct log_budget *budget, const char *kind, unsigned burst, unsigned interval_ms, int64_t now_ms,
                      uint64_t *suppressed);

/* A kind whose count is overdue; it is told now.  name: LOG_KIND_MAX bytes. */
bool log_budget_overdue(struct log_budget *budget, int64_t now_ms, char *name, uint64_t *suppressed);

#endif
