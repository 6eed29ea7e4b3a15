/* The pump's states and clients.
 *
 * Clients are made and destroyed in short threads: both read files, wait for
 * threads and may take seconds.  A consumed message that the producer still
 * holds keeps the consumer alive, so clients are only destroyed when no record
 * is under way: purge first, then wait for the reports. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/kafka.h"
#include "common/log.h"
#include "common/sabotage.h"
#include "heliostat.pb-c.h"
#include "worker/pump_internal.h"

#define DRAIN_COMMIT_MS 3000  /* for the last commit, after the drain's limit */
#define BACKOFF_MAX_MS 10000
#define EXPEDITED_LINGER_MS 5 /* the default */
#define UNCHECKED_MAX_MS 15000 /* that records flow without a check of the generation */

static const struct {
        const char *name;
        unsigned allowed;
} states[] = {
#define TO(state) (1u << PUMP_##state)
        [PUMP_OPENING] = {"OPENING", TO(READY) | TO(RUNNING) | TO(STOPPING)},
        [PUMP_READY] = {"READY", TO(RUNNING) | TO(STOPPING)},
        [PUMP_RUNNING] = {"RUNNING", TO(DRAINING) | TO(RECYCLING) | TO(STOPPING)},
        [PUMP_DRAINING] = {"DRAINING", TO(STOPPING)},
        [PUMP_RECYCLING] = {"RECYCLING", TO(OPENING) | TO(STOPPING)},
        [PUMP_STOPPING] = {"STOPPING", TO(STOPPED)},
        [PUMP_STOPPED] = {"STOPPED", 0},
#undef TO
};

const char *pump_state_name(const struct pump *pump) { return states[pump->state].name; }

static void pump_move(struct pump *pump, enum pump_state to) {
        if (!(states[pump->state].allowed & (1u << to))) abort(); /* a bug: better stop than harm */
        log_debug("pump.state", "route=%s lane=%u from=%s to=%s", pump->settings.route,
                  pump->settings.lane, states[pump->state].name, states[to].name);
        pump->state = to;
        if (to != PUMP_RUNNING) limits_rest(pump);
}

/* ---- telling the control thread ---- */

struct letter {
        struct pump_events events;
        void *ctx;
        enum pump_tell what;
        uint64_t value;
        struct pump_fact *facts; /* FACTS; topics are owned */
        struct pump_snapshot *last; /* FENCED, DRAINED; NULL: not wanted */
        size_t count;
};

static void deliver(void *arg) {
        struct letter *letter = arg;
        if (letter->last) letter->events.last(letter->ctx, letter->last);
        switch (letter->what) {
        case PUMP_TELL_READY: letter->events.ready(letter->ctx); break;
        case PUMP_TELL_FACTS: letter->events.facts(letter->ctx, letter->facts, letter->count); break;
        case PUMP_TELL_RUNNING: letter->events.running(letter->ctx); break;
        case PUMP_TELL_FENCED: letter->events.fenced(letter->ctx, letter->value); break;
        case PUMP_TELL_DRAINED: letter->events.drained(letter->ctx, letter->value != 0); break;
        case PUMP_TELL_CLOSED: letter->events.closed(letter->ctx); break;
        }
        for (size_t i = 0; i < letter->count; i++) free((char *)letter->facts[i].topic);
        free(letter->facts);
        free(letter);
}

void pump_tell(struct pump *pump, enum pump_tell what, uint64_t value) {
        struct letter *letter = malloc(sizeof *letter);
        if (!letter) abort(); /* a lost event would be a lost lane */
        *letter = (struct letter){.events = pump->events, .ctx = pump->ctx, .what = what, .value = value};
        if (pump->events.last && (what == PUMP_TELL_FENCED || what == PUMP_TELL_DRAINED)) letter->last = snapshot_take(pump);
        if (what == PUMP_TELL_FACTS) {
                letter->facts = calloc(pump->part_count, HALT_FACTS_MAX * sizeof *letter->facts);
                if (!letter->facts) abort();
                for (size_t i = 0; i < pump->part_count; i++)
                        for (size_t n = halt_facts(pump->parts[i], &letter->facts[letter->count]); n; n--) {
                                struct pump_fact *fact = &letter->facts[letter->count++];
                                fact->topic = strdup(fact->topic);
                                if (!fact->topic) abort();
                        }
        }
        mailbox_post(pump->home, deliver, letter);
}

