/* A text that grows.  PURE. */
#ifndef HELIOSTAT_COMMON_TEXT_GROW_H
#define HELIOSTAT_COMMON_TEXT_GROW_H

#include <stdbool.h>
#include <stddef.h>

/* failed: out of memory, once and for all. */
struct text {
        char *data; /* NUL-terminated once anything was added; else NULL */
        size_t bytes, room;
        bool failed;
};
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text of a peer: everything but printable ASCII becomes \xNN. */
void text_add_peer(struct text *text, const char *peer);

#endif
