/* Who leads which partition, and the producer's id: asked for when somebody is
 * LOOKING, of one server after the other. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "worker/relay_internal.h"

#define DEFAULT_PORT 9092

int relay_lookup_init(struct relay_lookup *lookup, const char *servers) {
        while (*servers) {
                size_t n = strcspn(servers, ",");
                char **grown = realloc(lookup->servers, (lookup->server_count + 1) * sizeof *grown);
                if (!grown) return ERR_NOMEM;
                lookup->servers = grown;
                if (n && !(lookup->servers[lookup->server_count++] = strndup(servers, n))) return ERR_NOMEM;
                servers += n + (servers[n] == ',');
        }
        return lookup->server_count ? 0 : ERR_INVALID;
}

void relay_lookup_fini(struct relay_lookup *lookup) {
        for (size_t i = 0; i < lookup->server_count; i++) free(lookup->servers[i]);
        free(lookup->servers);
        lookup->servers = NULL;
        lookup->server_count = 0;
}

/* "host", "host:port", "[v6]:port", with or without "PLAINTEXT://". */
static uint16_t split(const char *server, char *host, size_t size) {
        const char *at = strstr(server, "://");
        at = at ? at + 3 : server;
        while (*at == ' ') at++;
        const char *end = *at == '[' ? strchr(at, ']') : NULL;
        const char *colon = strrchr(end ? end : at, ':');
        size_t n = end ? (size_t)(end - ++at) : colon ? (size_t)(colon - at) : strcspn(at, " ");
        (void)snprintf(host, size, "%.*s", (int)n, at); /* a name that is cut is not found */
        unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : DEFAULT_PORT;
        return port > 0 && port < 65536 ? (uint16_t)port : DEFAULT_PORT;
}

/* ---- what an answer says ---- */

static void on_broker(void *ctx, int32_t id, struct wire_text host, int32_t port) {
        struct relay_lookup *lookup = ctx;
        struct relay *relay = lookup->relay;
        struct relay_broker *broker = relay->brokers;
        if (port <= 0 || port > 65535) return;
        while (broker && (broker->side != lookup->side || broker->id != id)) broker = broker->next;
        if (!broker) {
                if (!(broker = calloc(1, sizeof *broker))) return;
                *broker = (struct relay_broker){.relay = relay, .side = lookup->side, .id = id, .next = relay->brokers};
                broker->ready_tail = &broker->ready;
                relay->brokers = broker;
        }
        if (broker->host && wire_text_is(host, broker->host) && broker->port == (uint16_t)port) return;
        char *name = strndup(host.text, host.bytes);
        if (!name) return;
        free(broker->host);
        broker->host = name;
        broker->port = (uint16_t)port;
        broker->retry_ms = 0;
        /* Its connection, if there is one, is to the old place and ends by itself. */
}

static const char *name_of(const struct relay_part *part, enum relay_side side) {
        return side == RELAY_SOURCE ? part->topic : part->target;
}

static int by_topic(const void *a, const void *b) {
        const struct relay_part *x = *(struct relay_part *const *)a, *y = *(struct relay_part *const *)b;
        int order = strcmp(x->topic, y->topic);
        return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static int by_target(const void *a, const void *b) {
        return relay_part_by_target(*(struct relay_part *const *)a, *(struct relay_part *const *)b);
}

static void sort_parts(struct relay_lookup *lookup) {
        const struct relay *relay = lookup->relay;
        lookup->sorted = calloc(relay->part_count + 1, sizeof(struct relay_part *));
        if (!lookup->sorted) abort();
        if (relay->part_count) memcpy(lookup->sorted, relay->parts, relay->part_count * sizeof(struct relay_part *));
        qsort(lookup->sorted, relay->part_count, sizeof(struct relay_part *), lookup->side == RELAY_SOURCE ? by_topic : by_target);
}

/* The first that is not before (topic, partition). */
static size_t lower(const struct relay_lookup *lookup, struct wire_text topic, int32_t partition) {
        size_t low = 0, high = lookup->relay->part_count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                const struct relay_part *part = lookup->sorted[middle];
                const char *name = name_of(part, lookup->side);
                size_t n = strlen(name);
                int order = memcmp(name, topic.text, n < topic.bytes ? n : topic.bytes);
                if (!order) order = n < topic.bytes ? -1 : n > topic.bytes ? 1 : 0;
                if (order < 0 || (order == 0 && part->partition < partition)) low = middle + 1;
                else high = middle;
        }
        return low;
}

