/* Records of MirrorMaker 2's internal topics, as its clients read them
 * (org.apache.kafka.connect.mirror.Checkpoint and Heartbeat).  PURE.
 * Numbers are big-endian; a string has its length, two bytes, in front. */
#ifndef HELIOSTAT_COMMON_MM2_RECORDS_H
#define HELIOSTAT_COMMON_MM2_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#define MM2_STRING_MAX 32767
#define MM2_RECORD_SIZE ((size_t)66000) /* of any that these functions make */

struct mm2_record {
        size_t key_bytes, value_bytes;
        unsigned char *key, *value; /* into the caller's buffer */
};

/* A group's place: key (group, topic, partition), value (version 0, upstream
 * offset, downstream offset, metadata).  topic: at the destination, where the
 * record is read.  0 | ERR_TOO_BIG (a string that is too long) */
int mm2_checkpoint(unsigned char buffer[static MM2_RECORD_SIZE], const char *group, const char *topic,
                   int32_t partition, int64_t upstream, int64_t downstream, const char *metadata,
                   struct mm2_record *out);
/* Key (source, target), value (version 0, milliseconds since 1970).  As above. */
int mm2_heartbeat(unsigned char buffer[static MM2_RECORD_SIZE], const char *source, const char *target,
                  int64_t timestamp_ms, struct mm2_record *out);

/* "<source>.checkpoints<separator>internal", cut at size. */
void mm2_checkpoints_topic(char *out, size_t size, const char *source, const char *separator);
#define MM2_HEARTBEATS_TOPIC "heartbeats"

#endif
