/* One table of verbs; help, dispatch and "did you mean" derive from it. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <protobuf-c/protobuf-c.h>
#include <uv.h>

#include "cli/apply.h"
#include "cli/cli.h"
#include "cli/placement.h"
#include "cli/migrate.h"
#include "cli/mirror.h"
#include "cli/offsets.h"
#include "cli/promote.h"
#include "cli/resume.h"
#include "cli/status.h"
#include "cli/topics.h"
#include "cli/verify.h"
#include "cli/translate.h"
#include "common/kafka.h"
#include "common/secret.h"
#include "common/text.h"
#include "common/zk.h"
#include "common/znode_path.h"
#include "coordinator/coordinator.h"
#include "worker/supervisor.h"
#include "worker/worker.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- worker, coordinator ------------------------------------------------ */

static void print_role_usage(FILE *out, const char *verb) {
        fprintf(out,
                "usage: heliostat %s --config FILE [--id ID]\n"
                "\n"
                "  -c, --config FILE   configuration, see docs/configuration.md\n"
                "  -i, --id ID         name of this process in the cluster (default: host name)\n"
                "%s"
                "  -h, --help          this text\n", verb,
                strcmp(verb, "worker") == 0
                        ? "      --no-supervisor run without the parent process that closes the session of a\n"
                          "                      crashed worker and starts it again\n"
                        : "");
}

typedef int (*role_main)(const struct config *config, const char *id);

/* unsupervised: the role under --no-supervisor; NULL: there is no such option. */
static int run_role(int argc, char **argv, role_main role, role_main unsupervised) {
        static const struct option all_options[] = {
                {"no-supervisor", no_argument, NULL, 'S'},
                {"config", required_argument, NULL, 'c'},
                {"id", required_argument, NULL, 'i'},
                {"help", no_argument, NULL, 'h'},
                {NULL, 0, NULL, 0},
        };
        const struct option *options = all_options + (unsupervised ? 0 : 1);
        struct config config;
        const char *path = NULL, *id = NULL;
        char host[256] = "", err[CONFIG_ERROR_MAX];
        int c;

        while ((c = getopt_long(argc, argv, "c:i:h", options, NULL)) != -1) {
                switch (c) {
                case 'c':
                        path = optarg;
                        break;
                case 'i':
                        id = optarg;
                        break;
                case 'S':
                        role = unsupervised;
                        break;
                case 'h':
                        print_role_usage(stdout, argv[0]);
                        return CLI_OK;
                default: /* getopt has said what is wrong */
                        print_role_usage(stderr, argv[0]);
                        return CLI_USAGE;
                }
        }
        if (optind < argc || !path) {
                if (optind < argc)
                        cli_error("%s: unexpected argument '%.100s'", argv[0], argv[optind]);
                else cli_error("%s: --config FILE is missing", argv[0]);
                print_role_usage(stderr, argv[0]);
                return CLI_USAGE;
        }
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
                exit_code = role(&config, id);
        }
        config_fini(&config);
        return exit_code;
}

static int worker_alone(const struct config *config, const char *id) {
        return worker_main(config, id, -1);
}

static int verb_worker(int argc, char **argv) {
        return run_role(argc, argv, supervisor_main, worker_alone);
}

static int verb_coordinator(int argc, char **argv) {
        return run_role(argc, argv, coordinator_main, NULL);
}

/* ---- config ------------------------------------------------------------- */

static int print_text(char *text) {
        bool done = text && fputs(text, stdout) != EOF && fflush(stdout) == 0;
        free(text);
        if (done) return CLI_OK;
        cli_error("cannot write to standard output");
        return CLI_FAILED;
}

static int check_file(const char *path) {
        struct config config;
        char err[CONFIG_ERROR_MAX];
        int exit_code = cli_load(path, &config);
        if (exit_code) return exit_code;
        if (config.zookeeper_connect) exit_code = cli_check_zookeeper(&config);
        if (!exit_code && kafka_config_check(&config, err, sizeof err) != 0) {
                cli_error("%s", err);
                exit_code = CLI_USAGE;
        }
        if (!exit_code)
                printf("%s: %zu clusters, %zu routes, no errors\n", path, config.cluster_count,
                       config.route_count);
        config_fini(&config);
        return exit_code;
}

