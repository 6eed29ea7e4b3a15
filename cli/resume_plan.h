/* What `resume` makes of the lanes of a route.  PURE: records in, changed
 * records and lines for people out. */
#ifndef HELIOSTAT_CLI_RESUME_PLAN_H
#define HELIOSTAT_CLI_RESUME_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heliostat.pb-c.h"

struct resume_request {
        const char *topic;  /* NULL: all of the route */
        int64_t partition;  /* -1: all of the topic */
        Heliostat__Pb__HaltAnswer answer;
        int64_t to;         /* of ANSWER_OFFSET */
};

enum resume_outcome {
        RESUME_NOTHING = 1, /* no halt is selected */
        RESUME_ANSWERED,    /* all that are selected have this answer already */
        RESUME_CHANGED,     /* the record has answers and its spec has grown */
        RESUME_REFUSED,     /* the answer does not fit a halt: the record is as it was */
};

/* Answers the selected halts of a lane's record, in place.  *out_text is
 * malloc'd: a line for each selected halt, with its newline, that begins with
 * "<topic>-<partition>: "; of RESUME_REFUSED one line that says why.
 * resume_outcome | ERR_NOMEM */
int resume_plan(Heliostat__Pb__Lane *lane, uint32_t number, const struct resume_request *request,
                char **out_text);

/* Gives the lane's entry of its owner's assign node the lane's new spec, which
 * makes the owner read the lane.  false: the node does not list the lane. */
bool resume_tell(Heliostat__Pb__Assignment *assign, const char *route, uint32_t lane, uint32_t spec);

/* Whether the lanes (NULL: unreadable) have the topic and partition of the
 * request.  0 | ERR_NOT_FOUND with one line in err | ERR_NOMEM */
int resume_check(const Heliostat__Pb__Lane *const *lanes, size_t count, const struct resume_request *request,
                 char *err, size_t err_size);

#endif
