/* A relay whose clusters are in trouble: brokers that refuse, whose names are wrong, that do not answer.  One
 * partition or two, brokers that do as the test says. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "tests/unit/test.h"

#include "tests/unit/kafka_bytes.h"
#include "tests/unit/loop.h"
#include "worker/relay_internal.h"

#define PARTITIONS 2
#define BROKERS 2               /* of each cluster */
#define BATCHES 3
#define PAYLOAD 5000            /* more than what is better opened */
#define BATCH_BYTES (WIRE_BATCH_HEAD + PAYLOAD)
#define WAIT_MS 50              /* a fetch that finds nothing */
#define LIMIT_MS 8000           /* of what takes a few hundred milliseconds */

enum { SOURCE, DESTINATION };
enum { PRODUCE = 0, FETCH = 1, METADATA = 3, FIND = 10, VERSIONS = 18, PRODUCER_ID = 22, ADD = 24 };
enum { UNKNOWN_TOPIC = 3, NOT_LEADER = 6, NOT_COORDINATOR = 16, TOPIC_DENIED = 29, NOT_ATTEMPTED = 55 };

static struct world {
        uv_loop_t loop;
        uv_idle_t turn;
        struct relay *relay;
        struct broker {
                uv_tcp_t tcp;
                int side, id;
                uint16_t port;
                bool refuses;                 /* from the beginning */
                const char *host;             /* as the cluster tells it */
        } brokers[2][BROKERS];
        struct cluster_partition {
                int leader[2];                /* -1: none */
                int count;                    /* batches of one record each at the source */
                int transactional;            /* the one that is; -1: none */
                int gone, empty;              /* to a compaction, its records alone; -1: none */
                int there;                    /* at the destination */
                struct relay_part *relayed;
                int64_t position;
                int given;
                enum relay_reason reason;
                int64_t until;
                struct relay_place place;
        } parts[PARTITIONS];
        int part_count;                       /* of these there are */
        const char *transactional_id;
        bool hold_fetches;                    /* those of the source's broker 1 that find nothing, until it is over */
        bool hold_find;                       /* the coordinator is asked for, and nobody answers */
        bool breaks_off;                      /* the destination, at the next batch; then nobody leads there */
        bool swallows;                        /* the destination has the next batch, and does not say so; the source has it no longer */
        bool keeps_empty;                     /* ... but for its head */
        bool swallowed;
        int not_coordinator;                  /* so many additions are answered with that */
        int add_error;                        /* of partition 0's addition; one of a topic that is not there concerns all */
        int finds, adds, held_finds, held_fetches;
        int ready, troubles;
        char trouble[256];                    /* the first */
        bool looked_calm;                     /* a partition without a leader has been told that all is well */
        bool closed;
        struct client *clients;
} w;

/* ---- bytes ---- */

static void make_batch(struct bytes *b, int64_t offset, bool transactional, bool empty) {
        const struct bytes_batch batch = {.base = offset, .magic = 2, .attributes = transactional ? 0x10 : 0, .records = !empty,
                                          .max_timestamp = 1000};
        uint8_t *at = put_batch_head(b, &batch, PAYLOAD);
        put_fill(b, PAYLOAD);
        batch_sum(at, BATCH_BYTES, false);
}

/* ---- brokers ---- */

struct client {
        struct client *next;
        uv_tcp_t tcp;
        uv_timer_t timer;
        struct broker *broker;
        uint8_t data[1 << 16];
        size_t count;
        struct bytes out;
        bool waiting, held, ended;
        int open;
};

static void on_client_closed(uv_handle_t *handle) {
        struct client *c = handle->data;
        if (--c->open) return;
        for (struct client **at = &w.clients; *at; at = &(*at)->next)
                if (*at == c) {
                        *at = c->next;
                        break;
                }
        free(c);
}
static void client_end(struct client *c) {
        if (c->ended) return;
        c->ended = true;
        uv_close((uv_handle_t *)&c->tcp, on_client_closed);
        uv_close((uv_handle_t *)&c->timer, on_client_closed);
}

static void client_answer(struct client *c) {
        uint32_t size = htobe32((uint32_t)c->out.count);
        uv_buf_t bufs[] = {uv_buf_init((char *)&size, 4), uv_buf_init((char *)c->out.data, (unsigned)c->out.count)};
        assert_int_equal(uv_try_write((uv_stream_t *)&c->tcp, bufs, 2), (int)(4 + c->out.count)); /* they are small */
}

