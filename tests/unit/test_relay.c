/* A relay between two clusters that are made here, on its own loop: two brokers
 * each, which speak what it speaks, check sequences as Kafka's do, and break off,
 * move their leaders and refuse at random.  Whatever happens, each batch lies at
 * the destination once and in order, and counts as there only when it is. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "tests/unit/test.h"

#include "tests/unit/kafka_bytes.h"
#include "worker/relay.h"
#include "worker/relay_wire.h"

#define PARTITIONS 3
#define BROKERS 2               /* of each cluster */
#define BATCHES 80              /* of each partition */
#define PAYLOAD 4500            /* more than what is better opened */
#define RECORD_BYTES 23
#define ODD 20

enum { SOURCE, DESTINATION };
enum { NOT_LEADER = 6, TOO_LARGE = 10, OUT_OF_ORDER = 45, CORRUPT = 2 };

struct entry { int64_t base; int32_t records; };

struct log_partition {
        int leader[2];
        struct entry batches[BATCHES];        /* of the source */
        bool control[BATCHES];                /* a mark of a transaction that nobody sees */
        int64_t end;
        struct entry there[4 * BATCHES];      /* at the destination */
        int there_count;
        int64_t producer;
        int32_t last_sequence;
        struct { int32_t first, last; } known[5];
        int known_count;
        /* What the relay has told. */
        struct relay_part *relayed;
        struct relay_place place;
        struct entry sent[16];
        int sent_count;
        int acked;                            /* so many of `there` */
        int64_t position;
        bool removing;
        bool unjoined;                        /* it was told */
        int given;
};

enum odd { EVEN, TRANSACTIONAL, APPEND_TIME, HOLE, OTHER_CODEC, WRONG_SUM, WRONG_CONTROL, WRONG_EMPTY, UNKNOWN_ATTRIBUTE, OLD_FORMAT };

static struct world {
        uv_loop_t loop;
        struct broker { uv_tcp_t tcp; int side, id; uint16_t port; } brokers[2][BROKERS];
        struct log_partition parts[PARTITIONS];
        struct relay *relay;
        uv_idle_t turn;
        uv_timer_t removal;
        bool paced;                           /* turns come from a timer, and allow one record each */
        uv_timer_t pace;
        int64_t next_producer;
        int faults;                           /* of 100 requests */
        int refused_partition;                /* whose batch number `refused` is too large; -1: none */
        int refused;
        int given_refused;
        enum odd odd;                         /* partition 1's batch number ODD */
        enum relay_reason odd_reason;
        int64_t odd_until;
        bool odd_given;
        int records_max;                      /* the destination takes no larger batch */
        int joined;                           /* batches there that were several */
        bool mark_between;                    /* see what_was_joined_is_so_again_behind_a_mark */
        int produced;                         /* requests */
        bool closed;
} w;

/* Batches of records that can be read, which are joined; else none is. */
static bool readable;
/* Of 100 batches so many are marks that nobody sees. */
static int marks = 5;

/* ---- bytes ---- */

static void make_batch(struct bytes *b, int partition, const struct entry *entry, bool control, enum odd odd) {
        static const int attributes[] = {[TRANSACTIONAL] = 0x10, [APPEND_TIME] = 0x08, [OTHER_CODEC] = 4, [UNKNOWN_ATTRIBUTE] = 0x40, [WRONG_CONTROL] = 0x30, [OLD_FORMAT] = 0};
        const struct bytes_batch batch = {.base = entry->base, .magic = odd == OLD_FORMAT ? 1 : 2,
                                          .attributes = control ? 0x30 : attributes[odd], .last = entry->records - 1,
                                          .records = odd == WRONG_EMPTY ? 0 : entry->records - (odd == HOLE), .max_timestamp = 1000 + entry->records};
        uint8_t *at = put_batch_head(b, &batch, readable ? entry->records * RECORD_BYTES : PAYLOAD);
        for (int i = 0; readable && i < entry->records; i++) {
                put8(b, 2 * (RECORD_BYTES - 1));
                put(b, (const uint8_t[]){0, 0, (uint8_t)(2 * i), 1, 2 * 16}, 5); /* no key */
                put64(b, entry->base + i);
                put64(b, partition);
                put8(b, 0);
        }
        if (!readable) {
                put64(b, entry->base);
                put64(b, partition);
                put_fill(b, PAYLOAD - 16);
        }
        batch_sum(at, (size_t)(b->data + b->count - at), odd == WRONG_SUM || odd == WRONG_CONTROL || odd == WRONG_EMPTY);
}