/* NULL: none; one that flows finds out by itself. */
static void set_leader(struct relay_lookup *lookup, struct relay_part *part, struct relay_broker *broker) {
        if (!broker && part->state == RELAY_FLOWING) return;
        if (broker) part->unknown &= ~(1u << lookup->side);
        if (lookup->side == RELAY_SOURCE) {
                part->source = broker;
        } else if (part->queue.sent == 0 && !part->ready) {
                /* Else what is under way will be refused, and it looks again. */
                part->destination = broker;
        }
}

static void on_partition(void *ctx, struct wire_text topic, int32_t partition, int16_t error, int32_t leader) {
        struct relay_lookup *lookup = ctx;
        struct relay *relay = lookup->relay;
        struct relay_broker *broker = relay->brokers;
        while (broker && (broker->side != lookup->side || broker->id != leader)) broker = broker->next;
        for (size_t i = lower(lookup, topic, partition); i < relay->part_count; i++) {
                struct relay_part *part = lookup->sorted[i];
                if (!wire_text_is(topic, name_of(part, lookup->side))) break;
                if (partition >= 0 && part->partition != partition) break;
                if (partition >= 0) {
                        if (!error || wire_fetch_verdict(error) == WIRE_AGAIN) set_leader(lookup, part, leader >= 0 ? broker : NULL);
                        continue;
                }
                set_leader(lookup, part, NULL);
                if (part->giving) continue;
                if (wire_fetch_verdict(error) == WIRE_AGAIN) continue;
                /* Not from inside: the sorted list would be of parts that are gone. */
                part->giving = true;
                part->reason = RELAY_UNUSUAL;
                part->until = -1;
                (void)snprintf(part->why, sizeof part->why, "%s: %s", relay_side_name(lookup->side),
                               wire_error_name(error));
        }
}

void relay_flow_found(struct relay *relay) {
        uint64_t now = uv_now(relay->loop);
        for (size_t i = relay->part_count; i-- > 0;) {
                if (i >= relay->part_count) continue; /* given_back has changed the list */
                struct relay_part *part = relay->parts[i];
                if (part->state == RELAY_LOOKING && !part->trouble_ms) part->trouble_ms = now; /* an answer of before has ended the last one */
                if (!part->giving && part->state == RELAY_LOOKING && now - part->trouble_ms >= RELAY_AWAY_MS) {
                        relay_part_drop(part, RELAY_AWAY, "no leader takes or gives records");
                        continue;
                }
                if (part->giving) {
                        relay_part_check(part);
                        continue;
                }
                if (part->state != RELAY_LOOKING) continue;
                if (part->unknown || !part->source || !part->destination) {
                        relay_wake_in(relay, RELAY_AWAY_MS - (now - part->trouble_ms));
                        continue;
                }
                if (part->retry_ms > now) {
                        relay_wake_in(relay, part->retry_ms - now);
                        continue;
                }
                part->state = RELAY_FLOWING;
                relay_part_ready(part);
        }
}

/* After an answer: who has no leader yet asks again, later and later. */
static void ask_again(struct relay_lookup *lookup) {
        struct relay *relay = lookup->relay;
        uint64_t now = uv_now(relay->loop);
        for (size_t i = 0; i < relay->part_count; i++) {
                struct relay_part *part = relay->parts[i];
                if (part->giving || part->state != RELAY_LOOKING || !(part->unknown & 1u << lookup->side)) continue;
                if (part->retry_ms <= now) part->retry_ms = now + relay_backoff_ms(part->failures++);
                relay_tell_trouble(relay, "%s: %.120s [%d] has no leader", relay_side_name(lookup->side),
                                   name_of(part, lookup->side), part->partition);
                relay_look(relay, lookup->side, part->retry_ms);
        }
}

/* ---- the connection ---- */

