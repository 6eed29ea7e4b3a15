/* The lanes of a route in one process: what the coordinator and the worker do
 * together through ZooKeeper is done here by the calls of one loop.
 *
 * The order that the promises hang on is the worker's: clients are made (with
 * exactly-once that ends what an earlier process left open), then the claim, a
 * generation above all that are committed, then positions, then records.  What
 * a znode holds for a worker lives in memory: a partition is `started` when the
 * group has a position of it, MirrorMaker 1's too; a halt is found again by the
 * next process, because its position stays where it is.
 *
 * Rejected: a lock against a second process of the same group.  Kafka has none
 * that outlives its holder by less than a session, and the fence is needed all
 * the same. */
#include "cli/mirror_run.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/mirror_internal.h"
#include "cli/route_diff.h"
#include "cli/start_files.h"
#include "cli/verify_route.h"
#include "common/clock.h"
#include "common/codec.h"
#include "common/err.h"
#include "common/halt_text.h"
#include "common/log.h"
#include "common/start_route.h"
#include "common/text.h"
#include "worker/budget.h"
#include "worker/process_tune.h"
#include "worker/pump_settings.h"

#define TICK_MS 500
#define LIMITS_MS 1000 /* between two divisions of the limits */
#define LINE_MS 5000           /* between lines, where there is no terminal */
#define LINE_QUIET_MS 60000    /* when nothing happens */
#define BEGIN_LIMIT_MS 30000   /* to reach both clusters and find the topics */
#define QUIET_MS 3000          /* before a trouble at the start is told */
#define DRAIN_LIMIT_MS 10000
#define END_LIMIT_MS 20000     /* for all lanes, from the drain to the end of their clients */
#define MESSAGE_TIMEOUT_MS 10000
/* Also how long an idle process may not notice that it was replaced. */
#define RECOMMIT_MS 10000
#define COMPARE_BYTES ((uint64_t)64 << 20)
#define COMPARE_SILENCE_S 30
#define COMPARE_FINDINGS 20    /* shown of each partition */
#define DEFAULT_GROUP_PREFIX "heliostat.mirror-to-"

/* ---- the terminal ---- */

static struct mirror_run *on_terminal; /* whose bar is on the last line; NULL: none */

static void clear_bar(void) {
        if (!on_terminal) return;
        ssize_t ignored = write(STDERR_FILENO, "\r\x1b[K", 4);
        (void)ignored; /* the bar is drawn again in a moment */
}

void mirror_say(struct mirror_run *run, const char *format, ...) {
        char text[1024];
        va_list ap;
        (void)run;
        va_start(ap, format);
        (void)vsnprintf(text, sizeof text, format, ap); /* cut */
        va_end(ap);
        text_one_line(text); /* what brokers and other clients of them say is in it */
        clear_bar();
        fprintf(stderr, "heliostat: %s\n", text);
}

static unsigned columns(void) {
        struct winsize size;
        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20) return size.ws_col;
        return 80;
}

static void show_progress(struct mirror_run *run, bool now) {
        int64_t now_ms = clock_boot_ms();
        struct mirror_progress p = {.sums = mirror_table_sums(&run->table), .bounded = run->bounded && run->aimed,
                                    .word = run->phase == DRAINING ? "ending" : "mirroring",
                                    .elapsed_ms = now_ms - run->started_ms};
        struct text out = {0};
        mirror_rate_take(&run->rate, now_ms, &p.sums);
        p.rate = run->rate;
        if (run->tty) {
                mirror_progress_bar(&p, columns() - 1, &out);
                if (out.data) fprintf(stderr, "\r\x1b[K%s", out.data);
        } else if (now || now_ms - run->said_ms >= (p.sums.records != run->said_records ? LINE_MS : LINE_QUIET_MS)) {
                mirror_progress_line(&p, &out);
                if (out.data) fprintf(stderr, "heliostat: %s\n", out.data);
                run->said_ms = now_ms;
                run->said_records = p.sums.records;
        }
        (void)fflush(stderr); /* unbuffered anyway */
        free(out.data);
}

/* ---- the end ---- */

static void end_now(struct mirror_run *run) {
        run->phase = ENDED;
        uv_stop(&run->loop);
}