static int verb_config(int argc, char **argv) {
        static const char usage[] =
                "usage: heliostat config sample       print a commented configuration file\n"
                "       heliostat config reference    print docs/configuration.md\n"
                "       heliostat config check FILE   read a file and say what is wrong with it\n";
        if (argc == 2 && strcmp(argv[1], "reference") == 0)
                return print_text(config_reference_markdown());
        if (argc == 2 && strcmp(argv[1], "sample") == 0) return print_text(config_sample());
        if (argc == 3 && strcmp(argv[1], "check") == 0) return check_file(argv[2]);
        if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
                fputs(usage, stdout);
                return CLI_OK;
        }
        fputs(usage, stderr);
        return CLI_USAGE;
}

/* ---- verbs -------------------------------------------------------------- */

static const struct verb {
        const char *name;
        cli_verb run;
        const char *text;
} verbs[] = {
        {"worker", verb_worker, "own lanes and mirror their partitions"},
        {"coordinator", verb_coordinator,
         "discover partitions, place lanes on workers; any number may run"},
        {"status", cli_status, "show routes, workers, partitions and lag"},
        {"apply", cli_apply, "publish the routes of a configuration file"},
        {"topics", cli_topics, "compare a route's topics at both ends: names, partitions, settings"},
        {"resume", cli_resume, "say what is to become of halted partitions"},
        {"offsets", cli_offsets, "export, import, set or reset the positions of a route"},
        {"move", cli_move, "say which worker a lane belongs to"},
        {"drain", cli_drain, "move all lanes away from a worker, and give it no more"},
        {"undrain", cli_undrain, "let a worker have lanes again"},
        {"mirror", cli_mirror, "mirror in this one process, without ZooKeeper (MirrorMaker 1's flags)"},
        {"promote", cli_promote, "failover: stop a route and say what is not mirrored"},
        {"verify", cli_verify, "compare what a route has mirrored with its source"},
        {"migrate", cli_migrate, "wait until a route has come to its end, and report"},
        {"translate", cli_translate, "carry consumer groups over to the destination"},
        {"config", verb_config, "print the reference of settings or a sample, check a file"},
};

static void print_usage(FILE *out) {
        fputs("usage: heliostat VERB [ARGUMENTS]\n"
              "\n"
              "Mirrors Apache Kafka topics from cluster to cluster.\n"
              "\n", out);
        for (size_t i = 0; i < COUNT(verbs); i++)
                fprintf(out, "  %-12s  %s\n", verbs[i].name, verbs[i].text);
        fputs("\n"
              "  --version     versions of this program and of its libraries\n"
              "  --help        this text; 'heliostat VERB --help' for a verb's arguments\n", out);
}

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

int main(int argc, char **argv) {
        const char *names[COUNT(verbs)];

        secret_core_dumps(false); /* before a secret is read; core.dumps of the file allows them */
        if (argc < 2) {
                print_usage(stderr);
                return CLI_USAGE;
        }
        const char *word = argv[1];
        if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
                print_versions();
                return CLI_OK;
        }
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
                print_usage(stdout);
                return CLI_OK;
        }
        for (size_t i = 0; i < COUNT(verbs); i++) {
                names[i] = verbs[i].name;
                if (strcmp(verbs[i].name, word) != 0) continue;
                optind = 1;
                return verbs[i].run(argc - 1, argv + 1);
        }
        const char *nearest = text_nearest(word, names, COUNT(verbs));
        if (nearest) cli_error("unknown verb '%.100s'; did you mean '%s'?", word, nearest);
        else cli_error("unknown verb '%.100s'; 'heliostat --help' lists them", word);
        return CLI_USAGE;
}