static bool ask_topics(struct relay_lookup *lookup) {
        struct relay *relay = lookup->relay;
        const char **names = calloc(relay->part_count + 1, sizeof *names);
        size_t count = 0;
        if (!names) abort();
        sort_parts(lookup);
        for (size_t i = 0; i < relay->part_count; i++) {
                const char *name = name_of(lookup->sorted[i], lookup->side);
                if (!count || strcmp(names[count - 1], name) != 0) names[count++] = name;
        }
        int rc = wire_metadata(&relay->out, relay_conn_next_correlation(lookup->conn), relay->client_id, names, count);
        free(names);
        free(lookup->sorted);
        lookup->sorted = NULL;
        if (rc) return false;
        relay_conn_send(lookup->conn, &relay->out, NULL, 0, relay_request_new(RELAY_METADATA, 0, 0), RELAY_REQUEST_MS);
        return true;
}

static bool ask_producer_id(struct relay_lookup *lookup) {
        struct relay *relay = lookup->relay;
        if (wire_init_producer_id(&relay->out, relay_conn_next_correlation(lookup->conn), relay->client_id)) return false;
        relay_conn_send(lookup->conn, &relay->out, NULL, 0, relay_request_new(RELAY_PRODUCER_ID, 0, 0), RELAY_REQUEST_MS);
        return true;
}

static bool ask_coordinator(struct relay_lookup *lookup) {
        struct relay *relay = lookup->relay;
        if (wire_find_coordinator(&relay->out, relay_conn_next_correlation(lookup->conn), relay->client_id, relay->transactional_id))
                return false;
        relay_conn_send(lookup->conn, &relay->out, NULL, 0, relay_request_new(RELAY_FIND, 0, 0), RELAY_REQUEST_MS);
        return true;
}

static void lookup_end(struct relay_lookup *lookup, const char *failed) {
        struct relay *relay = lookup->relay;
        struct relay_conn *conn = lookup->conn;
        if (failed) {
                relay_tell_trouble(relay, "%s: %s", relay_side_name(lookup->side), failed);
                lookup->wanted = true;
                lookup->retry_ms = uv_now(relay->loop) + relay_backoff_ms(lookup->failures++);
        } else {
                lookup->failures = 0;
        }
        lookup->conn = NULL;
        lookup->closing = true;
        relay_conn_close(conn);
        if (!failed) {
                ask_again(lookup);
                relay_flow_found(relay);
        }
        if (lookup->wanted) {
                uint64_t now = uv_now(relay->loop);
                relay_wake_in(relay, lookup->retry_ms > now ? lookup->retry_ms - now : 0);
        }
        relay->events.ready(relay->ctx);
}

static void ask(struct relay_lookup *lookup) {
        const struct relay *relay = lookup->relay;
        bool asked = lookup->side == RELAY_SOURCE                                 ? ask_topics(lookup)
                     : relay->transactional_id && !relay->coordinator.host        ? ask_coordinator(lookup)
                     : !relay->transactional_id && relay->producer_id < 0         ? ask_producer_id(lookup)
                                                                                  : ask_topics(lookup);
        if (!asked) lookup_end(lookup, "no memory");
}

static void on_open(void *ctx, const struct wire_versions *versions) {
        struct relay_lookup *lookup = ctx;
        const struct relay *relay = lookup->relay;
        bool destination = lookup->side == RELAY_DESTINATION;
        if (!versions->metadata || (destination && !(relay->transactional_id ? versions->find_coordinator : versions->init_producer_id)))
                return lookup_end(lookup, "its versions of the protocol are not known here");
        if (relay_conn_writable(lookup->conn)) ask(lookup);
        else lookup->ask_due = true;
}

/* An answer may come before its request is known to be written. */
static void on_written(void *ctx) {
        struct relay_lookup *lookup = ctx;
        if (lookup->ask_due) ask(lookup);
        lookup->ask_due = false;
}