/* The batches of the source that one at the destination is made of. */
static int entries_of(const struct log_partition *part, uint8_t *data, const struct wire_batch *batch, struct entry *out) {
        uint8_t *at = data + WIRE_BATCH_HEAD;
        if (!readable) {
                out[0] = (struct entry){get64(&at), batch->records};
                assert_int_equal(get64(&at), part - w.parts);
                return 1;
        }
        int count = 0, in_last = 0;
        int64_t next = -1;
        for (int32_t i = 0; i < batch->records; i++) {
                at += 1 + *at / 2;                              /* below 64 bytes, its length is one */
                uint8_t *value = at - 17;
                int64_t offset = get64(&value);
                assert_int_equal(get64(&value), part - w.parts);
                assert_true(next < 0 || offset == next);
                next = offset + 1;
                if (in_last == 0) {
                        int n = 0;
                        while (n < BATCHES && part->batches[n].base != offset) n++;
                        assert_true(n < BATCHES);               /* it begins with one */
                        out[count++] = part->batches[n];
                        in_last = part->batches[n].records;
                }
                in_last--;
        }
        assert_int_equal(in_last, 0);                           /* and ends with one */
        assert_ptr_equal(at, data + batch->bytes);
        return count;
}

/* ---- brokers ---- */

struct client {
        uv_tcp_t tcp;
        uv_timer_t timer;                     /* an answer that waits for records */
        struct broker *broker;
        uint8_t data[1 << 20];
        size_t count;
        struct bytes out;
        bool waiting, ended;
        int open;
};

static bool happens(void) { return rand() % 100 < w.faults; }

static void on_client_closed(uv_handle_t *handle) {
        struct client *c = handle->data;
        if (--c->open == 0) free(c);
}
static void client_end(struct client *c) {
        if (c->ended) return;
        c->ended = true;
        uv_close((uv_handle_t *)&c->tcp, on_client_closed);
        uv_close((uv_handle_t *)&c->timer, on_client_closed);
}

static void on_written(uv_write_t *write, int status) { (void)status; free(write); }
static void client_answer(struct client *c) {
        uv_write_t *write = malloc(sizeof *write + 4 + c->out.count);
        uint8_t *data = (uint8_t *)(write + 1);
        uint32_t size = htobe32((uint32_t)c->out.count);
        memcpy(data, &size, 4);
        memcpy(data + 4, c->out.data, c->out.count);
        uv_buf_t buf = uv_buf_init((char *)data, (unsigned)(4 + c->out.count));
        assert_int_equal(uv_write(write, (uv_stream_t *)&c->tcp, &buf, 1, on_written), 0);
}

static void answer_metadata(struct client *c) {
        int side = c->broker->side;
        put32(&c->out, 0);
        put32(&c->out, BROKERS);
        for (int i = 0; i < BROKERS; i++) {
                put32(&c->out, i);
                put_string(&c->out, "127.0.0.1");
                put32(&c->out, w.brokers[side][i].port);
                put16(&c->out, -1);
        }
        put16(&c->out, -1);
        put32(&c->out, 0);
        put32(&c->out, 1);
        put16(&c->out, 0);
        put_string(&c->out, side == SOURCE ? "in" : "out");
        put8(&c->out, 0);
        put32(&c->out, PARTITIONS);
        for (int p = 0; p < PARTITIONS; p++) {
                put16(&c->out, 0);
                put32(&c->out, p);
                put32(&c->out, w.parts[p].leader[side]);
                put32(&c->out, 0);
                put32(&c->out, 0);
        }
}

