#include "common/codec.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/znode_path.h"

/* An allocator with a budget: a hostile znode of 512 KiB cannot make
 * protobuf-c take more than a fixed multiple of it. */
#define UNPACK_BUDGET_BYTES ((size_t)64 * 1024 * 1024)

struct budget {
        size_t left_bytes;
};

static void *budget_alloc(void *ctx, size_t bytes) {
        struct budget *budget = ctx;
        if (bytes > budget->left_bytes) return NULL;
        budget->left_bytes -= bytes;
        return malloc(bytes);
}

static void budget_free(void *ctx, void *p) {
        (void)ctx;
        free(p);
}

/* protobuf-c reads a field number 0 in a long form, writes it in the short one
 * and refuses that: a message that came with one could not be copied. */
static bool fields_numbered(const ProtobufCMessage *message) {
        const ProtobufCMessageDescriptor *type = message->descriptor;
        for (unsigned i = 0; i < message->n_unknown_fields; i++)
                if (message->unknown_fields[i].tag == 0) return false;
        for (unsigned i = 0; i < type->n_fields; i++) {
                const ProtobufCFieldDescriptor *field = &type->fields[i];
                if (field->type != PROTOBUF_C_TYPE_MESSAGE) continue;
                /* all of ours are repeated */
                const char *base = (const char *)message;
                size_t count = *(const size_t *)(const void *)(base + field->quantifier_offset);
                ProtobufCMessage *const *items =
                        *(ProtobufCMessage *const *const *)(const void *)(base + field->offset);
                for (size_t k = 0; k < count; k++)
                        if (!fields_numbered(items[k])) return false;
        }
        return true;
}

static int unpack(const ProtobufCMessageDescriptor *type, const void *data, size_t bytes,
                  ProtobufCMessage **out) {
        struct budget budget = {UNPACK_BUDGET_BYTES};
        ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};
        if (bytes > ZNODE_DATA_MAX) return ERR_TOO_BIG;
        if (!data && bytes) return ERR_INVALID;
        ProtobufCMessage *message =
                protobuf_c_message_unpack(type, &allocator, bytes, data ? data : (const uint8_t *)"");
        if (!message) return ERR_INVALID;
        if (!fields_numbered(message)) {
                codec_free(message);
                return ERR_INVALID;
        }
        *out = message;
        return 0;
}

void codec_free(void *message) {
        if (message) protobuf_c_message_free_unpacked(message, NULL);
}

/* Every znode message has `format` as its first field, so the first member
 * behind the base is the format number. */
static uint32_t *format_of(ProtobufCMessage *message) {
        return (uint32_t *)(void *)((char *)message + message->descriptor->fields[0].offset);
}

int codec_pack(ProtobufCMessage *message, void **out_data, size_t *out_bytes) {
        *format_of(message) = CODEC_FORMAT;
        size_t bytes = protobuf_c_message_get_packed_size(message);
        if (bytes > ZNODE_DATA_MAX) return ERR_TOO_BIG;
        uint8_t *data = malloc(bytes ? bytes : 1);
        if (!data) return ERR_NOMEM;
        protobuf_c_message_pack(message, data);
        *out_data = data;
        *out_bytes = bytes;
        return 0;
}

static int check_format(uint32_t format) {
        if (format == 0) return ERR_INVALID;
        return format > CODEC_FORMAT ? ERR_FORMAT : 0;
}

/* Free text from another process: bounded, so that a table stays a table. */
static bool text_ok(const char *text, size_t max) { return strlen(text) <= max; }

static bool topic_ok(const char *topic) {
        size_t n = strlen(topic);
        if (n == 0 || n > CODEC_TOPIC_MAX) return false;
        for (size_t i = 0; i < n; i++) {
                char c = topic[i];
                if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
                        return false;
        }
        return true;
}

static int check_meta(const Heliostat__Pb__Meta *m) {
        return text_ok(m->cluster_uuid, 64) && *m->cluster_uuid ? 0 : ERR_INVALID;
}

