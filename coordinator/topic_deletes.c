#include "coordinator/topic_deletes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void topic_memory_fini(struct topic_memory *memory) {
        for (size_t i = 0; i < memory->count; i++) free(memory->entries[i].name);
        free(memory->entries);
        *memory = (struct topic_memory){0};
}

static int by_text(const void *key, const void *item) { return strcmp(key, *(const char *const *)item); }

static const struct topic_found *found_named(const struct topics_found *found, const char *name) {
        for (size_t low = 0, high = found->count; low < high;) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(name, found->topics[middle].name);
                if (order == 0) return &found->topics[middle];
                if (order < 0) high = middle;
                else low = middle + 1;
        }
        return NULL;
}

void topic_memory_look(struct topic_memory *memory, const char *cluster_id, const struct topics_found *found,
                       const char *const *listed, size_t listed_count) {
        if (strcmp(memory->cluster_id, cluster_id) != 0) topic_memory_fini(memory);
        (void)snprintf(memory->cluster_id, sizeof memory->cluster_id, "%s", cluster_id);
        if (!*cluster_id) return; /* it cannot be told apart from another */

        struct topic_memory_entry *next = calloc(memory->count + found->count + 1, sizeof *next);
        size_t n = 0, f = 0;
        if (!next) abort();
        /* Both are sorted by name. */
        for (size_t i = 0; i < memory->count || f < found->count;) {
                int order = i == memory->count   ? 1
                            : f == found->count ? -1
                                                : strcmp(memory->entries[i].name, found->topics[f].name);
                if (order < 0) { /* known, and not among the route's topics */
                        struct topic_memory_entry *entry = &memory->entries[i++];
                        entry->listed = listed_count &&
                                        bsearch(entry->name, listed, listed_count, sizeof *listed, by_text) != NULL;
                        if (entry->listed) free(entry->name);
                        else next[n++] = *entry;
                        continue;
                }
                const struct topic_found *topic = &found->topics[f++];
                struct topic_memory_entry *old = order == 0 ? &memory->entries[i++] : NULL;
                if (old) next[n] = *old;
                else if (topic->step != TOPIC_READY) continue;
                else if (!(next[n].name = strdup(topic->name))) abort();
                if (topic->step == TOPIC_READY) memcpy(next[n].target, topic->target, sizeof next[n].target);
                next[n].listed = true;
                next[n++].confirmed = 0;
        }
        free(memory->entries);
        memory->entries = next;
        memory->count = n;
}

struct topic_memory_entry *topic_memory_missing(struct topic_memory *memory, size_t *at) {
        while (*at < memory->count)
                if (!memory->entries[(*at)++].listed) return &memory->entries[*at - 1];
        return NULL;
}

bool topic_memory_answer(struct topic_memory_entry *entry, bool gone, const struct topics_found *found) {
        entry->confirmed = gone ? entry->confirmed + 1 : 0;
        if (entry->confirmed < TOPIC_DELETES_CONFIRM || found_named(found, entry->name)) return false;
        for (size_t i = 0; i < found->count; i++)
                if (strcmp(found->topics[i].target, entry->target) == 0) return false;
        return true;
}

void topic_memory_forget(struct topic_memory *memory, const char *name) {
        for (size_t i = 0; i < memory->count; i++) {
                if (strcmp(memory->entries[i].name, name) != 0) continue;
                free(memory->entries[i].name);
                memmove(&memory->entries[i], &memory->entries[i + 1],
                        (memory->count - i - 1) * sizeof *memory->entries);
                memory->count--;
                return;
        }
}
