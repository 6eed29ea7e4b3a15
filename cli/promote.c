/* One step after the other, each of which changes nothing when it was done before:
 *
 *   route: intake = stopping   the leader takes the lanes away; apply keeps it
 *   wait                       until no lane runs: each has sent what it had read,
 *                              and committed its last position (the drain)
 *   ask                        positions and ends, of whoever answers
 *   consumer groups            carried over as far as they can be
 *   route: intake = stopped
 *
 * What the workers reported of the source is kept in ZooKeeper when it begins:
 * with the source gone nobody else knows how far it was, and the workers forget
 * it with their lanes.  So is which lanes had lost their workers: the leader frees
 * them like all others. */
#include "cli/promote.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/promote_report.h"
#include "cli/route_store.h"
#include "cli/translate.h"
#include "cli/verify_read.h"
#include "common/clock.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/kafka.h"
#include "common/kafka_trouble.h"
#include "common/log.h"
#include "common/names.h"
#include "common/znode_path.h"
#include "worker/positions.h"

#define TIMEOUT_S 60
#define ZOOKEEPER_S 15
#define SOURCE_S 10
#define POLL_MS 250
#define SAY_MS 5000
#define CONFLICTS_MAX 20
#define COUNT_MAX 2000000 /* offsets that are read to count their records */
#define COUNT_FETCH_BYTES (8ULL << 20)

struct promote {
        const struct config *config;
        const char *route;
        struct zk_sync *sync;
        unsigned timeout_s, source_s;
        Heliostat__Pb__Route *spec;
        struct promote_report report;
        char groups[300]; /* what became of them; of the report */
        bool groups_failed;
        bool named;       /* an earlier run has named lanes that nobody was seen to release */
};

/* ---- ZooKeeper ---------------------------------------------------------- */

/* The route's intake becomes this.  CLI_OK, or said why. */
static int mark(struct promote *p, const char *intake) {
        char path[ZNODE_PATH_MAX], word[16];
        int rc = znode_path_route(path, p->route);
        (void)snprintf(word, sizeof word, "%s", intake);
        for (int attempt = 0; !rc && attempt < CONFLICTS_MAX; attempt++) {
                int32_t version;
                void *data;
                size_t bytes;
                codec_free(p->spec);
                p->spec = NULL;
                int exit_code = route_store_read(p->sync, "promote", p->route, &p->spec, &version);
                if (exit_code) return exit_code;
                if (strcmp(p->spec->intake, word) == 0) return CLI_OK;
                Heliostat__Pb__Route changed = *p->spec;
                changed.intake = word;
                changed.intake_ms = clock_wall_ms();
                rc = codec_pack(&changed.base, &data, &bytes);
                if (rc) break;
                rc = zk_sync_set(p->sync, path, data, bytes, version);
                free(data);
                if (rc == ERR_VERSION || rc == ERR_CONNECTION) rc = 0; /* read again: done, or another's */
        }
        if (!rc) {
                cli_error("promote: somebody else keeps changing the route %s", p->route);
                return CLI_FAILED;
        }
        return zk_sync_explain(p->sync, p->route, rc);
}