static void answer_metadata(struct client *c) {
        int side = c->broker->side;
        put32(&c->out, 0);
        put32(&c->out, BROKERS);
        for (int i = 0; i < BROKERS; i++) {
                put32(&c->out, i);
                put_string(&c->out, w.brokers[side][i].host);
                put32(&c->out, w.brokers[side][i].port);
                put16(&c->out, -1);
        }
        put16(&c->out, -1);
        put32(&c->out, 0);
        put32(&c->out, 1);
        put16(&c->out, 0);
        put_string(&c->out, side == SOURCE ? "in" : "out");
        put8(&c->out, 0);
        put32(&c->out, w.part_count);
        for (int p = 0; p < w.part_count; p++) {
                put16(&c->out, 0);
                put32(&c->out, p);
                put32(&c->out, w.parts[p].leader[side]);
                put32(&c->out, 0);
                put32(&c->out, 0);
        }
}

/* Whether there is anything in it. */
static bool answer_fetch(struct client *c, uint8_t *at) {
        bool found = false;
        at += 17;                             /* replica, wait, bytes, isolation */
        put32(&c->out, 0);
        put32(&c->out, 1);
        assert_int_equal(get32(&at), 1);
        skip_string(&at);
        put_string(&c->out, "in");
        int32_t rows = get32(&at);
        put32(&c->out, rows);
        while (rows-- > 0) {
                int32_t p = get32(&at);
                int64_t offset = get64(&at);
                (void)get32(&at);
                const struct cluster_partition *part = &w.parts[p];
                put32(&c->out, p);
                put16(&c->out, part->leader[SOURCE] == c->broker->id ? 0 : NOT_LEADER);
                put64(&c->out, part->count);
                put64(&c->out, part->count);
                put32(&c->out, -1);
                int there = 0;
                for (int64_t i = offset; i < part->count; i++) there += i != part->gone;
                put32(&c->out, there * BATCH_BYTES);
                for (; offset < part->count; offset++)
                        if (offset != part->gone) make_batch(&c->out, offset, offset == part->transactional, offset == part->empty);
                found |= there > 0;
        }
        return found;
}

static void answer_produce(struct client *c, uint8_t *at) {
        skip_string(&at);
        (void)get16(&at);
        (void)get32(&at);
        assert_int_equal(get32(&at), 1);
        put32(&c->out, 1);
        skip_string(&at);
        put_string(&c->out, "out");
        int32_t rows = get32(&at);
        put32(&c->out, rows);
        while (rows-- > 0) {
                int32_t p = get32(&at);
                at += get32(&at);
                bool leads = w.parts[p].leader[DESTINATION] == c->broker->id;
                put32(&c->out, p);
                put16(&c->out, leads ? 0 : NOT_LEADER);
                put64(&c->out, leads ? w.parts[p].there++ : -1);
                put64(&c->out, -1);
        }
        put32(&c->out, 0);
}

static void answer_add(struct client *c, uint8_t *at) {
        skip_string(&at);
        (void)get64(&at);
        (void)get16(&at);
        assert_int_equal(get32(&at), 1);
        skip_string(&at);
        put32(&c->out, 0);
        put32(&c->out, 1);
        put_string(&c->out, "out");
        int32_t rows = get32(&at);
        put32(&c->out, rows);
        bool first = false;
        while (rows-- > 0) {
                int32_t p = get32(&at);
                first |= p == 0; /* they are in order */
                put32(&c->out, p);
                put16(&c->out, w.not_coordinator > 0                              ? NOT_COORDINATOR
                               : p == 0                                           ? w.add_error
                               : first && w.add_error == UNKNOWN_TOPIC            ? NOT_ATTEMPTED
                                                                                  : 0);
        }
        if (w.add_error == UNKNOWN_TOPIC && first) w.parts[0].leader[DESTINATION] = -1;
        w.not_coordinator--;
        w.adds++;
}

static void serve(struct client *c);
static void on_waited(uv_timer_t *timer) {
        struct client *c = timer->data;
        if (w.hold_fetches && c->broker->id == 1) return (void)uv_timer_start(timer, on_waited, 10, 0);
        c->waiting = false;
        client_answer(c);
        serve(c);
}

