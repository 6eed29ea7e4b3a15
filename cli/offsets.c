/* Reads the route and its lanes from ZooKeeper, the positions from Kafka (the
 * source group's offsets, and with exactly-once the lanes' records at the
 * destination), decides (offsets_plan.h), and writes the changed lanes at the
 * versions that were read, all in one multi where they fit into one.
 *
 * A conflict, or a write of unknown result, starts anew with reading: what was
 * written is then found as asked for.  Rejected: writing offsets into Kafka.
 * The two places of exactly-once cannot be changed together, a worker that
 * claims at that moment would read one of them, and one that ZooKeeper has
 * forgotten would write over both. */
#include "cli/offsets.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/offsets_plan.h"
#include "cli/route_store.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/kafka.h"
#include "common/kafka_trouble.h"
#include "common/log.h"
#include "common/names.h"
#include "common/start_resolve.h"
#include "common/start_route.h"
#include "common/text.h"
#include "common/znode_path.h"
#include "worker/positions.h"

#define TIMEOUT_S 15
#define REQUEST_MS 15000
#define ROUNDS_MAX 20
#define MULTI_BYTES (480 * 1024)
#define MULTI_OPS 90
#define REFUSED_SHOWN 10

enum action { EXPORT, IMPORT, SET, RESET };
static const char *const action_names[] = {"export", "import", "set", "reset"};

struct arguments {
        enum action action;
        const char *route, *config, *topic, *to, *file;
        int64_t partition; /* -1: all */
        bool json, dry_run, force;
        unsigned timeout_s;
};

struct offsets {
        const struct config *config;
        const struct arguments *arguments;
        struct zk_sync *zk;
        rd_kafka_t *consumer; /* of the source, in the route's group; made once the route is known */
        char *group;          /* that it was made for */
        struct offset_rows file;
        bool wrote;           /* some lanes, perhaps */
        /* of this round */
        Heliostat__Pb__Route *route;
        int32_t route_version;
        struct offsets_lane *lanes;
        size_t lane_count;
        struct offsets_table table;
};

static void round_free(struct offsets *o) {
        for (size_t k = 0; k < o->lane_count; k++) {
                codec_free(o->lanes[k].record);
                codec_free(o->lanes[k].recorded);
        }
        free(o->lanes);
        free(o->table.items);
        codec_free(o->route);
        o->lanes = NULL;
        o->route = NULL;
        o->lane_count = 0;
        o->table = (struct offsets_table){0};
}

static int zk_trouble(struct offsets *o, const char *what, int rc) { return zk_sync_explain(o->zk, what, rc); }

static int kafka_failed(const struct offsets *o, const char *alias, const char *what, rd_kafka_resp_err_t err) {
        char why[KAFKA_TROUBLE_MAX + 80];
        cli_error("%s of '%s' (%s): %s", what, alias, o->route->name,
                  kafka_trouble_at(o->config, alias, err, why, sizeof why));
        return CLI_UNREACHABLE;
}

/* ---- ZooKeeper ---------------------------------------------------------- */

static int read_route(struct offsets *o) {
        int exit_code = route_store_read(o->zk, "offsets", o->arguments->route, &o->route, &o->route_version);
        if (exit_code) return exit_code;
        const char *aliases[] = {o->route->source, o->route->destination};
        for (int i = 0; i < 2; i++)
                if (!config_cluster(o->config, aliases[i])) {
                        cli_error("%s has no cluster '%s', which route %s needs", o->config->path, aliases[i],
                                  o->route->name);
                        return CLI_USAGE;
                }
        return CLI_OK;
}

static int read_lane(struct offsets *o, const char *name, struct offsets_lane *lane) {
        char path[ZNODE_PATH_MAX];
        void *data = NULL;
        size_t bytes = 0;
        struct zk_stat stat = {0};
        lane->number = (uint32_t)strtoul(name, NULL, 10);
        int rc = znode_path_lane(path, o->arguments->route, lane->number);
        if (!rc) rc = zk_sync_get(o->zk, path, &data, &bytes, &stat);
        lane->version = stat.version;
        if (!rc) rc = codec_unpack_lane(data, bytes, &lane->record);
        free(data);
        return rc ? zk_trouble(o, path, rc) : CLI_OK;
}

