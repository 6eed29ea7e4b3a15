/* Many workers on one machine, for tests/bench/control-plane: each is the worker's own process (worker.c, assign.c,
 * report.c, lane.c as they are shipped, with a ZooKeeper session of its own), but for the pump, which moves no record:
 * it tells what a pump would tell, positions that grow included.  The functions below stand in front of the library's
 * pump.c, data_loop.c and supervisor.c.
 *
 *     fake_workers CONFIG COUNT RATE      RATE: records per second of each partition; 0: all at rest
 *
 * Commands on standard input, answered by a JSON line each:
 *     kill N process     SIGKILL of N workers, whose sessions are closed as their supervisors would
 *     kill N host        SIGKILL of N workers, whose sessions end by themselves
 *     memory             private memory of a worker */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/zk.h"
#include "common/zk_end.h"
#include "worker/data_loop.h"
#include "worker/pump.h"
#include "worker/supervisor.h"
#include "worker/worker.h"
#include "worker/worker_internal.h"

#define WORKERS_MAX 2000

static struct zk_ticket *tickets; /* of all workers, shared between the processes */
static double partition_rate;

/* ---- the supervisor's ear ---- */

/* fd is the worker's number. */
void supervisor_tell_session(int fd, const struct zk *zk) { (void)zk_session_ticket(zk, &tickets[fd]); /* none: stays */ }

void supervisor_tell_released(int fd) { tickets[fd].session_id = 0; }

/* ---- the data loops: none ---- */

int data_loop_start(struct data_loop *loop, unsigned index) {
        memset(loop, 0, sizeof *loop);
        loop->index = index;
        return 0;
}

void data_loop_stop(struct data_loop *loop) { (void)loop; }

/* Which asks them. */
void memory_watch_start(struct worker *worker) { (void)worker; }

/* ---- the pump ---- */

struct part {
        char *topic;
        int32_t partition;
        bool started;
        int64_t base;       /* position when it began */
        uint64_t reported;  /* records, at the last snapshot */
};

struct pump {
        struct mailbox *home;
        const struct pump_events *events;
        void *ctx;
        struct part *parts;
        size_t part_count;
        bool running;
        int64_t started_ms, snapshot_ms;
};

struct letter {
        struct pump *pump;
        void (*cb)(void *ctx, struct pump_snapshot *snapshot);
        struct pump_snapshot *snapshot;
};

static void on_ready(void *arg) {
        struct pump *pump = arg;
        pump->events->ready(pump->ctx);
}

static void on_running(void *arg) {
        struct pump *pump = arg;
        pump->events->running(pump->ctx);
}

static void on_drained(void *arg) {
        struct pump *pump = arg;
        pump->events->drained(pump->ctx, true);
}

static void parts_free(struct pump *pump) {
        for (size_t i = 0; i < pump->part_count; i++) free(pump->parts[i].topic);
        free(pump->parts);
}

static void on_closed(void *arg) {
        struct pump *pump = arg;
        parts_free(pump);
        pump->events->closed(pump->ctx);
        free(pump);
}

/* Tells the partitions that were never started, or that all run. */
static void on_begun(void *arg) {
        struct pump *pump = arg;
        struct pump_fact *facts = calloc(pump->part_count + 1, sizeof *facts);
        size_t count = 0;
        if (!facts) abort();
        for (size_t i = 0; i < pump->part_count; i++)
                if (!pump->parts[i].started)
                        facts[count++] = (struct pump_fact){.kind = PUMP_FACT_POSITIONED, .topic = pump->parts[i].topic,
                                                            .partition = pump->parts[i].partition};
        if (count) pump->events->facts(pump->ctx, facts, count);
        else if (!pump->running) {
                pump->running = true;
                mailbox_post(pump->home, on_running, pump);
        }
        free(facts);
}

struct pump *pump_open(struct data_loop *loop, struct mailbox *home, const struct pump_settings *settings,
                       const struct pump_events *events, void *ctx) {
        struct pump *pump = calloc(1, sizeof *pump);
        (void)loop;
        (void)settings;
        if (!pump) return NULL;
        *pump = (struct pump){.home = home, .events = events, .ctx = ctx, .started_ms = clock_boot_ms()};
        mailbox_post(home, on_ready, pump);
        return pump;
}

