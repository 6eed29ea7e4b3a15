/* The field as ZooKeeper knows it, for verbs that take --config or --zookeeper. */
#ifndef HELIOSTAT_CLI_FIELD_H
#define HELIOSTAT_CLI_FIELD_H

#include "cli/verb.h"
#include "common/config.h"
#include "common/snapshot.h"
#include "common/snapshot_health.h"

struct field {
        /* by field_open */
        bool has_config;
        struct config config;
        const char *connect;
        int64_t report_interval_ms;
        unsigned timeout_s;
        /* by field_read */
        struct facts facts;
        struct snapshot snapshot;
        struct health health;
        bool read;
};

/* Options "config", "zookeeper" and "timeout".  An exit code; it has said why. */
int field_open(const struct verb_args *args, unsigned timeout_s, struct field *out);
/* The same where there is no option "zookeeper". */
int field_open_config(const struct verb_args *args, unsigned timeout_s, struct field *out);
/* Reads everything anew.  An exit code; what was read before is gone then. */
int field_read(struct field *field);
void field_close(struct field *field);

/* https://no-color.org */
bool field_colours(void);

#endif