static void serve(struct client *c) {
        while (!c->ended && !c->waiting && c->count >= 4) {
                uint8_t *at = c->data;
                size_t bytes = (size_t)get32(&at);
                if (c->count < 4 + bytes) return;
                int16_t key = get16(&at);
                (void)get16(&at);
                int32_t correlation = get32(&at);
                skip_string(&at);
                c->out.count = 0;
                put32(&c->out, correlation);
                if (key == FIND && w.finds > 0 && w.hold_find) {
                        w.held_finds += !c->held;
                        c->held = true;
                        return;
                }
                switch (key) {
                case PRODUCE:
                        if (w.breaks_off) {
                                for (int p = 0; p < PARTITIONS; p++) w.parts[p].leader[DESTINATION] = -1;
                                return client_end(c);
                        }
                        answer_produce(c, at);
                        if (!w.swallows) break;
                        w.swallows = false;
                        w.swallowed = true;
                        *(w.keeps_empty ? &w.parts[0].empty : &w.parts[0].gone) = 0;
                        return client_end(c);
                case FETCH:
                        if (answer_fetch(c, at)) break;
                        c->waiting = true;
                        w.held_fetches += w.hold_fetches && c->broker->id == 1;
                        (void)uv_timer_start(&c->timer, on_waited, WAIT_MS, 0);
                        break;
                case METADATA: answer_metadata(c); break;
                case FIND:
                        w.finds++;
                        put32(&c->out, 0);
                        put16(&c->out, 0);
                        put16(&c->out, -1);
                        put32(&c->out, 0);
                        put_string(&c->out, "127.0.0.1");
                        put32(&c->out, w.brokers[DESTINATION][0].port);
                        break;
                case VERSIONS:
                        put16(&c->out, 0);
                        put32(&c->out, 6);
                        for (const int *v = (const int[]){PRODUCE, 3, FETCH, 4, METADATA, 4, PRODUCER_ID, 0, FIND, 1, ADD, 0, -1}; *v >= 0; v += 2) {
                                put16(&c->out, v[0]);
                                put16(&c->out, v[1]);
                                put16(&c->out, v[1]);
                        }
                        break;
                case PRODUCER_ID:
                        put32(&c->out, 0);
                        put16(&c->out, 0);
                        put64(&c->out, 1);
                        put16(&c->out, 0);
                        break;
                case ADD: answer_add(c, at); break;
                default: fail_msg("request %d", key);
                }
                c->count -= 4 + bytes;
                memmove(c->data, c->data + 4 + bytes, c->count);
                if (!c->waiting) client_answer(c);
        }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
        struct client *c = handle->data;
        (void)suggested;
        *buf = uv_buf_init((char *)c->data + c->count, (unsigned)(sizeof c->data - c->count));
}
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
        struct client *c = stream->data;
        (void)buf;
        if (n < 0) return client_end(c);
        c->count += (size_t)n;
        serve(c);
}
static void on_connection(uv_stream_t *server, int status) {
        struct client *c = calloc(1, sizeof *c);
        assert_non_null(c);
        assert_int_equal(status, 0);
        c->broker = server->data;
        c->open = 2;
        c->tcp.data = c->timer.data = c;
        c->next = w.clients;
        w.clients = c;
        (void)uv_tcp_init(&w.loop, &c->tcp);
        (void)uv_timer_init(&w.loop, &c->timer);
        assert_int_equal(uv_accept(server, (uv_stream_t *)&c->tcp), 0);
        assert_int_equal(uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read), 0);
}

/* ---- what the relay tells ---- */

static void on_idle(uv_idle_t *idle) {
        (void)uv_idle_stop(idle);
        relay_turn(w.relay, 1e9);
}
static void on_ready(void *ctx) {
        (void)ctx;
        w.ready++;
        (void)uv_idle_start(&w.turn, on_idle);
}
static void on_sent(void *ctx, void *part, const struct relay_batch *batch) { (void)ctx; (void)part; (void)batch; }
static void on_acked(void *ctx, void *of, const struct relay_batch *batch, int64_t destination) {
        struct cluster_partition *part = of;
        (void)ctx;
        (void)destination;
        assert_int_equal(batch->base, part->position);
        part->position = batch->next;
}
static void on_taken_back(void *ctx, void *part, const struct relay_batch *batch) { (void)ctx; (void)part; (void)batch; }
static void on_passed(void *ctx, void *part, int64_t next) { (void)ctx; (void)part; (void)next; }
static void on_end(void *ctx, void *of, int64_t end, bool at_end) {
        const struct cluster_partition *part = of;
        (void)ctx;
        (void)end;
        if (at_end && part->relayed->state == RELAY_LOOKING && !part->relayed->trouble_ms) w.looked_calm = true;
}
static void on_given_back(void *ctx, void *of, enum relay_reason reason, int64_t until, struct relay_place place,
                          const char *why) {
        struct cluster_partition *part = of;
        (void)ctx;
        (void)why;
        part->relayed = NULL;
        part->given++;
        part->reason = reason;
        part->until = until;
        part->place = place;
}
static void on_failed(void *ctx, bool fenced, const char *why) {
        (void)ctx;
        (void)fenced;
        fail_msg("%s", why);
}
static void on_unjoined(void *ctx, void *of) { (void)ctx; (void)of; fail(); }
static void on_trouble(void *ctx, const char *why) {
        (void)ctx;
        if (w.troubles++ == 0) (void)snprintf(w.trouble, sizeof w.trouble, "%s", why); /* cut at the bound */
}
static void on_closed(void *ctx) { (void)ctx; w.closed = true; }

