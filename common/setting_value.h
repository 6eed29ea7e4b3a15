/* Values of settings: from text, by a row of the table, into a struct.  PURE
 * but for PCRE2. */
#ifndef HELIOSTAT_COMMON_SETTING_VALUE_H
#define HELIOSTAT_COMMON_SETTING_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "common/settings.h"

struct setting {
        const char *name;
        enum setting_type type;
        const char *value; /* default, as text; NULL: none */
        int64_t min, max;
        size_t offset; /* in struct config or struct config_route */
};

#define SETTING_COUNT_ROW(field, name, type, value, min, max, when, text) +1
enum {
        SETTING_PROGRAM_COUNT = PROGRAM_SETTINGS(SETTING_COUNT_ROW),
        SETTING_ROUTE_COUNT = ROUTE_SETTINGS(SETTING_COUNT_ROW),
};

extern const struct setting setting_program[SETTING_PROGRAM_COUNT]; /* of struct config */
extern const struct setting setting_route[SETTING_ROUTE_COUNT];     /* of struct config_route */

#define SETTING_GROUP_ID_MAX 249 /* bytes; as the codec checks */

/* Index, or -1.  MirrorMaker 2's names are known too. */
int setting_find(const struct setting *table, size_t count, const char *name);

/* Checks a value and stores it in its field of owner, which is untouched on
 * failure.  0 | ERR_INVALID (why says what was expected) | ERR_NOMEM */
int setting_set(const struct setting *setting, void *owner, const char *value, char *why,
                size_t why_size);

/* The value of a field as it would stand in the file; malloc'd, NULL for a text
 * that is not set or on no memory. */
char *setting_text(const struct setting *setting, const void *owner);

/* Frees the texts of owner. */
void setting_free_all(const struct setting *table, size_t count, void *owner);

#endif
