/* Compares one partition: two readers feed a matcher.  Blocks; each thread has
 * a comparer of its own. */
#ifndef HELIOSTAT_CLI_VERIFY_RUN_H
#define HELIOSTAT_CLI_VERIFY_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/verify_read.h"
#include "cli/verify_report.h"

#define VERIFY_STRETCH 10000 /* offsets of one stretch of a sample */

struct verify_comparer {
        struct verify_reader reader[2]; /* by side; opened by the caller */
        size_t entries;                 /* of the matcher */
        double sample;                  /* 1: everything */
        uint64_t seed;
        unsigned silence_ms;            /* no answer for so long: the cluster cannot be reached */
        unsigned open_ms;               /* an open transaction is waited for so long */
        const atomic_bool *stop;
        /* What was compared counts from here on for another process too: the
         * partition can be saved.  Called at most every second. */
        void (*on_checkpoint)(void *ctx, struct verify_partition *partition);
        void (*on_progress)(void *ctx, struct verify_partition *partition, uint64_t source_offsets);
        void *ctx;
        char err[320];
};

enum verify_run {
        VERIFY_RUN_STOPPED = 1, /* *stop was set */
        VERIFY_RUN_GONE,        /* a log's start moved into what was being read: look at it again */
};
/* The partition goes on where it was saved, else begins.  What makes a
 * comparison impossible stands in partition->why afterwards.
 * 0 | an outcome | ERR_TIMEOUT (a cluster does not answer; comparer->err) | ERR_NOMEM */
int verify_run(struct verify_comparer *comparer, struct verify_partition *partition);

/* PURE.  Whether a sample has the stretch [n * VERIFY_STRETCH, ...). */
bool verify_sampled(const struct verify_partition *partition, uint64_t seed, double sample, uint64_t stretch);

#endif
