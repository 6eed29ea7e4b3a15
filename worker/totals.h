/* What a worker has mirrored since its start, by route and topic, kept while
 * lanes come and go: counters must not shrink.  PURE.
 *
 * Bound: an entry for each topic that this worker ever had. */
#ifndef HELIOSTAT_WORKER_TOTALS_H
#define HELIOSTAT_WORKER_TOTALS_H

#include <stddef.h>
#include <stdint.h>

#include "worker/pump_stats.h"

struct topic_totals {
        char *name;
        uint64_t records, bytes;
        /* scratch for one page: of the partitions that are here now */
        uint64_t lag_records;
        double lag_seconds;
        size_t partitions;
};

struct route_totals {
        char *name;
        struct pump_stats stats;
        struct topic_totals *topics; /* open addressing by name; name NULL: empty */
        size_t topic_count, topic_capacity;
        struct route_totals *next;
};

struct totals { struct route_totals *routes; };

/* Made when missing; abort on no memory, as everywhere in the worker. */
struct route_totals *totals_route(struct totals *totals, const char *name);
struct topic_totals *totals_topic(struct route_totals *route, const char *name);
void totals_fini(struct totals *totals);

#endif