void pump_set_error(struct pump *pump, const char *text) {
        (void)snprintf(pump->error, sizeof pump->error, "%s", text ? text : "");
        pump->error_ms = clock_boot_ms();
}

/* ---- clients ---- */

struct client_job {
        struct short_job work;
        struct pump *pump;
        rd_kafka_t *consumer, *producer;
        rd_kafka_queue_t *queues[3];
        rd_kafka_topic_t **topics;
        size_t topic_count;
        struct burst_limits limits;
        struct expedite *expedite;
        struct budget_sizes sizes;
        struct seats_remains seats;
        struct own_queues own;
        char err[256];
        int rc;
};

static double setting(rd_kafka_t *client, const char *name) {
        char value[64] = "";
        size_t bytes = sizeof value;
        (void)rd_kafka_conf_get(rd_kafka_conf(client), name, value, &bytes); /* known names */
        return strtod(value, NULL);
}

static void open_clients(void *arg) {
        struct client_job *job = arg;
        struct pump *pump = job->pump; /* settings only: they do not change while this runs */
        char queue_kb[24], queue_records[24], fetch[24], timeout[24], transactional_id[NAMES_TRANSACTIONAL_ID_SIZE];
        (void)snprintf(queue_kb, sizeof queue_kb, "%" PRIu64, job->sizes.queue_bytes / 1024);
        (void)snprintf(queue_records, sizeof queue_records, "%" PRIu64, job->sizes.queue_records);
        (void)snprintf(fetch, sizeof fetch, "%" PRIu64, job->sizes.fetch_bytes);
        (void)snprintf(timeout, sizeof timeout, "%u", pump->settings.message_timeout_ms);
        const struct kafka_setting consumer[] = {
                {"group.id", pump->settings.group_id},
                {"queued.max.messages.kbytes", queue_kb}, /* counts values only: */
                {"queued.min.messages", queue_records},   /* bounds what else they take */
                {"message.max.bytes", fetch},             /* no meaning here, but fetch.max.bytes may not be less */
                {"fetch.max.bytes", fetch},
                {"fetch.message.max.bytes", fetch},
                /* From 2.2 on a fetcher looks at a full queue that often. */
                {rd_kafka_version() >= PUMP_QUEUE_BACKOFF_VERSION ? "fetch.queue.backoff.ms" : NULL, "20"},
                {NULL, NULL},
        };
        names_transactional_id(transactional_id, pump->settings.group_id, pump->settings.lane);
        if (SABOTAGE(FENCE_OFF))
                (void)snprintf(transactional_id, sizeof transactional_id, "%d.%p", (int)getpid(), (void *)job);
        const struct kafka_setting producer[] = {
                {"message.timeout.ms", timeout},
                /* What follows a refused batch must not be taken before it is
                 * repeated.  A transaction is aborted as a whole. */
                {pump->settings.exactly_once ? "transactional.id" : "enable.gapless.guarantee",
                 pump->settings.exactly_once ? transactional_id
                 : SABOTAGE(RECYCLE_OFF)      ? "false"
                                              : "true"},
                {NULL, NULL},
        };
        job->rc = kafka_client_new(pump->settings.config, pump->settings.source, pump->settings.route,
                                   CLIENT_CONSUMER, consumer, pump_configure_consumer, pump,
                                   &job->consumer, job->err, sizeof job->err);
        if (job->rc) return;
        job->rc = kafka_client_new(pump->settings.config, pump->settings.destination,
                                   pump->settings.route, CLIENT_PRODUCER, producer,
                                   pump_configure_producer, pump, &job->producer, job->err,
                                   sizeof job->err);
        if (!job->rc && pump->settings.exactly_once)
                job->rc = txn_init(job->producer, job->err, sizeof job->err);
        if (job->rc) return;
        job->limits = burst_limits(setting(job->producer, "linger.ms"),
                                   (uint64_t)setting(job->producer, "batch.size"),
                                   (uint32_t)setting(job->producer, "batch.num.messages"));
        /* A longer one says that large batches matter more. */
        double linger_ms = setting(job->producer, "linger.ms");
        if (linger_ms > 0 && linger_ms <= EXPEDITED_LINGER_MS)
                job->expedite = expedite_new(job->producer); /* NULL: the linger decides */
}

