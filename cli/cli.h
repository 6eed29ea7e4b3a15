/* What the verbs of the command line share. */
#ifndef HELIOSTAT_CLI_CLI_H
#define HELIOSTAT_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/verb.h"
#include "common/config.h"
#include "common/text.h"

enum cli_exit {
        CLI_OK = 0,
        CLI_FAILED = 1,
        CLI_USAGE = 2,       /* wrong use, or a configuration with an error */
        CLI_UNREACHABLE = 3, /* ZooKeeper does not answer */
        CLI_REPLACED = 4,    /* mirror: another process has the group */
        CLI_NOT_COMPARABLE = 4, /* verify: no differences, and not everything could be compared */
        CLI_UNHEALTHY = 5,   /* status --check */
};

/* What stands behind a row of cli/verb_table.c: gets the arguments, checked by the
 * table.  Returns the exit code. */
typedef int (*cli_verb)(const struct verb_args *args);

/* Prints a text and frees it.  CLI_OK | CLI_FAILED, said why */
int cli_print(struct text *text);

/* Of --timeout and its like. */
unsigned cli_seconds(const struct verb_args *args, const char *name, unsigned otherwise);

/* Writes "heliostat: <message>" and a newline to standard error. */
void cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on cli_error writes into text (size bytes), instead of standard error: a screen is
 * being drawn.  NULL: as before. */
void cli_errors_into(char *text, size_t size);

/* Reads a configuration file and applies log.level and log.format.  On failure it has said
 * why.  CLI_OK (config is the caller's then) | CLI_USAGE */
int cli_load(const char *path, struct config *config);

/* Whether zookeeper.connect is there and well formed; says what is wrong. */
int cli_check_zookeeper(const struct config *config);

/* See text_number. */
static inline bool cli_number(const char *text, uint32_t max, uint32_t *out) { return text_number(text, max, out); }

#endif
