/* What stands behind each row of cli/verb_table.c. */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <protobuf-c/protobuf-c.h>
#include <uv.h>

#include "cli/apply.h"
#include "cli/cli.h"
#include "cli/config_verb.h"
#include "cli/doctor.h"
#include "cli/pause.h"
#include "cli/placement.h"
#include "cli/migrate.h"
#include "cli/mirror.h"
#include "cli/offsets.h"
#include "cli/promote.h"
#include "cli/rebalance.h"
#include "cli/resume.h"
#include "cli/routes.h"
#include "cli/show.h"
#include "cli/status.h"
#include "cli/topics.h"
#include "cli/translate.h"
#include "cli/verb.h"
#include "cli/verify.h"
#include "common/kafka.h"
#include "common/log.h"
#include "common/secret.h"
#include "common/text_grow.h"
#include "common/zk.h"
#include "common/znode_path.h"
#include "coordinator/coordinator.h"
#include "worker/supervisor.h"
#include "worker/worker.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- worker, coordinator ------------------------------------------------ */

typedef int (*role_main)(const struct config *config, const char *id);

static int run_role(const struct verb_args *args, role_main role) {
        struct config config;
        const char *path = verb_text(args, "config", NULL), *id = verb_text(args, "id", NULL);
        char host[256] = "", err[CONFIG_ERROR_MAX];

        if (verb_has(args, "log-format"))
                log_set_format(verb_chose(args, "log-format", "json") ? LOG_JSON : LOG_LOGFMT, true);
        if (!id) {
                (void)gethostname(host, sizeof host - 1); /* "" then, refused below */
                id = host;
        }
        if (!znode_id_valid(id)) {
                cli_error("'%.140s' is no valid id; expected letters, digits and '. _ -', at most "
                          "128; set --id", id);
                return CLI_USAGE;
        }
        int exit_code = cli_load(path, &config);
        if (exit_code) return exit_code;
        exit_code = cli_check_zookeeper(&config);
        if (!exit_code && kafka_config_check(&config, err, sizeof err) != 0) {
                cli_error("%s", err);
                exit_code = CLI_USAGE;
        }
        if (!exit_code) {
                /* a peer that went away is an error code, not the end */
                (void)signal(SIGPIPE, SIG_IGN); /* cannot fail for this signal */
                (void)signal(SIGHUP, SIG_IGN); /* until the role reads its configuration again then */
                exit_code = role(&config, id);
        }
        config_fini(&config);
        return exit_code;
}

static int worker_alone(const struct config *config, const char *id) {
        return worker_main(config, id, -1);
}

static int verb_worker(const struct verb_args *args) {
        return run_role(args, verb_has(args, "no-supervisor") ? worker_alone : supervisor_main);
}

static int verb_coordinator(const struct verb_args *args) { return run_role(args, coordinator_main); }

/* ---- completion, man ---------------------------------------------------- */

static int verb_completion_script(const struct verb_args *args) {
        struct text text = {0};
        (void)verb_completion(args->operands[0], &text); /* the table knows the same shells */
        return cli_print(&text);
}

/* A whole page or none: a page that was there stays until the new one is complete. */
static int write_page(const char *directory, const struct verb *verb) {
        char path[4096], partial[4096 + 16];
        struct text page = {0};
        verb_man(verb, HELIOSTAT_VERSION, &page);
        int n = snprintf(path, sizeof path, "%s/heliostat%s%s.1", directory, verb ? "-" : "", verb ? verb->name : "");
        (void)snprintf(partial, sizeof partial, "%s.partial", path);
        FILE *file = n > 0 && (size_t)n < sizeof path ? fopen(partial, "we") : NULL;
        bool written = file && !page.failed && fputs(page.data, file) != EOF;
        if (file && fclose(file) != 0) written = false;
        if (!written || rename(partial, path) != 0) {
                cli_error("man: %s: %s", path, strerror(errno));
                (void)unlink(partial); /* may not be there */
                written = false;
        }
        free(page.data);
        return written ? CLI_OK : CLI_FAILED;
}

