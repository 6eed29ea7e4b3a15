/* `heliostat config translate`: MirrorMaker's files as one of ours.  What has
 * no meaning here stays as a comment with the reason; a secret stays where it
 * is, as `${file:PATH:KEY}`. */
#ifndef HELIOSTAT_CLI_CONFIG_TRANSLATE_H
#define HELIOSTAT_CLI_CONFIG_TRANSLATE_H

#include "cli/mirror_args.h"

struct config_translation {
        const char *file;       /* MirrorMaker 2's; NULL: MirrorMaker 1's two of mm1 */
        struct mirror_args mm1; /* BY_FILES */
        const char *zookeeper;  /* for zookeeper.connect; NULL: left for the reader */
};

/* Writes to standard output, and what was left out to standard error.
 * CLI_OK | CLI_FAILED (something of importance was left out) | CLI_USAGE */
int config_translate(const struct config_translation *translation);

#endif
