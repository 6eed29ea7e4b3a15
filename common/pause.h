/* Which partitions of a route are paused: rules, of which the last that matches a
 * partition counts.  `heliostat pause` and `resume` write them into the route;
 * workers read them.  PURE. */
#ifndef HELIOSTAT_COMMON_PAUSE_H
#define HELIOSTAT_COMMON_PAUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heliostat.pb-c.h"

#define PAUSE_RULES_MAX 64
#define PAUSE_TEXT_MAX 1024

/* What `pause` or `resume` is asked. */
struct pause_request {
        bool resume;
        const char *topics;  /* a rule as in the configuration; "": all */
        int64_t partition;   /* -1: all */
        int64_t now_ms;      /* wall clock */
};

/* The rule that means exactly this topic.  buf has PAUSE_TEXT_MAX bytes. */
const char *pause_topic_rule(char *buf, const char *topic);

enum { PAUSE_CHANGED = 1 };
/* Appends the request to a route's rules, and takes out what it makes pointless.  The new list
 * (malloc'd, with malloc'd rules and texts: pause_list_free) goes into *out.
 * PAUSE_CHANGED | 0: it changes nothing, *out is empty | ERR_NOMEM | ERR_TOO_MANY */
int pause_edit(Heliostat__Pb__PauseRule *const *rules, size_t count, const struct pause_request *request,
               Heliostat__Pb__PauseRule ***out, size_t *out_count);
void pause_list_free(Heliostat__Pb__PauseRule **rules, size_t count);
bool pause_lists_equal(Heliostat__Pb__PauseRule *const *a, size_t a_count, Heliostat__Pb__PauseRule *const *b, size_t b_count);
/* "t.*, partition 3", "everything".  buf has PAUSE_TEXT_MAX + 64 bytes. */
const char *pause_rule_text(char *buf, const Heliostat__Pb__PauseRule *rule);

/* Compiled, for one thread. */
struct pause_rules;
/* A rule that cannot be read (of another version) pauses all that it might mean.
 * NULL on no memory. */
struct pause_rules *pause_rules_new(Heliostat__Pb__PauseRule *const *rules, size_t count);
void pause_rules_free(struct pause_rules *rules);
/* rules NULL: none. */
bool pause_rules_match(const struct pause_rules *rules, const char *topic, int64_t partition);

#endif