/* 0 and a message, or NULL where there is no such znode or it is not readable. */
static int read_node(struct promote *p, const char *path, void **out_data, size_t *out_bytes) {
        int rc = zk_sync_get(p->sync, path, out_data, out_bytes, NULL);
        if (rc == ERR_NOT_FOUND) *out_data = NULL;
        return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* What the workers say of the route's partitions. */
static int read_reports(struct promote *p) {
        char **names, path[ZNODE_PATH_MAX];
        size_t count;
        int rc = zk_sync_children(p->sync, ZNODE_REPORTS, &names, &count);
        if (rc) return rc == ERR_NOT_FOUND ? 0 : rc;
        for (size_t i = 0; !rc && i < count; i++) {
                Heliostat__Pb__Report *report = NULL;
                void *data;
                size_t bytes;
                if ((size_t)snprintf(path, sizeof path, ZNODE_REPORTS "/%s", names[i]) >= sizeof path) continue;
                rc = read_node(p, path, &data, &bytes);
                if (rc || !data) continue;
                int unreadable = codec_unpack_report(data, bytes, &report);
                free(data);
                for (size_t l = 0; !unreadable && !rc && l < report->n_lanes; l++) {
                        const Heliostat__Pb__LaneReport *lane = report->lanes[l];
                        for (size_t k = 0; strcmp(lane->route, p->route) == 0 && k < lane->n_partitions; k++) {
                                const Heliostat__Pb__PartitionReport *from = lane->partitions[k];
                                struct promote_partition *to = promote_at(&p->report, from->topic, from->partition);
                                if (!to) rc = ERR_NOMEM;
                                else promote_witness(to, from->position, from->end_offset, report->sent_ms);
                        }
                }
                codec_free(report);
        }
        zk_sync_names_free(names, count);
        return rc;
}

/* The route's partitions, and how many of its lanes run. */
static int read_lanes(struct promote *p) {
        char **names = NULL, **workers = NULL, path[ZNODE_PATH_MAX];
        size_t count = 0, worker_count = 0;
        int rc = zk_sync_children(p->sync, ZNODE_WORKERS, &workers, &worker_count);
        if (!rc || rc == ERR_NOT_FOUND) rc = znode_path_lanes(path, p->route);
        if (!rc) rc = zk_sync_children(p->sync, path, &names, &count);
        if (rc == ERR_NOT_FOUND) rc = 0;
        p->report.running = 0;
        for (size_t i = 0; !rc && i < count; i++) {
                Heliostat__Pb__Lane *lane = NULL;
                void *data;
                size_t bytes;
                unsigned long number = strtoul(names[i], NULL, 10);
                if (number >= ROUTE_LANES_MAX || znode_path_lane(path, p->route, (uint32_t)number)) continue;
                rc = read_node(p, path, &data, &bytes);
                if (rc || !data) continue;
                rc = codec_unpack_lane(data, bytes, &lane);
                free(data);
                if (rc) break;
                rc = promote_lane_look(&p->report, (uint32_t)number, lane, workers, worker_count);
                p->report.running += rc == PROMOTE_LANE_RUNS;
                if (rc == PROMOTE_LANE_RUNS) rc = 0;
                for (size_t t = 0; !rc && t < lane->n_topics; t++)
                        for (size_t k = 0; !rc && k < lane->topics[t]->n_partitions; k++)
                                if (!promote_at(&p->report, lane->topics[t]->topic, lane->topics[t]->partitions[k]->partition))
                                        rc = ERR_NOMEM;
                codec_free(lane);
        }
        zk_sync_names_free(names, count);
        zk_sync_names_free(workers, worker_count);
        return rc;
}

/* Begun before: what was known then. */
static int read_promotion(struct promote *p) {
        Heliostat__Pb__Promotion *promotion = NULL;
        char path[ZNODE_PATH_MAX];
        void *data;
        size_t bytes;
        int rc = znode_path_promotion(path, p->route);
        if (!rc) rc = read_node(p, path, &data, &bytes);
        if (rc || !data) return rc;
        if (codec_unpack_promotion(data, bytes, &promotion) == 0) rc = promote_load(&p->report, promotion, *p->spec->intake);
        free(data);
        codec_free(promotion);
        return rc;
}

static int write_promotion(struct promote *p) {
        char path[ZNODE_PATH_MAX];
        void *data;
        size_t bytes;
        int rc = znode_path_promotion(path, p->route);
        p->report.now_ms = clock_wall_ms();
        Heliostat__Pb__Promotion *promotion = rc ? NULL : promote_save(&p->report);
        if (!rc && !promotion) rc = ERR_NOMEM;
        if (!rc) rc = codec_pack(&promotion->base, &data, &bytes);
        codec_free(promotion);
        if (rc == ERR_TOO_BIG) {
                cli_error("promote: too many partitions to keep what is known of the source: keep this output");
                return 0;
        }
        if (rc) return rc;
        rc = zk_sync_put(p->sync, path, data, bytes);
        free(data);
        return rc;
}

/* Until no lane runs.  CLI_OK, or said why. */
static int wait_drained(struct promote *p) {
        int64_t begun_ms = clock_boot_ms(), said_ms = begun_ms;
        for (;;) {
                size_t lost = promote_lost_count(&p->report);
                int rc = read_reports(p); /* the last ones know most */
                if (!rc) rc = read_lanes(p);
                if (!rc && promote_lost_count(&p->report) > lost) rc = write_promotion(p);
                if (rc) return zk_sync_explain(p->sync, p->route, rc);
                if (!p->report.running) return CLI_OK;
                int64_t now_ms = clock_boot_ms();
                if (now_ms - begun_ms >= (int64_t)p->timeout_s * 1000) {
                        cli_error("promote: %zu lanes of %s still run after %u s; a coordinator has to lead for that "
                                  "('heliostat status'); start one, or stop the workers, and run promote again",
                                  p->report.running, p->route, p->timeout_s);
                        return CLI_FAILED;
                }
                if (now_ms - said_ms >= SAY_MS) {
                        fprintf(stderr, "promote %s: %zu lanes still drain\n", p->route, p->report.running);
                        said_ms = now_ms;
                }
                zk_sync_sleep(p->sync, POLL_MS);
        }
}

/* ---- Kafka -------------------------------------------------------------- */

static rd_kafka_topic_partition_list_t *list_of(const struct promote_report *report, int64_t offset) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)report->count);
        for (size_t i = 0; i < report->count; i++)
                rd_kafka_topic_partition_list_add(list, report->partitions[i].topic, (int32_t)report->partitions[i].partition)
                        ->offset = offset;
        return list;
}

