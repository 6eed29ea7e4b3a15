#include "cli/verify.h"

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
#define FINDINGS_SHOWN 20

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

static int arguments_take(const struct verb_args *args, struct arguments *out) {
        const char *until = verb_text(args, "until", "position"), *sample = verb_text(args, "sample", "1");
        const char *memory = verb_text(args, "memory", NULL);
        char err[256], *end;
        *out = (struct arguments){.route = args->operands[0],
                                  .config = verb_text(args, "config", NULL),
                                  .topics = verb_text(args, "topics", NULL),
                                  .report = verb_text(args, "report", NULL),
                                  .state = verb_text(args, "state", NULL),
                                  .seed = (uint64_t)verb_number(args, "seed", 1),
                                  .memory_bytes = MEMORY_DEFAULT,
                                  .threads = (unsigned)verb_number(args, "threads", 0),
                                  .exact = verb_has(args, "exact"),
                                  .json = verb_chose(args, "output", "json"),
                                  .quiet = verb_has(args, "quiet"),
                                  .timeout_s = cli_seconds(args, "timeout", TIMEOUT_S)};
        if (out->topics && topic_rule_check(out->topics, err, sizeof err) != 0) {
                cli_error("verify: --topics: %s", err);
                return CLI_USAGE;
        }
        if (strcmp(until, "position") == 0) out->until = VERIFY_UNTIL_POSITION;
        else if (strcmp(until, "end") == 0) out->until = VERIFY_UNTIL_END;
        else if (start_time_parse(until, &out->until_ms, err, sizeof err) == 0) out->until = VERIFY_UNTIL_TIME;
        else return bad("--until", "'position', 'end' or a time like 2026-01-31T13:45:00Z", until);
        out->sample = strtod(sample, &end);
        if (end == sample || *end || !(out->sample > 0 && out->sample <= 1))
                return bad("--sample", "a share above 0, at most 1", sample);
        if (memory && setting_set(&memory_row, &out->memory_bytes, memory, err, sizeof err) != 0)
                return bad("--memory", "bytes from 16MiB to 64GiB", memory);
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

int cli_verify(const struct verb_args *args) {
        struct arguments arguments;
        struct config config;
        char err[CONFIG_ERROR_MAX];
        int exit_code = arguments_take(args, &arguments);
        if (exit_code) return exit_code;
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
