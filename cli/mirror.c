/* Reads what is to be mirrored, in whichever notation, checks it whole, and
 * says what of it has no effect; mirror_run.c does the rest. */
#include "cli/mirror.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/mirror_args.h"
#include "cli/mirror_config.h"
#include "cli/mirror_run.h"
#include "common/config.h"
#include "common/err.h"
#include "common/kafka.h"
#include "common/kafka_settings.h"
#include "common/log.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)

/* false: said why. */
static bool read_file(const char *path, struct mirror_file *out) {
        FILE *file = fopen(path, "re");
        char *text = file ? malloc(FILE_BYTES_MAX + 1) : NULL;
        size_t bytes = 0;
        if (file && !text) abort();
        errno = 0;
        if (file) bytes = fread(text, 1, FILE_BYTES_MAX + 1, file);
        if (!file || ferror(file) || bytes > FILE_BYTES_MAX) {
                cli_error("%s: cannot read the file: %s", path, bytes > FILE_BYTES_MAX ? err_text(ERR_TOO_BIG) : strerror(errno));
                if (file) (void)fclose(file); /* only read from */
                free(text);
                return false;
        }
        (void)fclose(file);
        *out = (struct mirror_file){path, text, bytes};
        return true;
}

static void free_file(struct mirror_file *file) {
        if (file->text) explicit_bzero((char *)file->text, file->bytes);
        free((char *)file->text);
}

/* ---- notices ---- */

static void notices(const struct mirror_args *args, const struct mirror_config *built,
                    const struct config *config) {
        if (args->new_consumer) fprintf(stderr, "heliostat: --new.consumer has no meaning any more\n");
        if (args->form == MIRROR_BY_FILES && !built->has_start)
                fprintf(stderr, "heliostat: %s: auto.offset.reset is not set: partitions without a position begin at the "
                                "log's start (MirrorMaker 1: at its end)\n", args->consumer_config);
        for (size_t i = 0; i < built->note_count; i++) {
                const struct mirror_note *note = &built->notes[i];
                if (note->where.line)
                        fprintf(stderr, "heliostat: %s:%d: %s: %s\n", note->where.file, note->where.line,
                                note->where.key, note->text);
                else
                        fprintf(stderr, "heliostat: %s: %s: %s\n", note->where.file, note->where.key, note->text);
        }
        for (size_t i = 0; i < config_property_count(config); i++) {
                const struct config_property *p = config_property_at(config, i);
                const struct mirror_where *where = mirror_config_where(built, p->line);
                const char *why = kafka_settings_ignored(p);
                if (!why) continue;
                if (where && where->line)
                        fprintf(stderr, "heliostat: %s:%d: %s: ignored: %s\n", where->file, where->line, where->key, why);
                else
                        fprintf(stderr, "heliostat: %s: ignored: %s\n", where ? where->key : p->key, why);
        }
}

/* ---- the three forms ---- */

/* Passwords in arguments have been read: the process list need not show them any longer. */
static void hide_arguments(const char *const *list, size_t count) {
        for (size_t i = 0; i < count; i++) {
                char *argument = (char *)list[i], *value = strchr(argument, '=');
                if (!value) continue;
                *value = '\0';
                bool secret = config_key_is_secret(argument);
                *value++ = '=';
                if (secret) memset(value, '*', strlen(value));
        }
}

/* MirrorMaker 1's two files, or the two lists of servers. */
static int run_built(const struct mirror_args *args) {
        struct mirror_file consumer = {0}, producer = {0};
        struct mirror_config built = {0};
        struct config config;
        char err[CONFIG_ERROR_MAX + 64], message[CONFIG_ERROR_MAX];
        if (args->form == MIRROR_BY_FILES &&
            (!read_file(args->consumer_config, &consumer) || !read_file(args->producer_config, &producer))) {
                free_file(&consumer);
                return CLI_USAGE;
        }
        int rc = mirror_config_build(args, &consumer, &producer, &built, err, sizeof err);
        free_file(&consumer);
        free_file(&producer);
        hide_arguments(args->consumer_properties, args->consumer_property_count);
        hide_arguments(args->producer_properties, args->producer_property_count);
        if (rc) {
                cli_error("%s", err);
                return CLI_USAGE;
        }
        rc = config_parse(MIRROR_CONFIG_PATH, built.text, built.bytes, &config, message, sizeof message);
        bool parsed = !rc;
        if (!rc) rc = kafka_config_check_names(&config, message, sizeof message);
        if (!rc) {
                notices(args, &built, &config);
                log_set_level(LOG_ERROR); /* the check logs what `notices` has said better */
                rc = kafka_config_check(&config, message, sizeof message);
                log_set_level(args->verbose ? LOG_INFO : LOG_WARN);
        }
        if (rc) {
                mirror_config_explain(&built, message, err, sizeof err);
                cli_error("%s", err);
                if (parsed) config_fini(&config);
                mirror_config_fini(&built);
                return CLI_USAGE;
        }
        const char *group = built.has_group ? config.routes[0].group_id : NULL;
        int exit_code = mirror_run(args, &config, &config.routes[0], group);
        config_fini(&config);
        mirror_config_fini(&built);
        return exit_code;
}

static const struct config_route *choose_route(const struct mirror_args *args, const struct config *config) {
        const struct config_route *route = args->route ? config_route(config, args->route)
                                           : config->route_count == 1 ? &config->routes[0]
                                                                      : NULL;
        if (!route && args->route)
                cli_error("%s: there is no route '%.140s'", config->path, args->route);
        else if (!route)
                cli_error("%s: %zu routes; say which: heliostat mirror --config FILE ROUTE", config->path,
                          config->route_count);
        return route;
}

static int run_config(const struct mirror_args *args) {
        struct config config;
        char err[CONFIG_ERROR_MAX];
        int exit_code = cli_load(args->config, &config);
        if (exit_code) return exit_code;
        const struct config_route *route = choose_route(args, &config);
        if (!route) {
                exit_code = CLI_USAGE;
        } else if (kafka_config_check(&config, err, sizeof err)) {
                cli_error("%s", err);
                exit_code = CLI_USAGE;
        } else {
                struct config_route changed = *route; /* borrows */
                if (args->exactly_once) changed.delivery_guarantee = (char *)"exactly-once";
                if (args->commit_interval_ms)
                        changed.offset_commit_interval_ms = args->commit_interval_ms < MIRROR_COMMIT_INTERVAL_MAX_MS
                                                                    ? args->commit_interval_ms
                                                                    : MIRROR_COMMIT_INTERVAL_MAX_MS;
                if (args->abort_on_send_failure == MIRROR_FALSE)
                        changed.poison_record_policy = (char *)"skip-recorded";
                if (args->verbose) log_set_level(LOG_INFO);
                exit_code = mirror_run(args, &config, &changed, route->group_id);
        }
        config_fini(&config);
        return exit_code;
}

int cli_mirror(const struct verb_args *given) {
        struct mirror_args args;
        char err[512];
        if (mirror_args_take(given, &args, err, sizeof err)) {
                cli_error("mirror: %s", err);
                return CLI_USAGE;
        }
        if (args.version) {
                printf("heliostat %s\nlibrdkafka %s\n", HELIOSTAT_VERSION, kafka_library_version());
                return CLI_OK;
        }
        if (args.log_json || args.log_logfmt) log_set_format(args.log_json ? LOG_JSON : LOG_LOGFMT, true);
        return args.form == MIRROR_BY_CONFIG ? run_config(&args) : run_built(&args);
}