/* Before a lane was opened: there is nothing to wait for. */
static void give_up(struct mirror_run *run, int exit_code, const char *why) {
        (void)snprintf(run->stopped, sizeof run->stopped, "%s", why);
        mirror_say(run, "%s", why);
        run->exit_code = exit_code;
        end_now(run);
}

static void check_destination(struct mirror_run *run) {
        (void)uv_timer_stop(&run->limit);
        run->phase = CHECKING;
        if (run->args->no_verify || run->job_running) return run->job_running ? (void)0 : end_now(run);
        mirror_job_start(run, JOB_CHECK);
}

static bool all_closed(const struct mirror_run *run) {
        for (uint32_t i = 0; i < run->spec.lanes; i++)
                if (!run->lanes[i].closed) return false;
        return true;
}

static void on_limit(uv_timer_t *timer) {
        struct mirror_run *run = timer->data;
        log_warn("mirror.end.hang", "note=\"clients of some lanes do not end; what they had is committed or will be repeated\"");
        check_destination(run);
}

/* Drains all lanes; `why` NULL: it has come to its end. */
static void begin_end(struct mirror_run *run, int exit_code, const char *why) {
        if (why && !*run->stopped) (void)snprintf(run->stopped, sizeof run->stopped, "%s", why);
        if (exit_code && !run->exit_code) run->exit_code = exit_code;
        if (run->phase >= DRAINING) return;
        if (run->phase < OPENING) return end_now(run);
        run->phase = DRAINING;
        discover_pause(run->discover);
        for (uint32_t i = 0; i < run->spec.lanes; i++)
                if (run->lanes[i].pump && !run->lanes[i].draining) {
                        run->lanes[i].draining = true;
                        pump_drain(run->lanes[i].pump, DRAIN_LIMIT_MS);
                }
        (void)uv_timer_start(&run->limit, on_limit, END_LIMIT_MS, 0);
        if (all_closed(run)) check_destination(run);
}

static void on_signal(uv_signal_t *handle, int number) {
        struct mirror_run *run = handle->data;
        if (run->signals++) {
                clear_bar();
                fprintf(stderr, "heliostat: ended at once; records since the last commit may be repeated by the next run\n");
                _exit(128 + number);
        }
        mirror_say(run, "%s: ending after the last commit; once more to end at once",
                   number == SIGINT ? "interrupted" : "told to stop");
        begin_end(run, 0, run->bounded ? "a signal; run it again to go on" : NULL);
}

/* ---- lanes ---- */

static void on_ready(void *ctx);
static void on_facts(void *ctx, const struct pump_fact *facts, size_t count);
static void on_running(void *ctx) { (void)ctx; }

static void take_rows(struct mirror_run *run, const struct pump_snapshot *snapshot, bool last) {
        for (size_t i = 0; i < snapshot->count; i++) {
                const struct pump_row *row = &snapshot->rows[i];
                struct mirror_part *part = mirror_table_find(&run->table, row->topic, row->partition);
                if (!part) continue;
                mirror_part_at(part, row->position);
                part->records = row->records;
                part->bytes = row->bytes;
                if (last) continue; /* states are those of an end */
                if (row->end_offset >= 0) part->end = row->end_offset;
                part->state = (Heliostat__Pb__PartitionState)row->state;
                (void)snprintf(part->error, sizeof part->error, "%.159s",
                               row->error      ? row->error
                               : *snapshot->error && row->state != HELIOSTAT__PB__PARTITION_STATE__PARTITION_RUNNING
                                       ? snapshot->error
                                       : "");
        }
}

static void on_last_snapshot(void *ctx, struct pump_snapshot *snapshot) {
        struct mirror_lane *lane = ctx;
        take_rows(lane->run, snapshot, true);
        pump_snapshot_free(snapshot);
}

static void let_go(struct mirror_lane *lane) {
        struct pump *pump = lane->pump;
        if (!pump) return;
        lane->pump = NULL;
        pump_snapshot(pump, on_last_snapshot);
        pump_free(pump);
}

