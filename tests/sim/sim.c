#include "tests/sim/sim.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"
#include "common/znode_path.h"

/* ---- events -------------------------------------------------------------- */

enum event_type {
        EVENT_EXECUTE, /* the server takes a request */
        EVENT_REPLY,   /* the client takes the answer */
        EVENT_WATCH,
        EVENT_EXPIRE,  /* the server's patience with an absent client ends */
        EVENT_TIMER,
        EVENT_DISCOVER,
        EVENT_LATER, /* a model worker's action after some work */
};

enum request_type {
        REQUEST_READ,   /* of the core */
        REQUEST_STEP,   /* of the core */
        REQUEST_REGISTER,
        REQUEST_ASSIGN, /* the worker reads its assign node */
        REQUEST_LANE,   /* the worker reads a lane */
        REQUEST_CLAIM,
        REQUEST_RELEASE,
        REQUEST_CANDIDATE,
        REQUEST_LINE,   /* the candidates */
        REQUEST_LEADER, /* reads /leader */
        REQUEST_LEAD,   /* writes it */
};

struct request {
        enum request_type type;
        bool read, children, watch;
        char path[512];
        struct cluster_ref ref;
        uint32_t lane;
        struct znode_write *writes;
        size_t write_count;
        /* answer */
        int code, failed;
        int32_t *versions;
        void *data;
        size_t bytes;
        int32_t version;
        char **names;
        size_t name_count;
};

struct sim_event {
        int64_t at_ms;
        uint64_t sequence;
        enum event_type type;
        struct sim_client *client;
        uint64_t link, tag;
        struct request *request;
        struct sim_event *next;
};

