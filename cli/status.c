/* Options in, ZooKeeper read once, facts handed to the pure parts, text out. */
#include "cli/status.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/snapshot_health.h"
#include "cli/render.h"
#include "common/snapshot.h"
#include "cli/status_read.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"
#include "common/zk.h"

#define TIMEOUT_S 10
#define REPORT_INTERVAL_MS 2000 /* the default, when there is no configuration */

/* ---- options ---- */

struct arguments {
        const char *config, *zookeeper;
        enum render_format format;
        bool check;
        unsigned timeout_s;
};

static int arguments_take(const struct verb_args *args, struct arguments *out) {
        *out = (struct arguments){
                .config = verb_text(args, "config", NULL),
                .zookeeper = verb_text(args, "zookeeper", NULL),
                .format = (enum render_format)verb_choice(args, "output"),
                .check = verb_has(args, "check"),
                .timeout_s = cli_seconds(args, "timeout", TIMEOUT_S),
        };
        if (!out->config == !out->zookeeper) {
                cli_error("status: one of --config FILE and --zookeeper CONNECT is needed");
                return CLI_USAGE;
        }
        return CLI_OK;
}

/* https://no-color.org: any value but the empty one. */
static bool colours_wanted(void) {
        const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
        return isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

static int show(struct facts *facts, const char *connect, const struct arguments *arguments,
                int64_t report_interval_ms) {
        struct snapshot snapshot;
        struct health health;
        int exit_code = CLI_FAILED;

        if (snapshot_build(facts, clock_wall_ms(), STATUS_STALE_MS(report_interval_ms), &snapshot) != 0) {
                cli_error("%s", err_text(ERR_NOMEM));
                return CLI_FAILED;
        }
        snapshot.zookeeper = connect;
        if (health_compute(&snapshot, &health) == 0) {
                char *text = render(&snapshot, &health, arguments->format, colours_wanted());
                if (!text)
                        cli_error("%s", err_text(ERR_NOMEM));
                else if (fputs(text, stdout) == EOF || fflush(stdout) != 0)
                        cli_error("cannot write to standard output: %s", strerror(errno));
                else
                        exit_code = arguments->check && health.level != HEALTH_OK ? CLI_UNHEALTHY
                                                                                  : CLI_OK;
                free(text);
                health_fini(&health);
        } else {
                cli_error("%s", err_text(ERR_NOMEM));
        }
        snapshot_fini(&snapshot);
        return exit_code;
}

int cli_status(const struct verb_args *args) {
        struct arguments arguments;
        struct config config;
        struct facts facts = {0};
        int64_t report_interval_ms = REPORT_INTERVAL_MS;
        char err[256];
        int exit_code = arguments_take(args, &arguments);

        if (exit_code) return exit_code;
        if (arguments.config) {
                exit_code = cli_load(arguments.config, &config);
                if (exit_code) return exit_code;
                exit_code = cli_check_zookeeper(&config);
                report_interval_ms = config.report_interval_ms;
        } else if (zk_connect_string_check(arguments.zookeeper, err, sizeof err) != 0) {
                cli_error("status: --zookeeper: %s", err);
                return CLI_USAGE;
        }
        if (!exit_code) {
                /* What goes wrong is told once, at the end. */
                if (log_get_level() != LOG_DEBUG) log_set_level(LOG_ERROR);
                (void)signal(SIGPIPE, SIG_IGN); /* `status | head`: an error code, not the end */
                const char *connect = arguments.config ? config.zookeeper_connect : arguments.zookeeper;
                exit_code = status_read(connect, arguments.timeout_s, &facts);
                if (!exit_code) exit_code = show(&facts, connect, &arguments, report_interval_ms);
                facts_fini(&facts);
        }
        if (arguments.config) config_fini(&config);
        return exit_code;
}