void pump_update(struct pump *pump, const struct pump_partition *partitions, size_t count) {
        struct part *parts = calloc(count + 1, sizeof *parts);
        if (!parts) abort();
        for (size_t i = 0; i < count; i++) {
                uint32_t number = (uint32_t)partitions[i].partition;
                parts[i] = (struct part){.topic = strdup(partitions[i].topic), .partition = partitions[i].partition,
                                         .started = partitions[i].started,
                                         .base = 1000000 + (int64_t)(number * 2654435761u % 90000000)};
                if (!parts[i].topic) abort();
        }
        parts_free(pump);
        pump->parts = parts;
        pump->part_count = count;
        mailbox_post(pump->home, on_begun, pump);
}

void pump_start(struct pump *pump, uint64_t generation, const struct pump_partition *partitions, size_t count) {
        (void)generation;
        pump_update(pump, partitions, count);
}

void pump_recorded(struct pump *pump, const struct pump_fact *facts, size_t count) {
        for (size_t i = 0; i < count; i++)
                for (size_t k = 0; k < pump->part_count; k++)
                        if (pump->parts[k].partition == facts[i].partition &&
                            strcmp(pump->parts[k].topic, facts[i].topic) == 0)
                                pump->parts[k].started = true;
        mailbox_post(pump->home, on_begun, pump);
}

void pump_pause(struct pump *pump, struct pause_rules *rules) {
        (void)pump;
        pause_rules_free(rules);
}

void pump_adopt(struct pump *pump, uint64_t generation, const struct pump_partition *partitions, size_t count) {
        (void)generation;
        pump_update(pump, partitions, count);
}

void pump_set_flow_rules(struct pump *pump, struct flow_rules *rules) {
        (void)pump;
        flow_rules_free(rules);
}

void pump_set_limits(struct pump *pump, double records, double bytes) {
        (void)pump;
        (void)records;
        (void)bytes;
}

struct pump_flow pump_flow(const struct pump *pump) {
        (void)pump;
        return (struct pump_flow){0};
}

void pump_set_budget(struct pump *pump, uint64_t budget_bytes) {
        (void)pump;
        (void)budget_bytes;
}

void pump_drain(struct pump *pump, uint32_t limit_ms) {
        (void)limit_ms;
        mailbox_post(pump->home, on_drained, pump);
}

void pump_free(struct pump *pump) { mailbox_post(pump->home, on_closed, pump); }

/* As a partition that is followed closely: records of the last moments are under way. */
static struct pump_row row_of(struct part *part, int64_t age_ms, double seconds) {
        uint64_t records = (uint64_t)(partition_rate * (double)age_ms / 1000);
        struct pump_row row = {.topic = strdup(part->topic), .target = strdup(part->topic), .partition = part->partition,
                               .state = part->started ? HELIOSTAT__PB__PARTITION_STATE__PARTITION_RUNNING
                                                      : HELIOSTAT__PB__PARTITION_STATE__PARTITION_ASSIGNED,
                               .position = part->base + (int64_t)records, .records = records, .bytes = records * 500};
        if (!row.topic || !row.target) abort();
        row.new_records = records - part->reported;
        row.new_bytes = row.new_records * 500;
        row.rate = seconds > 0 ? (double)row.new_records / seconds : 0;
        row.bytes_rate = row.rate * 500;
        row.end_offset = row.position + (row.new_records ? 1 + row.partition % 3 : 0);
        row.lag_seconds = row.end_offset > row.position ? 0.013 : 0;
        part->reported = records;
        return row;
}

static void on_snapshot(void *arg) {
        struct letter *letter = arg;
        letter->cb(letter->pump->ctx, letter->snapshot);
        free(letter);
}

void pump_snapshot(struct pump *pump, void (*cb)(void *ctx, struct pump_snapshot *snapshot)) {
        struct letter *letter = calloc(1, sizeof *letter);
        struct pump_snapshot *snapshot = calloc(1, sizeof *snapshot);
        int64_t now = clock_boot_ms();
        if (!letter || !snapshot) abort();
        double seconds = (double)(now - (pump->snapshot_ms ? pump->snapshot_ms : pump->started_ms)) / 1000;
        pump->snapshot_ms = now;
        *snapshot = (struct pump_snapshot){.rows = calloc(pump->part_count + 1, sizeof *snapshot->rows),
                                           .count = pump->part_count, .state = "RUNNING", .taken_ms = now};
        if (!snapshot->rows) abort();
        for (size_t i = 0; i < pump->part_count; i++) {
                snapshot->rows[i] = row_of(&pump->parts[i], now - pump->started_ms, seconds);
                snapshot->records += snapshot->rows[i].records;
                snapshot->bytes += snapshot->rows[i].bytes;
                snapshot->stats.records += snapshot->rows[i].new_records;
                snapshot->stats.bytes += snapshot->rows[i].new_bytes;
        }
        *letter = (struct letter){pump, cb, snapshot};
        mailbox_post(pump->home, on_snapshot, letter);
}

