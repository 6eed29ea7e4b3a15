/* The offset maps of a route, read from their topic at the destination.
 *
 * Blocks on that cluster: for the thread pool and for commands. */
#ifndef HELIOSTAT_COMMON_OFFSET_MAPS_H
#define HELIOSTAT_COMMON_OFFSET_MAPS_H

#include <stdatomic.h>

#include "common/config.h"
#include "common/offset_map.h"

/* "<topic>/<partition>/<generation>" */
#define OFFSET_MAP_KEY_SIZE 300
void offset_map_key(char out[static OFFSET_MAP_KEY_SIZE], const char *topic, int32_t partition, uint64_t generation);

struct offset_maps_entry {
        char *key;
        char *topic, *destination_topic;
        int32_t partition;
        uint64_t generation;
        int64_t next;             /* source: mirrored below */
        struct offset_map map;
        bool superseded;          /* there is one of a higher generation */
};

struct offset_maps;

/* topic: the one with the maps (names_offsets_topic).  lane: that partition of
 * it only; -1: all.  Nothing is asked yet.  config is borrowed.
 * 0 | as kafka_client_new */
int offset_maps_new(const struct config *config, const char *alias, const char *route, const char *topic,
                    int32_t lane, struct offset_maps **out, char *err, size_t err_size);
/* Ends its client, which blocks for a moment; what was read stays.  No refresh follows. */
void offset_maps_close(struct offset_maps *maps);
void offset_maps_free(struct offset_maps *maps); /* closes it, if that was not done */

/* Reads what was written since the last time, up to the topic's present end.
 * stop: set by another thread to end it soon; NULL: none.
 * 0 | ERR_NOT_FOUND (no such topic) | ERR_KAFKA (worth a retry) | ERR_NOMEM |
 * ERR_CLOSING (stopped); err then holds one line */
int offset_maps_refresh(struct offset_maps *maps, unsigned limit_ms, const atomic_bool *stop, char *err,
                        size_t err_size);

/* By topic and partition, superseded ones behind those that count.  Valid until
 * the next refresh. */
size_t offset_maps_count(const struct offset_maps *maps);
struct offset_maps_entry *offset_maps_at(const struct offset_maps *maps, size_t index);
/* Records that could not be read, since the first refresh. */
size_t offset_maps_unreadable(const struct offset_maps *maps);

#endif
