/* What is to be done at the destination so that a route's topics can be mirrored.
 * PURE but for the route's naming (PCRE2). */
#ifndef HELIOSTAT_COORDINATOR_TOPIC_PLAN_H
#define HELIOSTAT_COORDINATOR_TOPIC_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/topic_name.h"
#include "coordinator/topic_acls.h"
#include "coordinator/topic_configs.h"

enum topic_step {
        TOPIC_READY,  /* as it is */
        TOPIC_CREATE, /* with `partitions_wanted` */
        TOPIC_GROW,   /* to `partitions_wanted` */
        TOPIC_SHARED, /* as the row `shared_with` will be */
        TOPIC_PARKED, /* not now; reason says why */
        TOPIC_PASSED, /* by a rule it is not to be mirrored, and that is no fault; reason says why */
};

/* A topic of the source that the route's rules match. */
struct topic_found {
        char *name;
        uint32_t partitions;        /* at the source */
        char *reason;               /* NULL: nothing keeps it from being mirrored */
        enum topic_step step;
        char target[TOPIC_NAME_SIZE]; /* its name at the destination */
        uint32_t partitions_there;  /* 0: the destination has no such topic */
        uint32_t partitions_wanted;
        size_t shared_with;
        /* filled where the configuration was looked at */
        struct topic_settings settings_there; /* of the destination's topic */
        struct topic_changes changes;         /* that would bring it in step */
        char *config_error;                   /* NULL, or why it is not known */
        bool settings_refused;                /* with them it was not created */
};

struct topics_found {
        struct topic_found *topics; /* sorted by name */
        size_t count;
        struct topic_acls acls;     /* that the destination does not have; filled where they were looked at */
        bool settings_unknown;      /* the destination is empty: which settings it has is not known */
        bool settings_follow;       /* a topic was created without: it is parked until the next look */
        char *warning;              /* NULL; else what could not be done, though mirroring goes on */
        size_t seen;                /* partitions of both clusters, matching or not */
};
void topics_found_fini(struct topics_found *found);

/* Sets the reason, "what: why", and the step. Aborts without memory: the topic
 * must not count as ready. */
void topic_park(struct topic_found *topic, const char *what, const char *why);

/* A topic of the destination. */
struct topic_there {
        const char *name;
        uint32_t partitions;
        const char *error; /* NULL: none */
};

/* In: rows with a name, partitions and, where something is known against them, a
 * reason and the step PARKED.  Out: targets; what has none, what is a cycle and
 * (without merge) what shares its target is parked or passed. */
void topic_plan_names(struct topics_found *found, struct topic_namer *namer, bool merge);
/* Afterwards: the steps.  there: sorted by name.  any_count: partitions are not
 * mirrored one to one, so that the destination's number is left alone. */
void topic_plan_steps(struct topics_found *found, const struct topic_there *there, size_t count,
                      bool any_count);

/* Once the steps were taken: rows that share a target become READY or PARKED, as
 * the first of them is. */
void topic_plan_shared(struct topics_found *found);

#endif