static int answer_fetch(struct client *c, uint8_t *at) {
        int found = 0;
        at += 17;                             /* replica, wait, bytes, isolation */
        int32_t topics = get32(&at);
        put32(&c->out, 0);
        put32(&c->out, topics);
        for (int t = 0; t < topics; t++) {
                skip_string(&at);
                put_string(&c->out, "in");
                int32_t rows = get32(&at);
                put32(&c->out, rows);
                while (rows-- > 0) {
                        int32_t p = get32(&at);
                        int64_t offset = get64(&at);
                        (void)get32(&at);
                        struct log_partition *part = &w.parts[p];
                        bool leads = part->leader[SOURCE] == c->broker->id;
                        put32(&c->out, p);
                        put16(&c->out, leads ? 0 : NOT_LEADER);
                        put64(&c->out, part->end);
                        put64(&c->out, part->end);
                        put32(&c->out, -1);
                        size_t size_at = c->out.count;
                        put32(&c->out, 0);
                        size_t begin = c->out.count;
                        int given = 0, most = !w.mark_between ? 1 + rand() % 12 : offset == 0 ? 1 : w.produced < 3 ? 7 : BATCHES;
                        for (int i = 0; leads && i < BATCHES && given < most; i++) {
                                if (part->batches[i].base + part->batches[i].records <= offset) continue;
                                make_batch(&c->out, p, &part->batches[i], part->control[i], p == 1 && i == ODD ? w.odd : EVEN);
                                given++;
                        }
                        uint32_t size = htobe32((uint32_t)(c->out.count - begin));
                        memcpy(c->out.data + size_at, &size, 4);
                        found += given + !leads;
                }
        }
        return found;
}

static int append(struct log_partition *part, uint8_t *data, size_t bytes, int64_t *out_base) {
        struct wire_batch batch;
        int p = (int)(part - w.parts);
        if (wire_batch(data, bytes, &batch) || batch.bytes != bytes || !wire_batch_sound(&batch)) return CORRUPT;
        assert_int_equal(batch.base_offset, 0);
        uint8_t *at = data + 43;
        int64_t producer = get64(&at);
        (void)get16(&at);
        int32_t first = get32(&at), last = first + batch.records - 1;
        struct entry entries[BATCHES];
        int count = entries_of(part, data, &batch, entries);
        for (int i = 0; i < count; i++)
                if (w.refused_partition == p && entries[i].base == part->batches[w.refused].base) return TOO_LARGE;
        if (w.records_max && batch.records > w.records_max) return TOO_LARGE;
        if (part->producer == producer) {
                for (int i = 0; i < part->known_count; i++)
                        if (part->known[i].first == first && part->known[i].last == last) return 0;
                if (first != part->last_sequence + 1) return OUT_OF_ORDER;
        } else {
                part->known_count = 0;        /* any sequence will do */
        }
        part->producer = producer;
        part->last_sequence = last;
        if (part->known_count == 5) memmove(part->known, part->known + 1, sizeof part->known[0] * (size_t)--part->known_count);
        part->known[part->known_count].first = first;
        part->known[part->known_count++].last = last;
        *out_base = part->there_count;
        assert_true(part->there_count + count <= 4 * BATCHES);
        for (int i = 0; i < count; i++) part->there[part->there_count++] = entries[i];
        w.joined += count > 1;
        return 0;
}

static void answer_produce(struct client *c, uint8_t *at) {
        skip_string(&at);
        assert_int_equal(get16(&at), -1);     /* acks: all */
        (void)get32(&at);
        int32_t topics = get32(&at);
        put32(&c->out, topics);
        while (topics-- > 0) {
                skip_string(&at);
                put_string(&c->out, "out");
                int32_t rows = get32(&at);
                put32(&c->out, rows);
                while (rows-- > 0) {
                        int32_t p = get32(&at), bytes = get32(&at);
                        struct log_partition *part = &w.parts[p];
                        int64_t base = -1;
                        if (happens()) part->leader[DESTINATION] = rand() % BROKERS;
                        int error = part->leader[DESTINATION] != c->broker->id ? NOT_LEADER
                                                                              : append(part, at, (size_t)bytes, &base);
                        at += bytes;
                        put32(&c->out, p);
                        put16(&c->out, error);
                        put64(&c->out, base);
                        put64(&c->out, -1);
                }
        }
        put32(&c->out, 0);
}

