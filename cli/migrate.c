/* Rounds: ask the source for its ends (once, or each time with --until-lag),
 * read the workers' reports from ZooKeeper, decide, show.  The decisions are
 * those of `heliostat mirror` (mirror_table.c).
 *
 * A report's position is what was acknowledged, so a partition that has come to
 * its target is there, whatever its worker does next. */
#include "cli/migrate.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/migrate_take.h"
#include "cli/mirror_args.h"
#include "cli/mirror_kafka.h"
#include "cli/status_read.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/kafka.h"
#include "common/log.h"
#include "common/start_from.h"
#include "common/znode_path.h"

#define ROUND_MS 1000
#define READ_S 10
#define AWAY_MS 60000 /* so long ZooKeeper or the source may be away in between */
#define LINE_MS 5000

struct arguments {
        const char *route, *config;
        enum mirror_until until;
        int64_t until_ms;
        uint64_t until_lag;
        uint32_t timeout_s; /* 0: none */
        bool json;
};

struct migrate {
        const struct arguments *arguments;
        const struct config *config;
        rd_kafka_t *consumer;
        struct facts facts;
        struct snapshot snapshot; /* of facts */
        bool read;                /* there is one */
        struct mirror_table table;
        bool listed, aimed;
        struct mirror_rate rate;
        int64_t started_ms, started_wall_ms, said_ms, well_ms;
        bool tty;
        char trouble[MIRROR_KAFKA_ERROR_SIZE];
};

static volatile sig_atomic_t stopped;

static void on_signal(int number) {
        (void)number;
        stopped = 1;
}

/* ---- a round ---- */

static const Heliostat__Pb__Route *spec_of(const struct migrate *m) {
        for (size_t i = 0; i < m->facts.count; i++)
                if (m->facts.items[i].kind == FACT_ROUTE && m->facts.items[i].message &&
                    strcmp(m->facts.items[i].name, m->arguments->route) == 0)
                        return m->facts.items[i].message;
        return NULL;
}

static void forget(struct migrate *m) {
        if (m->read) snapshot_fini(&m->snapshot);
        facts_fini(&m->facts);
        m->read = false;
}

static int read_cluster(struct migrate *m) {
        struct facts facts = {0};
        int exit_code = status_read(m->config->zookeeper_connect, READ_S, &facts);
        if (exit_code) return exit_code;
        forget(m);
        m->facts = facts;
        if (snapshot_build(&m->facts, clock_wall_ms(), STATUS_STALE_MS(m->config->report_interval_ms), &m->snapshot)) {
                cli_error("%s", err_text(ERR_NOMEM));
                return CLI_FAILED;
        }
        m->read = true;
        return CLI_OK;
}

/* Targets, as far as they can be known now.  0 | ERR_...; m->trouble says why */
static int aim(struct migrate *m) {
        const struct arguments *a = m->arguments;
        rd_kafka_topic_partition_list_t *rows = NULL;
        int rc = 0;
        if (a->until == MIRROR_UNTIL_TIME && !m->aimed && m->listed && clock_wall_ms() < a->until_ms) return 0;
        if (m->aimed && a->until != MIRROR_UNTIL_LAG) return 0;
        if (!m->consumer) rc = mirror_consumer_new(m->config, spec_of(m), &m->consumer, m->trouble, sizeof m->trouble);
        if (!rc) rc = mirror_list(m->consumer, spec_of(m), &rows, m->trouble, sizeof m->trouble);
        bool later = a->until == MIRROR_UNTIL_TIME && clock_wall_ms() < a->until_ms;
        if (!rc)
                rc = mirror_offsets_at(m->consumer, rows, a->until == MIRROR_UNTIL_TIME ? a->until_ms : -1, m->trouble,
                                       sizeof m->trouble);
        for (int i = 0; !rc && i < rows->cnt; i++)
                if (rows->elems[i].err) {
                        (void)snprintf(m->trouble, sizeof m->trouble, "source: %s [%d]: %s", rows->elems[i].topic,
                                       rows->elems[i].partition, rd_kafka_err2str(rows->elems[i].err));
                        rc = ERR_KAFKA;
                }
        for (int i = 0; !rc && i < rows->cnt; i++) {
                struct mirror_part *part =
                        m->listed && a->until != MIRROR_UNTIL_LAG
                                ? mirror_table_find(&m->table, rows->elems[i].topic, rows->elems[i].partition)
                                : mirror_table_add(&m->table, rows->elems[i].topic, rows->elems[i].partition);
                if (!part || later) continue;
                int64_t lag = a->until == MIRROR_UNTIL_LAG ? (int64_t)a->until_lag : 0;
                part->target = rows->elems[i].offset > lag ? rows->elems[i].offset - lag : 0;
        }
        if (!rc) {
                m->listed = true;
                m->aimed = !later;
        }
        if (rows) rd_kafka_topic_partition_list_destroy(rows);
        return rc;
}

