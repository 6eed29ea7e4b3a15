#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "common/secret.h"
#include "common/zk.h"

static char *kept;
static size_t kept_size;

void cli_errors_into(char *text, size_t size) {
        kept = text;
        kept_size = size;
}

void cli_error(const char *format, ...) {
        va_list ap;
        if (kept) {
                va_start(ap, format);
                (void)vsnprintf(kept, kept_size, format, ap); /* cut */
                va_end(ap);
                return;
        }
        char *text = NULL;
        va_start(ap, format);
        int n = vasprintf(&text, format, ap);
        va_end(ap);
        if (n < 0) text = NULL;
        /* names and errors of brokers, groups and znodes are in it */
        if (text) text_for_terminal(text);
        (void)fprintf(stderr, "heliostat: %s\n", text ? text : err_text(ERR_NOMEM)); /* nowhere to report it */
        free(text);
}

int cli_print(struct text *text) {
        bool done = !text->failed && (!text->data || fputs(text->data, stdout) != EOF) && fflush(stdout) == 0;
        free(text->data);
        *text = (struct text){0};
        if (done) return CLI_OK;
        cli_error("cannot write to standard output");
        return CLI_FAILED;
}

unsigned cli_seconds(const struct verb_args *args, const char *name, unsigned otherwise) {
        return (unsigned)verb_number(args, name, otherwise); /* the table has bounds for it */
}

int cli_load(const char *path, struct config *config) {
        char err[CONFIG_ERROR_MAX];
        if (config_load(path, config, err, sizeof err) != 0) {
                cli_error("%s", err);
                return CLI_USAGE;
        }
        if (config->core_dumps) secret_core_dumps(true);
        static struct zk_access access; /* for as long as the process lives */
        const char *key = "";
        zk_use_access(NULL);
        zk_access_fini(&access);
        if (zk_access_parse(config->zookeeper_auth, config->zookeeper_acl_readers, config->zookeeper_acl_open, &access, &key,
                            err, sizeof err) != 0) {
                cli_error("%s: %s: %s", path, key, err);
                config_fini(config);
                return CLI_USAGE;
        }
        zk_use_access(&access);
        log_set_level(
                (enum log_level)log_level_parse(config->log_level)); /* checked by the table */
        log_set_format((enum log_format)log_format_parse(config->log_format), false);
        return CLI_OK;
}

int cli_check_zookeeper(const struct config *config) {
        char err[256];
        if (!config->zookeeper_connect) {
                cli_error("%s: zookeeper.connect is not set; expected 'host:port,...[/path]'",
                          config->path);
                return CLI_USAGE;
        }
        if (zk_connect_string_check(config->zookeeper_connect, err, sizeof err) != 0) {
                cli_error("%s: zookeeper.connect: %s", config->path, err);
                return CLI_USAGE;
        }
        return CLI_OK;
}