static int read_lanes(struct offsets *o) {
        char path[ZNODE_PATH_MAX], **names = NULL;
        size_t count = 0;
        int exit_code = CLI_OK, rc = znode_path_lanes(path, o->arguments->route);
        if (!rc) rc = zk_sync_children(o->zk, path, &names, &count);
        if (rc && rc != ERR_NOT_FOUND) return zk_trouble(o, path, rc); /* not found: never enabled */
        o->lanes = calloc(count + 1, sizeof *o->lanes);
        if (!o->lanes) exit_code = zk_trouble(o, path, ERR_NOMEM);
        for (size_t i = 0; !exit_code && i < count; i++) {
                exit_code = read_lane(o, names[i], &o->lanes[o->lane_count]);
                if (!exit_code) o->lane_count++;
        }
        zk_sync_names_free(names, count);
        return exit_code;
}

static int make_table(struct offsets *o) {
        const struct arguments *a = o->arguments;
        if (offsets_table_new(o->lanes, o->lane_count, a->topic, a->partition, &o->table))
                return zk_trouble(o, a->route, ERR_NOMEM);
        if (o->table.count) return CLI_OK;
        struct offsets_table all;
        if (offsets_table_new(o->lanes, o->lane_count, NULL, -1, &all)) return zk_trouble(o, a->route, ERR_NOMEM);
        const char **topics = calloc(all.count + 1, sizeof *topics);
        size_t n = 0;
        for (size_t i = 0; topics && i < all.count; i++)
                if (!n || strcmp(topics[n - 1], all.items[i].topic) != 0) topics[n++] = all.items[i].topic;
        const char *nearest = topics && a->topic ? text_nearest(a->topic, topics, n) : NULL;
        if (!all.count)
                cli_error("%s has no partitions yet: they are placed when it is enabled for the first time; until then "
                          "'start.from = offsets:FILE' says where they begin", a->route);
        else if (nearest && strcmp(nearest, a->topic) != 0)
                cli_error("%s has no topic '%.249s'; did you mean '%s'?", a->route, a->topic, nearest);
        else if (nearest) cli_error("%s has no partition %lld of %s", a->route, (long long)a->partition, a->topic);
        else cli_error("%s has no topic '%.249s'", a->route, a->topic);
        free(topics);
        free(all.items);
        return CLI_USAGE;
}

/* ---- Kafka -------------------------------------------------------------- */

static rd_kafka_topic_partition_list_t *list_of(const struct offsets_table *table, int64_t offset, bool wanted_only) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)table->count);
        for (size_t i = 0; i < table->count; i++)
                if (!wanted_only || table->items[i].wanted >= 0)
                        rd_kafka_topic_partition_list_add(list, table->items[i].topic, table->items[i].partition)->offset =
                                offset;
        return list;
}

