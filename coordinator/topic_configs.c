#include "coordinator/topic_configs.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"

void topic_settings_fini(struct topic_settings *settings) {
        for (size_t i = 0; i < settings->count; i++) {
                free(settings->items[i].name);
                free(settings->items[i].value);
        }
        free(settings->items);
        free(settings->error);
        *settings = (struct topic_settings){0};
}

void topic_changes_fini(struct topic_changes *changes) {
        for (size_t i = 0; i < changes->count; i++) {
                free(changes->items[i].name);
                free(changes->items[i].from);
                free(changes->items[i].to);
        }
        free(changes->items);
        *changes = (struct topic_changes){0};
}

int topic_settings_add(struct topic_settings *settings, const char *name, const char *value, bool set) {
        /* Grows at the powers of two. */
        if ((settings->count & (settings->count - 1)) == 0) {
                size_t room = settings->count ? settings->count * 2 : 1;
                struct topic_setting *items = realloc(settings->items, room * sizeof *items);
                if (!items) return ERR_NOMEM;
                settings->items = items;
        }
        struct topic_setting *item = &settings->items[settings->count];
        *item = (struct topic_setting){strdup(name), strdup(value), set};
        settings->count++; /* freed whole or not */
        return item->name && item->value ? 0 : ERR_NOMEM;
}

static const struct topic_setting *find(const struct topic_settings *settings, const char *name) {
        for (size_t i = 0; i < settings->count; i++)
                if (strcmp(settings->items[i].name, name) == 0) return &settings->items[i];
        return NULL;
}

int topic_configs_diff(const struct topic_settings *source, const struct topic_settings *there, bool exists,
                       struct topic_rules *exclude, struct topic_changes *out) {
        struct topic_changes changes = {calloc(source->count ? source->count : 1, sizeof *changes.items), 0};
        if (!changes.items) return ERR_NOMEM;
        for (size_t i = 0; i < source->count; i++) {
                const struct topic_setting *from = &source->items[i];
                /* A rule that cannot be decided excludes. */
                if (!from->set || topic_rules_match(exclude, from->name) != 0) continue;
                const struct topic_setting *to = there ? find(there, from->name) : NULL;
                if (exists && to && strcmp(to->value, from->value) == 0) continue;
                struct topic_change *change = &changes.items[changes.count++];
                *change = (struct topic_change){.name = strdup(from->name),
                                                .from = exists && to ? strdup(to->value) : NULL,
                                                .to = strdup(from->value),
                                                .unknown = there && !to};
                if (!change->name || !change->to || (exists && to && !change->from)) {
                        topic_changes_fini(&changes);
                        return ERR_NOMEM;
                }
        }
        *out = changes;
        return 0;
}

static const struct topic_change *change_of(const struct topic_changes *changes, const char *name) {
        for (size_t i = 0; i < changes->count; i++)
                if (!changes->items[i].unknown && strcmp(changes->items[i].name, name) == 0)
                        return &changes->items[i];
        return NULL;
}

int topic_configs_merged(const struct topic_settings *there, const struct topic_changes *changes,
                         struct topic_settings *out) {
        struct topic_settings merged = {0};
        int rc = 0;
        for (size_t i = 0; !rc && i < there->count; i++)
                if (there->items[i].set && !change_of(changes, there->items[i].name))
                        rc = topic_settings_add(&merged, there->items[i].name, there->items[i].value, true);
        for (size_t i = 0; !rc && i < changes->count; i++)
                if (!changes->items[i].unknown)
                        rc = topic_settings_add(&merged, changes->items[i].name, changes->items[i].to, true);
        if (rc) topic_settings_fini(&merged);
        else *out = merged;
        return rc;
}