static void serve(struct client *c);
static void on_waited(uv_timer_t *timer) {
        struct client *c = timer->data;
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
                bool before = happens(), after = happens();
                if (before && (key == 0 || key == 1 || key == 3)) return client_end(c);
                switch (key) {
                case 0: answer_produce(c, at); break;
                case 1:
                        if (happens()) w.parts[rand() % PARTITIONS].leader[SOURCE] = rand() % BROKERS;
                        if (answer_fetch(c, at)) break;
                        c->waiting = true;
                        (void)uv_timer_start(&c->timer, on_waited, 5, 0);
                        break;
                case 3: answer_metadata(c); break;
                case 18:
                        put16(&c->out, 0);
                        put32(&c->out, 4);
                        for (const int *v = (const int[]){0, 3, 1, 4, 3, 4, 22, 0, -1}; *v >= 0; v += 2) {
                                put16(&c->out, v[0]);
                                put16(&c->out, v[1]);
                                put16(&c->out, v[1]);
                        }
                        break;
                case 22:
                        put32(&c->out, 0);
                        put16(&c->out, 0);
                        put64(&c->out, ++w.next_producer);
                        put16(&c->out, 0);
                        break;
                default: fail_msg("request %d", key);
                }
                c->count -= 4 + bytes;
                memmove(c->data, c->data + 4 + bytes, c->count);
                if (key == 0 && ++w.produced <= 3 && w.mark_between) {
                        if (w.produced == 3) return client_end(c);
                        if (w.produced == 2) continue;
                        c->waiting = true;
                        (void)uv_timer_start(&c->timer, on_waited, 50, 0); /* what follows is fetched meanwhile */
                }
                if (after && key == 0) return client_end(c); /* it has them, and does not say so */
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
        assert_int_equal(status, 0);
        c->broker = server->data;
        c->open = 2;
        c->tcp.data = c->timer.data = c;
        (void)uv_tcp_init(&w.loop, &c->tcp);
        (void)uv_timer_init(&w.loop, &c->timer);
        assert_int_equal(uv_accept(server, (uv_stream_t *)&c->tcp), 0);
        assert_int_equal(uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read), 0);
}

/* ---- what the relay tells ---- */

static void on_idle(uv_idle_t *idle) {
        (void)uv_idle_stop(idle);
        relay_turn(w.relay, rand() % 3 ? 1e9 : 5);
}
static void on_ready(void *ctx) {
        (void)ctx;
        if (!w.paced) (void)uv_idle_start(&w.turn, on_idle);
}
static void on_pace(uv_timer_t *timer) {
        (void)timer;
        relay_turn(w.relay, 1);
}

static void on_sent(void *ctx, void *of, const struct relay_batch *batch) {
        struct log_partition *part = of;
        (void)ctx;
        assert_true(part->sent_count < 5 && !part->removing);
        assert_true(batch->base >= (part->sent_count ? part->sent[part->sent_count - 1].base + 1 : part->position));
        part->sent[part->sent_count++] = (struct entry){batch->base, (int32_t)batch->records};
}

static void on_acked(void *ctx, void *of, const struct relay_batch *batch, int64_t destination) {
        struct log_partition *part = of;
        (void)ctx;
        (void)destination;
        assert_true(part->sent_count > 0);
        assert_int_equal(batch->base, part->sent[0].base); /* the oldest */
        memmove(part->sent, part->sent + 1, sizeof part->sent[0] * (size_t)--part->sent_count);
        assert_true(part->acked < part->there_count);      /* it is there, and the next that was not acknowledged */
        assert_int_equal(part->there[part->acked].base, batch->base);
        while (part->acked < part->there_count && part->there[part->acked].base <= batch->last) part->acked++;
        assert_true(batch->next > part->position);
        part->position = batch->next;
}

static void on_taken_back(void *ctx, void *of, const struct relay_batch *batch) {
        struct log_partition *part = of;
        (void)ctx;
        assert_true(part->sent_count > 0);
        assert_int_equal(batch->base, part->sent[--part->sent_count].base); /* the newest */
}

static void on_passed(void *ctx, void *of, int64_t next) {
        struct log_partition *part = of;
        (void)ctx;
        assert_int_equal(part->sent_count, 0);
        assert_true(next > part->position);
        part->position = next;
}

static void on_end(void *ctx, void *of, int64_t end, bool at_end) { (void)ctx; (void)of; (void)end; (void)at_end; }

