/* `heliostat list`, `lag`, `describe`, `events`: what ZooKeeper knows, and nothing changed. */
#ifndef HELIOSTAT_CLI_SHOW_H
#define HELIOSTAT_CLI_SHOW_H

#include "cli/verb.h"

int cli_list(const struct verb_args *args);
int cli_lag(const struct verb_args *args);
int cli_describe(const struct verb_args *args);
int cli_events(const struct verb_args *args);

#endif
