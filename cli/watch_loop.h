/* `heliostat status --watch`: reads the field again and again, on a terminal in place. */
#ifndef HELIOSTAT_CLI_WATCH_LOOP_H
#define HELIOSTAT_CLI_WATCH_LOOP_H

#include "cli/field.h"

/* Until q, a signal, or `rounds` readings (0: no limit).  An exit code.  The terminal is as before
 * on every way out but SIGKILL. */
int watch_loop(struct field *field, unsigned interval_s, unsigned rounds);

#endif