/* Of partitions that no report tells of, the group knows where they are. */
static int take_committed(struct migrate *m) {
        uint64_t generation;
        rd_kafka_topic_partition_list_t *rows = rd_kafka_topic_partition_list_new((int)m->table.count + 1);
        for (size_t i = 0; i < m->table.count; i++)
                if (!m->table.parts[i].in_lane || m->table.parts[i].position < 0 ||
                    m->table.parts[i].state == HELIOSTAT__PB__PARTITION_STATE__PARTITION_UNASSIGNED)
                        rd_kafka_topic_partition_list_add(rows, m->table.parts[i].topic, m->table.parts[i].partition);
        int rc = mirror_committed(m->consumer, m->config, spec_of(m), false, rows, &generation, m->trouble,
                                  sizeof m->trouble);
        for (int i = 0; !rc && i < rows->cnt; i++) {
                struct mirror_part *part = mirror_table_find(&m->table, rows->elems[i].topic, rows->elems[i].partition);
                if (rows->elems[i].offset > part->position) mirror_part_at(part, rows->elems[i].offset);
        }
        rd_kafka_topic_partition_list_destroy(rows);
        return rc;
}

/* ---- showing ---- */

static void show(struct migrate *m, bool last) {
        struct mirror_progress p = {.sums = mirror_table_sums(&m->table), .bounded = m->aimed, .word = "migrating",
                                    .elapsed_ms = clock_boot_ms() - m->started_ms, .offsets_only = true};
        struct text out = {0};
        struct winsize size;
        int64_t now_ms = clock_boot_ms();
        mirror_rate_take(&m->rate, now_ms, &p.sums);
        p.rate = m->rate;
        if (m->tty && last) {
                fputs("\r\x1b[K", stderr);
        } else if (m->tty) {
                bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20;
                mirror_progress_bar(&p, known ? size.ws_col - 1u : 79, &out);
                if (out.data) fprintf(stderr, "\r\x1b[K%s", out.data);
        } else if (!last && (!m->said_ms || now_ms - m->said_ms >= LINE_MS)) {
                m->said_ms = now_ms;
                mirror_progress_line(&p, &out);
                if (out.data) fprintf(stderr, "heliostat: %s\n", out.data);
        }
        free(out.data);
}

static int report(struct migrate *m, const char *why) {
        static const char *const modes[] = {"", "until-end", "until", "until-lag"};
        struct mirror_passed *passed = NULL;
        struct mirror_report r = {.mode = modes[m->arguments->until], .table = &m->table, .stopped = why,
                                  .elapsed_ms = clock_boot_ms() - m->started_ms, .offsets_only = true};
        r.passed_count = migrate_passed(&m->snapshot, m->arguments->route, m->started_wall_ms, &passed);
        r.passed = passed;
        if (m->arguments->json) {
                char *json = mirror_report_json(&r);
                if (json) puts(json);
                free(json);
        } else {
                struct text out = {0};
                mirror_report_text(&r, &out);
                if (out.data) fputs(out.data, stdout);
                free(out.data);
        }
        bool complete = mirror_report_complete(&r);
        free(passed);
        return !fflush(stdout) && complete ? CLI_OK : CLI_FAILED;
}

/* ---- rounds ---- */

/* CLI_OK: go on. */
static int begin(struct migrate *m) {
        int exit_code = read_cluster(m);
        if (exit_code) return exit_code;
        const struct status_route *route = migrate_route(&m->snapshot, m->arguments->route);
        if (!route || !spec_of(m)) {
                cli_error("ZooKeeper at %s has no route '%s'; 'heliostat status' lists them", m->config->zookeeper_connect,
                          m->arguments->route);
                return CLI_USAGE;
        }
        if (!config_cluster(m->config, route->source)) {
                cli_error("%s: unknown alias '%s', not in 'clusters': the source is asked for its ends", m->config->path,
                          route->source);
                return CLI_USAGE;
        }
        if (!route->enabled) fprintf(stderr, "heliostat: route %s is not enabled: nothing of it moves\n", route->name);
        while (aim(m)) {
                if (stopped || clock_boot_ms() - m->started_ms > AWAY_MS / 2) {
                        cli_error("%s", m->trouble);
                        return CLI_UNREACHABLE;
                }
                (void)usleep(ROUND_MS * 1000); /* a signal only shortens it */
        }
        if (m->table.count == 0) {
                cli_error("route %s: no topic of the source matches", m->arguments->route);
                return CLI_FAILED;
        }
        return CLI_OK;
}

