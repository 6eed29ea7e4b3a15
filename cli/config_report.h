/* `heliostat config check` and `config show`: what became of each key of a
 * file, and what is in effect.  Reads the file; connects to nothing. */
#ifndef HELIOSTAT_CLI_CONFIG_REPORT_H
#define HELIOSTAT_CLI_CONFIG_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"
#include "common/text_grow.h"

/* One key of the file. */
struct config_line {
        int line;
        const char *key;       /* borrowed from the configuration */
        enum config_fate_kind kind; /* no FATE_CLIENT: that is looked up */
        char *text;            /* NULL: nothing to say */
};

struct config_report {
        struct config config;
        struct config_line *lines; /* in the order of the file */
        size_t line_count;
        size_t error_count;
        char *general; /* an error that no line stands for, or NULL */
};

/* text is the file's; path for messages.  0 | ERR_INVALID (no properties file)
 * | ERR_TOO_BIG | ERR_NOMEM; err then holds one line.  *out is the caller's
 * (config_report_fini), with errors in it too. */
int config_report_make(const char *path, const char *text, size_t bytes, struct config_report *out, char *err,
                       size_t err_size);
void config_report_fini(struct config_report *report);
const char *config_kind_name(enum config_fate_kind kind); /* "kept", "renamed" ... */

/* Exit codes of the verb. */
int config_check(const char *path, bool json);
int config_show(const char *path, bool json);

#endif
