/* Rounds of: read the route and all its lanes, plan, then write lane by lane.
 * A conflict, or a result that a lost connection left unknown, starts the next
 * round: it finds the lane answered, or what its owner or the leader made of it.
 *
 *   ROUTE -> LIST -> LANES -> (plan) -> ASSIGN -> WRITE -> ASSIGN ... -> end
 *   any -> WAITING -> ROUTE     connection lost or conflict
 *
 * A lane is one multi: its record, and with it the entry in its owner's assign
 * node, whose new spec makes the owner read the record.  The leader would write
 * that entry too, but only when it reads all lanes again, and only if there is
 * one.  Rejected: all lanes in one multi; each owner writes its lanes all the
 * time, so a large one would hardly ever fit. */
#include "cli/resume.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "cli/cli.h"
#include "cli/pause.h"
#include "cli/resume_plan.h"
#include "common/pause.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/log.h"
#include "common/names.h"
#include "common/text.h"
#include "common/zk.h"
#include "common/znode_path.h"

#define RETRY_MS 100
#define TIMEOUT_S 15
#define CONFLICTS_MAX 20

struct lane {
        uint32_t number;
        Heliostat__Pb__Lane *record; /* NULL: gone or unreadable */
        int32_t version;
        int outcome;                 /* of the plan */
        char *text;
};

struct resume {
        const struct config *config;
        const char *route;
        struct resume_request request;
        bool dry_run;
        unsigned timeout_s;

        uv_loop_t loop;
        uv_timer_t deadline, retry;
        struct zk *zk;

        unsigned round;    /* answers to an earlier one are ignored */
        struct lane *lanes;
        size_t lane_count;
        size_t reading;    /* lanes of this round that are not answered yet */
        size_t at;         /* lane that is being written */
        unsigned conflicts;

        bool written[ROUTE_LANES_MAX];
        bool unreadable[ROUTE_LANES_MAX]; /* said already */
        bool any_unreadable;
        uint32_t doubt;    /* lane whose write has an unknown result, with ... */
        char *doubt_text;  /* ... its lines; NULL: none */
        char **lines;      /* what was done, or was done before */
        size_t line_count;
        char *note;        /* behind the lines; NULL: none */

        bool ended;
        int exit_code;
};

/* A read of a lane. */
struct reading {
        struct resume *resume;
        unsigned round;
        size_t index;
};

static void read_route(struct resume *r);
static void write_next(struct resume *r);

/* ---- the end ------------------------------------------------------------ */

static void on_zk_closed(void *ctx) {
        struct resume *r = ctx;
        uv_close((uv_handle_t *)&r->deadline, NULL);
        uv_close((uv_handle_t *)&r->retry, NULL);
}

/* "t-2" before "t-10" */
static int by_partition(const void *a, const void *b) {
        return strverscmp(*(char *const *)a, *(char *const *)b);
}

static void end(struct resume *r, int exit_code) {
        if (r->ended) return;
        r->ended = true;
        r->exit_code = exit_code;
        if (r->line_count) qsort(r->lines, r->line_count, sizeof *r->lines, by_partition);
        for (size_t i = 0; i < r->line_count; i++) puts(r->lines[i]);
        if (exit_code == CLI_OK && r->note) puts(r->note);
        (void)uv_timer_stop(&r->deadline); /* cannot fail on an initialized timer */
        (void)uv_timer_stop(&r->retry);
        zk_close(r->zk, on_zk_closed, r);
        r->zk = NULL;
}

/* What is printed at the end is all that was written. */
static const char *rest(const struct resume *r) {
        return r->line_count ? "; the other halts have no answer yet" : "; nothing was written";
}

static void on_deadline(uv_timer_t *timer) {
        struct resume *r = timer->data;
        const char *why = zk_last_error(r->zk);
        cli_error("ZooKeeper at %s cannot be reached within %u s%s%s%s", r->config->zookeeper_connect,
                  r->timeout_s, *why ? ": " : "", why,
                  r->doubt_text ? "; whether all was written is not known, run resume again" : rest(r));
        end(r, CLI_UNREACHABLE);
}