static void add(struct log_partition *part) {
        assert_true(relay_fits(part->place, part->position));
        part->relayed = relay_add(w.relay, part, "in", (int32_t)(part - w.parts), "out", part->position, part->place);
        part->removing = false;
        assert_non_null(part->relayed);
}

static void on_given_back(void *ctx, void *of, enum relay_reason reason, int64_t until, struct relay_place place,
                          const char *why) {
        struct log_partition *part = of;
        (void)ctx;
        assert_int_equal(part->sent_count, 0);
        part->relayed = NULL;
        part->place = place;
        part->given++;
        if (part == &w.parts[1] && reason != RELAY_REMOVED && reason != RELAY_AWAY && (reason != RELAY_REFUSED || w.odd == WRONG_SUM)) {
                w.odd_given = true;
                w.odd_reason = reason;
                w.odd_until = until;
                return;
        }
        if (reason == RELAY_REFUSED) {
                assert_int_equal(part->position, part->batches[w.refused].base); /* all before it, and nothing behind it */
                w.given_refused++;
                return;
        }
        if (reason != RELAY_REMOVED && reason != RELAY_AWAY) fail_msg("given back: %s", why);
        add(part);
}

static void on_failed(void *ctx, bool fenced, const char *why) {
        (void)ctx;
        (void)fenced;
        fail_msg("%s", why);
}
static void on_unjoined(void *ctx, void *of) {
        struct log_partition *part = of;
        (void)ctx;
        assert_false(part->unjoined);
        part->unjoined = true;
}
static void on_trouble(void *ctx, const char *why) { (void)ctx; (void)why; }
static void on_closed(void *ctx) { (void)ctx; w.closed = true; }

static const struct relay_events events = {on_ready,  on_sent,       on_acked,  on_taken_back, on_passed,
                                           on_end,    on_given_back, on_failed, on_unjoined,   on_trouble,
                                           on_closed};

/* ---- the tests ---- */

/* Its batches behind each other. */
static void lay(struct log_partition *part) {
        part->end = 0;
        for (int i = 0; i < BATCHES; i++) {
                part->batches[i].base = part->end;
                part->end += part->batches[i].records;
        }
}

static void world_begin(unsigned seed, int faults) {
        memset(&w, 0, sizeof w);
        srand(seed);
        w.faults = faults;
        w.refused_partition = -1;
        assert_int_equal(uv_loop_init(&w.loop), 0);
        (void)uv_idle_init(&w.loop, &w.turn);
        (void)uv_timer_init(&w.loop, &w.removal);
        (void)uv_timer_init(&w.loop, &w.pace);
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
                        assert_int_equal(uv_listen((uv_stream_t *)&b->tcp, 16, on_connection), 0);
                        assert_int_equal(uv_tcp_getsockname(&b->tcp, (struct sockaddr *)&at, &n), 0);
                        b->port = ntohs(at.sin_port);
                }
        for (int p = 0; p < PARTITIONS; p++) {
                struct log_partition *part = &w.parts[p];
                part->producer = -1;
                part->leader[SOURCE] = part->leader[DESTINATION] = p % BROKERS;
                for (int i = 0; i < BATCHES; i++) {
                        part->control[i] = i == BATCHES - 1 || (i != ODD && i != ODD - 1 && rand() % 100 < marks);
                        part->batches[i] = (struct entry){0, part->control[i] ? 1 : i == ODD ? 3 : 1 + rand() % 3};
                }
                lay(part);
        }
}

static void world_relay(void) {
        char servers[2][64];
        for (int side = 0; side < 2; side++)
                (void)snprintf(servers[side], sizeof servers[side], "127.0.0.1:%u,127.0.0.1:%u", w.brokers[side][0].port,
                               w.brokers[side][1].port);
        const struct relay_settings settings = {.source = servers[SOURCE], .destination = servers[DESTINATION],
                                                .client_id = "test", .budget_bytes = 1 << 20, .codec = w.odd == OTHER_CODEC ? 0 : -1};
        w.relay = relay_new(&w.loop, &settings, &events, NULL);
        assert_non_null(w.relay);
        for (int p = 0; p < PARTITIONS; p++) add(&w.parts[p]);
}