static const struct relay_events events = {on_ready,  on_sent,       on_acked,  on_taken_back, on_passed,
                                           on_end,    on_given_back, on_failed, on_unjoined,   on_trouble,
                                           on_closed};

/* ---- a world ---- */

static void world_begin(void) {
        memset(&w, 0, sizeof w);
        w.part_count = 1;
        for (int p = 0; p < PARTITIONS; p++) w.parts[p].transactional = w.parts[p].gone = w.parts[p].empty = -1;
        for (int side = 0; side < 2; side++)
                for (int i = 0; i < BROKERS; i++) w.brokers[side][i].host = "127.0.0.1";
}

static void add(struct cluster_partition *part) {
        part->relayed = relay_add(w.relay, part, "in", (int32_t)(part - w.parts), "out", part->position, part->place);
        assert_non_null(part->relayed);
}

/* Servers of the settings: each side's broker 1. */
static void world_relay(void) {
        char servers[2][64];
        assert_int_equal(uv_loop_init(&w.loop), 0);
        (void)uv_idle_init(&w.loop, &w.turn);
        for (int side = 0; side < 2; side++)
                for (int i = 0; i < BROKERS; i++) {
                        struct broker *b = &w.brokers[side][i];
                        struct sockaddr_in at;
                        int n = sizeof at;
                        b->side = side;
                        b->id = i;
                        assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &at), 0);
                        (void)uv_tcp_init(&w.loop, &b->tcp);
                        b->tcp.data = b;
                        assert_int_equal(uv_tcp_bind(&b->tcp, (const struct sockaddr *)&at, 0), 0);
                        /* The port of one that refuses is nobody else's. */
                        if (!b->refuses) assert_int_equal(uv_listen((uv_stream_t *)&b->tcp, 16, on_connection), 0);
                        assert_int_equal(uv_tcp_getsockname(&b->tcp, (struct sockaddr *)&at, &n), 0);
                        b->port = ntohs(at.sin_port);
                }
        for (int side = 0; side < 2; side++)
                (void)snprintf(servers[side], sizeof servers[side], "127.0.0.1:%u", w.brokers[side][1].port);
        const struct relay_settings settings = {.source = servers[SOURCE], .destination = servers[DESTINATION], .client_id = "test",
                                                .budget_bytes = 1 << 20, .codec = -1, .transactional_id = w.transactional_id};
        w.relay = relay_new(&w.loop, &settings, &events, NULL);
        assert_non_null(w.relay);
        if (w.transactional_id) relay_set_producer(w.relay, 5, 0);
        for (int p = 0; p < w.part_count; p++) add(&w.parts[p]);
}

static void world_end(void) {
        relay_close(w.relay);
        assert_true(loop_until(&w.loop, loop_flag, &w.closed, LIMIT_MS));
        for (struct client *c = w.clients; c; c = c->next) client_end(c);
        for (int side = 0; side < 2; side++)
                for (int i = 0; i < BROKERS; i++) uv_close((uv_handle_t *)&w.brokers[side][i].tcp, NULL);
        uv_close((uv_handle_t *)&w.turn, NULL);
        (void)uv_run(&w.loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&w.loop), 0);
}

