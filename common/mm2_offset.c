#include "common/mm2_offset.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

bool mm2_offsets_topic(char out[static MM2_TOPIC_SIZE], const char *alias) {
        int n = snprintf(out, MM2_TOPIC_SIZE, "mm2-offsets.%s.internal", alias);
        return n > 0 && n < MM2_TOPIC_SIZE;
}

/* Its heartbeat and checkpoint connectors keep offsets here too, of partitions
 * that name no "cluster". */
static bool take_key(const json_t *key, const char *alias, struct mm2_offset *out) {
        const json_t *of = json_array_get(key, 1), *partition = json_object_get(of, "partition");
        const char *cluster = json_string_value(json_object_get(of, "cluster"));
        const char *topic = json_string_value(json_object_get(of, "topic"));
        if (!cluster || strcmp(cluster, alias) != 0 || !topic || !*topic || strlen(topic) >= sizeof out->topic ||
            !json_is_integer(partition) || json_integer_value(partition) < 0 ||
            json_integer_value(partition) > INT32_MAX)
                return false;
        memcpy(out->topic, topic, strlen(topic) + 1);
        out->partition = (int32_t)json_integer_value(partition);
        return true;
}

bool mm2_offset_parse(const char *alias, const void *key, size_t key_bytes, const void *value, size_t value_bytes,
                      struct mm2_offset *out) {
        struct mm2_offset row = {.next = -1};
        json_t *name = key ? json_loadb(key, key_bytes, 0, NULL) : NULL;
        json_t *at = value ? json_loadb(value, value_bytes, 0, NULL) : NULL;
        bool ours = take_key(name, alias, &row);
        const json_t *offset = json_object_get(at, "offset");
        if (json_is_integer(offset) && json_integer_value(offset) >= 0 && json_integer_value(offset) < INT64_MAX - 1)
                row.next = json_integer_value(offset) + 1;
        json_decref(name);
        json_decref(at);
        if (ours) *out = row;
        return ours;
}
