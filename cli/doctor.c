/* Facts are gathered one after the other, judged, printed.  Nothing is changed,
 * so it may be interrupted at any time. */
#include "cli/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/doctor_judge.h"
#include "cli/doctor_kafka.h"
#include "cli/doctor_report.h"
#include "cli/doctor_zk.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/topics.h"
#include "common/kafka.h"
#include "common/log.h"

#define TIMEOUT_S 10
#define FILES_SELF 64 /* of a worker without lanes */
#define LANE_FILES 16 /* 18 were counted with one broker at each end */

static int exit_code_of(const struct doctor_findings *findings, bool unreachable) {
        if (unreachable) return CLI_UNREACHABLE;
        return doctor_worst(findings) == DOCTOR_FAIL ? CLI_FAILED : CLI_OK;
}

static int print(const struct doctor_findings *findings, bool json) {
        struct text text = {.failed = findings->failed};
        if (json) {
                text.data = doctor_json(findings);
                if (!text.data) text.failed = true;
                text.bytes = text.data ? strlen(text.data) : 0;
                text.room = text.bytes;
                if (text.data) text_add(&text, "\n");
        } else {
                doctor_text(findings, isatty(STDOUT_FILENO), &text);
        }
        return cli_print(&text);
}

struct visit {
        struct doctor_asked asked;
        struct doctor_cluster *clusters; /* one for each of the file; alias NULL: not asked */
        struct doctor_findings findings;
        struct doctor_host host;
        bool unreachable;
};

static const struct doctor_cluster *cluster_of(struct visit *v, const char *alias) {
        const struct config *config = v->asked.config;
        size_t i = 0;
        while (strcmp(config->clusters[i].alias, alias) != 0) i++; /* a route's are of the file */
        if (v->clusters[i].alias) return &v->clusters[i];
        doctor_ask_cluster(&v->asked, alias, &v->clusters[i]);
        doctor_judge_cluster(&v->clusters[i], &v->findings);
        if (v->clusters[i].reached.answer != DOCTOR_YES) v->unreachable = true;
        return &v->clusters[i];
}

/* A broker answers at the address that it advertises. */
static bool usable(const struct doctor_cluster *cluster) {
        for (size_t i = 0; i < cluster->address_count; i++)
                if (cluster->addresses[i].id >= 0 && cluster->addresses[i].speaks.answer == DOCTOR_YES) return true;
        return false;
}

static void visit_route(struct visit *v, const struct config_route *route) {
        const struct doctor_cluster *source = cluster_of(v, route->source), *destination = cluster_of(v, route->destination);
        struct topics_found found = {0};
        struct doctor_route r;
        if (!usable(source) || !usable(destination)) return; /* why was said; every question would only wait */
        /* each lane: a consumer and a producer, with a connection to each broker at the most, and those of their own */
        v->host.files_needed += (uint64_t)route->lanes * (source->brokers + destination->brokers + LANE_FILES);
        progress_tell(v->asked.progress, "%s: its topics", route->name);
        if (topics_of_route(v->asked.config, route, &found) == CLI_OK) {
                doctor_ask_route(&v->asked, route, source, destination, &found, &r);
                doctor_judge_route(&r, &v->findings);
                doctor_route_fini(&r);
        } else {
                v->unreachable = true;
        }
        topics_found_fini(&found);
}

static int visit_all(struct visit *v, const struct config_route *only) {
        const struct config *config = v->asked.config;
        struct rlimit files;
        size_t routes = 0;
        v->clusters = calloc(config->cluster_count ? config->cluster_count : 1, sizeof *v->clusters);
        if (!v->clusters) abort();
        if (config->zookeeper_connect) {
                struct doctor_zookeeper zookeeper;
                doctor_ask_zookeeper(config, v->asked.timeout_s, v->asked.progress, &zookeeper);
                doctor_judge_zookeeper(&zookeeper, &v->findings);
                if (zookeeper.session.answer != DOCTOR_YES && !zookeeper.refused) v->unreachable = true;
                doctor_zookeeper_fini(&zookeeper);
        }
        for (size_t i = 0; i < config->route_count; i++) {
                const struct config_route *route = &config->routes[i];
                if (only ? route != only : !route->enabled) continue;
                routes++;
                visit_route(v, route);
        }
        for (size_t i = 0; routes == 0 && i < config->cluster_count; i++) (void)cluster_of(v, config->clusters[i].alias);
        if (v->host.files_needed && getrlimit(RLIMIT_NOFILE, &files) == 0) {
                v->host.files_needed += FILES_SELF;
                v->host.files = files.rlim_cur;
                doctor_judge_host(&v->host, &v->findings);
        }
        for (size_t i = 0; i < config->cluster_count; i++) doctor_cluster_fini(&v->clusters[i]);
        free(v->clusters);
        return exit_code_of(&v->findings, v->unreachable);
}

int cli_doctor(const struct verb_args *args) {
        struct config config;
        char err[CONFIG_ERROR_MAX];
        int exit_code = cli_load(verb_text(args, "config", NULL), &config);
        if (exit_code) return exit_code;
        const char *name = args->operands[0];
        const struct config_route *only = name ? config_route(&config, name) : NULL;
        if (name && !only) {
                cli_error("%s: has no route '%.140s'", config.path, name);
                exit_code = CLI_USAGE;
        } else if (config.zookeeper_connect) {
                exit_code = cli_check_zookeeper(&config);
        }
        if (log_get_level() < LOG_ERROR) log_set_level(LOG_ERROR); /* the findings say it better */
        if (!exit_code && kafka_config_check(&config, err, sizeof err) != 0) {
                cli_error("%s", err);
                exit_code = CLI_USAGE;
        }
        if (!exit_code) {
                struct progress progress;
                struct visit v = {.asked = {.config = &config, .progress = &progress, .timeout_s = cli_seconds(args, "timeout", TIMEOUT_S),
                                            .probe_writes = verb_has(args, "probe-writes")}};
                progress_begin(&progress, "doctor");
                interrupt_say("doctor", "nothing was changed");
                exit_code = visit_all(&v, only);
                progress_clear(&progress);
                int printed = print(&v.findings, verb_chose(args, "output", "json"));
                if (printed) exit_code = printed;
                doctor_findings_fini(&v.findings);
        }
        config_fini(&config);
        return exit_code;
}