/* An older writer leaves a policy empty. */
static bool policy_ok(const char *policy, const char *second, const char *third) {
        return !*policy || strcmp(policy, "halt") == 0 || strcmp(policy, second) == 0 ||
               strcmp(policy, third) == 0;
}

static bool word_ok(const char *word, const char *const words[]) {
        for (; *words; words++)
                if (strcmp(word, *words) == 0) return true;
        return !*word; /* an older writer left it out */
}
#define WORD_OK(word, ...) word_ok(word, (const char *const[]){__VA_ARGS__, NULL})

static int check_position_topics(Heliostat__Pb__PositionTopic *const *topics, size_t count, size_t *positions) {
        for (size_t i = 0; i < count; i++) {
                const Heliostat__Pb__PositionTopic *t = topics[i];
                if (!topic_ok(t->topic)) return ERR_INVALID;
                *positions += t->n_positions;
                if (*positions > CODEC_PARTITIONS_MAX) return ERR_TOO_MANY;
                for (size_t k = 0; k < t->n_positions; k++)
                        if (t->positions[k]->partition > INT32_MAX || t->positions[k]->next_offset < 0)
                                return ERR_INVALID;
        }
        return 0;
}

static int check_start(const Heliostat__Pb__Route *r) {
        size_t positions = 0;
        int rc = text_ok(r->start_from, 1024) && text_ok(r->start_from_topics, 16384) ? 0 : ERR_INVALID;
        if (r->n_start_offsets > CODEC_PARTITIONS_MAX) return ERR_TOO_MANY;
        for (size_t i = 0; !rc && i < r->n_start_offsets; i++) {
                const Heliostat__Pb__StartOffsets *file = r->start_offsets[i];
                if (!text_ok(file->file, 255)) return ERR_INVALID;
                if (file->n_topics > CODEC_PARTITIONS_MAX) return ERR_TOO_MANY;
                rc = check_position_topics(file->topics, file->n_topics, &positions);
        }
        return rc;
}

static int check_route(const Heliostat__Pb__Route *r) {
        if (!znode_route_valid(r->name) || !znode_alias_valid(r->source) ||
            !znode_alias_valid(r->destination) || !text_ok(r->group_id, 249) || !*r->group_id ||
            !text_ok(r->topics, 65536) || !text_ok(r->topics_exclude, 65536) ||
            (strcmp(r->delivery_guarantee, "at-least-once") != 0 &&
             strcmp(r->delivery_guarantee, "exactly-once") != 0))
                return ERR_INVALID;
        if (!policy_ok(r->gap_policy, "skip-recorded", "restart") ||
            !policy_ok(r->poison_record_policy, "skip-recorded", "dead-letter"))
                return ERR_INVALID;
        if (!WORD_OK(r->topic_naming, "identity", "prefix", "map", "regex") ||
            !WORD_OK(r->partitioning, "source", "key") || !WORD_OK(r->provenance, "none", "header") || !text_ok(r->replication_policy_separator, CODEC_TOPIC_MAX) ||
            !text_ok(r->topic_map, 65536) || !text_ok(r->topic_rename_regex, 65536) ||
            !text_ok(r->topic_rename_replacement, 1024) || !text_ok(r->config_properties_exclude, 65536))
                return ERR_INVALID;
        if (!text_ok(r->groups, 65536) || !text_ok(r->groups_exclude, 65536)) return ERR_INVALID;
        if (*r->intake && strcmp(r->intake, CODEC_INTAKE_STOPPING) != 0 && strcmp(r->intake, CODEC_INTAKE_STOPPED) != 0)
                return ERR_INVALID;
        if (r->lanes < 1 || r->lanes > ROUTE_LANES_MAX) return ERR_INVALID;
        if (!text_ok(r->limit_topics_bytes, 16384) || !text_ok(r->limit_topics_records, 16384) || !text_ok(r->priority, 16384))
                return ERR_INVALID;
        if (r->offset_commit_interval_ms < 10 || r->refresh_topics_interval_s < 1)
                return ERR_INVALID;
        if (r->replication_factor != -1 &&
            (r->replication_factor < 1 || r->replication_factor > 32767))
                return ERR_INVALID;
        if (r->n_pauses > CODEC_PAUSES_MAX) return ERR_TOO_MANY;
        for (size_t i = 0; i < r->n_pauses; i++)
                if (!text_ok(r->pauses[i]->topics, 1024) || r->pauses[i]->partition > INT32_MAX) return ERR_INVALID;
        return check_start(r);
}

