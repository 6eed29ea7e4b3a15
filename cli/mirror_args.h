/* The command line of `heliostat mirror`: MirrorMaker 1's flags and our own.
 * PURE.
 *
 * Three ways to say what is mirrored, of which exactly one is given:
 *   --consumer.config FILE --producer.config FILE --whitelist RE   MirrorMaker 1's
 *   --from SERVERS --to SERVERS --topics RE
 *   --config FILE [ROUTE]                                          a file of ours
 * `--flag value` and `--flag=value` are the same. */
#ifndef HELIOSTAT_CLI_MIRROR_ARGS_H
#define HELIOSTAT_CLI_MIRROR_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/verb.h"

#define MIRROR_PROPERTIES_MAX 64
#define MIRROR_STREAMS_MAX 64

enum mirror_form { MIRROR_BY_FILES, MIRROR_BY_SERVERS, MIRROR_BY_CONFIG };

enum mirror_until {
        MIRROR_FOREVER,     /* until a signal */
        MIRROR_UNTIL_END,   /* what was there at the start */
        MIRROR_UNTIL_TIME,  /* records that are older than until_ms */
        MIRROR_UNTIL_LAG,   /* no partition is further behind than until_lag */
};

enum mirror_choice { MIRROR_UNSAID, MIRROR_TRUE, MIRROR_FALSE };

struct mirror_args {
        enum mirror_form form;
        const char *consumer_config, *producer_config; /* BY_FILES */
        const char *from, *to;                         /* BY_SERVERS */
        const char *config, *route;                    /* BY_CONFIG; route NULL: the only one */
        const char *topics, *exclude;                  /* NULL: not given */
        const char *group;                             /* NULL: of the file, or the default */
        const char *consumer_properties[MIRROR_PROPERTIES_MAX]; /* "k=v" */
        const char *producer_properties[MIRROR_PROPERTIES_MAX];
        size_t consumer_property_count, producer_property_count;
        uint32_t streams;            /* lanes; 0: not given */
        uint32_t commit_interval_ms; /* 0: not given */
        enum mirror_choice abort_on_send_failure;
        enum mirror_until until;
        int64_t until_ms;            /* since 1970 */
        uint64_t until_lag;          /* records */
        bool exactly_once;
        bool no_verify;
        bool compare;                /* contents, at the end */
        bool dry_run;
        bool json;
        bool new_consumer;           /* given, and without a meaning here */
        bool version;
        bool verbose;
        bool log_json, log_logfmt;   /* --log-format; neither: not given */
};

/* Strings are borrowed from args.
 * 0 | ERR_INVALID, err then holds one line.  With version nothing else is asked for. */
int mirror_args_take(const struct verb_args *args, struct mirror_args *out, char *err, size_t err_size);

#endif