static void on_fenced(void *ctx, uint64_t generation) {
        struct mirror_lane *lane = ctx;
        struct mirror_run *run = lane->run;
        char why[400];
        let_go(lane);
        if (generation)
                (void)snprintf(why, sizeof why,
                               "another process mirrors with group '%s': it has committed generation %" PRIu64
                               ", this one has %" PRIu64,
                               run->spec.group_id, generation, run->generation);
        else
                (void)snprintf(why, sizeof why,
                               "another process mirrors with group '%s': the destination refuses this one in its favour",
                               run->spec.group_id);
        if (run->phase < DRAINING)
                mirror_say(run, "%s; one process for each group: for more than one, run workers and a coordinator with ZooKeeper", why);
        begin_end(run, CLI_REPLACED, why);
}

static void on_drained(void *ctx, bool clean) {
        struct mirror_lane *lane = ctx;
        if (!clean && lane->run->phase == DRAINING)
                mirror_say(lane->run, "lane %u: not everything was acknowledged and committed in time; the next run may repeat records",
                           lane->number);
        let_go(lane);
}

static void on_closed(void *ctx) {
        struct mirror_lane *lane = ctx;
        lane->closed = true;
        if (lane->run->phase == DRAINING && all_closed(lane->run)) check_destination(lane->run);
}

static const struct pump_events pump_events = {on_ready, on_facts, on_running, on_fenced, on_drained, on_closed, NULL};

static void on_facts(void *ctx, const struct pump_fact *facts, size_t count) {
        struct mirror_lane *lane = ctx;
        struct mirror_run *run = lane->run;
        for (size_t i = 0; i < count; i++) {
                const struct halt *halt = &facts[i].halt;
                bool known = lane_record_has(lane->record, &facts[i]);
                lane_record_mark(lane->record, &facts[i], clock_wall_ms());
                if (facts[i].kind != PUMP_FACT_HALTED || known) continue;
                mirror_say(run, "%s: %s partition %d: %s", halt->answer ? "passed by policy" : "HALTED", facts[i].topic,
                           facts[i].partition, halt->reason);
                if (halt->kind == HALT_REFUSED && !halt->answer &&
                    run->args->abort_on_send_failure == MIRROR_TRUE)
                        begin_end(run, CLI_FAILED, "a record was refused, and --abort.on.send.failure is true");
        }
        if (lane->pump) pump_recorded(lane->pump, facts, count);
}

static void lane_start(struct mirror_lane *lane, bool update) {
        size_t count = 0;
        struct pump_partition *partitions = lane_record_partitions(lane->record, &count);
        if (lane->pump && update) pump_update(lane->pump, partitions, count);
        else if (lane->pump) pump_start(lane->pump, lane->run->generation, partitions, count);
        free(partitions);
}

static void open_lanes(struct mirror_run *run) {
        run->phase = OPENING;
        uint64_t share = budget_share(run->config->worker_memory_budget_bytes, run->spec.lanes);
        for (uint32_t i = 0; i < run->spec.lanes; i++) {
                struct mirror_lane *lane = &run->lanes[i];
                struct pump_settings settings =
                        pump_settings_of(run->config, &run->spec, i, MESSAGE_TIMEOUT_MS, share);
                settings.recommit_interval_ms = RECOMMIT_MS;
                settings.start_rules = run->start_rules;
                lane->pump = pump_open(&run->data_loops[i % run->data_loop_count], &run->home, &settings, &pump_events, lane);
                if (!lane->pump) abort(); /* no memory or no descriptors */
        }
        mirror_flow_rules(run);
}

static void on_ready(void *ctx) {
        struct mirror_lane *lane = ctx;
        struct mirror_run *run = lane->run;
        lane->ready = true;
        if (run->phase != OPENING) return;
        for (uint32_t i = 0; i < run->spec.lanes; i++)
                if (!run->lanes[i].ready) return;
        run->phase = CLAIMING;
        mirror_job_start(run, JOB_CLAIM);
}

/* ---- rounds ---- */