static void on_retry(uv_timer_t *timer) {
        struct resume *r = timer->data;
        /* uv_timer_start fails for a closing handle only */
        if (zk_state(r->zk) == ZK_CONNECTED) read_route(r);
        else (void)uv_timer_start(&r->retry, on_retry, RETRY_MS, 0);
}

/* The next round, when the connection is there. */
static void again(struct resume *r) {
        r->round++;
        (void)uv_timer_start(&r->retry, on_retry, RETRY_MS, 0); /* as above */
}

/* A step did not work: try again where that helps, else end. */
static void trouble(struct resume *r, const char *what, int code) {
        if (code == ERR_CLOSING) return;
        if (code == ERR_CONNECTION || code == ERR_SESSION) {
                again(r);
                return;
        }
        cli_error("%s: %s%s", what, err_text(code), rest(r));
        end(r, CLI_FAILED);
}

static void conflict(struct resume *r) {
        if (++r->conflicts < CONFLICTS_MAX) {
                again(r);
                return;
        }
        cli_error("somebody else keeps changing lane %u of %s%s", r->lanes[r->at].number, r->route, rest(r));
        end(r, CLI_FAILED);
}

/* Keeps the lines of a lane for the end. */
static bool lines_take(struct resume *r, char *text) {
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
                char **lines = reallocarray(r->lines, r->line_count + 1, sizeof *lines);
                char *copy = strdup(line);
                if (lines) r->lines = lines;
                if (!lines || !copy) {
                        free(copy);
                        trouble(r, r->route, ERR_NOMEM);
                        return false;
                }
                r->lines[r->line_count++] = copy;
        }
        return true;
}

/* ---- writing ------------------------------------------------------------ */

static bool lane_done(struct resume *r, uint32_t number, char *text) {
        r->written[number] = true;
        return lines_take(r, text);
}

static void on_written(void *ctx, int code, int failed, const struct zk_multi_result *results, size_t count) {
        struct resume *r = ctx;
        (void)failed;
        (void)results;
        (void)count;
        if (r->ended) return;
        if (code == ERR_CONNECTION || code == ERR_SESSION) { /* it may have been done */
                again(r);
                return;
        }
        free(r->doubt_text);
        r->doubt_text = NULL;
        if (code == ERR_VERSION || code == ERR_NOT_FOUND) {
                conflict(r);
                return;
        }
        if (code) {
                trouble(r, "writing the lane", code);
                return;
        }
        if (!lane_done(r, r->lanes[r->at].number, r->lanes[r->at].text)) return;
        r->at++;
        write_next(r);
}

/* assign: NULL when nobody is to be told. */
static void write_lane(struct resume *r, Heliostat__Pb__Assignment *assign, int32_t assign_version) {
        struct lane *lane = &r->lanes[r->at];
        char lane_path[ZNODE_PATH_MAX], assign_path[ZNODE_PATH_MAX];
        void *data = NULL, *assign_data = NULL;
        size_t bytes, assign_bytes;
        struct zk_multi *multi = zk_multi_new();
        int rc = multi ? 0 : ERR_NOMEM;

        if (!rc) rc = znode_path_lane(lane_path, r->route, lane->number);
        if (!rc) rc = codec_pack(&lane->record->base, &data, &bytes);
        if (!rc) rc = zk_multi_set(multi, lane_path, data, bytes, lane->version);
        if (!rc && assign) {
                rc = znode_path_assign(assign_path, lane->record->owner);
                if (!rc) rc = codec_pack(&assign->base, &assign_data, &assign_bytes);
                if (!rc) rc = zk_multi_set(multi, assign_path, assign_data, assign_bytes, assign_version);
        }
        free(data);
        free(assign_data);
        if (!rc && !(r->doubt_text = strdup(lane->text))) rc = ERR_NOMEM;
        if (!rc) {
                r->doubt = lane->number;
                rc = zk_multi_run(r->zk, multi, on_written, r);
                if (!rc) return;
                free(r->doubt_text);
                r->doubt_text = NULL;
        }
        zk_multi_free(multi);
        trouble(r, "writing the lane", rc);
}

