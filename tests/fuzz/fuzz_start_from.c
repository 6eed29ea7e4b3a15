/* Input: start.from, '\n', start.from.topics, '\n', topic. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/start_from.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
        char *text = malloc(bytes + 1), why[256] = "", shown[300];
        struct start_from from = {.timestamp_ms = -7};
        struct start_rules *rules = NULL;
        if (!text) abort();
        memcpy(text, data, bytes);
        text[bytes] = '\0';
        char *rest = text, *value = strsep(&rest, "\n"), *topics = rest ? strsep(&rest, "\n") : NULL;
        int rc = start_from_parse(value, &from, why, sizeof why);
        LAW(rc == 0 || rc == ERR_INVALID);
        if (rc) {
                LAW(from.timestamp_ms == -7 && *why); /* untouched, and said why */
        } else {
                LAW(from.kind != START_FROM_HALT && from.timestamp_ms >= 0);
                LAW(from.otherwise == START_FROM_HALT || start_from_looks_up(&from));
                LAW(from.otherwise == START_FROM_HALT || from.otherwise <= START_FROM_TIMESTAMP);
                struct start_from later = start_from_for(&from, false), again = start_from_for(&later, false);
                LAW(start_from_looks_up(&later) == start_from_looks_up(&from));
                LAW((start_from_looks_up(&later) ? later.otherwise : later.kind) == START_FROM_EARLIEST);
                LAW(later.kind == again.kind && later.otherwise == again.otherwise);
                LAW(strlen(start_from_text(&from, shown, sizeof shown)) > 2);
        }
        int made = start_rules_new(value, topics, &rules, why, sizeof why);
        LAW(made == 0 || made == ERR_INVALID);
        LAW(made || rc == 0 || !*value);
        LAW((made == 0) == (rules != NULL));
        const struct start_from *found = NULL;
        if (rules && rest && start_rules_find(rules, rest, &found) == 0) LAW(found);
        size_t files = 0;
        while (rules && start_rules_file(rules, files)) files++;
        LAW(files <= bytes);
        start_rules_unref(rules);
        free(text);
        return 0;
}