static void unreachable(struct promote *p, const char *why) {
        p->report.source_reachable = false;
        (void)snprintf(p->report.why, sizeof p->report.why, "the source cluster '%s': %s", p->spec->source, why);
}

/* Positions by the source's group, and the ends. */
static int ask_source(struct promote *p) {
        const struct kafka_setting settings[] = {{"group.id", p->spec->group_id}, {NULL, NULL}};
        const struct rd_kafka_metadata *metadata = NULL;
        struct promote_report *report = &p->report;
        rd_kafka_t *client = NULL;
        int limit_ms = (int)p->source_s * 1000;
        char err[CONFIG_ERROR_MAX], why[KAFKA_TROUBLE_MAX + 80];
        int rc = kafka_client_new(p->config, p->spec->source, p->route, CLIENT_CONSUMER, settings, NULL, NULL, &client, err,
                                  sizeof err);
        if (rc) {
                cli_error("promote: %s", err);
                return CLI_USAGE;
        }
        report->source_reachable = true;
        rd_kafka_resp_err_t e = rd_kafka_metadata(client, 0, NULL, &metadata, limit_ms);
        if (!e) rd_kafka_metadata_destroy(metadata);
        rd_kafka_topic_partition_list_t *positions = list_of(report, RD_KAFKA_OFFSET_INVALID);
        rd_kafka_topic_partition_list_t *ends = list_of(report, RD_KAFKA_OFFSET_END);
        if (!e && report->count) e = rd_kafka_committed(client, positions, limit_ms);
        if (!e && report->count) e = rd_kafka_offsets_for_times(client, ends, limit_ms);
        if (e) unreachable(p, kafka_trouble_of(client, e, why, sizeof why));
        report->now_ms = clock_wall_ms();
        for (size_t i = 0; !e && i < report->count; i++) {
                struct promote_partition *one = &report->partitions[i];
                if (!positions->elems[i].err && positions->elems[i].offset >= 0) {
                        one->position = positions->elems[i].offset;
                        one->committed = true;
                }
                if (ends->elems[i].err || ends->elems[i].offset < 0) continue;
                one->end_offset = ends->elems[i].offset;
                one->end_ms = report->now_ms;
                one->asked = true;
        }
        rd_kafka_topic_partition_list_destroy(positions);
        rd_kafka_topic_partition_list_destroy(ends);
        rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        return CLI_OK;
}

/* With exactly-once the destination knows the positions. */
static void ask_destination(struct promote *p) {
        char topic[NAMES_TOPIC_SIZE], err[300];
        if (strcmp(p->spec->delivery_guarantee, "exactly-once") != 0) return;
        names_positions_topic(topic, p->spec->group_id);
        for (size_t i = 0; i < p->report.lane_count; i++) {
                uint32_t lane = p->report.lanes[i].number;
                Heliostat__Pb__Positions *record = NULL;
                int rc = positions_read(p->config, p->spec->destination, p->route, topic, lane,
                                        p->source_s * 1000, &record, err, sizeof err);
                if (rc) {
                        cli_error("promote: lane %u: positions at the destination: %s", lane, err);
                        continue;
                }
                for (size_t t = 0; record && t < record->n_topics; t++)
                        for (size_t k = 0; k < record->topics[t]->n_positions; k++) {
                                const Heliostat__Pb__Position *from = record->topics[t]->positions[k];
                                struct promote_partition *to = promote_at(&p->report, record->topics[t]->topic, from->partition);
                                if (!to || (to->committed && to->position > from->next_offset)) continue;
                                to->position = from->next_offset;
                                to->committed = true;
                        }
                codec_free(record);
        }
}

