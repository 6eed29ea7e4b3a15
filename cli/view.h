/* What `list`, `lag`, `describe` and `events` print of a snapshot.  PURE.
 * Texts are malloc'd and end with a newline; docs/commands.md describes them. */
#ifndef HELIOSTAT_CLI_VIEW_H
#define HELIOSTAT_CLI_VIEW_H

#include <stdarg.h>
#include <stdbool.h>

#include "common/snapshot.h"
#include "common/snapshot_health.h"
#include "common/text_grow.h"

enum view_format { VIEW_TABLE, VIEW_JSON, VIEW_NAMES };

enum view_kind { VIEW_ROUTES, VIEW_WORKERS, VIEW_TOPICS, VIEW_LANES, VIEW_SUBJECTS, VIEW_KINDS };
const char *view_kind_name(enum view_kind kind);

/* route NULL: of all.  Names: a line each, without anything else. */
void view_list(const struct snapshot *snapshot, enum view_kind kind, const char *route, enum view_format format,
               bool colours, struct text *out);

struct view_lag {
        const char *route, *topic, *worker; /* NULL: any */
        int64_t min_lag;                    /* only partitions that lag by this much or more; 0: all */
        size_t top;                         /* so many; 0: all */
        bool by_time, by_name;              /* sorted by lag in seconds, by name; else by records */
        int64_t max_lag;                    /* -1: none */
        double max_seconds;                 /* -1: none */
};
/* Returns whether a partition, shown or not, lags by more than max_lag or max_seconds, or by an
 * unknown amount while one of the two is asked for. */
bool view_lag(const struct snapshot *snapshot, const struct view_lag *filter, enum view_format format, bool colours,
              struct text *out);

/* What a name means: a route, a lane of a route (lane >= 0), a worker, a topic. */
struct view_subject {
        enum view_kind kind;
        const char *name;
        int64_t lane;
};
/* false: nothing of that name; *nearest is then a name that is alike, or NULL. */
bool view_find(const struct snapshot *snapshot, const char *name, int64_t lane, struct view_subject *out,
               const char **nearest);
void view_describe(const struct snapshot *snapshot, const struct health *health, const struct view_subject *subject,
                   enum view_format format, bool colours, struct text *out);

/* Whether an event is about the subject. */
bool view_event_matches(const struct event *event, const struct view_subject *subject);
/* One line for each; JSON: an object for each line. */
void view_event(const struct event *event, enum view_format format, bool colours, struct text *out);

#endif