static void destroy_clients(void *arg) {
        struct client_job *job = arg;
        expedite_free(job->expedite);
        for (size_t i = 0; i < job->topic_count; i++) rd_kafka_topic_destroy(job->topics[i]);
        for (int i = 0; i < 3; i++)
                if (job->queues[i]) rd_kafka_queue_destroy(job->queues[i]);
        if (job->producer) rd_kafka_destroy(job->producer);
        seats_destroy(&job->seats);
        if (job->consumer) own_queues_empty(&job->own, job->consumer);
        /* No group membership: nothing to leave. */
        if (job->consumer) rd_kafka_destroy_flags(job->consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

static void on_wake(uv_poll_t *poll, int status, int events) {
        struct pump *pump = poll->data;
        uint64_t count;
        (void)status;
        (void)events;
        ssize_t ignored = read(pump->eventfd, &count, sizeof count);
        (void)ignored; /* EAGAIN: somebody read it before */
        data_loop_tick(pump->loop);
        pump_drain_deliveries(pump);
        pump_on_answers(pump);
        data_loop_ready(pump->loop, &pump->member);
        pump_advance(pump);
}

static void watch_queue(const struct pump *pump, rd_kafka_queue_t *queue) {
        static const uint64_t one = 1;
        rd_kafka_queue_io_event_enable(queue, pump->eventfd, &one, sizeof one);
}

static void open_done(void *arg);

static void pump_open_clients(struct pump *pump) {
        struct client_job *job = calloc(1, sizeof *job);
        if (!job) return pump_retry_soon(pump, 1000);
        job->pump = pump;
        job->sizes = sizes_open(pump);
        pump->jobs++;
        pump->opening = true;
        short_thread_queue(&pump->loop->mailbox, &job->work, job, open_clients, open_done);
}

static uint64_t backoff_ms(struct pump *pump) {
        uint64_t ms = 250u << (pump->failures < 6 ? pump->failures : 6);
        pump->failures++;
        if (ms > BACKOFF_MAX_MS) ms = BACKOFF_MAX_MS;
        return ms / 2 + (uint64_t)rand() % ms; /* jitter: lanes fail together */
}

static void open_done(void *arg) {
        struct client_job *job = arg;
        struct pump *pump = job->pump;
        pump->jobs--;
        pump->opening = false;
        pump->consumer = job->consumer;
        pump->producer = job->producer;
        if (pump->consumer) {
                pump->sizes = job->sizes;
                pump_limit(pump);
                (void)rd_kafka_poll_set_consumer(pump->consumer);
                pump->consumer_queue = rd_kafka_queue_get_consumer(pump->consumer);
                pump->answers = rd_kafka_queue_new(pump->consumer);
                watch_queue(pump, pump->consumer_queue);
                watch_queue(pump, pump->answers);
        }
        if (pump->producer) {
                pump->burst_limits = job->limits;
                pump->expedite = job->expedite;
                pump->handed = (struct burst_handed){0};
                pump->txn = TXN_NONE;
                pump->txn_first = true;
                if (pump->settings.exactly_once) txn_opened(pump);
                pump->producer_queue = rd_kafka_queue_get_main(pump->producer);
                watch_queue(pump, pump->producer_queue);
        }
        if (!job->rc) pump_relay_open(pump);
        if (pump->state == PUMP_OPENING) {
                if (job->rc) {
                        log_warn("lane.open.retry", "route=%s lane=%u reason=\"%s\"",
                                 pump->settings.route, pump->settings.lane, job->err);
                        pump_set_error(pump, job->err);
                        pump_retry_soon(pump, backoff_ms(pump));
                } else if (pump->started) {
                        pump_move(pump, PUMP_RUNNING);
                        pump_start_parts(pump);
                        pump_retry_parked(pump);
                } else {
                        pump_move(pump, PUMP_READY);
                        pump_tell(pump, PUMP_TELL_READY, 0);
                }
        }
        free(job);
        pump_advance(pump);
}

static void close_done(void *arg) {
        struct client_job *job = arg;
        struct pump *pump = job->pump;
        free(job->topics);
        free(job);
        pump->jobs--;
        pump->clients_closing = false;
        if (pump->state == PUMP_RECYCLING) pump_move(pump, PUMP_OPENING);
        if (pump->state == PUMP_OPENING) {
                /* what is left of the recycling's own timer would end the pause at once */
                (void)uv_timer_stop(&pump->retry_timer);
                pump_retry_soon(pump, pump->resizing ? 0 : backoff_ms(pump));
                pump->resizing = false;
        }
        pump_advance(pump);
}

/* Needs: nothing under way, no job. */
static void pump_close_clients(struct pump *pump) {
        struct client_job *job = calloc(1, sizeof *job);
        if (!job) abort();
        size_t topics = 1; /* dead letters */
        pump_drop_batch(pump);
        pump_abandon_ops(pump);
        pump_forget_slots(pump);
        pump_relay_close(pump);
        txn_fini(pump);
        job->pump = pump;
        for (struct dest_topic *t = pump->topics; t; t = t->next) topics++;
        job->topics = calloc(topics ? topics : 1, sizeof(rd_kafka_topic_t *));
        if (!job->topics) abort();
        for (struct dest_topic *t = pump->topics; t; t = t->next) {
                if (t->handle) job->topics[job->topic_count++] = t->handle;
                t->handle = NULL;
        }
        if (pump->dead_letters) job->topics[job->topic_count++] = pump->dead_letters;
        pump->dead_letters = NULL;
        rd_kafka_queue_t *queues[3] = {pump->consumer_queue, pump->answers, pump->producer_queue};
        for (int i = 0; i < 3; i++) {
                if (queues[i]) rd_kafka_queue_io_event_enable(queues[i], -1, NULL, 0);
                job->queues[i] = queues[i];
        }
        job->consumer = pump->consumer;
        job->producer = pump->producer;
        job->expedite = pump->expedite;
        pump->expedite = NULL;
        job->seats = seats_leave(pump);
        job->own = pump->own_queues;
        pump->own_queues = (struct own_queues){0};
        pump->consumer = pump->producer = NULL;
        pump->consumer_queue = pump->answers = pump->producer_queue = NULL;
        for (size_t i = 0; i < pump->part_count; i++) {
                struct part *part = pump->parts[i];
                part->position = part_position(part);
                if (pump->settings.exactly_once) part->flowed = false; /* the record is read again */
                part->committed = -1;
                part->own_held = false;
                /* A parked one waits for its time: what it was refused would be
                 * refused again, to the whole lane. */
                if (part->state != PART_HALTED && part->state != PART_PARKED) part->state = PART_NEW;
                if (part->left) part->state = PART_PARKED;
                else leave_on_reopen(part);
                halt_on_reopen(part);
        }
        if (pump->held_bytes) {
                log_error("pump.count", "route=%s lane=%u held_bytes=%" PRIu64 " note=\"a bug: nothing is held\"",
                          pump->settings.route, pump->settings.lane, pump->held_bytes);
                pump->held_bytes = 0;
        }
        pump->drained_bytes = 0;
        pump->fetcher_stopped = pump->blocked = pump->held = false;
        map_on_clients_close(pump);
        pump->txn = TXN_NONE;
        pump->clients_closing = true;
        pump->jobs++;
        short_thread_queue(&pump->loop->mailbox, &job->work, job, destroy_clients, close_done);
        if (pump->state == PUMP_RECYCLING) pump_take_generation(pump); /* what it waited for the end of has gone with them */
}

static void pump_purge(struct pump *pump) {
        if (pump->relay) relay_purge(pump->relay);
        if (pump->producer)
                (void)rd_kafka_purge(pump->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                                             RD_KAFKA_PURGE_F_NON_BLOCKING);
        /* The reports come through the queue and wake us. */
}

void pump_recycle(struct pump *pump, const char *format, ...) {
        char text[160];
        va_list ap;
        if (pump->state != PUMP_RUNNING || SABOTAGE(RECYCLE_OFF)) return;
        /* Another producer has the lane's id.  A new one of ours would end that
         * one's transactions in turn: first ask whose the lane is. */
        if (pump->settings.exactly_once && pump->producer &&
            txn_error_fences(rd_kafka_fatal_error(pump->producer, text, sizeof text)))
                return pump_fence(pump, 0);
        va_start(ap, format);
        (void)vsnprintf(text, sizeof text, format, ap); /* cut at the bound */
        va_end(ap);
        pump_set_error(pump, text);
        log_warn("lane.recycle", "route=%s lane=%u reason=\"%s\" note=\"starts again at the last safe positions\"",
                 pump->settings.route, pump->settings.lane, text);
        pump->stats.recycles++;
        pump->resizing = false; /* it comes with that */
        pump_move(pump, PUMP_RECYCLING);
        pump_park_denied(pump);
        pump_purge(pump);
        data_loop_ready(pump->loop, &pump->member); /* we may be inside a delivery: go on later */
        pump_retry_soon(pump, 50);
}

void pump_renew(struct pump *pump) {
        pump_move(pump, PUMP_RECYCLING);
        pump_retry_soon(pump, 0); /* we are inside a turn: go on later */
}

void pump_fence(struct pump *pump, uint64_t generation) {
        if (pump->state == PUMP_STOPPING || pump->state == PUMP_STOPPED) return;
        log_warn("lane.fenced", "route=%s lane=%u gen=%" PRIu64 " committed_gen=%" PRIu64,
                 pump->settings.route, pump->settings.lane, pump->settings.generation, generation);
        pump_move(pump, PUMP_STOPPING);
        pump_purge(pump);
        pump_tell(pump, PUMP_TELL_FENCED, generation);
        pump_retry_soon(pump, 50);
}

/* ---- the end of a drain, of a recycling, of the pump ---- */

static void handle_closed(uv_handle_t *handle) {
        struct pump *pump = handle->data;
        if (--pump->open_handles > 0) return;
        pump_tell(pump, PUMP_TELL_CLOSED, 0);
        request_drop_update(pump);
        (void)close(pump->eventfd);
        uv_mutex_destroy(&pump->denied.lock);
        for (size_t i = 0; i < pump->part_count; i++) {
                ledger_fini(&pump->parts[i]->ledger);
                fifo_fini(&pump->parts[i]->backlog);
                map_part_fini(pump->parts[i]);
                free(pump->parts[i]);
        }
        free(pump->parts);
        while (pump->topics) {
                struct dest_topic *next = pump->topics->next;
                free(pump->topics->name);
                free(pump->topics);
                pump->topics = next;
        }
        free((char *)pump->settings.route);
        free((char *)pump->settings.source);
        free((char *)pump->settings.destination);
        free((char *)pump->settings.group_id);
        free((char *)pump->settings.gap_policy);
        free((char *)pump->settings.poison_record_policy);
        start_rules_unref(pump->settings.start_rules);
        topic_namer_free(pump->namer);
        pause_rules_free(pump->pauses);
        flow_rules_free(pump->flow_rules);
        free(pump);
}

/* The last of them frees the pump. */
static void close_handles(struct pump *pump) {
        uv_close((uv_handle_t *)&pump->commit_timer, handle_closed);
        uv_close((uv_handle_t *)&pump->retry_timer, handle_closed);
        uv_close((uv_handle_t *)&pump->limit_timer, handle_closed);
        uv_close((uv_handle_t *)&pump->txn_timer, handle_closed);
        uv_close((uv_handle_t *)&pump->flow_timer, handle_closed);
        uv_close((uv_handle_t *)&pump->seats.timer, handle_closed);
        uv_close((uv_handle_t *)&pump->wake, handle_closed);
}

static void drain_done(struct pump *pump, bool clean) {
        if (!clean)
                log_warn("lane.drain.unclean", "route=%s lane=%u under_way=%" PRIu64 " note=\"the next owner may repeat records since the last commit\"",
                         pump->settings.route, pump->settings.lane, pump->in_flight_count);
        pump_move(pump, PUMP_STOPPING);
        pump_tell(pump, PUMP_TELL_DRAINED, clean);
        if (pump->in_flight_count) pump_purge(pump);
}

static void advance_draining(struct pump *pump) {
        if (pump->txn == TXN_ENDING) return;
        if (!pump->drain_failed && txn_dirty(pump)) {
                txn_end(pump);
                if (!pump->drain_failed) return;
        }
        if (pump->drain_failed) return drain_done(pump, false);
        if (pump->in_flight_count > 0) return; /* on_limit purges */
        if (!pump->map_drained) {
                pump->map_drained = true;
                if (pump->txn != TXN_NONE && map_changed(pump)) {
                        txn_end(pump);
                        if (!pump->drain_failed) return;
                        return drain_done(pump, false);
                }
                if (pump->txn == TXN_NONE) map_write(pump, MAP_DRAIN_BYTES);
        }
        if (pump->map_under_way > 0 && !pump->drain_expired) return;
        if (pump->commit_op || pump->start_op) return;
        if (!pump->drain_committed) {
                /* Also what has not moved: an earlier owner, stopped in the
                 * middle of a commit, may have put it back since. */
                pump->drain_committed = true;
                if (pump_commit(pump, true)) return;
        }
        if (!pump_dirty(pump)) return drain_done(pump, true);
        if (pump->drain_expired || !pump_commit(pump, false)) drain_done(pump, false);
}

void pump_advance(struct pump *pump) {
        if (pump->facts_due) {
                pump->facts_due = false;
                pump_tell(pump, PUMP_TELL_FACTS, 0);
        }
        if (pump->state == PUMP_RUNNING && pump->held && !pump->commit_op && clock_boot_ms() >= pump->recheck_ms) {
                /* Nothing flows: nothing to check. */
                if (!pump_commit(pump, true)) {
                        bool flows = false;
                        for (size_t i = 0; i < pump->part_count; i++)
                                flows |= pump->parts[i]->state == PART_FLOWING;
                        pump->held = flows;
                }
        }
        leave_look(pump);
        if (pump->state == PUMP_DRAINING) advance_draining(pump);
        if (pump->state != PUMP_RECYCLING && pump->state != PUMP_STOPPING) return;
        if (pump->in_flight_count > 0 || pump->clients_closing || pump->opening) return;
        if (pump->consumer || pump->producer) {
                /* A job may be using the clients; its end comes back here. */
                if (pump->jobs == 0) pump_close_clients(pump);
                return;
        }
        if (pump->jobs > 0) return;
        if (pump->state == PUMP_RECYCLING) return; /* close_done goes on */
        map_stop(pump);
        if (pump->map_job) return;
        pump_move(pump, PUMP_STOPPED);
        pump_abandon_ops(pump);
        data_loop_leave(pump->loop, &pump->member);
        (void)uv_timer_stop(&pump->commit_timer);
        (void)uv_timer_stop(&pump->retry_timer);
        (void)uv_timer_stop(&pump->limit_timer);
        (void)uv_timer_stop(&pump->txn_timer);
        (void)uv_timer_stop(&pump->flow_timer);
        (void)uv_timer_stop(&pump->seats.timer);
        (void)uv_poll_stop(&pump->wake);
        if (pump->free_wanted) close_handles(pump);
}

/* ---- timers ---- */

static void on_commit_timer(uv_timer_t *timer) {
        struct pump *pump = timer->data;
        data_loop_tick(pump->loop);
        /* A zombie that reaches neither ZooKeeper nor the group, but both ends
         * of the route, must come to an end too.  With transactions the
         * destination refuses it. */
        int64_t unchecked_ms = pump->unchecked_ms ? pump->unchecked_ms : pump->commit_op ? pump->commit_op->begun_us / 1000 : 0;
        if (pump->state == PUMP_RUNNING && pump->txn == TXN_NONE && unchecked_ms &&
            clock_boot_ms() - unchecked_ms > UNCHECKED_MAX_MS && !pump->held) {
                log_warn("lane.unchecked", "route=%s lane=%u note=\"no record is sent until the group's coordinator answers\"",
                         pump->settings.route, pump->settings.lane);
                pump->held = true;
        }
        if (pump->state == PUMP_RUNNING) (void)pump_commit(pump, pump->held);
        map_tick(pump);
        pump_relay_tick(pump);
        leave_look(pump);
        halt_look_committed(pump);
}

static void on_retry_timer(uv_timer_t *timer) {
        struct pump *pump = timer->data;
        data_loop_tick(pump->loop);
        pump_drain_deliveries(pump);
        if (pump->state == PUMP_OPENING && !pump->opening && !pump->clients_closing) {
                if (pump->consumer || pump->producer) {
                        /* Half of them was made: start over with both. */
                        if (pump->jobs == 0) pump_close_clients(pump);
                        pump_retry_soon(pump, 200);
                        return;
                }
                pump_open_clients(pump);
        } else if (pump->state == PUMP_RUNNING) {
                pump_start_parts(pump);
                pump_retry_parked(pump);
        } else if (pump->state == PUMP_RECYCLING || pump->state == PUMP_STOPPING) {
                if (pump->in_flight_count) {
                        pump_purge(pump); /* what was in between two queues the first time */
                        pump_retry_soon(pump, 200);
                }
        }
        pump_advance(pump);
}

static void on_limit_timer(uv_timer_t *timer) {
        struct pump *pump = timer->data;
        if (pump->state != PUMP_DRAINING) return;
        if (!pump->drain_expired) {
                pump->drain_expired = true;
                pump_purge(pump);
                (void)uv_timer_start(timer, on_limit_timer, DRAIN_COMMIT_MS, 0);
                pump_advance(pump);
        } else {
                drain_done(pump, false);
                pump_advance(pump);
        }
}

/* Keeps an earlier date that is nearer. */
void pump_retry_soon(struct pump *pump, uint64_t delay_ms) {
        if (uv_is_active((uv_handle_t *)&pump->retry_timer) &&
            uv_timer_get_due_in(&pump->retry_timer) <= delay_ms)
                return;
        (void)uv_timer_start(&pump->retry_timer, on_retry_timer, delay_ms, 0);
}

void pump_retry_parked(struct pump *pump) {
        int64_t now = clock_boot_ms();
        for (size_t i = 0; i < pump->part_count; i++) {
                const struct part *part = pump->parts[i];
                if (part->state != PART_PARKED || part->left || part_rests(pump, part)) continue;
                int64_t wait = part->retry_ms - now;
                pump_retry_soon(pump, wait > 100 ? (uint64_t)wait : 100);
        }
}

static void on_gap(struct data_loop_member *member, int64_t gap_ms) {
        struct pump *pump = (struct pump *)(void *)member;
        (void)gap_ms;
        if (SABOTAGE(GAP_CHECK_OFF)) return;
        if (pump->start_op) pump->start_op->stale = true;
        if (pump->commit_op) pump->commit_op->stale = true;
        /* What is half written must not be written to its end. */
        if (pump->relay) relay_drop_sends(pump->relay);
        if (pump->state != PUMP_RUNNING) return;
        pump->held = true;
        pump_advance(pump);
}

/* ---- what pump_request.c asks for ---- */

void life_begin(struct pump *pump) {
        uv_loop_t *loop = &pump->loop->loop;
        pump->member.gap = on_gap;
        data_loop_join(pump->loop, &pump->member);
        /* None of these can fail. */
        (void)uv_timer_init(loop, &pump->commit_timer);
        (void)uv_timer_init(loop, &pump->retry_timer);
        (void)uv_timer_init(loop, &pump->limit_timer);
        (void)uv_timer_init(loop, &pump->txn_timer);
        (void)uv_poll_init(loop, &pump->wake, pump->eventfd);
        limits_begin(pump);
        seats_begin(pump);
        pump->open_handles = 7;
        pump->commit_timer.data = pump->retry_timer.data = pump->limit_timer.data = pump;
        pump->txn_timer.data = pump->wake.data = pump;
        (void)uv_poll_start(&pump->wake, UV_READABLE, on_wake);
        (void)uv_timer_start(&pump->commit_timer, on_commit_timer, pump->settings.commit_interval_ms,
                             pump->settings.commit_interval_ms);
        if (pump->settings.exactly_once)
                (void)uv_timer_start(&pump->txn_timer, txn_on_timer, pump->settings.transaction_interval_ms, 0);
        pump_open_clients(pump);
}

void life_run(struct pump *pump) {
        if (pump->state != PUMP_READY) return; /* stopped meanwhile */
        pump_move(pump, PUMP_RUNNING);
        pump_start_parts(pump);
}

void pump_take_generation(struct pump *pump) {
        if (!pump->adopt_generation || pump->txn == TXN_ENDING) return; /* the update that waits, too */
        pump->settings.generation = pump->adopt_generation;
        pump->adopt_generation = 0;
        /* Commit it everywhere at the next occasion. */
        for (size_t i = 0; i < pump->part_count; i++) pump->parts[i]->committed = -1;
        request_take_update(pump); /* before anything is committed under it */
        if (pump->state == PUMP_RUNNING) (void)pump_commit(pump, false);
}

void life_drain(struct pump *pump, uint64_t limit_ms) {
        if (pump->state == PUMP_RUNNING) {
                pump_move(pump, PUMP_DRAINING);
                pump_drop_batch(pump);
                (void)uv_timer_start(&pump->limit_timer, on_limit_timer, limit_ms, 0);
        } else if (pump->state == PUMP_OPENING || pump->state == PUMP_READY ||
                   pump->state == PUMP_RECYCLING) {
                pump_move(pump, PUMP_STOPPING);
                pump_tell(pump, PUMP_TELL_DRAINED, pump->in_flight_count == 0 && !pump_dirty(pump));
        } /* else: fenced, which was told */
        pump_advance(pump);
}

void life_free(struct pump *pump) {
        pump->free_wanted = true;
        if (pump->state == PUMP_STOPPED) return close_handles(pump);
        if (pump->state != PUMP_STOPPING) {
                pump_move(pump, PUMP_STOPPING);
                pump_purge(pump);
                pump_retry_soon(pump, 50);
        }
        pump_advance(pump);
}
