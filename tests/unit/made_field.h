/* A field made up from a few numbers, as facts: for tests of what is shown of
 * 10,000 partitions, of halts and of lost workers. */
#ifndef HELIOSTAT_TESTS_UNIT_MADE_FIELD_H
#define HELIOSTAT_TESTS_UNIT_MADE_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/snapshot.h"

struct made_field {
        int64_t now_ms;      /* wall clock */
        size_t partitions;   /* of the route east->west; in topics of 20 */
        uint32_t lanes;
        size_t workers;      /* w1 ...; lane k is at worker k % workers */
        double wave;         /* lags and rates follow it: 0 to 1 */
        bool halted;         /* partition 3 of the first topic */
        bool hostile;        /* with a reason that looks like HTML */
        bool lost;           /* the last worker is gone, its lanes are not moved yet */
        bool stale;          /* the last worker reported a minute ago */
        bool led;            /* there is a leader */
        bool paused;         /* east->west: one topic of it */
        bool disabled_route; /* west->archive as well, not enabled */
};
#define MADE_FIELD_REASON "the source no longer has offsets [100, 120)"
#define MADE_FIELD_HOSTILE "<img src=x onerror=\"document.title='owned'\"> gap: offsets 100 to 119 are gone"

/* Aborts on no memory. */
void made_field(const struct made_field *field, struct facts *out);

#endif
