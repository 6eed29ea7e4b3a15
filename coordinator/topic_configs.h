/* The configuration of a mirrored topic against that of its source.  PURE but
 * for the exclude rules (PCRE2). */
#ifndef HELIOSTAT_COORDINATOR_TOPIC_CONFIGS_H
#define HELIOSTAT_COORDINATOR_TOPIC_CONFIGS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/topic_rules.h"

struct topic_setting {
        char *name, *value;
        bool set; /* at the topic; else what the cluster has for all */
};
/* Every setting that a cluster knows of a topic. */
struct topic_settings {
        struct topic_setting *items;
        size_t count;
        char *error; /* NULL, or why they could not be read: then there are none */
        bool gone;   /* of such an error: there is no such topic */
};
void topic_settings_fini(struct topic_settings *settings);
/* Copies.  0 | ERR_NOMEM */
int topic_settings_add(struct topic_settings *settings, const char *name, const char *value, bool set);

struct topic_change {
        char *name;
        char *from;  /* at the destination now; NULL: the topic is not there */
        char *to;    /* as it is set at the source */
        bool unknown; /* the destination knows no such setting: cannot be done */
};
struct topic_changes {
        struct topic_change *items;
        size_t count;
};
void topic_changes_fini(struct topic_changes *changes);

/* What would bring the destination in step: settings that are set at the source's
 * topic, that no rule excludes, and whose value is another at the destination.
 * there: of the topic, or with exists = false of any topic (to know which
 * settings the destination has; NULL: take all).  What is set at the destination
 * only is never touched: whether it was set there or has come from the source
 * cannot be told.
 * 0 | ERR_NOMEM */
int topic_configs_diff(const struct topic_settings *source, const struct topic_settings *there, bool exists,
                       struct topic_rules *exclude, struct topic_changes *out);

/* Kafka's AlterConfigs replaces all that is set at a topic: what is set there,
 * with the changes laid over it.  0 | ERR_NOMEM */
int topic_configs_merged(const struct topic_settings *there, const struct topic_changes *changes,
                         struct topic_settings *out);

#endif
