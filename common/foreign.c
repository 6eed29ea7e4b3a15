#include "common/foreign.h"

#include <string.h>
#include <strings.h>

#include "common/settings.h"

const struct foreign foreign_rows[] = {
#define ROW(name, action, argument, why) {name, FOREIGN_##action, argument, why},
        FOREIGN_SETTINGS(ROW)
#undef ROW
};
const size_t foreign_row_count = sizeof foreign_rows / sizeof *foreign_rows;

const struct foreign *foreign_find(const char *name) {
        for (size_t i = 0; i < foreign_row_count; i++) {
                size_t n = strlen(foreign_rows[i].name);
                if (foreign_rows[i].name[n - 1] == '*' ? strncmp(foreign_rows[i].name, name, n - 1) == 0
                                                       : strcmp(foreign_rows[i].name, name) == 0)
                        return &foreign_rows[i];
        }
        return NULL;
}

/* Blanks do not count: "file, env". */
static bool same(const char *word, size_t n, const char *value) {
        size_t at = 0;
        for (; *value; value++) {
                if (*value == ' ' || *value == '\t') continue;
                if (at == n || strncasecmp(&word[at++], value, 1) != 0) return false;
        }
        return at == n;
}

bool foreign_accepts(const struct foreign *row, const char *value) {
        for (const char *word = row->argument;;) {
                size_t n = strcspn(word, "|");
                if (same(word, n, value)) return true;
                if (!word[n]) return false;
                word += n + 1;
        }
}
