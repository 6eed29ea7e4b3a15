/* `status --watch`: what the screen shows, and what keys do to it.  PURE. */
#ifndef HELIOSTAT_CLI_WATCH_H
#define HELIOSTAT_CLI_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/snapshot.h"
#include "common/snapshot_health.h"
#include "common/text_grow.h"

#define WATCH_INTERVAL_MIN_S 1
#define WATCH_INTERVAL_MAX_S 60

struct watch {
        unsigned interval_s;
        bool partitions;  /* the table of partitions, else that of workers and routes alone */
        bool quit, now;   /* asked for by a key; `now` is for the caller to reset */
        size_t first;     /* partition at the top, by lag */
};

/* q quits, p shows or hides partitions, r reads at once, + and - change the interval, j and k scroll.
 * Whether the screen has to be drawn again. */
bool watch_key(struct watch *watch, char key);

/* One screen: at most `rows` lines of at most `columns` characters, none ended by a newline that
 * would scroll.  snapshot NULL: nothing was read yet.  trouble: why there is nothing newer, or "". */
void watch_screen(const struct watch *watch, const struct snapshot *snapshot, const struct health *health,
                  const char *trouble, unsigned rows, unsigned columns, bool colours, struct text *out);

/* Without a terminal: one line. */
void watch_line(const struct snapshot *snapshot, const struct health *health, struct text *out);

#endif
