#include "cli/verify.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/route_diff.h"
#include "cli/route_store.h"
#include "cli/verify_route.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/kafka.h"
#include "common/log.h"
#include "common/setting_value.h"
#include "common/start_from.h"
#include "common/topic_rules.h"
#include "common/znode_path.h"

#define MEMORY_DEFAULT (64ULL << 20)
#define MEMORY_MIN (16 * SETTING_MIB)
#define MEMORY_MAX (64 * SETTING_GIB)
#define TIMEOUT_S 15
#define TIMEOUT_MAX_S 3600
#define FINDINGS_SHOWN 20

static void print_usage(FILE *out) {
        fputs("usage: heliostat verify 'ROUTE' --config FILE [--topics REGEX] [--until position|end|TIME]\n"
              "                        [--sample P [--seed N]] [--exact] [-o table|json] [--report FILE]\n"
              "                        [--state FILE] [--memory BYTES] [--threads N] [--timeout SECONDS]\n"
              "\n"
              "Compares what a route has mirrored with its source, partition by partition: key, value,\n"
              "headers, timestamp and order of every record.  Changes nothing.  docs/verify.md.\n"
              "\n"
              "  -c, --config FILE       addresses of both clusters; the route, if it stands there (else\n"
              "                          it is read from zookeeper.connect)\n"
              "      --topics REGEX      only these topics of the route (a rule as in the file)\n"
              "      --until position    up to what the mirror has committed (default)\n"
              "      --until end         all that the source has now, mirrored or not\n"
              "      --until TIME        what it had before 2026-01-31T13:45:00Z, mirrored or not\n"
              "      --sample P          only about this share of the records (0.01), in stretches\n"
              "      --seed N            which ones; the same number chooses the same (default 1)\n"
              "      --exact             records that arrived twice are differences also where the route\n"
              "                          promises at-least-once\n"
              "  -o, --output FORMAT     table (default) or json\n"
              "      --report FILE       write the JSON there as well\n"
              "      --state FILE        keep there how far it came, and go on from there\n"
              "      --memory BYTES      for records on their way and those without a counterpart, 64MiB\n"
              "      --threads N         partitions at a time (default: cores, at most 4)\n"
              "  -q, --quiet             no progress\n"
              "  -t, --timeout SECONDS   give up when a cluster does not answer (default 15)\n"
              "  -h, --help              this text\n"
              "\n"
              "Exit code: 0 equal; 1 differences, or failed; 2 wrong use; 3 a cluster cannot be reached;\n"
              "4 no differences, but not everything could be compared.\n",
              out);
}

struct arguments {
        const char *route, *config, *topics, *report, *state;
        enum verify_until until;
        int64_t until_ms;
        double sample;
        uint64_t seed, memory_bytes;
        unsigned threads, timeout_s;
        bool exact, json, quiet;
};

static int bad(const char *option, const char *expected, const char *text) {
        cli_error("verify: %s: expected %s, not '%.100s'", option, expected, text);
        return CLI_USAGE;
}

static const struct setting memory_row = {.name = "--memory", .type = SETTING_BYTES, .min = MEMORY_MIN, .max = MEMORY_MAX};

/* Digits only; false for anything else. */
static bool number_parse(const char *text, uint64_t max, uint64_t *out) {
        char *end;
        if (*text < '0' || *text > '9') return false;
        unsigned long long number = strtoull(text, &end, 10);
        if (*end || number > max) return false;
        *out = number;
        return true;
}