/* Offsets above a position are not all records: markers and aborted records are
 * among them, and compaction leaves gaps.  Reading them says how many. */
static void count_records(struct promote *p) {
        struct verify_reader reader = {0};
        int64_t offsets = 0;
        char err[300];
        for (size_t i = 0; i < p->report.count; i++) {
                struct promote_partition *one = &p->report.partitions[i];
                if (!one->asked || one->position < 0) continue;
                if (one->end_offset <= one->position) one->records = 0;
                else offsets += one->end_offset - one->position;
        }
        if (!offsets || offsets > COUNT_MAX ||
            verify_reader_open(&reader, p->config, p->spec->source, p->route, VERIFY_SOURCE, NULL, COUNT_FETCH_BYTES, err,
                               sizeof err) != 0)
                return;
        for (size_t i = 0; i < p->report.count; i++) {
                struct promote_partition *one = &p->report.partitions[i];
                if (one->records >= 0 || !one->asked || one->position < 0) continue;
                int64_t records = 0, deadline_ms = clock_boot_ms() + (int64_t)p->source_s * 1000;
                if (verify_reader_start(&reader, one->topic, (int32_t)one->partition, one->position, one->end_offset, err,
                                        sizeof err) != 0)
                        continue;
                int got;
                while ((got = verify_reader_peek(&reader, 100, err, sizeof err)) == VERIFY_READ_RECORD ||
                       (got == VERIFY_READ_WAIT && clock_boot_ms() < deadline_ms)) {
                        if (got != VERIFY_READ_RECORD) continue;
                        records++;
                        verify_reader_take(&reader);
                }
                if (got == VERIFY_READ_END) one->records = records;
                verify_reader_stop(&reader);
        }
        verify_reader_close(&reader);
}

/* ---- consumer groups ---------------------------------------------------- */

/* What cannot be carried over now does not keep the route from being stopped. */
static void carry_groups(struct promote *p) {
        const struct config_route *route = config_route(p->config, p->route);
        const char *later = "'heliostat translate' does it later";
        size_t forward = 0, failed = 0;
        p->report.groups = p->groups;
        if (!route) {
                (void)snprintf(p->groups, sizeof p->groups, "not carried over: %s has no such route; %s", p->config->path, later);
                return;
        }
        if (!p->report.source_reachable) {
                (void)snprintf(p->groups, sizeof p->groups, "not carried over: %s does not answer, and has their positions; %s",
                               p->spec->source, later);
                return;
        }
        int exit_code = translate_route(p->config, p->route, route->groups, route->groups_exclude, p->report.dry_run,
                                        p->source_s, &forward, &failed);
        p->groups_failed = exit_code != CLI_OK;
        if (exit_code && !failed)
                (void)snprintf(p->groups, sizeof p->groups, "not carried over, see above; %s", later);
        else
                (void)snprintf(p->groups, sizeof p->groups, "%zu %s forward at %s, %zu could not be carried over%s%s", forward,
                               p->report.dry_run ? "would move" : "moved", p->spec->destination, failed,
                               failed ? ", see above; " : "", failed ? later : "");
}

/* ---- all ---------------------------------------------------------------- */

static int collect(struct promote *p) {
        int rc = read_promotion(p);
        p->named = promote_lost_count(&p->report) > 0;
        if (!rc) rc = read_reports(p);
        if (!rc) rc = read_lanes(p);
        return rc ? zk_sync_explain(p->sync, p->route, rc) : CLI_OK;
}

