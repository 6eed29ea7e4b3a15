/* What the pages of a worker and of a coordinator have in common: the query of
 * /metrics, the loops, the session, and the answers to /livez and the like. */
#ifndef HELIOSTAT_COMMON_METRICS_PAGE_H
#define HELIOSTAT_COMMON_METRICS_PAGE_H

#include "common/checks.h"
#include "common/http.h"
#include "common/loop_lag.h"
#include "common/metrics.h"

enum granularity { GRANULARITY_ROUTE, GRANULARITY_TOPIC, GRANULARITY_PARTITION };

struct metrics_query {
        enum granularity granularity;
        bool mm2;
};

/* false: answer holds the refusal (400), which says what was expected. */
bool metrics_query(const struct http_request *request, struct metrics_query *out, struct http_answer *answer);
/* Takes metrics (NULL: no memory). */
void metrics_answer(struct metrics *metrics, struct http_answer *answer);

void metrics_loop(struct metrics *metrics, const char *name, struct loop_lag *lag, int64_t now_ms, int64_t interval_ms);

struct zk_counts { uint64_t sessions, losses; };
void metrics_zookeeper(struct metrics *metrics, const struct zk_counts *counts, bool connected, int timeout_ms);

/* `?verbose` lists all checks. */
void checks_answer(const struct checks *checks, const char *path, const struct http_request *request,
                   struct http_answer *answer);

#endif