static void on_round(struct mirror_run *run) {
        int64_t now_ms = clock_boot_ms();
        if (run->phase == RUNNING && run->bounded && run->aimed) {
                enum mirror_verdict verdict = mirror_table_verdict(&run->table, now_ms);
                if (verdict != MIRROR_GOING) begin_end(run, 0, NULL);
        }
        if (run->phase != RUNNING || run->job_running) return;
        if (run->args->until == MIRROR_UNTIL_LAG) mirror_job_start(run, JOB_ENDS);
        else if (run->args->until == MIRROR_UNTIL_TIME && !run->aimed && clock_wall_ms() >= run->args->until_ms)
                mirror_job_start(run, JOB_AIM);
}

static void on_snapshot(void *ctx, struct pump_snapshot *snapshot) {
        struct mirror_lane *lane = ctx;
        struct mirror_run *run = lane->run;
        lane->asked = false;
        if (run->phase == RUNNING || run->phase == DRAINING) take_rows(run, snapshot, run->phase == DRAINING);
        pump_snapshot_free(snapshot);
        for (uint32_t i = 0; i < run->spec.lanes; i++)
                if (run->lanes[i].asked) return;
        on_round(run);
}

static void on_tick(uv_timer_t *timer) {
        struct mirror_run *run = timer->data;
        int64_t now_ms = clock_boot_ms();
        if ((run->phase == LOOKING || run->phase == FINDING) && now_ms - run->started_ms > BEGIN_LIMIT_MS &&
            (*run->failing || run->phase == LOOKING)) {
                char why[400];
                (void)snprintf(why, sizeof why, "cannot begin: %.280s", *run->failing ? run->failing : "no answer");
                return give_up(run, CLI_UNREACHABLE, why);
        }
        if (run->phase == LOOKING && !run->job_running) return mirror_job_start(run, JOB_LOOK);
        if (run->phase == FINDING && run->args->dry_run && !run->job_running) return mirror_job_start(run, JOB_LIST);
        if ((run->phase == AIMING || run->phase == CLAIMING) && !run->job_running)
                return mirror_job_start(run, run->phase == AIMING ? JOB_AIM : JOB_CLAIM);
        if (run->phase == RUNNING || run->phase == DRAINING) show_progress(run, false);
        if (run->phase != RUNNING) return;
        if (now_ms - run->limits_ms >= LIMITS_MS) {
                mirror_divide_limits(run, now_ms - run->limits_ms);
                run->limits_ms = now_ms;
        }
        for (uint32_t i = 0; i < run->spec.lanes; i++)
                if (run->lanes[i].pump && !run->lanes[i].asked) {
                        run->lanes[i].asked = true;
                        pump_snapshot(run->lanes[i].pump, on_snapshot);
                }
}

/* ---- topics ---- */

/* Parts of ours are freed by codec_free: each is malloc'd. */
static void record_add(Heliostat__Pb__Lane *record, const char *name, int32_t number, bool existed) {
        Heliostat__Pb__LaneTopic *topic = NULL;
        for (size_t i = 0; i < record->n_topics && !topic; i++)
                if (strcmp(record->topics[i]->topic, name) == 0) topic = record->topics[i];
        if (!topic) {
                Heliostat__Pb__LaneTopic **topics = reallocarray(record->topics, record->n_topics + 1, sizeof *topics);
                topic = malloc(sizeof *topic);
                if (!topics || !topic) abort();
                heliostat__pb__lane_topic__init(topic);
                topic->topic = strdup(name);
                if (!topic->topic) abort();
                record->topics = topics;
                record->topics[record->n_topics++] = topic;
        }
        Heliostat__Pb__LanePartition **partitions =
                reallocarray(topic->partitions, topic->n_partitions + 1, sizeof *partitions);
        Heliostat__Pb__LanePartition *partition = malloc(sizeof *partition);
        if (!partitions || !partition) abort();
        heliostat__pb__lane_partition__init(partition);
        partition->partition = (uint32_t)number;
        partition->existed = existed;
        topic->partitions = partitions;
        topic->partitions[topic->n_partitions++] = partition;
}

static void take_there(struct mirror_run *run, const struct topic_found *topic) {
        uint32_t count = topic->partitions_there > topic->partitions_wanted ? topic->partitions_there
                                                                             : topic->partitions_wanted;
        for (uint32_t p = 0; p < count; p++)
                if (!rd_kafka_topic_partition_list_find(run->there, topic->target, (int32_t)p))
                        rd_kafka_topic_partition_list_add(run->there, topic->target, (int32_t)p);
}

