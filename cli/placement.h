/* The verbs that say where lanes belong.  They write /op; the leader makes it
 * true. */
#ifndef HELIOSTAT_CLI_PLACEMENT_H
#define HELIOSTAT_CLI_PLACEMENT_H

#include "cli/verb.h"

/* Each as cli_verb.  CLI_OK (done, or nothing to do) | CLI_FAILED (also: written,
 * but not true within the time) | CLI_USAGE (the file, an unknown name, a wish
 * that makes no sense; nothing was written) | CLI_UNREACHABLE */
int cli_move(const struct verb_args *args);
int cli_drain(const struct verb_args *args);
int cli_undrain(const struct verb_args *args);

#endif