/* CLI_OK: go on.  Anything else was said; *done: --help. */
static int arguments_parse(int argc, char **argv, struct arguments *out, bool *done) {
        enum { OPT_TOPICS = 256, OPT_UNTIL, OPT_SAMPLE, OPT_SEED, OPT_EXACT, OPT_REPORT, OPT_STATE, OPT_MEMORY, OPT_THREADS };
        static const struct option options[] = {
                {"config", required_argument, NULL, 'c'},
                {"topics", required_argument, NULL, OPT_TOPICS},
                {"until", required_argument, NULL, OPT_UNTIL},
                {"sample", required_argument, NULL, OPT_SAMPLE},
                {"seed", required_argument, NULL, OPT_SEED},
                {"exact", no_argument, NULL, OPT_EXACT},
                {"output", required_argument, NULL, 'o'},
                {"report", required_argument, NULL, OPT_REPORT},
                {"state", required_argument, NULL, OPT_STATE},
                {"memory", required_argument, NULL, OPT_MEMORY},
                {"threads", required_argument, NULL, OPT_THREADS},
                {"quiet", no_argument, NULL, 'q'},
                {"timeout", required_argument, NULL, 't'},
                {"help", no_argument, NULL, 'h'},
                {NULL, 0, NULL, 0},
        };
        char err[256], *end;
        uint64_t number;
        int c;

        *out = (struct arguments){.sample = 1, .seed = 1, .memory_bytes = MEMORY_DEFAULT, .timeout_s = TIMEOUT_S};
        while ((c = getopt_long(argc, argv, "c:o:qt:h", options, NULL)) != -1) {
                switch (c) {
                case 'c': out->config = optarg; break;
                case 'q': out->quiet = true; break;
                case OPT_TOPICS:
                        out->topics = optarg;
                        if (topic_rule_check(optarg, err, sizeof err) != 0) {
                                cli_error("verify: --topics: %s", err);
                                return CLI_USAGE;
                        }
                        break;
                case OPT_UNTIL:
                        if (strcmp(optarg, "position") == 0) out->until = VERIFY_UNTIL_POSITION;
                        else if (strcmp(optarg, "end") == 0) out->until = VERIFY_UNTIL_END;
                        else if (start_time_parse(optarg, &out->until_ms, err, sizeof err) == 0) out->until = VERIFY_UNTIL_TIME;
                        else return bad("--until", "'position', 'end' or a time like 2026-01-31T13:45:00Z", optarg);
                        break;
                case OPT_SAMPLE:
                        out->sample = strtod(optarg, &end);
                        if (end == optarg || *end || !(out->sample > 0 && out->sample <= 1))
                                return bad("--sample", "a share above 0, at most 1", optarg);
                        break;
                case OPT_SEED:
                        if (!number_parse(optarg, INT64_MAX, &out->seed)) return bad("--seed", "a number", optarg);
                        break;
                case OPT_EXACT: out->exact = true; break;
                case 'o':
                        out->json = strcmp(optarg, "json") == 0;
                        if (!out->json && strcmp(optarg, "table") != 0) return bad("--output", "'table' or 'json'", optarg);
                        break;
                case OPT_REPORT: out->report = optarg; break;
                case OPT_STATE: out->state = optarg; break;
                case OPT_MEMORY:
                        if (setting_set(&memory_row, &out->memory_bytes, optarg, err, sizeof err) != 0)
                                return bad("--memory", "bytes from 16MiB to 64GiB", optarg);
                        break;
                case OPT_THREADS:
                        if (!number_parse(optarg, 64, &number) || !number) return bad("--threads", "a number from 1 to 64", optarg);
                        out->threads = (unsigned)number;
                        break;
                case 't':
                        if (!number_parse(optarg, TIMEOUT_MAX_S, &number) || !number)
                                return bad("--timeout", "seconds from 1 to 3600", optarg);
                        out->timeout_s = (unsigned)number;
                        break;
                case 'h':
                        print_usage(stdout);
                        *done = true;
                        return CLI_OK;
                default: /* getopt has said what is wrong */
                        print_usage(stderr);
                        return CLI_USAGE;
                }
        }
        if (argc - optind != 1) {
                if (optind == argc) cli_error("verify: a route is missing");
                else cli_error("verify: unexpected argument '%.100s'", argv[optind + 1]);
                print_usage(stderr);
                return CLI_USAGE;
        }
        out->route = argv[optind];
        if (!znode_route_valid(out->route)) {
                cli_error("verify: '%.140s' is no route; expected '<source>-><destination>', quoted for the shell",
                          out->route);
                return CLI_USAGE;
        }
        if (!out->config) {
                cli_error("verify: --config FILE is missing");
                print_usage(stderr);
                return CLI_USAGE;
        }
        return CLI_OK;
}

