/* Translates the committed offsets of a consumer group from a route's source to
 * its destination.  Blocks on both clusters: for the thread pool and commands. */
#ifndef HELIOSTAT_COMMON_GROUP_SYNC_H
#define HELIOSTAT_COMMON_GROUP_SYNC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"
#include "common/group_plan.h"
#include "common/offset_maps.h"

struct group_sync {
        const struct config *config;
        const char *route, *source, *destination; /* aliases */
        unsigned limit_ms;              /* of each request */
        const atomic_bool *stop;        /* set by another thread: nothing is committed any more; NULL: none */
};

enum group_state {
        GROUP_STATE_NONE,     /* no group of that name at the destination */
        GROUP_STATE_EMPTY,    /* one without members */
        GROUP_STATE_ACTIVE,   /* it has members: its offsets are not touched */
};

struct group_result {
        struct group_row *rows;     /* of the partitions that it has offsets of and the route mirrors */
        char **metadata;            /* of each row's commit at the source; "" for none */
        size_t count;
        enum group_state state;
        bool written;               /* every FORWARD row is committed at the destination */
};

/* maps: refreshed; the rows borrow its names.  write: commit what is FORWARD,
 * unless the group has members (state ACTIVE then, nothing written; the broker
 * refuses it too).
 * 0 | ERR_KAFKA (err: one line; written is false, some rows may be committed) |
 * ERR_INVALID | ERR_NOMEM | ERR_CLOSING (stopped); *out is the caller's on success (group_result_fini) */
int group_sync_run(const struct group_sync *sync, const struct offset_maps *maps, const char *group, bool write,
                   struct group_result *out, char *err, size_t err_size);
void group_result_fini(struct group_result *result);

/* The source's groups that the rules match (of consumers; not Heliostat's own),
 * sorted.  The caller frees the names and the array.  0 | as above */
int group_sync_list(const struct group_sync *sync, const char *groups, const char *exclude, char ***out_names,
                    size_t *out_count, char *err, size_t err_size);

#endif
