/* `heliostat pause`, and the half of `heliostat resume` that takes it back. */
#ifndef HELIOSTAT_CLI_PAUSE_H
#define HELIOSTAT_CLI_PAUSE_H

#include "cli/verb.h"
#include "common/config.h"

int cli_pause(const struct verb_args *args);

struct pause_order {
        const char *verb, *route;
        bool resume, dry_run, no_wait;
        const char *topics;  /* a rule; "": all */
        int64_t partition;   /* -1: all */
        unsigned timeout_s;
};
/* An exit code; prints what became of it.  *out_changed: something was (or, dry, would be). */
int pause_order(const struct config *config, const struct pause_order *order, bool *out_changed);

/* The options "topic", "topics" and "partition" as a rule (buf: PAUSE_TEXT_MAX bytes).  An exit code. */
int pause_order_topics(const struct verb_args *args, char *buf, struct pause_order *order);

#endif
