/* Small helpers for names and messages.  PURE. */
#ifndef HELIOSTAT_COMMON_TEXT_H
#define HELIOSTAT_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Number of insertions, deletions, replacements and swaps of neighbours that
 * turn a into b; letters compare without case.  Words longer than 128 bytes
 * count as infinitely far. */
size_t text_distance(const char *a, const char *b);

/* The nearest of names to word, the first of equals; NULL when none is near
 * enough to be a likely slip (a third of the word's length).  NULL entries
 * are skipped. */
const char *text_nearest(const char *word, const char *const *names, size_t count);

/* The length of the UTF-8 character at s, its number in *out; 0: it is none. */
size_t text_utf8(const unsigned char *s, size_t left, uint32_t *out);
/* What a terminal may act on, or an eye be fooled by: control characters (C1
 * too), what turns the direction of text or has no width. */
bool text_harmful(uint32_t c);

/* Puts '?' for each harmful character and each byte that is no UTF-8, so that a
 * message stays one line and does nothing to a terminal. */
void text_one_line(char *text);
/* The same, but newlines stay. */
void text_for_terminal(char *text);

/* Removes blanks (space, tab, form feed, carriage return, newline) at both
 * ends in place; returns text. */
char *text_trim(char *text);

/* "12" without sign, blanks or leading zeros, up to max.  *out is set on true. */
bool text_number(const char *text, uint32_t max, uint32_t *out);

#endif
