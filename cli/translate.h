/* `heliostat translate ROUTE (GROUP | --all | --groups RE) --config FILE
 * [--dry-run] [-o table|json]`: consumer groups' offsets, from the source to the
 * destination. */
#ifndef HELIOSTAT_CLI_TRANSLATE_H
#define HELIOSTAT_CLI_TRANSLATE_H

#include "cli/verb.h"

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"

/* The groups that the rules (topic_rules.h) match, without a word but for what
 * goes wrong (cli_error).  *out_forward: groups that moved, or with dry_run
 * would; *out_failed: that could not be carried over, or not all of their
 * offsets.  As cli_translate. */
int translate_route(const struct config *config, const char *route, const char *groups, const char *exclude,
                    bool dry_run, unsigned timeout_s, size_t *out_forward, size_t *out_failed);

/* As cli_verb.  CLI_OK | CLI_FAILED (something is unknown, or a group has
 * members at the destination) | CLI_USAGE | CLI_UNREACHABLE (Kafka) */
int cli_translate(const struct verb_args *args);

#endif
