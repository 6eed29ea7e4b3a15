/* Keys of MirrorMaker's files that are no settings here: what becomes of them.
 * PURE.  The rows stand in settings.h. */
#ifndef HELIOSTAT_COMMON_FOREIGN_H
#define HELIOSTAT_COMMON_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

enum foreign_action { FOREIGN_SAME, FOREIGN_IGNORE, FOREIGN_ONLY, FOREIGN_REFUSE };

struct foreign {
        const char *name; /* `*` at its end: all that begin so */
        enum foreign_action action;
        const char *argument; /* see settings.h */
        const char *why;
};

extern const struct foreign foreign_rows[];
extern const size_t foreign_row_count;

/* NULL: none. */
const struct foreign *foreign_find(const char *name);
/* Of ONLY: whether the value has the same effect here. */
bool foreign_accepts(const struct foreign *row, const char *value);

#endif
