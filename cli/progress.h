/* How far a long command is, on standard error: one line that is drawn over on a
 * terminal, else a plain line from time to time.  Nothing of the result. */
#ifndef HELIOSTAT_CLI_PROGRESS_H
#define HELIOSTAT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
        const char *verb;
        bool terminal, shown;
        int64_t begun_ms, told_ms;
};

/* What takes less than PROGRESS_QUIET_MS is never told where no terminal is. */
#define PROGRESS_QUIET_MS 3000
#define PROGRESS_EVERY_MS 5000  /* without a terminal */
#define PROGRESS_DRAW_MS 100    /* on one */

void progress_begin(struct progress *progress, const char *verb);
void progress_tell(struct progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Takes the line away: before anything else is written. */
void progress_clear(struct progress *progress);

/* Whether a line may be told now, and when the last was: the rule alone.  PURE. */
bool progress_due(const struct progress *progress, int64_t now_ms);

#endif