static void run_until(bool (*done)(void)) {
        uint64_t limit = uv_hrtime() + (uint64_t)60 * 1000000000;
        while (!done()) {
                assert_true(uv_hrtime() < limit);
                (void)uv_run(&w.loop, UV_RUN_ONCE);
        }
}

static bool all_there(void) {
        for (int p = 0; p < PARTITIONS; p++)
                if (w.parts[p].position < w.parts[p].end) return false;
        return true;
}
static bool is_closed(void) { return w.closed; }

static void close_all(uv_handle_t *handle, void *arg) {
        (void)arg;
        if (uv_is_closing(handle)) return;
        if (handle->type == UV_TCP && uv_handle_get_data(handle) && ((uv_tcp_t *)handle)->connection_cb == NULL)
                client_end(handle->data);
}

static void world_end(void) {
        (void)uv_timer_stop(&w.removal);
        (void)uv_timer_stop(&w.pace);
        relay_close(w.relay);
        run_until(is_closed);
        uv_walk(&w.loop, close_all, NULL);
        for (int side = 0; side < 2; side++)
                for (int i = 0; i < BROKERS; i++) uv_close((uv_handle_t *)&w.brokers[side][i].tcp, NULL);
        uv_close((uv_handle_t *)&w.turn, NULL);
        uv_close((uv_handle_t *)&w.removal, NULL);
        uv_close((uv_handle_t *)&w.pace, NULL);
        (void)uv_run(&w.loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&w.loop), 0);
}

/* Once, in order, unopened. */
static void assert_there(const struct log_partition *part, int count) {
        int at = 0;
        for (int i = 0; i < count; i++) {
                if (part->control[i]) continue;
                assert_true(at < part->there_count);
                assert_int_equal(part->there[at].base, part->batches[i].base);
                assert_int_equal(part->there[at].records, part->batches[i].records);
                at++;
        }
        assert_int_equal(at, part->there_count);
}

static unsigned seed(void) {
        const char *env = getenv("HELIOSTAT_SEED");
        unsigned number = env ? (unsigned)atoi(env) : 5;
        print_message("seed %u\n", number);
        return number;
}

static void all_arrives_once_and_in_order(void **state) {
        (void)state;
        world_begin(seed(), 0);
        world_relay();
        run_until(all_there);
        for (int p = 0; p < PARTITIONS; p++) assert_there(&w.parts[p], BATCHES);
        assert_true((w.joined > 0) == readable);
        world_end();
}

static void where_a_topic_takes_no_joined_batch_they_go_as_they_came(void **state) {
        (void)state;
        unsigned first = seed();
        for (unsigned round = 0; readable && round < 4; round++) {
                world_begin(first + round, round % 2 ? 2 : 0);
                w.records_max = round < 2 ? 3 : 8;  /* 3: what is in one of the source's */
                world_relay();
                run_until(all_there);
                for (int p = 0; p < PARTITIONS; p++) assert_there(&w.parts[p], BATCHES);
                for (int p = 0; p < PARTITIONS && round < 2; p++) assert_true(w.parts[p].unjoined);
                world_end();
        }
}

static void so_it_does_when_brokers_break_off_and_leaders_move(void **state) {
        (void)state;
        unsigned first = seed();
        for (unsigned round = 0; round < (readable ? 4 : 2); round++) {
                marks = round < 2 ? 5 : 30;
                world_begin(first + round, 2);
                world_relay();
                run_until(all_there);
                for (int p = 0; p < PARTITIONS; p++) assert_there(&w.parts[p], BATCHES);
                world_end();
        }
        marks = 5;
}

/* The first batch; three that are one; a mark; three that are one, and to which more has come when they are fetched again.
 * Both are there, and nobody says so. */
static void what_was_joined_is_so_again_behind_a_mark(void **state) {
        (void)state;
        if (!readable) return;
        world_begin(seed(), 0);
        w.mark_between = true;
        struct log_partition *part = &w.parts[1];
        for (int i = 0; i < 20; i++) part->control[i] = i == 4;
        part->batches[4].records = 1;
        lay(part);
        w.parts[0].position = w.parts[0].end;
        w.parts[2].position = w.parts[2].end;
        world_relay();
        run_until(all_there);
        assert_there(part, BATCHES);
        world_end();
}

