/* Java .properties syntax, as java.util.Properties.load reads it.  PURE.
 *
 * `=`, `:` or blanks end the key; `#` and `!` start a comment line; a line that
 * ends in an odd number of backslashes goes on; \t \n \r \f and \uXXXX are
 * escapes, and a backslash before any other character is dropped.  Text is
 * taken as UTF-8 and \uXXXX becomes UTF-8.
 *
 * Differences from Java: a key given twice is an error (Java keeps the last
 * one silently), and so are half of a surrogate pair and the character NUL; a
 * backslash alone at the end of the text counts for nothing (in Java it may be
 * an empty key); a byte order mark is skipped. */
#ifndef HELIOSTAT_COMMON_PROPERTIES_H
#define HELIOSTAT_COMMON_PROPERTIES_H

#include <stdbool.h>
#include <stddef.h>

struct property {
        char *key;
        char *value; /* blanks at its end are kept, as in Java */
        int line;    /* where it starts, from 1 */
        bool secret; /* never shown; for the reader's use: false */
};

struct properties {
        struct property *items; /* in the order of the file */
        size_t count;
};

struct properties_error {
        int line;
        char text[256]; /* may hold control characters of a key */
};

#define PROPERTIES_BYTES_MAX ((size_t)16 * 1024 * 1024)

/* 0 | ERR_INVALID (syntax) | ERR_EXISTS (key given twice; the text names the
 * other line) | ERR_TOO_BIG | ERR_NOMEM.  *error is set on each failure; *out
 * is the caller's on success (properties_fini). */
int properties_parse(const char *text, size_t bytes, struct properties *out,
                     struct properties_error *error);
void properties_fini(struct properties *properties);

#endif
