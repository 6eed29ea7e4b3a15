#include "cli/field.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/status_read.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/facts_read.h"
#include "common/log.h"
#include "common/zk.h"

#define REPORT_INTERVAL_MS 2000 /* the default, when there is no configuration */

static int open_it(const struct verb_args *args, const char *connect, unsigned timeout_s, struct field *out) {
        const char *path = verb_text(args, "config", NULL);
        char err[256];
        *out = (struct field){.connect = connect, .report_interval_ms = REPORT_INTERVAL_MS,
                              .timeout_s = cli_seconds(args, "timeout", timeout_s)};
        if (!path == !connect) {
                cli_error("%s: one of --config FILE and --zookeeper CONNECT is needed", args->verb->name);
                return CLI_USAGE;
        }
        if (connect && zk_connect_string_check(connect, err, sizeof err) != 0) {
                cli_error("%s: --zookeeper: %s", args->verb->name, err);
                return CLI_USAGE;
        }
        if (path) {
                int exit_code = cli_load(path, &out->config);
                if (exit_code) return exit_code;
                out->has_config = true;
                exit_code = cli_check_zookeeper(&out->config);
                if (exit_code) {
                        field_close(out);
                        return exit_code;
                }
                out->connect = out->config.zookeeper_connect;
                out->report_interval_ms = out->config.report_interval_ms;
        }
        /* What goes wrong is told once, at the end. */
        if (log_get_level() != LOG_DEBUG) log_set_level(LOG_ERROR);
        (void)signal(SIGPIPE, SIG_IGN); /* `list | head`: an error code, not the end */
        return CLI_OK;
}

int field_open(const struct verb_args *args, unsigned timeout_s, struct field *out) {
        return open_it(args, verb_text(args, "zookeeper", NULL), timeout_s, out);
}

int field_open_config(const struct verb_args *args, unsigned timeout_s, struct field *out) {
        return open_it(args, NULL, timeout_s, out);
}

static void forget(struct field *field) {
        if (!field->read) return;
        field->read = false;
        health_fini(&field->health);
        snapshot_fini(&field->snapshot);
        facts_fini(&field->facts);
        field->facts = (struct facts){0};
}

int field_read(struct field *field) {
        forget(field);
        int exit_code = status_read(field->connect, field->timeout_s, &field->facts);
        if (exit_code) return exit_code;
        int rc = snapshot_build(&field->facts, clock_wall_ms(), STATUS_STALE_MS(field->report_interval_ms), &field->snapshot);
        if (!rc) {
                field->snapshot.zookeeper = field->connect;
                rc = health_compute(&field->snapshot, &field->health);
                if (rc) snapshot_fini(&field->snapshot);
        }
        field->read = !rc;
        if (!rc) return CLI_OK;
        facts_fini(&field->facts);
        cli_error("%s", err_text(rc));
        return CLI_FAILED;
}

void field_close(struct field *field) {
        forget(field);
        if (field->has_config) config_fini(&field->config);
        field->has_config = false;
}

bool field_colours(void) {
        const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
        return isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}