static void on_answer(void *ctx, void *of, uint8_t *data, size_t bytes, struct relay_buffer *buffer) {
        struct relay_lookup *lookup = ctx;
        struct relay *relay = lookup->relay;
        struct relay_request *request = of;
        enum relay_request_kind kind = request->kind;
        int16_t error = 0;
        char why[120];
        (void)buffer;
        free(request);
        if (kind == RELAY_PRODUCER_ID) {
                int64_t id;
                int16_t epoch;
                if (wire_take_init_producer_id(data, bytes, &error, &id, &epoch)) return lookup_end(lookup, "an answer that cannot be read");
                if (error) {
                        (void)snprintf(why, sizeof why, "no producer id: %s", wire_error_name(error));
                        return lookup_end(lookup, why);
                }
                relay->producer_id = id;
                relay->producer_epoch = epoch;
                if (relay_conn_writable(lookup->conn)) ask(lookup);
                else lookup->ask_due = true;
                return;
        }
        if (kind == RELAY_FIND) {
                struct wire_text at;
                int32_t id, port;
                if (wire_take_find_coordinator(data, bytes, &error, &id, &at, &port))
                        return lookup_end(lookup, "an answer that cannot be read");
                if (error || port <= 0 || port > 65535) {
                        (void)snprintf(why, sizeof why, "no coordinator of transactions: %s", wire_error_name(error));
                        return lookup_end(lookup, why);
                }
                relay->coordinator.host = strndup(at.text, at.bytes);
                if (!relay->coordinator.host) return lookup_end(lookup, "no memory");
                relay->coordinator.port = (uint16_t)port;
                if (relay_conn_writable(lookup->conn)) ask(lookup);
                else lookup->ask_due = true;
                return;
        }
        const struct wire_metadata_sink sink = {on_broker, on_partition, lookup};
        sort_parts(lookup);
        int rc = wire_take_metadata(data, bytes, &sink);
        free(lookup->sorted);
        lookup->sorted = NULL;
        lookup_end(lookup, rc ? "an answer that cannot be read" : NULL);
}

static void on_drop(void *ctx, void *request) {
        (void)ctx;
        free(request);
}

static void on_lost(void *ctx, const char *why) { lookup_end(ctx, why ? why : "closed by the broker"); }

static void on_closed(void *ctx) {
        struct relay_lookup *lookup = ctx;
        lookup->closing = false;
        if (!lookup->relay->closing) relay_lookup_go(lookup);
        relay_conn_gone(lookup->relay);
}

static const struct relay_conn_events lookup_events = {on_open, on_written, on_answer, on_drop, on_lost, on_closed};

/* Also brokers that were heard of: the servers of the setting may be gone. */
static uint16_t next_server(struct relay_lookup *lookup, char *host, size_t size) {
        size_t brokers = 0, at;
        for (const struct relay_broker *b = lookup->relay->brokers; b; b = b->next) brokers += b->side == lookup->side;
        at = lookup->candidate % (lookup->server_count + brokers);
        if (at < lookup->server_count) return split(lookup->servers[at], host, size);
        at -= lookup->server_count;
        for (const struct relay_broker *b = lookup->relay->brokers; b; b = b->next)
                if (b->side == lookup->side && at-- == 0) {
                        (void)snprintf(host, size, "%s", b->host);
                        return b->port;
                }
        return 0; /* not reached */
}

void relay_look(struct relay *relay, enum relay_side side, uint64_t at_ms) {
        struct relay_lookup *lookup = &relay->lookups[side];
        uint64_t now = uv_now(relay->loop);
        if (relay->closing) return;
        /* Not before what a server that is away has put it off to. */
        if (lookup->failures && lookup->retry_ms > at_ms) at_ms = lookup->retry_ms;
        if (!lookup->wanted || at_ms < lookup->retry_ms) lookup->retry_ms = at_ms;
        lookup->wanted = true;
        relay_wake_in(relay, at_ms > now ? at_ms - now : 0);
}

void relay_lookup_go(struct relay_lookup *lookup) {
        struct relay *relay = lookup->relay;
        uint64_t now = uv_now(relay->loop);
        char host[256];
        if (!lookup->wanted || lookup->conn || lookup->closing || relay->part_count == 0) return;
        if (lookup->retry_ms > now) return relay_wake_in(relay, lookup->retry_ms - now);
        uint16_t port = next_server(lookup, host, sizeof host);
        lookup->candidate++; /* one that knows less than the others is not asked again and again */
        lookup->conn = relay_conn_new(relay->loop, &relay->pool, host, port, relay->client_id, &lookup_events, lookup);
        if (!lookup->conn) return relay_wake_in(relay, RELAY_BACKOFF_MAX_MS);
        relay->open++;
        lookup->wanted = false;
        lookup->ask_due = false;
}