static int open_source(struct offsets *o) {
        char err[CONFIG_ERROR_MAX];
        if (o->consumer && strcmp(o->group, o->route->group_id) == 0) return CLI_OK;
        if (o->consumer) rd_kafka_destroy_flags(o->consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        o->consumer = NULL;
        free(o->group);
        o->group = strdup(o->route->group_id);
        if (!o->group) return zk_trouble(o, o->route->name, ERR_NOMEM);
        const struct kafka_setting settings[] = {{"group.id", o->group}, {NULL, NULL}};
        if (kafka_client_new(o->config, o->route->source, o->route->name, CLIENT_CONSUMER, settings, NULL, NULL,
                             &o->consumer, err, sizeof err)) {
                cli_error("%s", err);
                return CLI_USAGE;
        }
        return CLI_OK;
}

static void progress(const char *what) {
        if (isatty(STDERR_FILENO)) fprintf(stderr, "reading %s ...\n", what);
}

static int read_group(struct offsets *o) {
        progress("the group's offsets");
        rd_kafka_topic_partition_list_t *list = list_of(&o->table, RD_KAFKA_OFFSET_INVALID, false);
        rd_kafka_resp_err_t err = rd_kafka_committed(o->consumer, list, REQUEST_MS);
        for (int i = 0; !err && i < list->cnt; i++) {
                const rd_kafka_topic_partition_t *from = &list->elems[i];
                struct offsets_row *row = offsets_find(&o->table, from->topic, from->partition);
                err = from->err;
                if (!row || err || from->offset < 0) continue;
                row->group_offset = from->offset;
                row->metadata = codec_metadata_parse(from->metadata, from->metadata_size);
                o->lanes[row->lane].asks_record |= row->metadata.exactly_once;
        }
        rd_kafka_topic_partition_list_destroy(list);
        return err ? kafka_failed(o, o->route->source, "group's offsets", err) : CLI_OK;
}

/* Whose group says so, and with exactly-once all: one may lack its offset. */
static int read_records(struct offsets *o) {
        char topic[NAMES_TOPIC_SIZE], err[320];
        bool all = strcmp(o->route->delivery_guarantee, "exactly-once") == 0, said = false;
        bool *wanted = calloc(o->lane_count + 1, sizeof *wanted);
        if (!wanted) return zk_trouble(o, o->route->name, ERR_NOMEM);
        for (size_t i = 0; i < o->table.count; i++) wanted[o->table.items[i].lane] = true;
        names_positions_topic(topic, o->route->group_id);
        int rc = 0;
        for (size_t k = 0; !rc && k < o->lane_count; k++) {
                if (!wanted[k] || (!all && !o->lanes[k].asks_record)) continue;
                if (!said) progress("the position records");
                said = true;
                rc = positions_read(o->config, o->route->destination, o->route->name, topic, o->lanes[k].number,
                                    REQUEST_MS, &o->lanes[k].recorded, err, sizeof err);
        }
        free(wanted);
        if (!rc) return CLI_OK;
        cli_error("position records of '%s': %s", o->route->destination, err);
        return rc == ERR_KAFKA ? CLI_UNREACHABLE : CLI_FAILED;
}

/* Where the source's log begins and ends, for what is to be moved. */
static int read_ranges(struct offsets *o) {
        rd_kafka_topic_partition_list_t *low = list_of(&o->table, RD_KAFKA_OFFSET_BEGINNING, true);
        rd_kafka_topic_partition_list_t *high = list_of(&o->table, RD_KAFKA_OFFSET_END, true);
        rd_kafka_resp_err_t err = low->cnt ? rd_kafka_offsets_for_times(o->consumer, low, REQUEST_MS) : 0;
        if (!err && high->cnt) err = rd_kafka_offsets_for_times(o->consumer, high, REQUEST_MS);
        for (int i = 0; !err && i < low->cnt; i++) {
                struct offsets_row *row = offsets_find(&o->table, low->elems[i].topic, low->elems[i].partition);
                if (row && !low->elems[i].err) row->low = low->elems[i].offset;
                row = offsets_find(&o->table, high->elems[i].topic, high->elems[i].partition);
                if (row && !high->elems[i].err) row->high = high->elems[i].offset;
        }
        rd_kafka_topic_partition_list_destroy(low);
        rd_kafka_topic_partition_list_destroy(high);
        return err ? kafka_failed(o, o->route->source, "offsets", err) : CLI_OK;
}

/* ---- what is wanted ----------------------------------------------------- */

static int want_start(struct offsets *o) {
        struct start_rules *rules = NULL;
        char why[256] = "";
        const struct arguments *a = o->arguments;
        int exit_code = CLI_OK, rc = a->to ? start_rules_new(a->to, "", &rules, why, sizeof why)
                                           : start_rules_of_route(o->route, &rules, why, sizeof why);
        const char *file = rc || !a->to ? NULL : start_rules_file(rules, 0);
        if (rc || file) {
                if (rc) cli_error("offsets reset: --to: %s", *why ? why : err_text(rc));
                else cli_error("offsets reset: --to: a file is taken by 'heliostat offsets import'");
                start_rules_unref(rules);
                return CLI_USAGE;
        }
        struct start_query *queries = calloc(o->table.count, sizeof *queries);
        if (!queries) exit_code = zk_trouble(o, o->route->name, ERR_NOMEM);
        for (size_t i = 0; queries && i < o->table.count; i++)
                queries[i] = (struct start_query){.topic = o->table.items[i].topic,
                                                  .partition = o->table.items[i].partition, .existed = true};
        const struct start_place place = {.config = o->config, .source = o->route->source,
                                          .destination = o->route->destination, .route = o->route->name,
                                          .consumer = o->consumer, .limit_ms = REQUEST_MS};
        if (queries) start_resolve(&place, rules, queries, o->table.count);
        for (size_t i = 0; queries && i < o->table.count; i++) {
                o->table.items[i].wanted = queries[i].offset;
                if (queries[i].answer == START_AT) continue;
                cli_error("%s-%d: %s", queries[i].topic, queries[i].partition, queries[i].reason);
                exit_code = queries[i].answer == START_WAITS ? CLI_UNREACHABLE : CLI_FAILED;
        }
        free(queries);
        start_rules_unref(rules);
        return exit_code;
}

static int want(struct offsets *o) {
        const struct arguments *a = o->arguments;
        char err[512] = "";
        switch (a->action) {
        case IMPORT:
                if (!offsets_want(&o->table, &o->file, a->topic, a->partition, err, sizeof err)) return CLI_OK;
                cli_error("%s: %s; nothing was written (--topic and --partition select)", a->file, err);
                return CLI_USAGE;
        case SET:
                o->table.items[0].wanted = strtoll(a->to, NULL, 10); /* checked with the arguments */
                return CLI_OK;
        case RESET: return want_start(o);
        case EXPORT: break;
        }
        return CLI_OK;
}

/* ---- writing ------------------------------------------------------------ */

enum { WRITE_AGAIN = 100 };

/* Lanes from *at on, as many as fit.  CLI_OK | WRITE_AGAIN | cli_exit */
static int write_some(struct offsets *o, size_t *at) {
        char path[ZNODE_PATH_MAX];
        struct zk_multi *multi = zk_multi_new();
        size_t first = *at;
        int rc = multi ? znode_path_route(path, o->arguments->route) : ERR_NOMEM;
        if (!rc) rc = zk_multi_check(multi, path, o->route_version); /* group and guarantee are what was read */
        for (; !rc && *at < o->lane_count; ++*at) {
                const struct offsets_lane *lane = &o->lanes[*at];
                void *data = NULL;
                size_t bytes = 0;
                if (!lane->changed) continue;
                rc = znode_path_lane(path, o->arguments->route, lane->number);
                if (!rc) rc = codec_pack(&lane->record->base, &data, &bytes);
                bool full = !rc && zk_multi_count(multi) > 1 &&
                            (zk_multi_bytes(multi) + bytes > MULTI_BYTES || zk_multi_count(multi) >= MULTI_OPS);
                if (!rc && !full) rc = zk_multi_set(multi, path, data, bytes, lane->version);
                free(data);
                if (full) break;
        }
        if (!rc) {
                rc = zk_sync_multi(o->zk, multi);
                o->wrote |= rc == 0 || rc == ERR_CONNECTION;
                if (!rc) return CLI_OK;
                return rc == ERR_VERSION || rc == ERR_NOT_FOUND || rc == ERR_CONNECTION
                               ? WRITE_AGAIN
                               : zk_trouble(o, "writing the lanes", rc);
        }
        zk_multi_free(multi);
        if (rc == ERR_TOO_BIG)
                cli_error("lane %u does not hold so many moves; import in parts, by --topic",
                          o->lanes[*at < o->lane_count ? *at : first].number);
        else cli_error("writing the lanes: %s", err_text(rc));
        return CLI_FAILED;
}

/* The lines of what is wanted, and the records with it.  CLI_OK, or said why. */
static int decide(struct offsets *o, FILE *out, bool *any) {
        size_t refused = 0, same = 0;
        *any = false;
        for (size_t i = 0; i < o->table.count; i++) {
                struct offsets_row *row = &o->table.items[i];
                if (row->wanted < 0) continue;
                enum offsets_verdict verdict = offsets_judge(row, o->lanes, o->arguments->force);
                if (verdict >= OFFSETS_OWNED) {
                        if (refused++ < REFUSED_SHOWN) offsets_print(stderr, row, o->lanes, verdict);
                        continue;
                }
                if (verdict == OFFSETS_SAME) {
                        same++;
                        continue;
                }
                offsets_print(out, row, o->lanes, verdict);
                if (verdict != OFFSETS_MOVES) continue;
                *any = true;
                if (offsets_move(&o->lanes[row->lane], row, clock_wall_ms())) return zk_trouble(o, row->topic, ERR_NOMEM);
        }
        if (refused > REFUSED_SHOWN) fprintf(stderr, "and %zu more\n", refused - REFUSED_SHOWN);
        if (refused) {
                cli_error("%zu of the positions cannot be moved; %s", refused,
                          o->wrote ? "others are asked for already, 'heliostat offsets export' shows them"
                                   : "nothing was written");
                return CLI_FAILED;
        }
        if (same) fprintf(out, "%zu position%s there already\n", same, same == 1 ? " is" : "s are");
        return CLI_OK;
}

static int export_all(const struct offsets *o) {
        struct offset_rows rows = {0};
        int rc = offsets_rows(&o->table, &rows);
        char *text = rc ? NULL : o->arguments->json ? offsets_json(&rows, o->arguments->route) : offsets_csv(&rows);
        int exit_code = text ? CLI_OK : CLI_FAILED;
        if (text) fputs(text, stdout);
        else cli_error("%s", err_text(ERR_NOMEM));
        if (rows.count < o->table.count)
                fprintf(stderr, "%zu of %zu partitions have no position\n", o->table.count - rows.count, o->table.count);
        free(text);
        offset_rows_fini(&rows);
        return exit_code;
}

/* CLI_OK: done | WRITE_AGAIN | said why. */
static int round_of(struct offsets *o) {
        const struct arguments *a = o->arguments;
        char *text = NULL;
        size_t size;
        bool any = false;
        if (!o->wrote) interrupt_say("offsets", "nothing was written");
        int exit_code = read_route(o);
        if (!exit_code) exit_code = read_lanes(o);
        if (!exit_code) exit_code = make_table(o);
        if (!exit_code) exit_code = open_source(o);
        if (!exit_code) exit_code = read_group(o);
        if (!exit_code) exit_code = read_records(o);
        if (exit_code) return exit_code;
        offsets_positions(&o->table, o->lanes);
        if (a->action == EXPORT) return export_all(o);
        exit_code = want(o);
        if (!exit_code) exit_code = read_ranges(o);
        if (exit_code) return exit_code;
        FILE *out = open_memstream(&text, &size);
        if (!out) return zk_trouble(o, a->route, ERR_NOMEM);
        exit_code = decide(o, out, &any);
        if (fclose(out) != 0 && !exit_code) exit_code = zk_trouble(o, a->route, ERR_NOMEM);
        if (!exit_code && any && !a->dry_run)
                interrupt_say("offsets", "each lane has all of its new positions or none: the same command again moves the others");
        for (size_t at = 0; !exit_code && any && !a->dry_run && at < o->lane_count;) exit_code = write_some(o, &at);
        if (!exit_code) {
                fputs(text, stdout);
                if (a->dry_run) puts("dry run: nothing was written");
        }
        free(text);
        return exit_code;
}

/* ---- start -------------------------------------------------------------- */

/* Digits only, at most max; -1 for anything else. */
static int64_t number_parse(const char *text, int64_t max) {
        int64_t number = 0;
        if (!*text) return -1;
        for (; *text; text++)
                if (*text < '0' || *text > '9' || __builtin_mul_overflow(number, 10, &number) ||
                    __builtin_add_overflow(number, *text - '0', &number) || number > max)
                        return -1;
        return number;
}

static int wrong(const char *what) {
        cli_error("offsets: %s; see 'heliostat offsets --help'", what);
        return CLI_USAGE;
}

static int check(struct arguments *a) {
        if (a->partition >= 0 && !a->topic) return wrong("--partition needs --topic");
        if (a->action == IMPORT && !a->file) return wrong("import needs --file FILE");
        if (a->action != IMPORT && a->file) return wrong("--file is of import");
        if (a->action != EXPORT && a->json) return wrong("-o is of export");
        if (a->action == EXPORT && (a->dry_run || a->force)) return wrong("export writes nothing");
        if ((a->action == EXPORT || a->action == IMPORT) && a->to) return wrong("--to is of set and reset");
        if (a->action == SET && (!a->topic || a->partition < 0 || !a->to))
                return wrong("set needs --topic, --partition and --to OFFSET");
        if (a->action == SET && number_parse(a->to, INT64_MAX - 1) < 0) {
                cli_error("offsets set: --to: expected an offset, not '%.100s'; 'heliostat offsets reset' takes words", a->to);
                return CLI_USAGE;
        }
        return CLI_OK;
}

static int arguments_take(const struct verb_args *args, struct arguments *a) {
        *a = (struct arguments){.route = args->operands[1],
                                .config = verb_text(args, "config", NULL),
                                .topic = verb_text(args, "topic", NULL),
                                .to = verb_text(args, "to", NULL),
                                .file = verb_text(args, "file", NULL),
                                .partition = verb_number(args, "partition", -1),
                                .json = verb_chose(args, "output", "json"),
                                .dry_run = verb_has(args, "dry-run"),
                                .force = verb_has(args, "force"),
                                .timeout_s = cli_seconds(args, "timeout", TIMEOUT_S)};
        while (strcmp(action_names[a->action], args->operands[0]) != 0) a->action++; /* the table has the same */
        return check(a);
}

static int run(const struct config *config, const struct arguments *a) {
        struct offsets o = {.config = config, .arguments = a};
        char err[512];
        int exit_code = CLI_OK;
        if (a->file && offsets_file_read(a->file, NULL, &o.file, err, sizeof err)) {
                cli_error("%s", err);
                return CLI_USAGE;
        }
        int rc = zk_sync_open(config, "offsets", a->timeout_s, &o.zk);
        if (rc) {
                cli_error("ZooKeeper at %s: %s", config->zookeeper_connect, err_text(rc));
                exit_code = CLI_FAILED;
        }
        for (int round = 0; o.zk; round++) {
                exit_code = round_of(&o);
                round_free(&o);
                if (exit_code != WRITE_AGAIN) break;
                exit_code = CLI_FAILED;
                if (round + 1 < ROUNDS_MAX) continue;
                cli_error("somebody else keeps changing the lanes of %s; run it again to see what is done", a->route);
                break;
        }
        zk_sync_close(o.zk);
        if (o.consumer) rd_kafka_destroy_flags(o.consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        free(o.group);
        offset_rows_fini(&o.file);
        return exit_code;
}

int cli_offsets(const struct verb_args *args) {
        struct arguments arguments;
        struct config config;
        int exit_code = arguments_take(args, &arguments);
        if (exit_code) return exit_code;
        exit_code = cli_load(arguments.config, &config);
        if (exit_code) return exit_code;
        exit_code = cli_check_zookeeper(&config);
        /* to a person at a terminal, a connection that works is no news */
        if (log_get_level() == LOG_INFO) log_set_level(LOG_ERROR);
        if (!exit_code) exit_code = run(&config, &arguments);
        if (!exit_code && fflush(stdout) != 0) {
                cli_error("cannot write to standard output");
                exit_code = CLI_FAILED;
        }
        config_fini(&config);
        return exit_code;
}