static int check_leader(const Heliostat__Pb__Leader *l) {
        if (*l->candidate && !znode_id_valid(l->candidate)) return ERR_INVALID;
        if (!text_ok(l->host, 255)) return ERR_INVALID;
        for (size_t i = 0; i < l->n_notes; i++) {
                const Heliostat__Pb__RouteNote *note = l->notes[i];
                if (!znode_route_valid(note->route) || !text_ok(note->error, 1024) || !text_ok(note->warning, 1024))
                        return ERR_INVALID;
                for (size_t k = 0; k < note->n_parked; k++)
                        if (!topic_ok(note->parked[k]->topic) ||
                            !text_ok(note->parked[k]->reason, 1024))
                                return ERR_INVALID;
        }
        return 0;
}

static int check_candidate(const Heliostat__Pb__Candidate *c) {
        return znode_id_valid(c->id) && text_ok(c->host, 255) && text_ok(c->http, 255) ? 0 : ERR_INVALID;
}

static int check_worker(const Heliostat__Pb__Worker *w) {
        if (!znode_id_valid(w->id) || !*w->incarnation || !text_ok(w->incarnation, 64) ||
            !text_ok(w->host, 255) || !text_ok(w->zone, 128) || !text_ok(w->version, 64) ||
            !text_ok(w->http, 255))
                return ERR_INVALID;
        return w->capacity >= 1 && w->capacity <= 1000000 ? 0 : ERR_INVALID;
}

static int check_assignment(const Heliostat__Pb__Assignment *a) {
        if (a->n_lanes > CODEC_LANES_MAX) return ERR_TOO_MANY;
        for (size_t i = 0; i < a->n_lanes; i++) {
                const Heliostat__Pb__AssignedLane *l = a->lanes[i];
                if (!znode_route_valid(l->route) || l->lane >= ROUTE_LANES_MAX ||
                    l->generation == 0)
                        return ERR_INVALID;
        }
        return 0;
}

static int check_placement(const Heliostat__Pb__Placement *p) {
        if (p->n_pins > CODEC_LANES_MAX || p->n_drained > CODEC_DRAINED_MAX) return ERR_TOO_MANY;
        for (size_t i = 0; i < p->n_pins; i++)
                if (!znode_route_valid(p->pins[i]->route) || p->pins[i]->lane >= ROUTE_LANES_MAX ||
                    !znode_id_valid(p->pins[i]->worker))
                        return ERR_INVALID;
        for (size_t i = 0; i < p->n_drained; i++)
                if (!znode_id_valid(p->drained[i]->worker)) return ERR_INVALID;
        return 0;
}

static bool range_ok(int64_t from, int64_t to) { return from >= -1 && to >= -1; }

static int check_halts(const Heliostat__Pb__Lane *l) {
        if (l->n_halts > CODEC_PARTITIONS_MAX || l->n_skips > CODEC_PARTITIONS_MAX) return ERR_TOO_MANY;
        for (size_t i = 0; i < l->n_halts; i++) {
                const Heliostat__Pb__Halt *h = l->halts[i];
                if (!topic_ok(h->topic) || h->partition > INT32_MAX ||
                    h->kind > HELIOSTAT__PB__HALT_KIND__HALT_MOVED ||
                    h->kind == HELIOSTAT__PB__HALT_KIND__HALT_NONE ||
                    h->answer > HELIOSTAT__PB__HALT_ANSWER__ANSWER_OFFSET || !range_ok(h->from, h->to) ||
                    (h->answer == HELIOSTAT__PB__HALT_ANSWER__ANSWER_OFFSET && h->to < 0) ||
                    !text_ok(h->reason, CODEC_HALT_REASON_MAX))
                        return ERR_INVALID;
        }
        for (size_t i = 0; i < l->n_skips; i++) {
                const Heliostat__Pb__Skip *s = l->skips[i];
                if (!topic_ok(s->topic) || s->partition > INT32_MAX ||
                    s->kind > HELIOSTAT__PB__HALT_KIND__HALT_MOVED ||
                    s->answer > HELIOSTAT__PB__HALT_ANSWER__ANSWER_OFFSET || !range_ok(s->from, s->to))
                        return ERR_INVALID;
        }
        return 0;
}