static void on_assign(void *ctx, int code, const void *data, size_t bytes, const struct zk_stat *stat) {
        struct resume *r = ctx;
        struct lane *lane = &r->lanes[r->at];
        Heliostat__Pb__Assignment *assign = NULL;
        if (r->ended) return;
        if (code && code != ERR_NOT_FOUND) {
                trouble(r, ZNODE_ASSIGNS, code);
                return;
        }
        /* One that cannot be read is the leader's to repair. */
        bool listed = code == 0 && codec_unpack_assignment(data, bytes, &assign) == 0 &&
                      resume_tell(assign, r->route, lane->number, lane->record->spec);
        write_lane(r, listed ? assign : NULL, listed ? stat->version : 0);
        codec_free(assign);
}

static void write_next(struct resume *r) {
        char path[ZNODE_PATH_MAX];
        while (r->at < r->lane_count && r->lanes[r->at].outcome != RESUME_CHANGED) r->at++;
        if (r->at == r->lane_count) {
                end(r, r->any_unreadable ? CLI_FAILED : CLI_OK);
                return;
        }
        const struct lane *lane = &r->lanes[r->at];
        if (lane->record->state == HELIOSTAT__PB__LANE_STATE__LANE_FREE) {
                write_lane(r, NULL, 0); /* its next owner reads it */
                return;
        }
        int rc = znode_path_assign(path, lane->record->owner);
        if (!rc) rc = zk_get(r->zk, path, NULL, NULL, on_assign, r);
        if (rc) trouble(r, ZNODE_ASSIGNS, rc);
}

/* ---- planning ----------------------------------------------------------- */

/* 0, or has ended. */
static int check_names(struct resume *r) {
        const Heliostat__Pb__Lane **records = calloc(r->lane_count + 1, sizeof(Heliostat__Pb__Lane *));
        char err[640];
        int rc = records ? 0 : ERR_NOMEM;
        for (size_t i = 0; !rc && i < r->lane_count; i++) records[i] = r->lanes[i].record;
        if (!rc) rc = resume_check(records, r->lane_count, &r->request, err, sizeof err);
        free(records);
        if (rc == ERR_NOT_FOUND) {
                cli_error("%s %s", r->route, err);
                end(r, CLI_USAGE);
        } else if (rc) {
                trouble(r, r->route, rc);
        }
        return rc;
}

static int plan_lane(struct resume *r, struct lane *lane) {
        if (!lane->record) {
                lane->outcome = RESUME_NOTHING;
                return 0;
        }
        int rc = resume_plan(lane->record, lane->number, &r->request, &lane->text);
        if (rc < 0) {
                trouble(r, r->route, rc);
                return rc;
        }
        lane->outcome = rc;
        if (rc == RESUME_REFUSED) {
                lane->text[strcspn(lane->text, "\n")] = '\0';
                cli_error("%s%s", lane->text, rest(r));
                end(r, CLI_USAGE);
                return ERR_INVALID;
        }
        return 0;
}

static void print_nothing(const struct resume *r) {
        if (r->request.partition >= 0)
                printf("%s-%lld of %s is not halted\n", r->request.topic, (long long)r->request.partition, r->route);
        else if (r->request.topic) printf("nothing is halted in %s of %s\n", r->request.topic, r->route);
        else printf("nothing is halted in %s\n", r->route);
}

static void decide(struct resume *r) {
        bool any = false;
        if (!r->any_unreadable && check_names(r)) return;
        for (size_t i = 0; i < r->lane_count; i++) {
                struct lane *lane = &r->lanes[i];
                if (r->written[lane->number]) {
                        lane->outcome = RESUME_NOTHING; /* a halt of now is another one */
                        continue;
                }
                if (plan_lane(r, lane)) return;
        }
        for (size_t i = 0; i < r->lane_count; i++) {
                struct lane *lane = &r->lanes[i];
                if (r->doubt_text && r->doubt == lane->number && lane->outcome != RESUME_CHANGED &&
                    !r->written[lane->number]) {
                        /* it was done, and perhaps carried out since */
                        if (!lane_done(r, lane->number, r->doubt_text)) return;
                } else if (lane->outcome == RESUME_ANSWERED || (r->dry_run && lane->outcome == RESUME_CHANGED)) {
                        if (!lane_done(r, lane->number, lane->text)) return;
                }
                any |= lane->outcome == RESUME_CHANGED;
        }
        free(r->doubt_text);
        r->doubt_text = NULL;
        if (!any && !r->line_count) {
                print_nothing(r);
        } else if (r->dry_run) {
                free(r->note);
                r->note = strdup("dry run: nothing was written");
        }
        if (r->dry_run) {
                end(r, r->any_unreadable ? CLI_FAILED : CLI_OK);
                return;
        }
        r->at = 0;
        write_next(r);
}

