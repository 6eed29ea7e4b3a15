/* Numbers as people read them.  PURE.  Each writes into buf (WORD bytes) and
 * returns it, or a static "-" for what is not known. */
#ifndef HELIOSTAT_CLI_WORDS_H
#define HELIOSTAT_CLI_WORDS_H

#include <stdint.h>

enum { WORD = 48 };

/* "1,234,567" */
const char *word_grouped(char *buf, int64_t number);
/* Offsets are not grouped: they get pasted into other tools. */
const char *word_offset(char *buf, int64_t offset);
/* "9.1 s", "3 min 20 s" */
const char *word_duration(char *buf, double seconds);
const char *word_duration_ms(char *buf, int64_t ms);
const char *word_rate(char *buf, double rate);
/* "2026-01-31T13:45:00Z", of ms since 1970. */
const char *word_time(char *buf, int64_t wall_ms);

#endif
