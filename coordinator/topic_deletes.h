/* Which topics of the destination go because their source was deleted.  PURE.
 *
 * A topic goes only if this process has seen it ready to be mirrored, the same
 * source cluster does not list it any more, and that cluster has answered a
 * question about this topic with "there is no such topic" in two looks in a row:
 * one answer may come from a broker that has not caught up, and a topic that one
 * is not allowed to see is not listed either. */
#ifndef HELIOSTAT_COORDINATOR_TOPIC_DELETES_H
#define HELIOSTAT_COORDINATOR_TOPIC_DELETES_H

#include <stdbool.h>
#include <stddef.h>

#include "coordinator/topic_plan.h"

#define TOPIC_DELETES_CONFIRM 2

struct topic_memory_entry {
        char *name;
        char target[TOPIC_NAME_SIZE];
        unsigned confirmed; /* looks in a row */
        bool listed;        /* at the source, in this look */
};
struct topic_memory {
        struct topic_memory_entry *entries; /* sorted by name */
        size_t count;
        char cluster_id[64]; /* of the source; "": not known yet */
};
void topic_memory_fini(struct topic_memory *memory);

/* A look: what the rules match now, and whether a name is at the source at all
 * (sorted).  Forgets everything when the cluster is another one; forgets a topic
 * that is there and no longer the route's; learns what is READY.
 * Aborts without memory. */
void topic_memory_look(struct topic_memory *memory, const char *cluster_id, const struct topics_found *found,
                       const char *const *listed, size_t listed_count);
/* The next entry, from *at on, that has to be asked for; NULL: no more. */
struct topic_memory_entry *topic_memory_missing(struct topic_memory *memory, size_t *at);
/* The answer.  true: the target may be deleted now; the entry is to be forgotten
 * once it was (topic_memory_forget).  Not while another topic becomes the same. */
bool topic_memory_answer(struct topic_memory_entry *entry, bool gone, const struct topics_found *found);
void topic_memory_forget(struct topic_memory *memory, const char *name);

#endif