static int write_report(const struct verify_report *report, const struct arguments *arguments) {
        json_t *json = verify_report_json(report);
        char *text = arguments->json ? NULL : verify_report_text(report, FINDINGS_SHOWN);
        int exit_code = json && (arguments->json || text) ? CLI_OK : CLI_FAILED;
        if (exit_code) cli_error("verify: %s", err_text(ERR_NOMEM));
        if (!exit_code && arguments->report && json_dump_file(json, arguments->report, JSON_INDENT(2)) != 0) {
                cli_error("verify: the report %s cannot be written", arguments->report);
                exit_code = CLI_FAILED;
        }
        if (!exit_code && arguments->json && json_dumpf(json, stdout, JSON_INDENT(2)) == 0) fputc('\n', stdout);
        if (!exit_code && !arguments->json) fputs(text, stdout);
        if (!exit_code && (fflush(stdout) != 0 || ferror(stdout))) {
                cli_error("cannot write to standard output");
                exit_code = CLI_FAILED;
        }
        free(text);
        json_decref(json);
        return exit_code;
}

static int run(const struct config *config, const Heliostat__Pb__Route *spec, const struct arguments *arguments) {
        struct verify_request request = {.config = config, .spec = spec, .topics = arguments->topics,
                                         .until = arguments->until, .until_ms = arguments->until_ms, .sample = arguments->sample, .seed = arguments->seed,
                                         .memory_bytes = arguments->memory_bytes, .threads = arguments->threads,
                                         .state = arguments->state, .timeout_s = arguments->timeout_s,
                                         .progress = !arguments->quiet};
        struct verify_report report;
        int exit_code = verify_route(&request, &report);
        report.exact = arguments->exact || strcmp(spec->delivery_guarantee, "exactly-once") == 0;
        if (!exit_code) exit_code = write_report(&report, arguments);
        if (!exit_code && report.interrupted) {
                cli_error("verify: interrupted%s", arguments->state ? "; run it again with the same --state to go on" : "");
                exit_code = CLI_FAILED;
        }
        if (!exit_code)
                switch (verify_report_verdict(&report)) {
                case VERIFY_DIFFERENT: exit_code = CLI_FAILED; break;
                case VERIFY_UNDECIDED: exit_code = CLI_NOT_COMPARABLE; break;
                case VERIFY_EQUAL: break;
                }
        verify_report_fini(&report);
        return exit_code;
}

int cli_verify(int argc, char **argv) {
        struct arguments arguments;
        struct config config;
        char err[CONFIG_ERROR_MAX];
        bool done = false;
        int exit_code = arguments_parse(argc, argv, &arguments, &done);
        if (exit_code || done) return exit_code;
        exit_code = cli_load(arguments.config, &config);
        if (exit_code) return exit_code;
        /* to a person at a terminal, what clients say of their connections is no news */
        if (log_get_level() <= LOG_WARN) log_set_level(LOG_ERROR);
        if (kafka_config_check_names(&config, err, sizeof err) != 0) {
                cli_error("%s", err);
                exit_code = CLI_USAGE;
        }
        const struct config_route *route = config_route(&config, arguments.route);
        Heliostat__Pb__Route message, *stored = NULL;
        if (!exit_code && route) route_to_message(route, &message);
        else if (!exit_code) exit_code = route_store_get(&config, "verify", arguments.route, arguments.timeout_s, &stored);
        if (!exit_code) exit_code = run(&config, stored ? stored : &message, &arguments);
        codec_free(stored);
        config_fini(&config);
        return exit_code;
}
