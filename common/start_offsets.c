#include "common/start_offsets.h"

#include <stdlib.h>
#include <string.h>

#include "common/codec.h"

static Heliostat__Pb__PositionTopic *topic_message(const struct offset_row *rows, size_t count) {
        Heliostat__Pb__PositionTopic *topic = malloc(sizeof *topic);
        if (!topic) return NULL;
        heliostat__pb__position_topic__init(topic);
        topic->topic = strdup(rows->topic);
        topic->positions = calloc(count, sizeof(Heliostat__Pb__Position *));
        bool whole = topic->topic && topic->positions;
        for (size_t i = 0; whole && i < count; i++) {
                Heliostat__Pb__Position *position = malloc(sizeof *position);
                whole = position != NULL;
                if (!whole) break;
                heliostat__pb__position__init(position);
                position->partition = (uint32_t)rows[i].partition;
                position->next_offset = rows[i].offset;
                topic->positions[topic->n_positions++] = position;
        }
        if (whole) return topic;
        if (!topic->topic) topic->topic = (char *)protobuf_c_empty_string;
        codec_free(topic);
        return NULL;
}

Heliostat__Pb__StartOffsets *start_offsets_message(const char *file, const struct offset_rows *rows) {
        Heliostat__Pb__StartOffsets *offsets = malloc(sizeof *offsets);
        if (!offsets) return NULL;
        heliostat__pb__start_offsets__init(offsets);
        char *name = strdup(file);
        if (name) offsets->file = name;
        offsets->topics = calloc(rows->count ? rows->count : 1, sizeof(Heliostat__Pb__PositionTopic *));
        bool whole = name && offsets->topics;
        for (size_t i = 0, n; whole && i < rows->count; i += n) {
                for (n = 1; i + n < rows->count && strcmp(rows->items[i].topic, rows->items[i + n].topic) == 0;) n++;
                Heliostat__Pb__PositionTopic *topic = topic_message(&rows->items[i], n);
                whole = topic != NULL;
                if (whole) offsets->topics[offsets->n_topics++] = topic;
        }
        if (whole) return offsets;
        codec_free(offsets);
        return NULL;
}

size_t start_offsets_count(const Heliostat__Pb__StartOffsets *offsets) {
        size_t count = 0;
        for (size_t i = 0; i < offsets->n_topics; i++) count += offsets->topics[i]->n_positions;
        return count;
}

bool start_offsets_same(const Heliostat__Pb__StartOffsets *a, const Heliostat__Pb__StartOffsets *b) {
        bool same = a->n_topics == b->n_topics;
        for (size_t i = 0; same && i < a->n_topics; i++) {
                const Heliostat__Pb__PositionTopic *x = a->topics[i], *y = b->topics[i];
                same = strcmp(x->topic, y->topic) == 0 && x->n_positions == y->n_positions;
                for (size_t k = 0; same && k < x->n_positions; k++)
                        same = x->positions[k]->partition == y->positions[k]->partition &&
                               x->positions[k]->next_offset == y->positions[k]->next_offset;
        }
        return same;
}