/* ---- reading ------------------------------------------------------------ */

static void lane_unreadable(struct resume *r, uint32_t number, int code) {
        r->any_unreadable = true;
        if (r->unreadable[number]) return;
        r->unreadable[number] = true;
        cli_error("lane %u of %s cannot be read (%s); it is left alone", number, r->route, err_text(code));
}

static void on_lane(void *ctx, int code, const void *data, size_t bytes, const struct zk_stat *stat) {
        struct reading *reading = ctx;
        struct resume *r = reading->resume;
        bool wanted = !r->ended && reading->round == r->round;
        size_t index = reading->index;
        free(reading);
        if (!wanted) return;
        struct lane *lane = &r->lanes[index];
        if (code && code != ERR_NOT_FOUND) {
                trouble(r, r->route, code);
                return;
        }
        if (!code) {
                int rc = codec_unpack_lane(data, bytes, &lane->record);
                if (rc) lane_unreadable(r, lane->number, rc);
                lane->version = stat->version;
        }
        if (--r->reading == 0) decide(r);
}

static int by_number(const void *a, const void *b) {
        const struct lane *x = a, *y = b;
        return x->number < y->number ? -1 : x->number > y->number;
}

static void on_lanes(void *ctx, int code, const char *const *names, size_t count, const struct zk_stat *stat) {
        struct resume *r = ctx;
        (void)stat;
        if (r->ended) return;
        if (code && code != ERR_NOT_FOUND) { /* not found: no coordinator has led yet */
                trouble(r, ZNODE_LANES, code);
                return;
        }
        if (code) count = 0;
        r->lanes = calloc(count + 1, sizeof *r->lanes);
        if (!r->lanes) {
                trouble(r, ZNODE_LANES, ERR_NOMEM);
                return;
        }
        for (size_t i = 0; i < count; i++) {
                char canonical[16];
                unsigned long number = strtoul(names[i], NULL, 10);
                if (number >= ROUTE_LANES_MAX) continue;
                (void)snprintf(canonical, sizeof canonical, "%lu", number);
                if (strcmp(canonical, names[i]) != 0) continue; /* not one of ours */
                r->lanes[r->lane_count++].number = (uint32_t)number;
        }
        if (!r->lane_count) {
                decide(r);
                return;
        }
        qsort(r->lanes, r->lane_count, sizeof *r->lanes, by_number);
        r->reading = r->lane_count;
        for (size_t i = 0; i < r->lane_count; i++) {
                char path[ZNODE_PATH_MAX];
                struct reading *reading = calloc(1, sizeof *reading);
                int rc = reading ? znode_path_lane(path, r->route, r->lanes[i].number) : ERR_NOMEM;
                if (!rc) {
                        *reading = (struct reading){r, r->round, i};
                        rc = zk_get(r->zk, path, NULL, NULL, on_lane, reading);
                }
                if (rc) {
                        free(reading);
                        trouble(r, r->route, rc);
                        return;
                }
        }
}

static void on_names(void *ctx, int code, const char *const *names, size_t count, const struct zk_stat *stat) {
        struct resume *r = ctx;
        (void)stat;
        if (r->ended) return;
        if (code && code != ERR_NOT_FOUND) {
                trouble(r, ZNODE_ROUTES, code);
                return;
        }
        const char *nearest = code ? NULL : text_nearest(r->route, names, count);
        if (code || count == 0)
                cli_error("ZooKeeper at %s has no routes; was 'heliostat apply' run?", r->config->zookeeper_connect);
        else if (nearest && znode_route_valid(nearest))
                cli_error("unknown route '%s'; did you mean '%s'?", r->route, nearest);
        else cli_error("unknown route '%s'; 'heliostat status' lists them", r->route);
        end(r, CLI_USAGE);
}

