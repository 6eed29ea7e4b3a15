/* A snapshot as text for people, or as JSON for programs.  PURE.
 * docs/status.md describes both. */
#ifndef HELIOSTAT_CLI_RENDER_H
#define HELIOSTAT_CLI_RENDER_H

#include <stdbool.h>

#include "common/snapshot_health.h"
#include "common/snapshot.h"

enum render_format { RENDER_TABLE, RENDER_WIDE, RENDER_JSON };

#define RENDER_SCHEMA "heliostat.status/v1"

/* malloc'd text that ends with a newline; NULL on no memory.  colours: with
 * ANSI colours (never in JSON). */
char *render(const struct snapshot *snapshot, const struct health *health,
             enum render_format format, bool colours);

#endif