static int check_lane(const Heliostat__Pb__Lane *l) {
        size_t partitions = 0;
        if (l->state > HELIOSTAT__PB__LANE_STATE__LANE_REVOKING) return ERR_INVALID;
        if (l->state != HELIOSTAT__PB__LANE_STATE__LANE_FREE &&
            (!znode_id_valid(l->owner) || !*l->incarnation || l->generation == 0))
                return ERR_INVALID;
        /* a free lane names nobody, or whom it has left */
        if (*l->owner && !znode_id_valid(l->owner)) return ERR_INVALID;
        if (!text_ok(l->incarnation, 64)) return ERR_INVALID;
        for (size_t i = 0; i < l->n_topics; i++) {
                const Heliostat__Pb__LaneTopic *t = l->topics[i];
                if (!topic_ok(t->topic)) return ERR_INVALID;
                partitions += t->n_partitions;
                if (partitions > CODEC_PARTITIONS_MAX) return ERR_TOO_MANY;
                for (size_t k = 0; k < t->n_partitions; k++)
                        if (t->partitions[k]->partition > INT32_MAX || t->partitions[k]->to > ROUTE_LANES_MAX ||
                            t->partitions[k]->floor < 0 || (t->partitions[k]->left && !t->partitions[k]->to))
                                return ERR_INVALID;
        }
        return check_halts(l);
}

static bool number_ok(double x) { return isfinite(x) && x >= -1; }

static int check_report(const Heliostat__Pb__Report *r) {
        size_t partitions = 0;
        if (!znode_id_valid(r->worker) || !text_ok(r->incarnation, 64) || r->chunks > 1024 || r->next_ms > CODEC_REPORT_NEXT_MAX_MS ||
            !text_ok(r->config_version, 64) || !text_ok(r->config_error, 1023) || !number_ok(r->records_rate) || !number_ok(r->bytes_rate))
                return ERR_INVALID;
        if (r->n_lanes > CODEC_LANES_MAX) return ERR_TOO_MANY;
        for (size_t i = 0; i < r->n_lanes; i++) {
                const Heliostat__Pb__LaneReport *l = r->lanes[i];
                if (!znode_route_valid(l->route) || l->lane >= ROUTE_LANES_MAX ||
                    !text_ok(l->state, 32) || !text_ok(l->error, 1024))
                        return ERR_INVALID;
                partitions += l->n_partitions;
                if (partitions > CODEC_PARTITIONS_MAX) return ERR_TOO_MANY;
                for (size_t k = 0; k < l->n_partitions; k++) {
                        const Heliostat__Pb__PartitionReport *p = l->partitions[k];
                        if (!topic_ok(p->topic) || p->partition > INT32_MAX ||
                            p->state > HELIOSTAT__PB__PARTITION_STATE__PARTITION_STALLED ||
                            p->position < -1 || p->end_offset < -1 ||
                            !number_ok(p->lag_seconds) || !number_ok(p->rate) ||
                            !text_ok(p->error, 1024))
                                return ERR_INVALID;
                }
        }
        return 0;
}

static int check_positions(const Heliostat__Pb__Positions *p) {
        size_t positions = 0;
        if (p->lane >= ROUTE_LANES_MAX) return ERR_INVALID;
        return check_position_topics(p->topics, p->n_topics, &positions);
}

