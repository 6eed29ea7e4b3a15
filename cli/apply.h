/* `heliostat apply FILE [--dry-run] [--timeout SECONDS]`: publishes the routes
 * of a file to ZooKeeper and prints the difference. */
#ifndef HELIOSTAT_CLI_APPLY_H
#define HELIOSTAT_CLI_APPLY_H

#include <stdbool.h>

#include "cli/verb.h"
#include "common/config.h"

/* As cli_verb.  CLI_OK | CLI_FAILED | CLI_USAGE (the file, or a change that is
 * not possible; nothing was written) | CLI_UNREACHABLE */
int cli_apply(const struct verb_args *args);

/* The same of a configuration that is read; only: of this route of it alone (NULL: all). */
int apply_config(struct config *config, const char *only, bool dry_run, unsigned timeout_s);

#endif