static bool one_is_there(void) {
        for (int p = 0; p < PARTITIONS; p++)
                if (w.parts[p].position >= w.parts[p].end) return true;
        return false;
}
static void where_a_turn_allows_one_batch_no_broker_s_partitions_take_each(void **state) {
        (void)state;
        world_begin(seed(), 0);
        w.paced = true;
        world_relay();
        (void)uv_timer_start(&w.pace, on_pace, 1, 3); /* meanwhile what was sent is answered, and more is fetched */
        run_until(one_is_there);
        for (int p = 0; p < PARTITIONS; p++) assert_true(w.parts[p].acked > BATCHES / 2);
        run_until(all_there);
        for (int p = 0; p < PARTITIONS; p++) assert_there(&w.parts[p], BATCHES);
        world_end();
}

static void what_nobody_sees_is_passed_without_a_batch_before_it(void **state) {
        (void)state;
        world_begin(seed(), 0);
        for (int p = 0; p < PARTITIONS; p++) w.parts[p].position = w.parts[p].batches[BATCHES - 1].base;
        world_relay();
        run_until(all_there);
        for (int p = 0; p < PARTITIONS; p++) assert_int_equal(w.parts[p].there_count, 0);
        world_end();
}

static void on_removal(uv_timer_t *timer) {
        struct log_partition *part = &w.parts[rand() % PARTITIONS];
        (void)timer;
        if (rand() % 8 == 0) {
                relay_drop_sends(w.relay);
                for (int p = 0; p < PARTITIONS; p++) assert_int_equal(w.parts[p].sent_count, 0);
        }
        if (!part->relayed || part->removing) return;
        part->removing = true; /* it is added again by on_given_back, maybe from inside */
        relay_remove(part->relayed);
}

static void so_it_does_when_partitions_leave_and_come_back(void **state) {
        (void)state;
        unsigned first = seed();
        int given = 0;
        /* How many leave goes by how fast the machine is. */
        for (unsigned round = 0; round < 2 || given <= 5; round++) {
                assert_true(round < 30);
                world_begin(first + round, 1);
                world_relay();
                (void)uv_timer_start(&w.removal, on_removal, 20, 30);
                run_until(all_there);
                for (int p = 0; p < PARTITIONS; p++) {
                        assert_there(&w.parts[p], BATCHES);
                        given += w.parts[p].given;
                }
                world_end();
        }
}

static bool refused_and_others_there(void) {
        return w.given_refused && w.parts[0].position == w.parts[0].end && w.parts[2].position == w.parts[2].end;
}

static void a_refused_batch_is_given_back_and_none_behind_it_arrives(void **state) {
        (void)state;
        unsigned first = seed();
        for (unsigned round = 0; round < 4; round++) {
                world_begin(first + round, 0);
                w.refused_partition = 1;
                w.refused = round ? (int)(20 * round) : 0;
                w.parts[1].control[w.refused] = false;
                world_relay();
                run_until(refused_and_others_there);
                assert_there(&w.parts[1], w.refused);
                world_end();
                assert_int_equal(w.given_refused, 1);
        }
}

/* All of it is in one answer, and what is said of the refused one goes first. */
static void so_it_is_when_what_follows_has_to_be_opened(void **state) {
        (void)state;
        unsigned first = seed();
        for (unsigned round = 0; round < 4; round++) {
                world_begin(first + round, 0);
                w.refused_partition = 1;
                w.refused = ODD - 1;
                w.odd = TRANSACTIONAL;
                w.parts[1].position = w.parts[1].batches[ODD - 1].base;
                world_relay();
                run_until(refused_and_others_there);
                assert_int_equal(w.parts[1].there_count, 0);
                world_end();
        }
}

static bool odd_and_others_there(void) {
        return w.odd_given && w.parts[0].position == w.parts[0].end && w.parts[2].position == w.parts[2].end;
}