static void take_topic(struct mirror_run *run, const struct topic_found *topic, bool *changed) {
        if (!topic->reason) take_there(run, topic);
        for (uint32_t p = 0; p < topic->partitions; p++) {
                struct mirror_part *part = mirror_table_find(&run->table, topic->name, (int32_t)p);
                if (!part) {
                        part = mirror_table_add(&run->table, topic->name, (int32_t)p);
                        part->lane = mirror_lane_of(topic->name, (int32_t)p, run->spec.lanes);
                        part->state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_PARKED;
                }
                if (topic->reason) {
                        if (!part->in_lane) (void)snprintf(part->error, sizeof part->error, "%s", topic->reason);
                        continue;
                }
                if (part->in_lane) continue;
                part->in_lane = true;
                part->destination = strdup(topic->target);
                if (!part->destination) abort();
                part->state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_ASSIGNED;
                *part->error = '\0';
                record_add(run->lanes[part->lane].record, topic->name, (int32_t)p, run->phase == FINDING);
                changed[part->lane] = true;
        }
}

static void on_found(void *ctx, const char *route, const struct topics_found *found) {
        struct mirror_run *run = ctx;
        (void)route;
        if (run->phase > RUNNING) return;
        bool *changed = calloc(run->spec.lanes, sizeof *changed);
        if (!changed) abort();
        *run->failing = '\0';
        if (found->warning && run->phase == FINDING) mirror_say(run, "%s", found->warning);
        for (size_t i = 0; i < found->count; i++) {
                if (found->topics[i].step == TOPIC_PASSED) continue; /* it is not to be mirrored */
                if (found->topics[i].reason && run->phase == FINDING)
                        mirror_say(run, "topic %s is not mirrored: %s", found->topics[i].name, found->topics[i].reason);
                take_topic(run, &found->topics[i], changed);
        }
        for (uint32_t i = 0; run->phase == RUNNING && i < run->spec.lanes; i++)
                if (changed[i]) lane_start(&run->lanes[i], true);
        rd_kafka_topic_partition_list_sort(run->there, NULL, NULL);
        free(changed);
        if (run->phase != FINDING) return;
        if (run->table.count == 0) {
                if (run->bounded) return give_up(run, CLI_FAILED, "no topic of the source matches; nothing was mirrored");
                if (!run->said_ms) mirror_say(run, "no topic of the source matches yet; waiting for one");
                run->said_ms = clock_boot_ms();
                return;
        }
        run->phase = AIMING;
        mirror_job_start(run, JOB_AIM);
}

static void on_find_failed(void *ctx, const char *route, const char *error) {
        struct mirror_run *run = ctx;
        (void)route;
        if (run->phase == FINDING && strcmp(run->failing, error) != 0) mirror_say(run, "%s", error);
        (void)snprintf(run->failing, sizeof run->failing, "%s", error);
}

static void on_find_stale(void *ctx) { (void)ctx; /* the route does not change */ }

static const struct discover_events discover_events = {on_found, on_find_failed, on_find_stale};

static void find_topics(struct mirror_run *run) {
        run->phase = FINDING;
        run->there = rd_kafka_topic_partition_list_new(64);
        run->lanes = calloc(run->spec.lanes, sizeof *run->lanes);
        if (!run->lanes) abort();
        for (uint32_t i = 0; i < run->spec.lanes; i++) {
                run->lanes[i] = (struct mirror_lane){.run = run, .number = i};
                run->lanes[i].record = malloc(sizeof *run->lanes[i].record);
                if (!run->lanes[i].record) abort();
                heliostat__pb__lane__init(run->lanes[i].record);
        }
        if (discover_route(run->discover, run->spec.name, &run->spec, 1)) abort(); /* no memory */
}

/* ---- jobs ---- */

