/* Every input goes to all decoders: it is then the plain content of a znode or
 * of a position record, and the znode of one kind under the name of another is
 * tried too. */
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"
#include "common/offset_map.h"
#include "common/znode_path.h"

#define MESSAGES(X) \
        X(meta, Meta) \
        X(route, Route) \
        X(leader, Leader) \
        X(candidate, Candidate) \
        X(worker, Worker) \
        X(assignment, Assignment) \
        X(lane, Lane) \
        X(placement, Placement) \
        X(positions, Positions) \
        X(offset_map, OffsetMap) \
        X(promotion, Promotion) \
        X(events, Events) \
        X(report, Report)

#define X(name, Name) \
        static int unpack_##name(const void *data, size_t bytes, ProtobufCMessage **out) { \
                Heliostat__Pb__##Name untouched, *message = &untouched; \
                int rc = codec_unpack_##name(data, bytes, &message); \
                LAW((rc == 0) == (message != &untouched)); \
                if (rc == 0) *out = &message->base; \
                return rc; \
        }
MESSAGES(X)
#undef X

static int (*const unpack[])(const void *data, size_t bytes, ProtobufCMessage **out) = {
#define X(name, Name) unpack_##name,
        MESSAGES(X)
#undef X
};

static void check_text(const char *field, const char *text) {
        static const char *const ids[] = {"owner", "candidate", "worker", "id"};
        for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
                if (strcmp(field, ids[i]) == 0) LAW(!*text || znode_id_valid(text));
        if (strcmp(field, "route") == 0 || strcmp(field, "name") == 0) LAW(znode_route_valid(text));
        if (strcmp(field, "topic") == 0) LAW(*text && strlen(text) <= CODEC_TOPIC_MAX);
        if (strcmp(field, "topics") == 0 || strcmp(field, "topics_exclude") == 0 ||
            strcmp(field, "topic_map") == 0 || strcmp(field, "topic_rename_regex") == 0 ||
            strcmp(field, "start_from_topics") == 0 || strncmp(field, "limit_topics_", 13) == 0 || strcmp(field, "priority") == 0 ||
            strcmp(field, "config_properties_exclude") == 0 ||
            strcmp(field, "groups") == 0 || strcmp(field, "groups_exclude") == 0)
                LAW(strlen(text) <= 65536);
        else
                LAW(strlen(text) <= 1024);
}

/* What the header of the codec promises of each message, by field: walks the
 * descriptor, so that a new field is not forgotten. */
static void check_sane(const ProtobufCMessage *message) {
        const ProtobufCMessageDescriptor *type = message->descriptor;
        for (unsigned i = 0; i < type->n_fields; i++) {
                const ProtobufCFieldDescriptor *field = &type->fields[i];
                const char *at = (const char *)message + field->offset;
                if (field->label == PROTOBUF_C_LABEL_REPEATED) {
                        size_t count;
                        ProtobufCMessage *const *items;
                        memcpy(&count, (const char *)message + field->quantifier_offset, sizeof count);
                        memcpy(&items, at, sizeof items);
                        LAW(field->type == PROTOBUF_C_TYPE_MESSAGE);
                        LAW(count <= CODEC_PARTITIONS_MAX);
                        for (size_t k = 0; k < count; k++) check_sane(items[k]);
                } else if (field->type == PROTOBUF_C_TYPE_STRING) {
                        const char *text;
                        memcpy(&text, at, sizeof text);
                        LAW(text);
                        check_text(field->name, text);
                } else if (field->type == PROTOBUF_C_TYPE_ENUM) {
                        int value;
                        memcpy(&value, at, sizeof value);
                        LAW(protobuf_c_enum_descriptor_get_value(field->descriptor, value));
                }
        }
}

/* decode -> encode -> decode -> encode: the second bytes equal the first. */
static void check_round_trip(size_t kind, ProtobufCMessage *message) {
        ProtobufCMessage *back = NULL;
        void *first = NULL, *second = NULL;
        size_t first_bytes = 0, second_bytes = 0;

        int rc = codec_pack(message, &first, &first_bytes);
        if (rc == ERR_TOO_BIG) return; /* a number's longest form may be longer than it came */
        LAW(rc == 0);
        LAW(unpack[kind](first, first_bytes, &back) == 0);
        LAW(codec_pack(back, &second, &second_bytes) == 0);
        LAW(first_bytes == second_bytes);
        LAW(memcmp(first, second, first_bytes) == 0);
        codec_free(back);
        free(second);

        if (message->descriptor == &heliostat__pb__lane__descriptor) {
                Heliostat__Pb__Lane *copy = codec_copy_lane((const Heliostat__Pb__Lane *)(void *)message);
                LAW(copy);
                LAW(codec_pack(&copy->base, &second, &second_bytes) == 0);
                LAW(first_bytes == second_bytes);
                LAW(memcmp(first, second, first_bytes) == 0);
                codec_free(copy);
                free(second);
        }
        free(first);
}

/* A map that was accepted can be used: no offset turns back, and none is out of
 * the destination's log as the map tells it. */
static void check_offset_map(const Heliostat__Pb__OffsetMap *message) {
        struct offset_map map;
        int64_t last = -1, last_source = -1;
        LAW(offset_map_unpack(message, &map) == 0);
        for (uint32_t i = 0; i < map.count; i++) {
                const int64_t at = map.runs[i].source_from;
                for (int64_t source = at - 1; source <= at + 1; source++) {
                        if (source <= last_source) continue;
                        last_source = source;
                        struct offset_translation t = offset_map_translate(&map, message->next, source);
                        LAW(t.kind != OFFSET_UNKNOWN || source < map.begin || source < map.returned);
                        if (t.kind == OFFSET_UNKNOWN) continue;
                        LAW(t.offset >= 0 && t.offset >= last && t.by >= -1);
                        last = t.offset;
                }
        }
        offset_map_add(&map, message->next, last + 1);
        LAW(map.count <= CODEC_OFFSET_RUNS_MAX);
        offset_map_fini(&map);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
        for (size_t kind = 0; kind < sizeof unpack / sizeof *unpack; kind++) {
                ProtobufCMessage *message = NULL;
                int rc = unpack[kind](data, bytes, &message);
                LAW(rc == 0 || rc == ERR_INVALID || rc == ERR_TOO_BIG || rc == ERR_TOO_MANY ||
                    rc == ERR_FORMAT || rc == ERR_NOMEM);
                LAW((bytes > ZNODE_DATA_MAX) == (rc == ERR_TOO_BIG));
                if (rc) continue;
                check_sane(message);
                check_round_trip(kind, message);
                if (message->descriptor == &heliostat__pb__offset_map__descriptor)
                        check_offset_map((const Heliostat__Pb__OffsetMap *)(void *)message);
                codec_free(message);
        }
        return 0;
}