static int run(struct migrate *m) {
        int exit_code = begin(m);
        m->well_ms = clock_boot_ms();
        while (!exit_code) {
                int64_t now_ms = clock_boot_ms();
                migrate_take(&m->snapshot, m->arguments->route, &m->table);
                if (take_committed(m)) cli_error("%s", m->trouble); /* what reports tell is still right */
                enum mirror_verdict verdict = m->aimed ? mirror_table_verdict(&m->table, now_ms) : MIRROR_GOING;
                bool late = m->arguments->timeout_s && now_ms - m->started_ms > (int64_t)m->arguments->timeout_s * 1000;
                show(m, verdict != MIRROR_GOING || stopped || late);
                if (verdict != MIRROR_GOING) return report(m, NULL);
                if (stopped) return report(m, "a signal; the route goes on, run it again to wait again");
                if (late) return report(m, "--timeout has passed; the route goes on, run it again to wait again");
                (void)usleep(ROUND_MS * 1000);
                int rc = aim(m);
                if (rc) cli_error("%s", m->trouble);
                int read = read_cluster(m); /* says what is wrong */
                if (!rc && !read) m->well_ms = clock_boot_ms();
                if (clock_boot_ms() - m->well_ms > AWAY_MS) exit_code = CLI_UNREACHABLE;
        }
        return exit_code;
}

/* ---- options ---- */

static int arguments_take(const struct verb_args *args, struct arguments *out) {
        const char *until = verb_text(args, "until", NULL);
        char why[200];
        *out = (struct arguments){.route = args->operands[0],
                                  .config = verb_text(args, "config", NULL),
                                  .until_lag = (uint64_t)verb_number(args, "until-lag", 0),
                                  .timeout_s = cli_seconds(args, "timeout", 0),
                                  .json = verb_chose(args, "output", "json")};
        out->until = until ? MIRROR_UNTIL_TIME : verb_has(args, "until-lag") ? MIRROR_UNTIL_LAG : MIRROR_UNTIL_END;
        if ((until != NULL) + verb_has(args, "until-lag") + verb_has(args, "until-end") != 1) {
                cli_error("migrate: one of --until-end, --until TIME and --until-lag N is needed");
                return CLI_USAGE;
        }
        if (until && start_time_parse(until, &out->until_ms, why, sizeof why)) {
                cli_error("migrate: --until: %s", why);
                return CLI_USAGE;
        }
        return CLI_OK;
}

int cli_migrate(const struct verb_args *args) {
        struct arguments arguments;
        struct config config;
        char err[CONFIG_ERROR_MAX];
        int exit_code = arguments_take(args, &arguments);
        if (exit_code) return exit_code;
        exit_code = cli_load(arguments.config, &config);
        if (exit_code) return exit_code;
        exit_code = cli_check_zookeeper(&config);
        if (!exit_code && kafka_config_check_names(&config, err, sizeof err)) {
                cli_error("%s", err);
                exit_code = CLI_USAGE;
        }
        if (!exit_code) {
                struct migrate m = {.arguments = &arguments, .config = &config, .table = {.stuck_since_ms = -1},
                                    .started_ms = clock_boot_ms(), .started_wall_ms = clock_wall_ms(),
                                    .tty = isatty(STDERR_FILENO)};
                const struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
                (void)sigaction(SIGINT, &action, NULL); /* cannot fail for these; the second ends at once */
                (void)sigaction(SIGTERM, &action, NULL);
                (void)signal(SIGPIPE, SIG_IGN);
                if (log_get_level() != LOG_DEBUG) log_set_level(LOG_ERROR);
                exit_code = run(&m);
                forget(&m);
                mirror_table_fini(&m.table);
                if (m.consumer) rd_kafka_destroy_flags(m.consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        }
        config_fini(&config);
        return exit_code;
}