/* The lanes of an exactly-once mirror are those that its position records have. */
static void set_lanes(struct mirror_run *run) {
        bool exactly_once = strcmp(run->spec.delivery_guarantee, "exactly-once") == 0;
        uint32_t there = exactly_once && run->look.positions_lanes > 0 ? (uint32_t)run->look.positions_lanes : 0;
        uint32_t wanted = run->args->streams ? run->args->streams : uv_available_parallelism();
        if (there && run->args->streams && run->args->streams != there)
                mirror_say(run, "--num.streams %u: the topic of position records has %u partitions, so %u lanes run",
                           run->args->streams, there, there);
        run->spec.lanes = there ? there : wanted;
}

static void looked(struct mirror_run *run) {
        if (strcmp(run->look.source_id, run->look.destination_id) == 0) {
                char why[400];
                (void)snprintf(why, sizeof why, "source and destination are the same cluster (id %.64s)",
                               run->look.source_id);
                return give_up(run, CLI_USAGE, why);
        }
        if (!run->group) {
                if (asprintf(&run->group, DEFAULT_GROUP_PREFIX "%s", run->look.destination_id) < 0) abort();
                run->spec.group_id = run->group;
                free(run->look.source_id);
                free(run->look.destination_id);
                run->look = (struct mirror_look){0};
                return mirror_job_start(run, JOB_LOOK); /* now for the group */
        }
        set_lanes(run);
        if (run->args->dry_run) {
                run->phase = FINDING;
                return mirror_job_start(run, JOB_LIST);
        }
        find_topics(run);
}

static void claimed(struct mirror_run *run) {
        uint32_t random = 0;
        struct mirror_sums sums = mirror_table_sums(&run->table);
        if (getrandom(&random, sizeof random, 0) != sizeof random) abort(); /* cannot fail for 4 */
        run->generation = mirror_generation(run->job_generation, random);
        run->phase = RUNNING;
        run->running_ms = run->limits_ms = clock_boot_ms();
        mirror_say(run, "%s of %zu partitions, %s, group %s, generation %" PRIu64 ", %u lanes",
                   run->bounded ? "copy" : "mirror", sums.partitions, run->spec.delivery_guarantee, run->spec.group_id,
                   run->generation, run->spec.lanes);
        mirror_divide_limits(run, 0);
        for (uint32_t i = 0; i < run->spec.lanes; i++) lane_start(&run->lanes[i], false);
}

static void job_failed(struct mirror_run *run) {
        bool retry = run->job_rc == ERR_KAFKA || run->job_rc == ERR_SYSTEM;
        if (run->job == JOB_CHECK) {
                (void)snprintf(run->stopped, sizeof run->stopped, "the destination could not be verified: %.250s",
                               run->job_err);
                return end_now(run);
        }
        if (run->job == JOB_ENDS) return; /* asked again with the next round */
        if (retry) {
                /* on_tick asks again.  Coordinators of groups are found within the
                 * first second or two. */
                if (clock_boot_ms() - run->started_ms <= QUIET_MS) return;
                if (strcmp(run->failing, run->job_err) != 0) mirror_say(run, "%s", run->job_err);
                (void)snprintf(run->failing, sizeof run->failing, "%s", run->job_err);
                return;
        }
        int exit_code = run->job_rc == ERR_EXISTS && run->job == JOB_LOOK ? CLI_REPLACED
                        : run->job_rc == ERR_EXISTS || run->job == JOB_LOOK ? CLI_USAGE
                                                                            : CLI_FAILED;
        if (run->phase < OPENING) return give_up(run, exit_code, run->job_err);
        mirror_say(run, "%s", run->job_err);
        begin_end(run, exit_code, run->job_err);
}

void mirror_job_done(struct mirror_run *run) {
        if (run->phase == ENDED) return;
        if (run->phase == CHECKING && run->job != JOB_CHECK) return check_destination(run);
        if (run->job_rc) return job_failed(run);
        *run->failing = '\0';
        if (run->job != JOB_LOOK) mirror_job_take(run);
        if (run->phase == LOOKING) return looked(run);
        if (run->job == JOB_AIM || run->job == JOB_ENDS) {
                bool later = run->args->until == MIRROR_UNTIL_TIME && clock_wall_ms() < run->args->until_ms;
                run->aimed = run->args->until == MIRROR_UNTIL_LAG ? run->job == JOB_ENDS : !later;
        }
        if (run->job == JOB_LIST) return end_now(run);
        if (run->phase == AIMING) return open_lanes(run);
        if (run->phase == CLAIMING) return claimed(run);
        if (run->phase == CHECKING) return end_now(run);
}

