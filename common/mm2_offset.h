/* One record of the topic in which Kafka Connect keeps MirrorMaker 2's source
 * offsets.  PURE.
 *
 *   key    ["MirrorSourceConnector",{"cluster":"A","partition":0,"topic":"t"}]
 *   value  {"offset":41}, of the last record that was mirrored; none: forgotten
 *
 * In dedicated mode the topic is mm2-offsets.<source alias>.internal, on the
 * destination. */
#ifndef HELIOSTAT_COMMON_MM2_OFFSET_H
#define HELIOSTAT_COMMON_MM2_OFFSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MM2_TOPIC_SIZE 250
/* The topic's name for an alias; false: it would be too long. */
bool mm2_offsets_topic(char out[static MM2_TOPIC_SIZE], const char *alias);

struct mm2_offset {
        char topic[MM2_TOPIC_SIZE];
        int32_t partition;
        int64_t next; /* the offset to go on at; -1: none */
};
/* false: the record is of another kind, of another alias, or garbage.
 * value NULL: a tombstone. */
bool mm2_offset_parse(const char *alias, const void *key, size_t key_bytes, const void *value, size_t value_bytes,
                      struct mm2_offset *out);

#endif