static void what_has_to_be_opened_is_given_back_with_all_before_it_there(void **state) {
        (void)state;
        static const struct {
                enum odd odd;
                enum relay_reason reason;
        } rows[] = {
                {TRANSACTIONAL, RELAY_UNUSUAL}, {APPEND_TIME, RELAY_UNUSUAL}, {HOLE, RELAY_UNUSUAL},
                {OTHER_CODEC, RELAY_UNUSUAL}, {UNKNOWN_ATTRIBUTE, RELAY_UNUSUAL}, {WRONG_SUM, RELAY_REFUSED},
                /* Nothing of these would be sent, and the records that they seem not to have would be lost. */
                {WRONG_CONTROL, RELAY_CORRUPT}, {WRONG_EMPTY, RELAY_CORRUPT}, {OLD_FORMAT, RELAY_UNUSUAL},
        };
        unsigned first = seed();
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                world_begin(first + (unsigned)i, i == 0 ? 2 : 0);
                w.odd = rows[i].odd;
                world_relay();
                run_until(odd_and_others_there);
                assert_int_equal(w.odd_reason, rows[i].reason);
                assert_int_equal(w.odd_until, -1);
                assert_int_equal(w.parts[1].position, w.parts[1].batches[ODD].base);
                assert_there(&w.parts[1], ODD);
                world_end();
        }
}

static void a_position_inside_a_batch_is_given_back_with_the_batch_s_end(void **state) {
        (void)state;
        unsigned first = seed();
        for (unsigned round = 0; round < 4; round++) {
                world_begin(first + round, round % 2 ? 2 : 0);
                struct log_partition *part = &w.parts[1];
                int at = 0;
                while (part->control[at] || part->batches[at].records < 2) at++;
                part->position = part->batches[at].base + 1;
                world_relay();
                run_until(odd_and_others_there);
                assert_int_equal(w.odd_reason, RELAY_PARTIAL);
                assert_int_equal(w.odd_until, part->batches[at].base + part->batches[at].records);
                assert_int_equal(part->there_count, 0);
                world_end();
        }
}

static void what_was_sent_of_a_log_that_is_gone_does_not_keep_it_opened(void **state) {
        (void)state;
        world_begin(seed(), 0);
        struct log_partition *part = &w.parts[1];
        int at = 0;
        while (part->control[at] || part->batches[at].records < 2) at++;
        part->place = (struct relay_place){7, 5000, 5000, {{0}, 0}, false};
        part->position = part->batches[at].base + 1;
        world_relay();
        run_until(odd_and_others_there);
        assert_int_equal(w.odd_reason, RELAY_PARTIAL);
        assert_true(relay_fits(part->place, w.odd_until));
        assert_int_equal(part->place.sequence, 7);
        world_end();
}

static void closed_at_any_time_it_counts_only_what_is_there(void **state) {
        (void)state;
        unsigned first = seed();
        for (unsigned round = 0; round < 16; round++) {
                world_begin(first + round, round % 2 ? 3 : 0);
                world_relay();
                for (int n = rand() % 300; n > 0; n--) (void)uv_run(&w.loop, UV_RUN_ONCE);
                world_end();
                for (int p = 0; p < PARTITIONS; p++) {
                        assert_int_equal(w.parts[p].sent_count, 0);
                        assert_true(w.parts[p].acked <= w.parts[p].there_count);
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_arrives_once_and_in_order),
                cmocka_unit_test(what_nobody_sees_is_passed_without_a_batch_before_it),
                cmocka_unit_test(where_a_turn_allows_one_batch_no_broker_s_partitions_take_each),
                cmocka_unit_test(where_a_topic_takes_no_joined_batch_they_go_as_they_came),
                cmocka_unit_test(so_it_does_when_brokers_break_off_and_leaders_move),
                cmocka_unit_test(what_was_joined_is_so_again_behind_a_mark),
                cmocka_unit_test(so_it_does_when_partitions_leave_and_come_back),
                cmocka_unit_test(a_refused_batch_is_given_back_and_none_behind_it_arrives),
                cmocka_unit_test(so_it_is_when_what_follows_has_to_be_opened),
                cmocka_unit_test(what_has_to_be_opened_is_given_back_with_all_before_it_there),
                cmocka_unit_test(a_position_inside_a_batch_is_given_back_with_the_batch_s_end),
                cmocka_unit_test(what_was_sent_of_a_log_that_is_gone_does_not_keep_it_opened),
                cmocka_unit_test(closed_at_any_time_it_counts_only_what_is_there),
        };
        int failed = cmocka_run_group_tests_name("as they came", tests, NULL, NULL);
        readable = true;
        return failed + cmocka_run_group_tests_name("joined", tests, NULL, NULL);
}
