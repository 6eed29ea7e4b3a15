/* `heliostat resume ROUTE --config FILE`: answers what halts partitions of a
 * route.  Works without a coordinator. */
#ifndef HELIOSTAT_CLI_RESUME_H
#define HELIOSTAT_CLI_RESUME_H

#include "cli/verb.h"

/* As cli_verb.  CLI_OK (also when nothing is halted) | CLI_FAILED | CLI_USAGE
 * (the file, an unknown name, an answer that does not fit; nothing was written)
 * | CLI_UNREACHABLE */
int cli_resume(const struct verb_args *args);

#endif