/* The topic of dead letters is made by the coordinator, for that policy. */
static void note_dead_letters(struct resume *r, const Heliostat__Pb__Route *spec) {
        char topic[NAMES_TOPIC_SIZE];
        if (r->request.answer != HELIOSTAT__PB__HALT_ANSWER__ANSWER_DEAD_LETTER || r->note ||
            strcmp(spec->poison_record_policy, "dead-letter") == 0)
                return;
        names_dead_letters_topic(topic, spec->group_id);
        if (asprintf(&r->note,
                     "note: the topic %s has to exist at the destination, with %u partitions; the coordinator "
                     "creates it only for poison.record.policy = dead-letter",
                     topic, spec->lanes) < 0)
                r->note = NULL; /* it is a hint only */
}

static void on_route(void *ctx, int code, const void *data, size_t bytes, const struct zk_stat *stat) {
        struct resume *r = ctx;
        Heliostat__Pb__Route *spec = NULL;
        char path[ZNODE_PATH_MAX];
        int rc;
        (void)stat;
        if (r->ended) return;
        if (code && code != ERR_NOT_FOUND) {
                trouble(r, r->route, code);
                return;
        }
        if (code == ERR_NOT_FOUND) {
                rc = zk_children(r->zk, ZNODE_ROUTES, NULL, NULL, on_names, r);
                if (rc) trouble(r, ZNODE_ROUTES, rc);
                return;
        }
        rc = codec_unpack_route(data, bytes, &spec);
        if (rc) {
                cli_error("the route %s in ZooKeeper cannot be read (%s)%s", r->route, err_text(rc), rest(r));
                end(r, CLI_FAILED);
                return;
        }
        note_dead_letters(r, spec);
        codec_free(spec);
        rc = znode_path_lanes(path, r->route);
        if (!rc) rc = zk_children(r->zk, path, NULL, NULL, on_lanes, r);
        if (rc) trouble(r, ZNODE_LANES, rc);
}

static void forget_round(struct resume *r) {
        for (size_t i = 0; i < r->lane_count; i++) {
                codec_free(r->lanes[i].record);
                free(r->lanes[i].text);
        }
        free(r->lanes);
        r->lanes = NULL;
        r->lane_count = 0;
        r->any_unreadable = false;
}

static void read_route(struct resume *r) {
        char path[ZNODE_PATH_MAX];
        forget_round(r);
        int rc = znode_path_route(path, r->route);
        if (!rc) rc = zk_get(r->zk, path, NULL, NULL, on_route, r);
        if (rc) trouble(r, r->route, rc);
}

/* ---- start -------------------------------------------------------------- */

/* The retry timer looks for the connection; only a refusal needs an answer. */
static void on_state(void *ctx, enum zk_state state) {
        struct resume *r = ctx;
        if (state != ZK_REFUSED || r->ended) return;
        cli_error("ZooKeeper at %s refuses: %s", r->config->zookeeper_connect, zk_last_error(r->zk));
        end(r, CLI_FAILED);
}

struct arguments {
        const char *route, *config;
        struct resume_request request;
        bool dry_run;
        bool answered; /* halts alone, by an option */
        unsigned timeout_s;
};

static int run(const struct config *config, const struct arguments *arguments) {
        struct resume *r = calloc(1, sizeof *r);
        if (!r || uv_loop_init(&r->loop) != 0) {
                free(r);
                cli_error("%s", err_text(ERR_SYSTEM));
                return CLI_FAILED;
        }
        r->config = config;
        r->route = arguments->route;
        r->request = arguments->request;
        r->dry_run = arguments->dry_run;
        r->timeout_s = arguments->timeout_s;
        (void)uv_timer_init(&r->loop, &r->deadline); /* always 0 */
        (void)uv_timer_init(&r->loop, &r->retry);
        r->deadline.data = r->retry.data = r;
        int rc = zk_open(&r->loop, config->zookeeper_connect, config->zookeeper_session_timeout_ms, on_state, r,
                         &r->zk);
        if (rc) {
                cli_error("ZooKeeper at %s: %s", config->zookeeper_connect, err_text(rc));
                r->exit_code = rc == ERR_INVALID ? CLI_USAGE : CLI_FAILED;
                on_zk_closed(r);
        } else {
                (void)uv_timer_start(&r->deadline, on_deadline, (uint64_t)r->timeout_s * 1000, 0);
                (void)uv_timer_start(&r->retry, on_retry, 1, 0);
        }
        (void)uv_run(&r->loop, UV_RUN_DEFAULT); /* returns when all handles are closed */
        (void)uv_loop_close(&r->loop);
        forget_round(r);
        for (size_t i = 0; i < r->line_count; i++) free(r->lines[i]);
        free(r->lines);
        free(r->doubt_text);
        free(r->note);
        int exit_code = r->exit_code;
        free(r);
        return exit_code;
}