static int verb_man_page(const struct verb_args *args) {
        const char *name = args->operands[0], *directory = verb_text(args, "directory", NULL);
        const struct verb *verb = name ? verb_find(name) : NULL;
        struct text page = {0};
        char err[256];
        if (name && !verb) {
                verb_unknown(name, err, sizeof err);
                cli_error("man: %s", err);
                return CLI_USAGE;
        }
        if (!directory) {
                verb_man(verb, HELIOSTAT_VERSION, &page);
                return cli_print(&page);
        }
        int exit_code = write_page(directory, verb);
        for (size_t i = 0; i < verb_count && !name && !exit_code; i++) exit_code = write_page(directory, &verbs[i]);
        return exit_code;
}

/* ---- verbs -------------------------------------------------------------- */

static const struct {
        const char *name;
        cli_verb run;
} runs[] = {
        {"worker", verb_worker},
        {"coordinator", verb_coordinator},
        {"status", cli_status},
        {"list", cli_list},
        {"lag", cli_lag},
        {"describe", cli_describe},
        {"events", cli_events},
        {"apply", cli_apply},
        {"doctor", cli_doctor},
        {"routes", cli_routes},
        {"topics", cli_topics},
        {"pause", cli_pause},
        {"resume", cli_resume},
        {"offsets", cli_offsets},
        {"move", cli_move},
        {"drain", cli_drain},
        {"undrain", cli_undrain},
        {"rebalance", cli_rebalance},
        {"mirror", cli_mirror},
        {"promote", cli_promote},
        {"verify", cli_verify},
        {"migrate", cli_migrate},
        {"translate", cli_translate},
        {"config", cli_config},
        {"completion", verb_completion_script},
        {"man", verb_man_page},
};
static_assert(COUNT(runs) < 64, "the table of verbs is small");

/* As linked at run time, not as compiled against. */
static void print_versions(void) {
        printf("heliostat %s\n"
               "librdkafka %s\n"
               "ZooKeeper client %s\n"
               "libuv %s\n"
               "protobuf-c %s\n",
               HELIOSTAT_VERSION, kafka_library_version(), zk_library_version(),
               uv_version_string(), protobuf_c_version());
}

static int print_help(const struct verb *verb) {
        struct text text = {0};
        if (verb) verb_help(verb, &text);
        else verb_overview(&text);
        return cli_print(&text);
}

static int run_verb(const struct verb *verb, int argc, char **argv) {
        struct verb_args args;
        char err[512];
        if (verb_parse(verb, argc, (const char *const *)argv, &args, err, sizeof err) != 0) {
                struct text usage = {0};
                cli_error("%s", err);
                verb_usage(verb, &usage);
                if (usage.data) fputs(usage.data, stderr);
                free(usage.data);
                return CLI_USAGE;
        }
        if (args.help) return print_help(verb);
        size_t i = 0;
        while (strcmp(runs[i].name, verb->name) != 0) i++; /* main has looked that each is there */
        return runs[i].run(&args);
}

int main(int argc, char **argv) {
        char err[256];

        secret_core_dumps(false); /* before a secret is read; core.dumps of the file allows them */
        assert(COUNT(runs) == verb_count);
        for (size_t i = 0; i < COUNT(runs); i++) assert(verb_find(runs[i].name));
        if (argc < 2) {
                struct text text = {0};
                verb_overview(&text);
                if (text.data) fputs(text.data, stderr);
                free(text.data);
                return CLI_USAGE;
        }
        const char *word = argv[1];
        if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
                print_versions();
                return CLI_OK;
        }
        bool help = strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
        if (help && argc == 2) return print_help(NULL);
        const struct verb *verb = verb_find(help ? argv[2] : word);
        if (verb) return help ? print_help(verb) : run_verb(verb, argc - 1, argv + 1);
        verb_unknown(help ? argv[2] : word, err, sizeof err);
        cli_error("%s", err);
        return CLI_USAGE;
}