/* ---- the report ---- */

static size_t take_passed(const struct mirror_run *run, struct mirror_passed **out) {
        size_t count = 0, n = 0;
        for (uint32_t i = 0; run->lanes && i < run->spec.lanes; i++) count += run->lanes[i].record->n_skips;
        *out = calloc(count + 1, sizeof **out);
        if (!*out) abort();
        for (uint32_t i = 0; run->lanes && i < run->spec.lanes; i++)
                for (size_t k = 0; k < run->lanes[i].record->n_skips; k++) {
                        const Heliostat__Pb__Skip *skip = run->lanes[i].record->skips[k];
                        (*out)[n++] = (struct mirror_passed){skip->topic, (int32_t)skip->partition, skip->from, skip->to,
                                                             halt_kind_name(skip->kind), halt_answer_name(skip->answer)};
                }
        return n;
}

static const char *mode_name(enum mirror_until until) {
        static const char *const names[] = {"forever", "until-end", "until", "until-lag"};
        return names[until];
}

/* Reads both ends again, on this thread.  NULL: it could not be made, or (text)
 * was printed. */
static json_t *compare_contents(struct mirror_run *run, struct mirror_report *report) {
        struct verify_report found;
        const struct verify_request request = {.config = run->config, .spec = &run->spec,
                                               .until = VERIFY_UNTIL_POSITION, .sample = 1, .seed = 1,
                                               .memory_bytes = COMPARE_BYTES, .timeout_s = COMPARE_SILENCE_S,
                                               .progress = run->tty};
        json_t *json = NULL;
        int exit_code = verify_route(&request, &found);
        found.exact = strcmp(run->spec.delivery_guarantee, "exactly-once") == 0;
        if (exit_code || found.interrupted) {
                (void)snprintf(run->stopped, sizeof run->stopped, "the contents could not be compared to the end");
                report->stopped = run->stopped;
        } else {
                enum verify_verdict verdict = verify_report_verdict(&found);
                char *text = run->args->json ? NULL : verify_report_text(&found, COMPARE_FINDINGS);
                if (run->args->json) json = verify_report_json(&found);
                if (text) fputs(text, stdout);
                free(text);
                report->differs |= verdict != VERIFY_EQUAL;
                report->verified = verdict == VERIFY_EQUAL       ? "positions, the growth of the destination's topics, and contents"
                                   : verdict == VERIFY_DIFFERENT ? "the contents of both ends"
                                                                 : "the contents of both ends are not comparable throughout";
        }
        verify_report_fini(&found);
        return json;
}

static int write_report(struct mirror_run *run) {
        struct mirror_report report = {.mode = mode_name(run->args->until), .table = &run->table,
                                       .elapsed_ms = clock_boot_ms() - run->started_ms,
                                       .stopped = *run->stopped ? run->stopped : NULL};
        struct mirror_passed *passed = NULL;
        char verified[320] = "";
        uint64_t records = 0;
        int64_t grown = 0;
        report.passed_count = take_passed(run, &passed);
        report.passed = passed;
        if (run->after) {
                const char *topic = mirror_short_of(run, &records, &grown);
                report.differs = topic != NULL;
                if (topic)
                        (void)snprintf(verified, sizeof verified,
                                       "%s: %" PRIu64 " records were acknowledged, and the destination's topic has grown by %lld",
                                       topic, records, (long long)grown);
                else
                        (void)snprintf(verified, sizeof verified, "positions, and the growth of the destination's topics");
                report.verified = verified;
        }
        if (run->args->compare && !run->exit_code && mirror_report_complete(&report))
                report.comparison = compare_contents(run, &report);
        if (run->args->json) {
                char *json = mirror_report_json(&report);
                if (json) puts(json);
                free(json);
        } else {
                struct text out = {0};
                mirror_report_text(&report, &out);
                if (out.data) fputs(out.data, stdout);
                free(out.data);
        }
        bool complete = mirror_report_complete(&report);
        json_decref(report.comparison);
        free(passed);
        if (fflush(stdout)) return CLI_FAILED;
        return run->exit_code ? run->exit_code : complete ? CLI_OK : CLI_FAILED;
}

