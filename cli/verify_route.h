/* Compares the topics of a route at its two ends: finds them, fixes what is to be
 * compared, and lets some threads compare partition after partition.  Blocks. */
#ifndef HELIOSTAT_CLI_VERIFY_ROUTE_H
#define HELIOSTAT_CLI_VERIFY_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/verify_report.h"
#include "common/config.h"
#include "heliostat.pb-c.h"

enum verify_until {
        VERIFY_UNTIL_POSITION, /* what the mirror has committed */
        VERIFY_UNTIL_END,      /* all that the source had at the start */
        VERIFY_UNTIL_TIME,     /* what the source had before `until_ms`, committed or not */
};

struct verify_request {
        const struct config *config;         /* addresses and client settings */
        const Heliostat__Pb__Route *spec;    /* topics, naming, group */
        const char *topics;                  /* rule: only these of the route's; NULL: all */
        enum verify_until until;
        int64_t until_ms;                    /* wall clock */
        double sample;                       /* 1: everything */
        uint64_t seed;
        uint64_t memory_bytes;               /* windows and fetched records, together */
        unsigned threads;                    /* 0: by cores and partitions */
        const char *state;                   /* file to go on from and to keep; NULL: none */
        unsigned timeout_s;                  /* a cluster that does not answer for so long */
        bool progress;                       /* to standard error */
};

/* Fills in partitions, seconds and interrupted; the caller frees the partitions
 * (verify_report_fini) in every case.  SIGINT and SIGTERM end it early.
 * CLI_OK (compared, whatever the verdict) | CLI_USAGE | CLI_UNREACHABLE |
 * CLI_FAILED; it has said why. */
int verify_route(const struct verify_request *request, struct verify_report *report);
void verify_report_fini(struct verify_report *report);

#endif
