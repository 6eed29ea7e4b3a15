/* `heliostat translate ROUTE (GROUP | --all | --groups RE) --config FILE
 * [--dry-run] [-o table|json]`: consumer groups' offsets, from the source to the
 * destination. */
#ifndef HELIOSTAT_CLI_TRANSLATE_H
#define HELIOSTAT_CLI_TRANSLATE_H

/* As cli_verb.  CLI_OK | CLI_FAILED (something is unknown, or a group has
 * members at the destination) | CLI_USAGE | CLI_UNREACHABLE (Kafka) */
int cli_translate(int argc, char **argv);

#endif