/* Adds to a sum that stays far from the ends of int64_t. */
static bool grow(uint64_t *sum, uint64_t by) {
        const uint64_t most = (uint64_t)1 << 62;
        if (by > most || *sum + by > most) return false;
        *sum += by;
        return true;
}

static int check_offset_map(const Heliostat__Pb__OffsetMap *m) {
        if (!topic_ok(m->topic) || !topic_ok(m->destination_topic) || m->partition > INT32_MAX ||
            m->generation == 0 || m->begin < 0 || m->next < m->begin || m->returned < 0)
                return ERR_INVALID;
        if (m->n_runs > CODEC_OFFSET_RUNS_MAX) return ERR_TOO_MANY;
        uint64_t source = (uint64_t)m->begin, destination = 0;
        uint32_t level = CODEC_OFFSET_LEVEL_MAX;
        for (size_t i = 0; i < m->n_runs; i++) {
                const Heliostat__Pb__OffsetRun *r = m->runs[i];
                if (r->level > level || (r->count == 0 && r->source_gap == 0) ||
                    !grow(&source, r->source_skip) || !grow(&source, r->count) ||
                    !grow(&source, r->source_gap) || !grow(&destination, r->destination_skip) ||
                    !grow(&destination, r->count) || !grow(&destination, r->destination_gap))
                        return ERR_INVALID;
                level = r->level;
        }
        return (uint64_t)m->next < source ? ERR_INVALID : 0;
}

static int check_promotion(const Heliostat__Pb__Promotion *p) {
        size_t partitions = 0;
        if (!znode_route_valid(p->route)) return ERR_INVALID;
        for (size_t i = 0; i < p->n_topics; i++) {
                const Heliostat__Pb__PromotionTopic *t = p->topics[i];
                if (!topic_ok(t->topic)) return ERR_INVALID;
                partitions += t->n_partitions;
                if (partitions > CODEC_PARTITIONS_MAX) return ERR_TOO_MANY;
                for (size_t k = 0; k < t->n_partitions; k++)
                        if (t->partitions[k]->partition > INT32_MAX ||
                            !range_ok(t->partitions[k]->position, t->partitions[k]->end_offset))
                                return ERR_INVALID;
        }
        if (p->n_lost > ROUTE_LANES_MAX) return ERR_TOO_MANY;
        for (size_t i = 0; i < p->n_lost; i++)
                if (p->lost[i]->lane >= ROUTE_LANES_MAX || !znode_id_valid(p->lost[i]->worker)) return ERR_INVALID;
        return 0;
}

static int check_events(const Heliostat__Pb__Events *e) {
        if (e->n_events > CODEC_EVENTS_MAX) return ERR_TOO_MANY;
        if (e->first > UINT64_MAX - e->n_events) return ERR_INVALID;
        for (size_t i = 0; i < e->n_events; i++) {
                const Heliostat__Pb__Event *v = e->events[i];
                if ((*v->of_route && !znode_route_valid(v->of_route)) || !text_ok(v->subject, 1024) ||
                    !text_ok(v->reason, 1024) || !text_ok(v->detail, 1024) || v->duration_ms < -1)
                        return ERR_INVALID;
        }
        return 0;
}

bool codec_route_runs(const Heliostat__Pb__Route *route) { return route->enabled && !*route->intake; }

#define UNPACKER(name, Name, descriptor_) \
        int codec_unpack_##name(const void *data, size_t bytes, Heliostat__Pb__##Name **out) { \
                ProtobufCMessage *base = NULL; \
                int rc = unpack(&descriptor_, data, bytes, &base); \
                if (rc) return rc; \
                Heliostat__Pb__##Name *message = (Heliostat__Pb__##Name *)(void *)base; \
                rc = check_format(message->format); \
                if (!rc) rc = check_##name(message); \
                if (rc) { \
                        codec_free(message); \
                        return rc; \
                } \
                *out = message; \
                return 0; \
        }