static int run(struct promote *p) {
        interrupt_say("promote", "nothing was changed");
        int exit_code = route_store_read(p->sync, "promote", p->route, &p->spec, &(int32_t){0});
        if (!exit_code) exit_code = collect(p);
        if (!exit_code && !p->report.dry_run) {
                interrupt_say("promote", "%.160s is stopping, or stopped: 'heliostat promote %.160s' again goes on from here, with --undo it "
                              "mirrors again", p->route, p->route);
                /* Stopped is stopped: a repetition only asks again. */
                if (strcmp(p->spec->intake, CODEC_INTAKE_STOPPED) != 0) {
                        int rc = write_promotion(p);
                        exit_code = rc ? zk_sync_explain(p->sync, "what is known of the source", rc)
                                       : mark(p, CODEC_INTAKE_STOPPING);
                }
                if (!exit_code) exit_code = wait_drained(p);
                /* Or one that was named is there again. */
                if (!exit_code && (strcmp(p->spec->intake, CODEC_INTAKE_STOPPED) != 0 || p->named)) {
                        int rc = write_promotion(p);
                        if (rc) exit_code = zk_sync_explain(p->sync, "what is known of the source", rc);
                }
        }
        if (!exit_code) exit_code = ask_source(p);
        if (!exit_code) ask_destination(p);
        if (!exit_code && p->report.source_reachable) count_records(p);
        if (!exit_code) carry_groups(p);
        if (!exit_code && !p->report.dry_run) exit_code = mark(p, CODEC_INTAKE_STOPPED);
        p->report.now_ms = clock_wall_ms();
        p->report.state = p->report.dry_run ? p->spec ? p->spec->intake : "" : CODEC_INTAKE_STOPPED;
        return exit_code;
}

static int print_report(const struct promote_report *report, bool json) {
        char *text = NULL;
        if (json) {
                json_t *object = promote_json(report);
                text = object ? json_dumps(object, JSON_INDENT(2)) : NULL;
                json_decref(object);
        } else {
                text = promote_text(report);
        }
        if (!text || printf("%s%s", text, json ? "\n" : "") < 0 || fflush(stdout) != 0) {
                cli_error("promote: the report cannot be written");
                free(text);
                return CLI_FAILED;
        }
        free(text);
        return CLI_OK;
}

struct arguments {
        const char *route, *config;
        bool undo, dry_run, json;
        unsigned timeout_s, source_s;
};

static int undo(struct promote *p, bool dry_run) {
        int32_t version;
        int exit_code = route_store_read(p->sync, "promote", p->route, &p->spec, &version);
        if (exit_code) return exit_code;
        if (!*p->spec->intake) {
                printf("%s was not stopped by promote\n", p->route);
                return CLI_OK;
        }
        if (!dry_run) exit_code = mark(p, "");
        if (!exit_code)
                printf("%s %s, from its positions%s\n", p->route,
                       p->spec->enabled ? "mirrors again" : "is as its settings say (enabled = false)",
                       dry_run ? " (dry run: nothing was written)" : "");
        return exit_code;
}

int cli_promote(const struct verb_args *args) {
        const struct arguments arguments = {.route = args->operands[0],
                                            .config = verb_text(args, "config", NULL),
                                            .undo = verb_has(args, "undo"),
                                            .dry_run = verb_has(args, "dry-run"),
                                            .json = verb_chose(args, "output", "json"),
                                            .timeout_s = cli_seconds(args, "timeout", TIMEOUT_S),
                                            .source_s = cli_seconds(args, "source-timeout", SOURCE_S)};
        struct config config;
        char err[CONFIG_ERROR_MAX];
        int exit_code = cli_load(arguments.config, &config);
        if (exit_code) return exit_code;
        if (log_get_level() <= LOG_WARN) log_set_level(LOG_ERROR); /* what clients say of a dead source is no news */
        exit_code = cli_check_zookeeper(&config);
        if (!exit_code && kafka_config_check_names(&config, err, sizeof err) != 0) {
                cli_error("%s", err);
                exit_code = CLI_USAGE;
        }
        struct promote p = {.config = &config, .route = arguments.route, .timeout_s = arguments.timeout_s,
                            .source_s = arguments.source_s,
                            .report = {.route = arguments.route, .state = "", .dry_run = arguments.dry_run}};
        int rc = exit_code ? 0 : zk_sync_open(&config, "promote", ZOOKEEPER_S, &p.sync);
        if (rc) {
                cli_error("promote: ZooKeeper at %s: %s", config.zookeeper_connect, err_text(rc));
                exit_code = CLI_FAILED;
        }
        if (!exit_code && arguments.undo) {
                exit_code = undo(&p, arguments.dry_run);
        } else if (!exit_code) {
                exit_code = run(&p);
                if (!exit_code) exit_code = print_report(&p.report, arguments.json);
                if (!exit_code && p.groups_failed) exit_code = CLI_FAILED;
        }
        zk_sync_close(p.sync);
        promote_report_fini(&p.report);
        codec_free(p.spec);
        config_fini(&config);
        return exit_code;
}