static bool first_given(void *ctx) { (void)ctx; return w.parts[0].given > 0; }
static bool first_mirrored(void *ctx) { (void)ctx; return w.parts[0].position == w.parts[0].count; }
static bool second_mirrored(void *ctx) { (void)ctx; return w.parts[1].position == w.parts[1].count; }
static bool find_is_held(void *ctx) { (void)ctx; return w.held_finds > 0; }
static bool in_trouble(void *ctx) { (void)ctx; return w.troubles > 0; }
static bool fetch_is_held(void *ctx) { (void)ctx; return w.held_fetches > 0; }
static bool second_looks(void *ctx) {
        (void)ctx;
        return w.parts[1].relayed->state == RELAY_LOOKING && w.parts[1].leader[DESTINATION] < 0;
}
static bool second_counts(void *ctx) { (void)ctx; return w.parts[1].relayed->trouble_ms != 0; }
static bool second_given(void *ctx) { (void)ctx; return w.parts[1].given > 0; }

/* ---- the tests ---- */

/* Two batches wait for a broker that is gone, before one that has to be opened; another broker leads meanwhile. */
static void what_waits_for_a_lost_broker_does_not_keep_its_partition(void **state) {
        (void)state;
        world_begin();
        w.parts[0].count = 3;
        w.parts[0].transactional = 2;
        w.brokers[DESTINATION][0].refuses = true;
        world_relay();
        assert_true(loop_until(&w.loop, in_trouble, NULL, LIMIT_MS));
        w.parts[0].leader[DESTINATION] = 1;
        assert_true(loop_until(&w.loop, first_given, NULL, LIMIT_MS));
        assert_int_equal(w.parts[0].reason, RELAY_UNUSUAL);
        assert_int_equal(w.parts[0].until, -1);
        assert_int_equal(w.parts[0].there, 0);
        assert_true(relay_fits(w.parts[0].place, 0)); /* nothing was sent */
        assert_int_equal(w.parts[0].place.sequence, 0);
        /* Once more: what can be relayed is. */
        w.parts[0].given = 0;
        add(&w.parts[0]);
        assert_true(loop_until(&w.loop, first_given, NULL, LIMIT_MS));
        assert_int_equal(w.parts[0].reason, RELAY_UNUSUAL);
        assert_int_equal(w.parts[0].there, 2);
        assert_int_equal(w.parts[0].position, 2);
        world_end();
}

static void a_broker_s_name_that_cannot_be_asked_for_is_trouble_until_it_is_right(void **state) {
        static char longest[300];
        static const char *const names[] = {"\xff\xfe", "", longest};
        (void)state;
        memset(longest, 'a', sizeof longest - 1);
        for (size_t i = 0; i < 2 * sizeof names / sizeof names[0]; i++) {
                int side = i % 2 ? DESTINATION : SOURCE;
                world_begin();
                w.parts[0].count = 2;
                w.brokers[side][0].host = names[i / 2];
                world_relay();
                assert_true(loop_until(&w.loop, in_trouble, NULL, LIMIT_MS));
                assert_memory_equal(w.trouble, side == SOURCE ? "source: " : "destination: ", side == SOURCE ? 8 : 13);
                assert_non_null(strstr(w.trouble, "invalid argument"));
                assert_int_equal(w.parts[0].there, 0);
                w.brokers[side][0].host = "127.0.0.1";
                assert_true(loop_until(&w.loop, first_mirrored, NULL, LIMIT_MS));
                assert_int_equal(w.parts[0].there, 2);
                assert_int_equal(w.parts[0].given, 0);
                world_end();
        }
}

static void nothing_turns_while_the_coordinator_is_asked_for(void **state) {
        (void)state;
        world_begin();
        w.parts[0].count = 2;
        w.transactional_id = "lane";
        w.not_coordinator = 1;
        w.hold_find = true;
        world_relay();
        assert_true(loop_until(&w.loop, find_is_held, NULL, LIMIT_MS));
        assert_true(relay_waits(w.relay) || w.relay->add_wanted);
        int before = w.ready;
        (void)loop_until(&w.loop, NULL, NULL, 300); /* for a time: nothing is to happen */
        print_message("ready %d times\n", w.ready - before);
        assert_true(w.ready - before < 50);
        assert_int_equal(w.held_finds, 1);
        w.hold_find = false;
        for (struct client *c = w.clients; c; c = c->next) serve(c);
        assert_true(loop_until(&w.loop, first_mirrored, NULL, LIMIT_MS));
        assert_int_equal(w.adds, 2);
        world_end();
}

