/* Asks both clusters what the coordinator asks them, and changes nothing: the
 * settings are those of the file, so that a change can be looked at before it is
 * applied.  ZooKeeper is not needed. */
#include "cli/topics.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/topics_text.h"
#include "common/err.h"
#include "common/kafka.h"
#include "common/log.h"
#include "common/names.h"
#include "coordinator/topics.h"

int topics_of_route(const struct config *config, const struct config_route *route, struct topics_found *out) {
        static const struct kafka_setting none[] = {{NULL, NULL}};
        struct topics_wanted wanted = {.merge = route->topic_merge,
                                       .any_count = strcmp(route->partitioning, "key") == 0,
                                       .configs_due = true,
                                       .acls_due = route->sync_topic_acls_enabled};
        struct topic_naming naming = TOPIC_NAMING_OF(route);
        rd_kafka_t *from = NULL, *to = NULL;
        char err[TOPIC_NAME_ERROR_MAX] = "";

        int rc = topic_rules_new(route->topics, route->topics_exclude, &wanted.rules, err, sizeof err);
        if (!rc) rc = topic_rules_new(route->config_properties_exclude, "", &wanted.exclude, err, sizeof err);
        if (!rc) rc = topic_namer_new(&naming, &wanted.namer, err);
        if (!rc)
                rc = kafka_client_new(config, route->source, NULL, CLIENT_ADMIN, none, NULL, NULL, &from, err,
                                      sizeof err);
        if (!rc)
                rc = kafka_client_new(config, route->destination, NULL, CLIENT_ADMIN, none, NULL, NULL, &to, err,
                                      sizeof err);
        if (!rc) rc = topics_look(from, to, &wanted, out, err, sizeof err);
        if (to) rd_kafka_destroy(to);
        if (from) rd_kafka_destroy(from);
        topic_namer_free(wanted.namer);
        topic_rules_free(wanted.exclude);
        topic_rules_free(wanted.rules);
        if (!rc) return CLI_OK;
        cli_error("%s: %s", route->name, *err ? err : err_text(rc));
        return rc == ERR_KAFKA ? CLI_UNREACHABLE : CLI_FAILED;
}

static int print(const struct config_route *route, const struct topics_found *found, bool all, bool json) {
        struct text text = {0};
        bool failed;
        if (json) {
                char *data = topics_json(route->name, found);
                failed = !data || puts(data) == EOF;
                free(data);
        } else {
                failed = topics_text(found, all, isatty(STDOUT_FILENO), &text) != 0 || fputs(text.data, stdout) == EOF;
                free(text.data);
        }
        if (failed || fflush(stdout) != 0) {
                cli_error("cannot write to standard output");
                return CLI_FAILED;
        }
        struct topics_count count = topics_count_of(found);
        return count.to_create + count.to_grow + count.to_change + count.parked + found->acls.count || found->warning
                       ? CLI_FAILED
                       : CLI_OK;
}

int cli_topics(const struct verb_args *args) {
        struct config config;
        int exit_code = cli_load(verb_text(args, "config", NULL), &config);
        if (exit_code) return exit_code;
        const struct config_route *route = config_route(&config, args->operands[0]);
        if (!route) {
                cli_error("%s: has no route '%.140s'", config.path, args->operands[0]);
                exit_code = CLI_USAGE;
        }
        if (log_get_level() == LOG_INFO) log_set_level(LOG_ERROR); /* the connection is no news */
        struct topics_found found = {0};
        if (!exit_code) exit_code = topics_of_route(&config, route, &found);
        if (!exit_code) exit_code = print(route, &found, verb_has(args, "all"), verb_chose(args, "output", "json"));
        topics_found_fini(&found);
        config_fini(&config);
        return exit_code;
}
