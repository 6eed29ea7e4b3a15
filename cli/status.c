/* Options in, ZooKeeper read once, facts handed to the pure parts, text out. */
#include "cli/status.h"

#include <errno.h>
#include <getopt.h>
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
#define TIMEOUT_MAX_S 3600
#define REPORT_INTERVAL_MS 2000 /* the default, when there is no configuration */

/* ---- options ---- */

static void usage(FILE *out) {
        fputs("usage: heliostat status (--config FILE | --zookeeper CONNECT) [-o FORMAT]\n"
              "                        [--check] [--timeout SECONDS]\n"
              "\n"
              "Shows routes, workers, partitions and lag, as ZooKeeper knows them.\n"
              "\n"
              "  -c, --config FILE        take zookeeper.connect from this file\n"
              "  -z, --zookeeper CONNECT  host:port,...[/path]\n"
              "  -o, --output FORMAT      table (default), wide (every partition), json\n"
              "      --check              exit with 5 unless all is well\n"
              "      --timeout SECONDS    for everything together (default 10)\n"
              "  -h, --help               this text\n"
              "\n"
              "Exit code: 0 done, 1 failed, 2 wrong use, 3 ZooKeeper cannot be reached,\n"
              "5 unhealthy (with --check).  docs/status.md explains the columns.\n",
              out);
}

struct arguments {
        const char *config, *zookeeper;
        enum render_format format;
        bool check;
        unsigned timeout_s;
};

/* CLI_OK: go on.  Anything else was said; *done: --help. */
static int arguments_parse(int argc, char **argv, struct arguments *out, bool *done) {
        enum { OPT_CHECK = 256, OPT_TIMEOUT };
        static const struct option options[] = {
                {"config", required_argument, NULL, 'c'},
                {"zookeeper", required_argument, NULL, 'z'},
                {"output", required_argument, NULL, 'o'},
                {"check", no_argument, NULL, OPT_CHECK},
                {"timeout", required_argument, NULL, OPT_TIMEOUT},
                {"help", no_argument, NULL, 'h'},
                {NULL, 0, NULL, 0},
        };
        static const char *const formats[] = {"table", "wide", "json"};
        uint32_t number;
        int c;

        *out = (struct arguments){.timeout_s = TIMEOUT_S};
        while ((c = getopt_long(argc, argv, "c:z:o:h", options, NULL)) != -1) {
                switch (c) {
                case 'c': out->config = optarg; break;
                case 'z': out->zookeeper = optarg; break;
                case 'o': {
                        int format = 0;
                        while (format < 3 && strcmp(formats[format], optarg) != 0) format++;
                        if (format == 3) {
                                cli_error("status: unknown format '%.100s'; expected table, wide "
                                          "or json", optarg);
                                return CLI_USAGE;
                        }
                        out->format = (enum render_format)format;
                        break;
                }
                case OPT_CHECK: out->check = true; break;
                case OPT_TIMEOUT:
                        if (!cli_number(optarg, TIMEOUT_MAX_S, &number) || number == 0) {
                                cli_error("status: --timeout '%.100s'; expected 1 to %d seconds",
                                          optarg, TIMEOUT_MAX_S);
                                return CLI_USAGE;
                        }
                        out->timeout_s = number;
                        break;
                case 'h':
                        usage(stdout);
                        *done = true;
                        return CLI_OK;
                default: /* getopt has said what is wrong */
                        usage(stderr);
                        return CLI_USAGE;
                }
        }
        if (optind < argc) {
                cli_error("status: unexpected argument '%.100s'", argv[optind]);
                return CLI_USAGE;
        }
        if (!out->config == !out->zookeeper) {
                cli_error("status: one of --config FILE and --zookeeper CONNECT is needed");
                if (!out->config) usage(stderr);
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

int cli_status(int argc, char **argv) {
        struct arguments arguments;
        struct config config;
        struct facts facts = {0};
        int64_t report_interval_ms = REPORT_INTERVAL_MS;
        char err[256];
        bool done = false;
        int exit_code = arguments_parse(argc, argv, &arguments, &done);

        if (exit_code || done) return exit_code;
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