/* Its source says that there is nothing new, in an answer to what was asked before its destination's leader was gone. */
static void a_partition_that_looks_is_away_in_time_though_an_answer_came(void **state) {
        (void)state;
        world_begin();
        w.part_count = 2;
        w.parts[1].leader[SOURCE] = 1; /* a fetch of its own */
        w.hold_fetches = true;
        w.breaks_off = true;
        world_relay();
        assert_true(loop_until(&w.loop, fetch_is_held, NULL, LIMIT_MS));
        w.parts[0].count = 1;
        assert_true(loop_until(&w.loop, second_looks, NULL, LIMIT_MS));
        w.hold_fetches = false;
        assert_true(loop_until(&w.loop, loop_flag, &w.looked_calm, LIMIT_MS));
        assert_true(loop_until(&w.loop, second_counts, NULL, LIMIT_MS));
        assert_int_equal(w.parts[1].given, 0);
        w.parts[1].relayed->trouble_ms -= RELAY_AWAY_MS; /* it is as if so much time had gone by */
        assert_true(loop_until(&w.loop, second_given, NULL, LIMIT_MS));
        assert_int_equal(w.parts[1].reason, RELAY_AWAY);
        world_end();
}

/* A broker takes what has a batch's sequence for that batch. */
static void what_follows_a_batch_that_is_gone_does_not_get_its_sequence(void **state) {
        static const struct { bool empty, removed; } rows[] = {{false, false}, {true, false}, {false, true}, {true, true}};
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                world_begin();
                w.parts[0].count = 2;
                w.swallows = true;
                w.keeps_empty = rows[i].empty;
                world_relay();
                if (rows[i].removed) {
                        assert_true(loop_until(&w.loop, loop_flag, &w.swallowed, LIMIT_MS));
                        relay_remove(w.parts[0].relayed);
                        assert_true(loop_until(&w.loop, first_given, NULL, LIMIT_MS));
                        assert_int_equal(w.parts[0].reason, RELAY_REMOVED);
                        w.parts[0].given = 0;
                        assert_true(relay_fits(w.parts[0].place, 0));
                        add(&w.parts[0]);
                }
                assert_true(loop_until(&w.loop, first_given, NULL, LIMIT_MS));
                assert_int_equal(w.parts[0].reason, RELAY_UNUSUAL);
                assert_int_equal(w.parts[0].there, 1);
                assert_int_equal(w.parts[0].position, 0);
                assert_true(relay_fits(w.parts[0].place, 0) && !relay_fits(w.parts[0].place, 1));
                world_end();
        }
}

static void a_partition_that_is_not_there_keeps_no_other_out_of_the_transaction(void **state) {
        (void)state;
        world_begin();
        w.part_count = 2;
        w.parts[0].count = w.parts[1].count = 1;
        w.transactional_id = "lane";
        w.add_error = UNKNOWN_TOPIC;
        world_relay();
        assert_true(loop_until(&w.loop, second_mirrored, NULL, LIMIT_MS));
        assert_int_equal(w.parts[0].given, 0);
        w.parts[0].relayed->trouble_ms -= RELAY_AWAY_MS; /* it is as if so much time had gone by */
        assert_true(loop_until(&w.loop, first_given, NULL, LIMIT_MS));
        assert_int_equal(w.parts[0].reason, RELAY_AWAY);
        world_end();
}

/* At once, or behind a batch that has to be opened. */
static void a_partition_that_may_not_be_added_is_given_back(void **state) {
        (void)state;
        for (int count = 1; count <= 2; count++) {
                world_begin();
                w.parts[0].count = count;
                w.parts[0].transactional = 1;
                w.transactional_id = "lane";
                w.add_error = TOPIC_DENIED;
                world_relay();
                assert_true(loop_until(&w.loop, first_given, NULL, LIMIT_MS));
                assert_int_equal(w.parts[0].reason, RELAY_REFUSED);
                assert_int_equal(w.parts[0].there, 0);
                assert_true(relay_fits(w.parts[0].place, 0));
                world_end();
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_waits_for_a_lost_broker_does_not_keep_its_partition),
                cmocka_unit_test(a_broker_s_name_that_cannot_be_asked_for_is_trouble_until_it_is_right),
                cmocka_unit_test(nothing_turns_while_the_coordinator_is_asked_for),
                cmocka_unit_test(a_partition_that_looks_is_away_in_time_though_an_answer_came),
                cmocka_unit_test(what_follows_a_batch_that_is_gone_does_not_get_its_sequence),
                cmocka_unit_test(a_partition_that_is_not_there_keeps_no_other_out_of_the_transaction),
                cmocka_unit_test(a_partition_that_may_not_be_added_is_given_back),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
