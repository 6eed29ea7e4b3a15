/* What the coordinator answers to GET /api/v1/<name>: JSON made of the last
 * reading of ZooKeeper, the hour of history and the configuration.  PURE.
 * coordinator/openapi.json describes every answer; docs/http.md the rest.
 *
 * An answer holds at most API_ROWS_MAX rows whatever the size of the field,
 * and takes time for one pass over it. */
#ifndef HELIOSTAT_COORDINATOR_API_H
#define HELIOSTAT_COORDINATOR_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/http_rules.h"
#include "common/snapshot.h"
#include "common/snapshot_health.h"
#include "coordinator/history.h"

#define API_ROWS_MAX 500      /* of an answer; `offset` goes on */
#define API_OLD_MS 15000      /* a reading older than this is an error of its own */
#define API_SKIPS_MAX 32      /* newest ones of a route */
#define API_PROBLEMS_MAX 20

/* Everything is borrowed for the length of a call. */
struct api_view {
        const struct facts *facts;       /* NULL: nothing was read yet; so the next two */
        const struct snapshot *snapshot;
        const struct health *health;
        int64_t age_ms;                  /* of the reading */
        const char *trouble;             /* why there is no newer one; "" for none */
        const struct history *history;
        int64_t boot_ms, wall_ms;        /* now */
        const struct config *config;
        const char *id, *host;           /* of this coordinator */
        bool leads;
};

struct api_answer {
        unsigned status; /* of HTTP: 200, 400, 404, 503 */
        char *body;      /* malloc'd JSON; the caller's */
        size_t bytes;
};

/* name: what follows /api/v1/.  A parameter that the name does not take is an
 * error (400); one without a value counts as not given.  0 | ERR_NOMEM */
int api_answer(const struct api_view *view, const char *name, const struct http_arg *args, size_t count,
               struct api_answer *out);

#endif