static int arguments_take(const struct verb_args *args, struct arguments *out) {
        static const struct {
                const char *option;
                Heliostat__Pb__HaltAnswer answer;
        } answers[] = {
                {"retry", HELIOSTAT__PB__HALT_ANSWER__ANSWER_RETRY}, {"skip", HELIOSTAT__PB__HALT_ANSWER__ANSWER_SKIP},
                {"restart", HELIOSTAT__PB__HALT_ANSWER__ANSWER_RESTART},
                {"dead-letter", HELIOSTAT__PB__HALT_ANSWER__ANSWER_DEAD_LETTER},
                {"to", HELIOSTAT__PB__HALT_ANSWER__ANSWER_OFFSET},
        };
        struct resume_request *request = &out->request;
        *out = (struct arguments){.route = args->operands[0],
                                  .config = verb_text(args, "config", NULL),
                                  .dry_run = verb_has(args, "dry-run"),
                                  .timeout_s = cli_seconds(args, "timeout", TIMEOUT_S),
                                  .request = {.topic = verb_text(args, "topic", NULL),
                                              .partition = verb_number(args, "partition", -1),
                                              .to = verb_number(args, "to", 0)}};
        for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
                if (!verb_has(args, answers[i].option)) continue;
                if (request->answer) {
                        cli_error("resume: only one of --retry, --skip, --restart, --dead-letter and --to");
                        return CLI_USAGE;
                }
                request->answer = answers[i].answer;
        }
        if (request->partition >= 0 && !request->topic) {
                cli_error("resume: --partition needs --topic");
                return CLI_USAGE;
        }
        out->answered = request->answer != HELIOSTAT__PB__HALT_ANSWER__ANSWER_NONE;
        if (out->answered && verb_has(args, "topics")) {
                cli_error("resume: --topics takes back pauses; an answer to halts goes with --topic");
                return CLI_USAGE;
        }
        if (!request->answer) request->answer = HELIOSTAT__PB__HALT_ANSWER__ANSWER_RETRY;
        if (request->answer == HELIOSTAT__PB__HALT_ANSWER__ANSWER_OFFSET && request->partition < 0) {
                cli_error("resume: --to is an offset of one partition: it needs --topic and --partition");
                return CLI_USAGE;
        }
        return CLI_OK;
}

int cli_resume(const struct verb_args *args) {
        struct arguments arguments;
        struct config config;
        struct pause_order order = {.verb = "resume", .resume = true, .route = args->operands[0],
                                    .dry_run = verb_has(args, "dry-run"),
                                    .timeout_s = cli_seconds(args, "timeout", TIMEOUT_S)};
        char rule[PAUSE_TEXT_MAX];
        bool changed = false, only_pauses = verb_has(args, "topics");
        int exit_code = arguments_take(args, &arguments);

        if (!exit_code) exit_code = pause_order_topics(args, rule, &order);
        if (exit_code) return exit_code;
        exit_code = cli_load(arguments.config, &config);
        if (exit_code) return exit_code;
        exit_code = cli_check_zookeeper(&config);
        /* to a person at a terminal, a connection that works is no news */
        if (log_get_level() == LOG_INFO) log_set_level(LOG_ERROR);
        if (!exit_code && !arguments.answered) exit_code = pause_order(&config, &order, &changed);
        if (!exit_code && only_pauses && !changed) printf("nothing of %s that these topics could mean is paused\n", order.route);
        if (!exit_code && !only_pauses) exit_code = run(&config, &arguments);
        if (!exit_code && fflush(stdout) != 0) {
                cli_error("cannot write to standard output");
                exit_code = CLI_FAILED;
        }
        config_fini(&config);
        return exit_code;
}
