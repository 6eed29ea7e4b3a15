/* Znode messages to bytes and back, with bounds.  PURE.
 *
 * Unpacking checks size, format version and contents (names, ranges, list
 * lengths), so that above this border a message can be trusted to be sane. */
#ifndef HELIOSTAT_COMMON_CODEC_H
#define HELIOSTAT_COMMON_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heliostat.pb-c.h"

#define CODEC_FORMAT 1
#define CODEC_PARTITIONS_MAX 100000  /* in one message */
#define CODEC_LANES_MAX 10000        /* in one message */
#define CODEC_REPORT_NEXT_MAX_MS 600000
#define CODEC_TOPIC_MAX 249          /* bytes, Kafka's limit */
#define ROUTE_LANES_MAX 4096         /* of one route */
#define CODEC_DRAINED_MAX 1000       /* workers */
#define CODEC_HALT_REASON_MAX 160    /* bytes */
#define CODEC_OFFSET_RUNS_MAX 512    /* of one partition's map */
#define CODEC_OFFSET_LEVEL_MAX 32
#define CODEC_PAUSES_MAX 1000         /* of one route */
#define CODEC_EVENTS_MAX 1000         /* in one message */
#define CODEC_SKIPS_MAX 32           /* kept in one lane */

/* Packs into malloc'd bytes (caller frees).  Sets the format field.
 * 0 | ERR_NOMEM | ERR_TOO_BIG (over ZNODE_DATA_MAX) */
int codec_pack(ProtobufCMessage *message, void **out_data, size_t *out_bytes);

/* Each: 0 and a message that codec_free releases, or ERR_INVALID (garbage or
 * contents out of range), ERR_TOO_BIG, ERR_TOO_MANY, ERR_FORMAT (version from
 * the future), ERR_NOMEM; *out untouched then. */
int codec_unpack_meta(const void *data, size_t bytes, Heliostat__Pb__Meta **out);
int codec_unpack_route(const void *data, size_t bytes, Heliostat__Pb__Route **out);
int codec_unpack_leader(const void *data, size_t bytes, Heliostat__Pb__Leader **out);
int codec_unpack_candidate(const void *data, size_t bytes, Heliostat__Pb__Candidate **out);
int codec_unpack_worker(const void *data, size_t bytes, Heliostat__Pb__Worker **out);
int codec_unpack_assignment(const void *data, size_t bytes, Heliostat__Pb__Assignment **out);
int codec_unpack_lane(const void *data, size_t bytes, Heliostat__Pb__Lane **out);
int codec_unpack_placement(const void *data, size_t bytes, Heliostat__Pb__Placement **out);
int codec_unpack_positions(const void *data, size_t bytes, Heliostat__Pb__Positions **out);
int codec_unpack_offset_map(const void *data, size_t bytes, Heliostat__Pb__OffsetMap **out);
int codec_unpack_promotion(const void *data, size_t bytes, Heliostat__Pb__Promotion **out);
int codec_unpack_events(const void *data, size_t bytes, Heliostat__Pb__Events **out);
int codec_unpack_report(const void *data, size_t bytes, Heliostat__Pb__Report **out);

/* What a route's intake says; empty: nothing. */
#define CODEC_INTAKE_STOPPING "stopping"
#define CODEC_INTAKE_STOPPED "stopped"
/* Whether its records are to be mirrored. */
bool codec_route_runs(const Heliostat__Pb__Route *route);

/* Frees any of them; NULL is fine. */
void codec_free(void *message);

uint32_t codec_lane_partitions(const Heliostat__Pb__Lane *lane);
/* The halt of a partition in a lane's record, or NULL. */
Heliostat__Pb__Halt *codec_lane_halt(const Heliostat__Pb__Lane *lane, const char *topic, uint32_t partition);

/* Deep copies, for read-modify-write.  NULL on no memory. */
Heliostat__Pb__Lane *codec_copy_lane(const Heliostat__Pb__Lane *lane);
Heliostat__Pb__Route *codec_copy_route(const Heliostat__Pb__Route *route);

/* The metadata string of a committed source offset: "heliostat/1 g=12", with
 * " tx" behind it where the offset only repeats what a position record at the
 * destination says, and " eo" where an exactly-once lane knows of no record yet:
 * should there be one all the same, it counts. */
#define CODEC_METADATA_MAX 64
struct codec_metadata {
        uint64_t generation;
        bool transactional; /* there is a position record */
        bool exactly_once;  /* a position record counts, if there is one; follows from transactional */
};
void codec_metadata_format(char *buf, struct codec_metadata metadata);
/* Generation 0 for text that is not ours (another tool's commit, or none).
 * Never fails. */
struct codec_metadata codec_metadata_parse(const char *text, size_t bytes);

#endif