UNPACKER(meta, Meta, heliostat__pb__meta__descriptor)
UNPACKER(route, Route, heliostat__pb__route__descriptor)
UNPACKER(leader, Leader, heliostat__pb__leader__descriptor)
UNPACKER(candidate, Candidate, heliostat__pb__candidate__descriptor)
UNPACKER(worker, Worker, heliostat__pb__worker__descriptor)
UNPACKER(assignment, Assignment, heliostat__pb__assignment__descriptor)
UNPACKER(lane, Lane, heliostat__pb__lane__descriptor)
UNPACKER(placement, Placement, heliostat__pb__placement__descriptor)
UNPACKER(positions, Positions, heliostat__pb__positions__descriptor)
UNPACKER(offset_map, OffsetMap, heliostat__pb__offset_map__descriptor)
UNPACKER(promotion, Promotion, heliostat__pb__promotion__descriptor)
UNPACKER(events, Events, heliostat__pb__events__descriptor)
UNPACKER(report, Report, heliostat__pb__report__descriptor)

uint32_t codec_lane_partitions(const Heliostat__Pb__Lane *lane) {
        size_t count = 0;
        for (size_t i = 0; i < lane->n_topics; i++) count += lane->topics[i]->n_partitions;
        return (uint32_t)count; /* the codec bounds it */
}

Heliostat__Pb__Halt *codec_lane_halt(const Heliostat__Pb__Lane *lane, const char *topic, uint32_t partition) {
        for (size_t i = 0; i < lane->n_halts; i++)
                if (lane->halts[i]->partition == partition && strcmp(lane->halts[i]->topic, topic) == 0)
                        return lane->halts[i];
        return NULL;
}

static void *copy_message(const ProtobufCMessage *message) {
        size_t bytes = protobuf_c_message_get_packed_size(message);
        uint8_t *data = malloc(bytes ? bytes : 1);
        if (!data) return NULL;
        protobuf_c_message_pack(message, data);
        void *copy = protobuf_c_message_unpack(message->descriptor, NULL, bytes, data);
        free(data);
        return copy;
}

Heliostat__Pb__Lane *codec_copy_lane(const Heliostat__Pb__Lane *lane) { return copy_message(&lane->base); }

Heliostat__Pb__Route *codec_copy_route(const Heliostat__Pb__Route *route) { return copy_message(&route->base); }

#define METADATA_PREFIX "heliostat/1 g="

#define METADATA_TRANSACTIONAL " tx"
#define METADATA_EXACTLY_ONCE " eo" /* as long as the other */

void codec_metadata_format(char *buf, struct codec_metadata metadata) {
        (void)snprintf(buf, CODEC_METADATA_MAX, METADATA_PREFIX "%llu%s",
                       (unsigned long long)metadata.generation,
                       metadata.transactional  ? METADATA_TRANSACTIONAL
                       : metadata.exactly_once ? METADATA_EXACTLY_ONCE
                                               : "");
}

struct codec_metadata codec_metadata_parse(const char *text, size_t bytes) {
        size_t prefix = sizeof METADATA_PREFIX - 1, suffix = sizeof METADATA_TRANSACTIONAL - 1;
        struct codec_metadata metadata = {0};
        if (!text || bytes <= prefix || bytes >= CODEC_METADATA_MAX ||
            memcmp(text, METADATA_PREFIX, prefix) != 0)
                return metadata;
        if (bytes > prefix + suffix) {
                const char *end = text + bytes - suffix;
                metadata.transactional = memcmp(end, METADATA_TRANSACTIONAL, suffix) == 0;
                metadata.exactly_once = metadata.transactional || memcmp(end, METADATA_EXACTLY_ONCE, suffix) == 0;
                if (metadata.exactly_once) bytes -= suffix;
        }
        for (size_t i = prefix; i < bytes; i++) {
                unsigned digit = (unsigned)(text[i] - '0');
                if (digit > 9 || metadata.generation > (UINT64_MAX - digit) / 10) return (struct codec_metadata){0};
                metadata.generation = metadata.generation * 10 + digit;
        }
        if (metadata.generation == 0) metadata.transactional = metadata.exactly_once = false; /* nobody's */
        return metadata;
}
