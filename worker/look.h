/* When a znode that is read and watched is read next, and whether that read sets
 * the watch: at most one read is under way, and one watch is set.  Each read could
 * set it, but all of them would be kept, here and in the client library, until one
 * change fires them together.  PURE. */
#ifndef HELIOSTAT_WORKER_LOOK_H
#define HELIOSTAT_WORKER_LOOK_H

#include <stdbool.h>

struct look {
        bool due;      /* to be read, as soon as that is possible */
        bool reading;
        bool sets;     /* the read under way sets the watch, if it succeeds */
        bool watched;
};

/* It may have changed. */
void look_again(struct look *look);
/* The watch fired: it is gone. */
void look_fired(struct look *look);
/* Is a read to be sent now? */
bool look_due(const struct look *look);
/* It is sent.  Returns whether with a watch. */
bool look_begin(struct look *look);
/* The answer, or that it could not be sent.  read: it says what is there; else it
 * stays due.  watch_set: its watch, if it had one, is set. */
void look_end(struct look *look, bool read, bool watch_set);
/* By another request. */
void look_watched(struct look *look);

#endif