static int write_plan(struct mirror_run *run) {
        struct text out = {0};
        printf("%s, group %s, %u lanes\n", run->spec.delivery_guarantee, run->spec.group_id, run->spec.lanes);
        mirror_plan_text(&run->table, &out);
        if (out.data) fputs(out.data, stdout);
        free(out.data);
        puts("dry run: nothing was mirrored, and nothing was made at the destination");
        return fflush(stdout) ? CLI_FAILED : CLI_OK;
}

/* ---- all of it ---- */

static int start(struct mirror_run *run) {
        if (uv_loop_init(&run->loop) || mailbox_init(&run->home, &run->loop)) return ERR_SYSTEM;
        (void)uv_timer_init(&run->loop, &run->tick); /* these cannot fail */
        (void)uv_timer_init(&run->loop, &run->limit);
        (void)uv_signal_init(&run->loop, &run->sigint);
        (void)uv_signal_init(&run->loop, &run->sigterm);
        run->tick.data = run->limit.data = run->sigint.data = run->sigterm.data = run;
        if (uv_signal_start(&run->sigint, on_signal, SIGINT) || uv_signal_start(&run->sigterm, on_signal, SIGTERM))
                return ERR_SYSTEM;
        run->data_loop_count = run->config->worker_loops ? run->config->worker_loops : uv_available_parallelism();
        run->data_loops = calloc(run->data_loop_count, sizeof *run->data_loops);
        struct config_shared *shared = config_shared_borrow(run->config);
        run->discover = shared ? discover_new(&run->loop, shared, &discover_events, run) : NULL;
        config_shared_unref(shared); /* it has its own */
        if (!run->data_loops || !run->discover) return ERR_NOMEM;
        for (unsigned i = 0; i < run->data_loop_count; i++)
                if (data_loop_start(&run->data_loops[i], i)) return ERR_SYSTEM;
        (void)uv_timer_start(&run->tick, on_tick, 0, TICK_MS);
        return 0;
}

int mirror_run(const struct mirror_args *args, const struct config *config,
               const struct config_route *route, const char *group) {
        process_tune();
        struct mirror_run *run = calloc(1, sizeof *run);
        if (!run) abort();
        run->args = args;
        run->config = config;
        run->table.stuck_since_ms = -1;
        run->bounded = args->until != MIRROR_FOREVER;
        run->started_ms = clock_boot_ms();
        run->tty = isatty(STDERR_FILENO);
        route_to_message(route, &run->spec);
        run->spec.offset_map_enabled = false; /* its topic is the coordinator's to make */
        run->spec.enabled = true;
        run->group = group ? strdup(group) : NULL;
        run->spec.group_id = run->group ? run->group : (char *)"";
        if (run->tty) {
                on_terminal = run;
                log_set_before(clear_bar);
        }
        struct start_files files = {0};
        char why[2 * CONFIG_ERROR_MAX] = "";
        int rc = start_files_load(config, route, &files, why, sizeof why);
        run->spec.start_offsets = files.items;
        run->spec.n_start_offsets = files.count;
        if (!rc) rc = start_rules_of_route(&run->spec, &run->start_rules, why, sizeof why);
        if (rc) {
                cli_error("%s", why);
                return CLI_USAGE;
        }
        rc = start(run);
        if (rc) {
                cli_error("%s", err_text(rc));
                return CLI_FAILED;
        }
        (void)uv_run(&run->loop, UV_RUN_DEFAULT);

        clear_bar();
        log_set_before(NULL);
        on_terminal = NULL;
        int exit_code = args->dry_run && !run->exit_code ? write_plan(run)
                        : run->lanes                     ? write_report(run)
                                                         : run->exit_code;
        /* Lookups may still wait for a broker, and clients that hang in their
         * end (librdkafka #4724) for nothing: what matters is committed. */
        fflush(NULL);
        _exit(exit_code);
}
