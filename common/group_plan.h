/* What becomes of one committed offset of a consumer group at the destination.
 * PURE. */
#ifndef HELIOSTAT_COMMON_GROUP_PLAN_H
#define HELIOSTAT_COMMON_GROUP_PLAN_H

#include "common/offset_map.h"

#define GROUP_PLAN_TEXT_MAX 160

enum group_outcome {
        GROUP_UNKNOWN,  /* not translated: the map does not know; row->text says why */
        GROUP_KEPT,     /* the destination's group is there already, or further */
        GROUP_FORWARD,  /* to be committed */
};

struct group_row {
        const char *topic, *destination_topic; /* borrowed */
        int32_t partition;
        int64_t source;         /* committed at the source */
        int64_t before;         /* committed at the destination; -1: nothing */
        struct offset_translation translation;
        int64_t low, high;      /* the destination's log; -1: not known */
        /* decided: */
        enum group_outcome outcome;
        int64_t target;         /* -1: UNKNOWN */
        char text[GROUP_PLAN_TEXT_MAX]; /* "exact", "earlier by up to 12", ... */
};

/* Fills outcome, target and text from the rest. */
void group_plan(struct group_row *row);
/* After group_plan of all: rows of one destination partition (several source
 * topics may be mirrored into one) get the lowest target of them, and none when
 * one is unknown.  0 | ERR_NOMEM */
int group_plan_merge(struct group_row *rows, size_t count);
const char *group_outcome_name(enum group_outcome outcome);

#endif