uint64_t sim_random(struct sim *sim) {
        uint64_t z = (sim->rng += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
}

static int64_t between(struct sim *sim, int64_t low, int64_t high) {
        return low + (int64_t)(sim_random(sim) % (uint64_t)(high - low + 1));
}

static bool event_before(const struct sim_event *a, const struct sim_event *b) {
        return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->sequence < b->sequence;
}

static struct sim_event *event_add(struct sim *sim, int64_t at_ms, enum event_type type,
                                   struct sim_client *client) {
        struct sim_event *event = calloc(1, sizeof *event);
        if (sim->event_count == sim->event_room) {
                sim->event_room = sim->event_room ? 2 * sim->event_room : 64;
                sim->events = reallocarray(sim->events, sim->event_room, sizeof(struct sim_event *));
        }
        assert(event && sim->events);
        *event = (struct sim_event){.at_ms = at_ms, .sequence = sim->event_sequence++, .type = type,
                                    .client = client, .link = client ? client->link : 0};
        size_t at = sim->event_count++;
        while (at > 0 && event_before(event, sim->events[(at - 1) / 2])) {
                sim->events[at] = sim->events[(at - 1) / 2];
                at = (at - 1) / 2;
        }
        sim->events[at] = event;
        return event;
}

static struct sim_event *event_take(struct sim *sim) {
        struct sim_event *first = sim->events[0], *last = sim->events[--sim->event_count];
        size_t at = 0;
        for (;;) {
                size_t child = 2 * at + 1;
                if (child >= sim->event_count) break;
                if (child + 1 < sim->event_count &&
                    event_before(sim->events[child + 1], sim->events[child]))
                        child++;
                if (!event_before(sim->events[child], last)) break;
                sim->events[at] = sim->events[child];
                at = child;
        }
        sim->events[at] = last;
        return first;
}

static void request_free(struct request *request) {
        if (!request) return;
        for (size_t i = 0; i < request->write_count; i++) free(request->writes[i].data);
        for (size_t i = 0; i < request->name_count; i++) free(request->names[i]);
        free(request->writes);
        free(request->versions);
        free(request->data);
        free(request->names);
        free(request);
}

static void event_free(struct sim_event *event) {
        request_free(event->request);
        free(event);
}

void sim_trace(struct sim *sim, const char *format, ...) {
        char line[512];
        va_list args;
        va_start(args, format);
        (void)vsnprintf(line, sizeof line, format, args);
        va_end(args);
        if (!sim->tracing) return;
        char *text;
        int n = asprintf(&text, "%5lld %s\n", (long long)sim->now_ms, line);
        assert(n > 0);
        sim->trace = realloc(sim->trace, sim->trace_bytes + (size_t)n + 1);
        assert(sim->trace);
        memcpy(sim->trace + sim->trace_bytes, text, (size_t)n + 1);
        sim->trace_bytes += (size_t)n;
        free(text);
}

/* ---- the network --------------------------------------------------------- */

static struct request *request_new(enum request_type type) {
        struct request *request = calloc(1, sizeof *request);
        assert(request);
        request->type = type;
        return request;
}

static struct znode_write *request_write(struct request *request, enum znode_op op, const char *path,
                                         int32_t version) {
        request->writes =
                reallocarray(request->writes, request->write_count + 1, sizeof *request->writes);
        assert(request->writes);
        struct znode_write *write = &request->writes[request->write_count++];
        *write = (struct znode_write){.op = op, .version = version};
        (void)snprintf(write->path, sizeof write->path, "%s", path);
        return write;
}

/* Takes request.  Lost with the connection, as everything on its way. */
static void send(struct sim_client *client, struct request *request) {
        struct sim *sim = client->sim;
        int64_t at = sim->now_ms + between(sim, sim->delay_min_ms, sim->delay_max_ms);
        if (at < client->send_ms) at = client->send_ms;
        client->send_ms = at;
        struct sim_event *event = event_add(sim, at, EVENT_EXECUTE, client);
        event->request = request;
        event->tag = (uint64_t)client->session;
}

static int64_t reply_at(struct sim_client *client) {
        struct sim *sim = client->sim;
        int64_t at = sim->now_ms + between(sim, sim->delay_min_ms, sim->delay_max_ms);
        if (at < client->receive_ms) at = client->receive_ms;
        return client->receive_ms = at;
}

/* Tags of watches: the kind and the lane of a ref.  There is one route. */
static uint64_t tag_of(const struct cluster_ref *ref, uint64_t worker) {
        return (uint64_t)ref->kind << 56 | worker << 32 | ref->lane;
}

#define TAG_LINE (UINT64_C(100) << 56)   /* a predecessor is gone */
#define TAG_ASSIGN (UINT64_C(101) << 56) /* a worker's assign node */
#define TAG_WORKER (UINT64_C(102) << 56) /* the node of an earlier session */

static uint64_t worker_number(const struct sim *sim, const char *id) {
        for (size_t i = 0; i < sim->client_count; i++)
                if (strcmp(sim->clients[i].id, id) == 0) return i;
        return 0;
}

static struct sim_client *client_of_session(struct sim *sim, int64_t session) {
        for (size_t i = 0; i < sim->client_count; i++)
                if (session && sim->clients[i].session == session) return &sim->clients[i];
        return NULL;
}

static void on_fired(void *ctx, int64_t session, uint64_t tag) {
        struct sim_client *client = client_of_session(ctx, session);
        if (!client) return;
        /* a watch that fires while the link is down is told when it is back */
        struct sim_event *event = event_add(ctx, reply_at(client), EVENT_WATCH, client);
        event->tag = tag;
        event->link = (uint64_t)session;
}

static void execute(struct sim *sim, struct sim_client *client, struct request *request,
                    uint64_t session) {
        if ((int64_t)session != client->session || session == 0) {
                request->code = ERR_SESSION;
        } else if (request->read) {
                if (request->children) {
                        request->code = znodes_find(&sim->zk, request->path) ? 0 : ERR_NOT_FOUND;
                        request->name_count =
                                znodes_children(&sim->zk, request->path, &request->names);
                } else {
                        const struct znode *node = znodes_find(&sim->zk, request->path);
                        request->code = node ? 0 : ERR_NOT_FOUND;
                        if (node) {
                                request->data = malloc(node->bytes + 1);
                                assert(request->data);
                                if (node->bytes) memcpy(request->data, node->data, node->bytes);
                                request->bytes = node->bytes;
                                request->version = node->version;
                        }
                }
                bool exists_watch = request->type != REQUEST_READ; /* zk_exists: on a missing one too */
                if (request->watch && (request->code == 0 || exists_watch)) {
                        uint64_t tag = request->type == REQUEST_READ
                                               ? tag_of(&request->ref,
                                                        worker_number(sim, request->ref.name))
                                       : request->type == REQUEST_ASSIGN   ? TAG_ASSIGN
                                       : request->type == REQUEST_REGISTER ? TAG_WORKER
                                                                           : TAG_LINE;
                        znodes_watch(&sim->zk, request->path, request->children, client->session, tag);
                }
        } else {
                request->versions = calloc(request->write_count + 1, sizeof *request->versions);
                assert(request->versions);
                (void)snprintf(sim->current_writer, sizeof sim->current_writer, "%s", client->id);
                request->code = znodes_multi(&sim->zk, client->session, request->writes,
                                             request->write_count, request->versions,
                                             &request->failed);
                if (request->code == 0)
                        sim_check_multi(sim, request->writes, request->write_count);
        }
}

/* ---- coordinators -------------------------------------------------------- */

static void coordinator_turn(struct sim_client *client);

static void elect(struct sim_client *client) {
        if (client->electing || !client->linked || client->cluster) return;
        client->electing = true;
        if (!*client->candidate) {
                struct request *request = request_new(REQUEST_CANDIDATE);
                char path[128];
                (void)snprintf(path, sizeof path, ZNODE_ELECTION "/c-%s-%lld-", client->id,
                               (long long)client->session);
                struct znode_write *write = request_write(request, ZNODE_CREATE_SEQUENCE, path, -1);
                (void)write;
                (void)snprintf(client->candidate, sizeof client->candidate, "c-%s-%lld-", client->id,
                               (long long)client->session);
                return send(client, request);
        }
        struct request *request = request_new(REQUEST_LINE);
        request->read = request->children = request->watch = true; /* of all: enough for a model */
        (void)strcpy(request->path, ZNODE_ELECTION);
        send(client, request);
}

static void lead(struct sim_client *client, const struct request *request) {
        struct cluster_options options = client->sim->options;
        options.seed = sim_random(client->sim);
        client->leader_version = request->versions[1];
        client->cluster = cluster_new(&options, client->sim->now_ms);
        client->stepping = client->suspended = false;
        assert(client->cluster);
        sim_trace(client->sim, "%s leads", client->id);
        coordinator_turn(client);
}

static void resign(struct sim_client *client) {
        if (!client->cluster) return;
        sim_trace(client->sim, "%s resigns", client->id);
        cluster_free(client->cluster);
        cluster_step_fini(&client->step);
        client->cluster = NULL;
        client->stepping = false;
}

static long line_sequence(const char *name) {
        const char *dash = strrchr(name, '-');
        return dash ? strtol(dash + 1, NULL, 10) : 0;
}

static void on_line(struct sim_client *client, const struct request *request) {
        long mine = -1, first = -1;
        for (size_t i = 0; i < request->name_count; i++) {
                long number = line_sequence(request->names[i]);
                if (strncmp(request->names[i], client->candidate, strlen(client->candidate)) == 0)
                        mine = number;
                if (first < 0 || number < first) first = number;
        }
        if (mine < 0) { /* its creation was lost */
                *client->candidate = '\0';
                return elect(client);
        }
        if (mine != first) return; /* the watch tells when the line moves */
        struct request *read = request_new(REQUEST_LEADER);
        read->read = true;
        (void)strcpy(read->path, ZNODE_LEADER);
        client->electing = true;
        send(client, read);
}

static void on_leader(struct sim_client *client, const struct request *request) {
        if (client->cluster) { /* after a reconnection */
                if (request->code == 0 && request->version == client->leader_version) {
                        client->suspended = client->stepping = false;
                        cluster_step_fini(&client->step);
                        cluster_on_reconnected(client->cluster, client->sim->now_ms);
                        return coordinator_turn(client);
                }
                resign(client);
                return elect(client);
        }
        struct request *write = request_new(REQUEST_LEAD);
        (void)request_write(write, ZNODE_CHECK, ZNODE_ELECTION, -1);
        (void)request_write(write, ZNODE_SET, ZNODE_LEADER, request->version);
        client->electing = true;
        send(client, write);
}

static void coordinator_step(struct sim_client *client) {
        struct sim *sim = client->sim;
        if (client->stepping) return;
        int rc = cluster_step(client->cluster, sim->now_ms, sim->now_ms, &client->step);
        assert(rc >= 0);
        if (rc == 0) return;
        struct request *request = request_new(REQUEST_STEP);
        (void)request_write(request, ZNODE_CHECK, ZNODE_LEADER, client->leader_version);
        for (size_t i = 0; i < client->step.write_count; i++) {
                const struct cluster_write *from = &client->step.writes[i];
                char path[ZNODE_PATH_MAX];
                cluster_path(&from->ref, path);
                struct znode_write *to =
                        request_write(request,
                                      from->op == CLUSTER_CREATE ? ZNODE_CREATE
                                      : from->op == CLUSTER_SET  ? ZNODE_SET
                                                                 : ZNODE_DELETE,
                                      path, from->version);
                to->bytes = from->bytes;
                to->data = malloc(from->bytes + 1);
                assert(to->data);
                if (from->bytes) memcpy(to->data, from->data, from->bytes);
        }
        client->stepping = true;
        send(client, request);
}

static void coordinator_turn(struct sim_client *client) {
        struct sim *sim = client->sim;
        struct cluster_read read;
        const char *event;
        char *text;
        if (!client->cluster || client->suspended) return;
        if (cluster_loaded(client->cluster))
                (void)cluster_on_discovered(client->cluster, SIM_ROUTE, sim->topics,
                                            sim->topic_count);
        coordinator_step(client);
        while (cluster_next_read(client->cluster, &read)) {
                struct request *request = request_new(REQUEST_READ);
                request->read = true;
                request->children = read.children;
                request->watch = read.watch;
                request->ref = read.ref;
                cluster_path(&read.ref, request->path);
                send(client, request);
        }
        while (cluster_next_notice(client->cluster, &event, &text)) {
                sim_trace(sim, "%s: %s %s", client->id, event, text);
                free(text);
        }
        int64_t deadline = cluster_deadline_ms(client->cluster);
        if (deadline != INT64_MAX && deadline != client->timer_ms) {
                client->timer_ms = deadline;
                (void)event_add(sim, deadline > sim->now_ms ? deadline : sim->now_ms + 1,
                                EVENT_TIMER, client);
        }
}

static void coordinator_reply(struct sim_client *client, struct request *request) {
        struct sim *sim = client->sim;
        switch (request->type) {
        case REQUEST_READ:
                if (!client->cluster) return;
                if (request->children)
                        (void)cluster_on_children(client->cluster, sim->now_ms, &request->ref,
                                                  request->code,
                                                  (const char *const *)request->names,
                                                  request->name_count);
                else
                        (void)cluster_on_data(client->cluster, sim->now_ms, &request->ref,
                                              request->code, request->data, request->bytes,
                                              request->version);
                break;
        case REQUEST_STEP:
                if (!client->cluster) return;
                client->stepping = false;
                if (request->code == 0) {
                        (void)cluster_on_step_done(client->cluster, sim->now_ms, &client->step,
                                                   request->versions + 1);
                } else if (request->failed == 0) {
                        resign(client);
                        return elect(client);
                } else {
                        cluster_on_step_refused(client->cluster, sim->now_ms, &client->step);
                }
                cluster_step_fini(&client->step);
                break;
        case REQUEST_CANDIDATE:
                client->electing = false;
                return elect(client);
        case REQUEST_LINE:
                client->electing = false;
                return on_line(client, request);
        case REQUEST_LEADER:
                client->electing = false;
                return on_leader(client, request);
        case REQUEST_LEAD:
                client->electing = false;
                if (request->code) return elect(client);
                return lead(client, request);
        default:
                assert(!"a worker's request");
        }
        coordinator_turn(client);
}

static struct cluster_ref ref_of(const struct sim *sim, uint64_t tag) {
        struct cluster_ref ref = {.kind = (enum cluster_kind)(tag >> 56), .lane = (uint32_t)tag};
        const char *name = "";
        if (ref.kind == CLUSTER_ROUTE || ref.kind == CLUSTER_LANES || ref.kind == CLUSTER_LANE)
                name = SIM_ROUTE;
        if (ref.kind == CLUSTER_WORKER || ref.kind == CLUSTER_ASSIGN)
                name = sim->clients[tag >> 32 & 0xffffff].id;
        (void)snprintf(ref.name, sizeof ref.name, "%s", name);
        return ref;
}

/* ---- model workers ------------------------------------------------------- */

static void worker_look(struct sim_client *client) {
        if (!client->linked || !client->registered) return;
        if (client->looking) {
                client->look_again = true;
                return;
        }
        struct request *request = request_new(REQUEST_ASSIGN);
        client->looking = true;
        client->look_again = false;
        request->read = request->watch = true;
        (void)znode_path_assign(request->path, client->id);
        send(client, request);
}

static void worker_pack(const struct sim_client *client, struct znode_write *write) {
        Heliostat__Pb__Worker record = HELIOSTAT__PB__WORKER__INIT;
        record.id = (char *)client->id;
        record.incarnation = (char *)client->incarnation;
        record.capacity = 100;
        record.draining = client->draining;
        record.gives_partitions = true;
        int rc = codec_pack(&record.base, &write->data, &write->bytes);
        assert(rc == 0);
}

static void worker_register(struct sim_client *client) {
        char path[ZNODE_PATH_MAX];
        struct request *request = request_new(REQUEST_REGISTER);
        (void)znode_path_worker(path, client->id);
        worker_pack(client, request_write(request, client->registered ? ZNODE_SET : ZNODE_CREATE_EPHEMERAL,
                                          path, -1));
        send(client, request);
}

static void later(struct sim_client *client, int64_t after_ms, struct request *request) {
        struct sim *sim = client->sim;
        if (sim->jittery) after_ms = between(sim, 1, 10 * after_ms);
        struct sim_event *event = event_add(sim, sim->now_ms + after_ms, EVENT_LATER, client);
        event->request = request;
}

static Heliostat__Pb__LanePartition *entry_of(const Heliostat__Pb__Lane *lane, bool leaves);

/* The lane's record is as the worker has just read it. */
static void worker_lane(struct sim_client *client, const struct request *answer) {
        Heliostat__Pb__Lane *lane = NULL;
        char path[ZNODE_PATH_MAX];
        client->busy &= ~(1u << answer->lane);
        if (answer->code || codec_unpack_lane(answer->data, answer->bytes, &lane)) return;
        bool mine = strcmp(lane->owner, client->id) == 0 &&
                    strcmp(lane->incarnation, client->incarnation) == 0;
        bool claim = mine && lane->state == HELIOSTAT__PB__LANE_STATE__LANE_ASSIGNED && !client->draining;
        bool release = mine && (lane->state == HELIOSTAT__PB__LANE_STATE__LANE_REVOKING ||
                                (lane->state == HELIOSTAT__PB__LANE_STATE__LANE_OWNED && client->draining));
        bool leave = mine && lane->state == HELIOSTAT__PB__LANE_STATE__LANE_OWNED && !client->draining && entry_of(lane, true);
        if (claim || release || leave) {
                struct request *request = request_new(release ? REQUEST_RELEASE : REQUEST_CLAIM);
                request->lane = answer->lane;
                (void)znode_path_worker(path, client->id);
                (void)request_write(request, ZNODE_CHECK, path, -1);
                (void)znode_path_lane(path, SIM_ROUTE, answer->lane);
                struct znode_write *write = request_write(request, ZNODE_SET, path, answer->version);
                Heliostat__Pb__Lane *next = codec_copy_lane(lane);
                assert(next);
                next->state = release ? HELIOSTAT__PB__LANE_STATE__LANE_FREE : HELIOSTAT__PB__LANE_STATE__LANE_OWNED;
                if (leave) {
                        Heliostat__Pb__LanePartition *entry = entry_of(next, true);
                        entry->left = true;
                        entry->floor = 7;
                        entry->floor_generation = next->generation;
                }
                /* now and then the committed generation is higher than the record's */
                if (claim && client->sim->jittery && sim_random(client->sim) % 20 == 0)
                        next->generation += 3;
                if (release) {
                        next->owner[0] = '\0';
                        next->incarnation[0] = '\0';
                }
                int rc = codec_pack(&next->base, &write->data, &write->bytes);
                assert(rc == 0);
                codec_free(next);
                client->busy |= 1u << answer->lane;
                later(client, release ? client->sim->release_ms : client->sim->claim_ms, request);
        }
        codec_free(lane);
}

static void worker_finish(struct sim_client *client);

static void worker_assign(struct sim_client *client, const struct request *answer) {
        Heliostat__Pb__Assignment *assign = NULL;
        if (answer->code == 0) (void)codec_unpack_assignment(answer->data, answer->bytes, &assign);
        for (size_t i = 0; assign && i < assign->n_lanes; i++) {
                uint32_t lane = assign->lanes[i]->lane;
                if (lane >= 32 || client->busy & 1u << lane) continue;
                struct request *request = request_new(REQUEST_LANE);
                request->read = true;
                request->lane = lane;
                (void)znode_path_lane(request->path, SIM_ROUTE, lane);
                client->busy |= 1u << lane;
                send(client, request);
        }
        codec_free(assign);
        client->looking = false;
        if (client->look_again) return worker_look(client);
        worker_finish(client);
}

static void worker_reply(struct sim_client *client, struct request *request) {
        switch (request->type) {
        case REQUEST_REGISTER:
                if (request->code == ERR_EXISTS) {
                        char path[ZNODE_PATH_MAX];
                        (void)znode_path_worker(path, client->id);
                        const struct znode *node = znodes_find(&client->sim->zk, path);
                        if (!node || node->session != client->session) {
                                /* of an earlier session: wait for its end */
                                later(client, 20, request_new(REQUEST_REGISTER));
                                return;
                        }
                } else if (request->code) {
                        return;
                }
                if (!client->registered)
                        sim_trace(client->sim, "%s joined", client->id);
                client->registered = true;
                return worker_look(client);
        case REQUEST_ASSIGN:
                return worker_assign(client, request);
        case REQUEST_LANE:
                worker_lane(client, request);
                if (client->draining) worker_finish(client);
                return;
        case REQUEST_CLAIM:
        case REQUEST_RELEASE:
                client->busy &= ~(1u << request->lane);
                return worker_look(client); /* the next thing, or the truth after a refusal */
        default:
                assert(!"a coordinator's request");
        }
}

/* ---- sessions ------------------------------------------------------------ */

static void session_end(struct sim_client *client) {
        int64_t session = client->session;
        client->session = 0;
        if (session) znodes_expire(&client->sim->zk, session);
        if (session && !client->coordinator) sim_trace(client->sim, "%s gone", client->id);
}

/* A worker that has released everything ends. */
static void worker_finish(struct sim_client *client) {
        if (!client->draining || client->busy || client->looking) return;
        for (uint32_t lane = 0; lane < 32; lane++) {
                char path[ZNODE_PATH_MAX];
                Heliostat__Pb__Lane *record = NULL;
                (void)znode_path_lane(path, SIM_ROUTE, lane);
                const struct znode *node = znodes_find(&client->sim->zk, path);
                if (!node || codec_unpack_lane(node->data, node->bytes, &record)) continue;
                bool runs = strcmp(record->incarnation, client->incarnation) == 0 &&
                            (record->state == HELIOSTAT__PB__LANE_STATE__LANE_OWNED ||
                             record->state == HELIOSTAT__PB__LANE_STATE__LANE_REVOKING);
                codec_free(record);
                if (runs) return;
        }
        client->up = client->linked = client->registered = false;
        client->link++;
        session_end(client);
}

static void connection_lost(struct sim_client *client) {
        client->linked = false;
        client->link++;
        client->absence++;
        struct sim_event *event =
                event_add(client->sim, client->sim->now_ms + client->sim->options.session_timeout_ms,
                          EVENT_EXPIRE, client);
        event->tag = client->absence;
}

/* The client talks to ZooKeeper again, in its old session if that lives. */
static void connect(struct sim_client *client) {
        struct sim *sim = client->sim;
        client->linked = true;
        client->link++;
        client->absence++;
        client->send_ms = client->receive_ms = sim->now_ms;
        bool fresh = client->session == 0;
        if (fresh) client->session = ++sim->next_session;
        client->electing = client->looking = client->look_again = false;
        client->busy = 0;
        if (client->coordinator) {
                if (fresh) {
                        resign(client);
                        *client->candidate = '\0';
                        return elect(client);
                }
                if (!client->cluster) return elect(client);
                client->suspended = true;
                struct request *read = request_new(REQUEST_LEADER);
                read->read = true;
                (void)strcpy(read->path, ZNODE_LEADER);
                client->electing = true;
                return send(client, read);
        }
        if (fresh) {
                client->registered = false;
                (void)snprintf(client->incarnation, sizeof client->incarnation, "%s.%u", client->id,
                               ++client->sessions);
        }
        if (!client->registered || client->draining) return worker_register(client);
        worker_look(client);
}

static void handle(struct sim_event *event);

struct sim_client *sim_start(struct sim *sim, const char *id, bool coordinator) {
        struct sim_client *client = &sim->clients[sim->client_count++];
        *client = (struct sim_client){.sim = sim, .coordinator = coordinator, .up = true,
                                      .timer_ms = INT64_MIN};
        client->backlog_tail = &client->backlog;
        (void)snprintf(client->id, sizeof client->id, "%s", id);
        connect(client);
        return client;
}

static void backlog_drop(struct sim_client *client) {
        while (client->backlog) {
                struct sim_event *event = client->backlog;
                client->backlog = event->next;
                event_free(event);
        }
        client->backlog_tail = &client->backlog;
}

void sim_kill(struct sim_client *client) {
        if (!client->up) return;
        sim_trace(client->sim, "%s killed", client->id);
        client->up = client->paused = client->registered = client->draining = false;
        backlog_drop(client);
        connection_lost(client);
        if (client->coordinator) {
                cluster_free(client->cluster);
                cluster_step_fini(&client->step);
                client->cluster = NULL;
                client->stepping = false;
        }
}

void sim_restart(struct sim_client *client) {
        if (client->up) return;
        /* The new process knows nothing of the old session, which may live on. */
        int64_t old = client->session;
        if (old) {
                struct sim_event *event =
                        event_add(client->sim,
                                  client->sim->now_ms + client->sim->options.session_timeout_ms,
                                  EVENT_EXPIRE, NULL);
                event->tag = (uint64_t)old;
        }
        client->up = true;
        client->session = 0;
        client->draining = false;
        connect(client);
}

void sim_stop(struct sim_client *client) {
        if (!client->up || client->paused || !client->linked) return sim_kill(client);
        sim_trace(client->sim, "%s stops", client->id);
        if (client->coordinator) {
                resign(client);
                client->up = client->linked = false;
                client->link++;
                return session_end(client);
        }
        if (!client->registered) return sim_kill(client);
        client->draining = true;
        worker_register(client);
}

void sim_pause(struct sim_client *client) {
        if (!client->up || client->paused) return;
        sim_trace(client->sim, "%s paused", client->id);
        client->paused = true;
        client->absence++;
        if (client->linked) {
                struct sim_event *event = event_add(
                        client->sim, client->sim->now_ms + client->sim->options.session_timeout_ms,
                        EVENT_EXPIRE, client);
                event->tag = client->absence;
        }
}

void sim_resume(struct sim_client *client) {
        if (!client->paused) return;
        sim_trace(client->sim, "%s resumes", client->id);
        client->paused = false;
        client->absence++;
        /* what was in its socket is read first */
        struct sim_event *event = client->backlog;
        client->backlog = NULL;
        client->backlog_tail = &client->backlog;
        while (event) {
                struct sim_event *next = event->next;
                if (client->up && !client->paused)
                        handle(event);
                event_free(event);
                event = next;
        }
        if (client->linked && client->session == 0) { /* it expired meanwhile */
                client->linked = false;
                connect(client);
        }
}

void sim_cut(struct sim_client *client) {
        if (!client->up || !client->linked) return;
        sim_trace(client->sim, "%s cut off", client->id);
        connection_lost(client);
        if (client->cluster) client->suspended = true;
}

void sim_mend(struct sim_client *client) {
        if (!client->up || client->linked || client->paused) return;
        sim_trace(client->sim, "%s connected", client->id);
        connect(client);
}

void sim_usurp(struct sim *sim) { znodes_put(&sim->zk, ZNODE_LEADER, "", 0); }

static void write_message(struct znode_write *write, const char *path, int32_t version,
                          ProtobufCMessage *message) {
        *write = (struct znode_write){.op = ZNODE_SET, .version = version};
        (void)snprintf(write->path, sizeof write->path, "%s", path);
        int rc = codec_pack(message, &write->data, &write->bytes);
        assert(rc == 0);
        (void)rc;
}

static void lane_changed(struct sim *sim, uint32_t number, uint32_t to);

void sim_answer(struct sim *sim, uint32_t number) { lane_changed(sim, number, 0); }
void sim_leave(struct sim *sim, uint32_t number, uint32_t to) { lane_changed(sim, number, to + 1); }

/* A partition's entry, or NULL. */
static Heliostat__Pb__LanePartition *entry_of(const Heliostat__Pb__Lane *lane, bool leaves) {
        for (size_t i = 0; i < lane->n_topics; i++)
                for (size_t p = 0; p < lane->topics[i]->n_partitions; p++) {
                        Heliostat__Pb__LanePartition *entry = lane->topics[i]->partitions[p];
                        if (leaves ? entry->to && !entry->left : !entry->to) return entry;
                }
        return NULL;
}

static void lane_changed(struct sim *sim, uint32_t number, uint32_t to) {
        char lane_path[ZNODE_PATH_MAX], assign_path[ZNODE_PATH_MAX];
        Heliostat__Pb__Lane *lane = NULL;
        Heliostat__Pb__Assignment *assign = NULL;
        struct znode_write writes[2];
        int32_t versions[2];
        size_t count = 1;
        int failed;
        (void)znode_path_lane(lane_path, SIM_ROUTE, number);
        const struct znode *node = znodes_find(&sim->zk, lane_path);
        if (!node || codec_unpack_lane(node->data, node->bytes, &lane)) return;
        Heliostat__Pb__LanePartition *leaves = to ? entry_of(lane, false) : NULL;
        if (leaves) leaves->to = to;
        lane->spec++;
        write_message(&writes[0], lane_path, node->version, &lane->base);
        if (lane->state != HELIOSTAT__PB__LANE_STATE__LANE_FREE) {
                (void)znode_path_assign(assign_path, lane->owner);
                node = znodes_find(&sim->zk, assign_path);
                if (node) (void)codec_unpack_assignment(node->data, node->bytes, &assign);
        }
        for (size_t i = 0; assign && i < assign->n_lanes; i++)
                if (assign->lanes[i]->lane == number) {
                        assign->lanes[i]->spec = lane->spec;
                        write_message(&writes[count++], assign_path, node->version, &assign->base);
                        break;
                }
        sim_trace(sim, "lane %u %s, spec %u", number, leaves ? "is to give a partition away" : "answered", lane->spec);
        int rc = znodes_multi(&sim->zk, 0, writes, count, versions, &failed);
        assert(rc == 0); /* nothing came in between */
        (void)rc;
        for (size_t i = 0; i < count; i++) free(writes[i].data);
        codec_free(assign);
        codec_free(lane);
}

/* ---- running ------------------------------------------------------------- */

static void handle(struct sim_event *event) {
        struct sim_client *client = event->client;
        struct sim *sim;
        switch (event->type) {
        case EVENT_EXPIRE: /* handled by run */
        case EVENT_EXECUTE:
        case EVENT_DISCOVER:
                return;
        case EVENT_REPLY:
                if (event->link != client->link) return;
                if (event->request->code == ERR_SESSION) {
                        connection_lost(client);
                        return connect(client);
                }
                if (client->coordinator) return coordinator_reply(client, event->request);
                return worker_reply(client, event->request);
        case EVENT_WATCH:
                sim = client->sim;
                if ((int64_t)event->link != client->session) return;
                if (client->coordinator) {
                        if (event->tag >= TAG_LINE) return elect(client);
                        if (!client->cluster) return;
                        struct cluster_ref ref = ref_of(sim, event->tag);
                        cluster_on_changed(client->cluster, &ref);
                        return coordinator_turn(client);
                }
                return worker_look(client);
        case EVENT_TIMER:
                if (client->coordinator) coordinator_turn(client);
                return;
        case EVENT_LATER:
                if (event->link != client->link) return;
                if (event->request->type == REQUEST_REGISTER) return worker_register(client);
                send(client, event->request);
                event->request = NULL;
                return;
        }
}

static void run_one(struct sim *sim, struct sim_event *event) {
        struct sim_client *client = event->client;
        switch (event->type) {
        case EVENT_EXECUTE:
                /* a request that had left reaches the server even if the client
                 * is dead or the link down by now; its answer is then lost */
                /* ... but not once the client has another connection */
                if (event->link != client->link && client->linked) break;
                execute(sim, client, event->request, event->tag);
                struct sim_event *reply = event_add(sim, reply_at(client), EVENT_REPLY, client);
                reply->link = event->link;
                reply->request = event->request;
                event->request = NULL;
                if (++sim->executed_count == sim->fault_at) sim->fault(sim);
                break;
        case EVENT_EXPIRE:
                if (!client) { /* the session of a process that was started anew */
                        znodes_expire(&sim->zk, (int64_t)event->tag);
                        break;
                }
                if (event->tag == client->absence) session_end(client);
                break;
        case EVENT_DISCOVER:
                for (size_t i = 0; i < sim->client_count; i++)
                        if (sim->clients[i].up && !sim->clients[i].paused)
                                coordinator_turn(&sim->clients[i]);
                break;
        default:
                if (!client->up) break;
                if (event->type == EVENT_WATCH && (int64_t)event->link != client->session) break;
                if (event->type == EVENT_WATCH && !client->linked) {
                        /* told when the link is back: try again soon */
                        struct sim_event *again =
                                event_add(sim, sim->now_ms + 50, EVENT_WATCH, client);
                        again->tag = event->tag;
                        again->link = event->link;
                        break;
                }
                if (client->paused) {
                        event->next = NULL;
                        *client->backlog_tail = event;
                        client->backlog_tail = &event->next;
                        return;
                }
                handle(event);
        }
        event_free(event);
}

void sim_run_until(struct sim *sim, int64_t at_ms) {
        while (sim->event_count && sim->events[0]->at_ms <= at_ms) {
                struct sim_event *event = event_take(sim);
                if (event->at_ms > sim->now_ms) sim->now_ms = event->at_ms;
                run_one(sim, event);
        }
        sim->now_ms = at_ms;
}

const char *sim_run_until_settled(struct sim *sim, int64_t at_ms) {
        const char *wrong = sim_unsettled(sim);
        /* settled for a second: nothing that is under way changes it again */
        for (int calm = 0; sim->now_ms < at_ms && calm < 10;) {
                sim_run_until(sim, sim->now_ms + 100);
                wrong = sim_unsettled(sim);
                calm = wrong ? 0 : calm + 1;
        }
        return wrong;
}

void sim_route(struct sim *sim, uint32_t lanes, bool enabled) { znodes_put_route(&sim->zk, SIM_ROUTE, lanes, enabled, 0); }

void sim_topic(struct sim *sim, const char *topic, uint32_t partitions) {
        size_t i = 0;
        while (i < sim->topic_count && strcmp(sim->topics[i].topic, topic) != 0) i++;
        if (i == sim->topic_count) sim->topics[sim->topic_count++].topic = topic;
        sim->topics[i].partitions = partitions;
        (void)event_add(sim, sim->now_ms + 1, EVENT_DISCOVER, NULL);
}

void sim_init(struct sim *sim, uint64_t seed) {
        *sim = (struct sim){.rng = seed, .options = CLUSTER_OPTIONS_DEFAULT, .delay_min_ms = 1,
                            .delay_max_ms = 1, .claim_ms = 10, .release_ms = 20, .tracing = true};
        sim->options.epoch = 1;
        sim->zk.fired = on_fired;
        sim->zk.written = sim_on_written;
        sim->zk.ctx = sim;
        for (size_t i = 0; i < znode_parent_count; i++) znodes_put(&sim->zk, znode_parents[i], "", 0);
        znodes_put(&sim->zk, ZNODE_LEADER, "", 0);
}

void sim_fini(struct sim *sim) {
        for (size_t i = 0; i < sim->client_count; i++) {
                cluster_free(sim->clients[i].cluster);
                cluster_step_fini(&sim->clients[i].step);
                backlog_drop(&sim->clients[i]);
        }
        while (sim->event_count) event_free(event_take(sim));
        free(sim->events);
        znodes_fini(&sim->zk);
        free(sim->trace);
}