void pump_snapshot_free(struct pump_snapshot *snapshot) {
        if (!snapshot) return;
        for (size_t i = 0; i < snapshot->count; i++) {
                free(snapshot->rows[i].topic);
                free(snapshot->rows[i].target);
                free(snapshot->rows[i].error);
        }
        free(snapshot->rows);
        free(snapshot);
}

/* ---- the processes ---- */

static pid_t pids[WORKERS_MAX];

static int worker_run(const struct config *config, int number, pid_t parent) {
        static char id[32];
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) return 1;
        (void)snprintf(id, sizeof id, "worker-%04d", number);
        return worker_main(config, id, number);
}

/* The first N that live.  Kills all of them before it closes a session. */
static void lose(int wanted, bool close_sessions, int count) {
        int numbers[WORKERS_MAX], n = 0, closed = 0;
        for (int i = 0; i < count && n < wanted; i++) {
                if (!pids[i]) continue;
                (void)kill(pids[i], SIGKILL);
                (void)waitpid(pids[i], NULL, 0);
                pids[i] = 0;
                numbers[n++] = i;
        }
        int64_t begin_ms = clock_boot_ms();
        for (int i = 0; close_sessions && i < n; i++) {
                struct zk_ticket *ticket = &tickets[numbers[i]];
                if (ticket->session_id && zk_end(ticket, 2000) >= 0) closed++;
        }
        printf("{\"killed\": %d, \"closed\": %d, \"closing_ms\": %lld}\n", n, closed, (long long)(clock_boot_ms() - begin_ms));
}

static void tell_memory(int count) {
        char path[64], line[256];
        long long sum = 0;
        int seen = 0;
        for (int i = 0; i < count; i++) {
                if (!pids[i]) continue;
                (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pids[i]);
                FILE *file = fopen(path, "r");
                while (file && fgets(line, sizeof line, file)) {
                        long long kb;
                        if (sscanf(line, "Private_Dirty: %lld kB", &kb) == 1) sum += kb;
                }
                if (file) (void)fclose(file);
                seen++;
        }
        printf("{\"workers\": %d, \"private_kib\": %lld}\n", seen, seen ? sum / seen : 0);
}

int main(int argc, char **argv) {
        char err[CONFIG_ERROR_MAX], line[128], how[16];
        struct config config;
        int count, n;

        if (argc != 4 || (count = atoi(argv[2])) < 1 || count > WORKERS_MAX) {
                fprintf(stderr, "usage: fake_workers CONFIG COUNT RATE\n");
                return 2;
        }
        partition_rate = atof(argv[3]);
        if (config_load(argv[1], &config, err, sizeof err)) {
                fprintf(stderr, "fake_workers: %s\n", err);
                return 2;
        }
        log_set_level(LOG_WARN);
        (void)setenv("UV_THREADPOOL_SIZE", "1", 1); /* a machine has some 30,000 threads, not 64 for each worker */
        tickets = mmap(NULL, WORKERS_MAX * sizeof *tickets, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (tickets == MAP_FAILED) return 1;
        pid_t self = getpid();
        for (int i = 0; i < count; i++) {
                pids[i] = fork();
                if (pids[i] == 0) return worker_run(&config, i, self);
                if (pids[i] < 0) {
                        perror("fake_workers: fork");
                        return 1;
                }
        }
        printf("{\"workers\": %d}\n", count);
        (void)fflush(stdout);
        while (fgets(line, sizeof line, stdin)) {
                if (sscanf(line, "kill %d %15s", &n, how) == 2) lose(n, strcmp(how, "process") == 0, count);
                else if (strncmp(line, "memory", 6) == 0) tell_memory(count);
                else printf("{\"error\": \"no such command\"}\n");
                (void)fflush(stdout);
        }
        return 0; /* the workers die with it */
}
