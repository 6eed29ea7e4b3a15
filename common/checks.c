#include "common/checks.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/text.h"
#include "common/text_grow.h"

void checks_add(struct checks *checks, const char *name, enum check_level level, const char *format, ...) {
        va_list list;
        if (level > checks->level) checks->level = level;
        if (checks->count == CHECKS_MAX) return;
        struct check *check = &checks->items[checks->count++];
        check->name = name;
        check->level = level;
        va_start(list, format);
        (void)vsnprintf(check->text, sizeof check->text, format, list); /* cut at the bound */
        va_end(list);
        text_one_line(check->text);
}

unsigned checks_status(const struct checks *checks) { return checks->level == CHECK_FAILED ? 503 : 200; }

char *checks_text(const struct checks *checks, const char *path, bool verbose, bool reasons) {
        static const char *const marks[] = {"[+]", "[!]", "[-]"}, *const words[] = {"ok", "warn", "failed"};
        static const char *const ends[] = {"passed", "passed with warnings", "failed"};
        struct text text = {0};
        if (!verbose && checks->level == CHECK_OK) {
                text_add(&text, "ok\n");
                return text.data;
        }
        for (size_t i = 0; i < checks->count; i++) {
                const struct check *check = &checks->items[i];
                if (!verbose && check->level == CHECK_OK) continue;
                text_add(&text, "%s%s %s%s%s\n", marks[check->level], check->name, words[check->level],
                         check->level == CHECK_OK ? "" : ": ",
                         check->level == CHECK_OK ? "" : reasons ? check->text : "reason withheld, it needs the token");
        }
        text_add(&text, "%s check %s\n", path, ends[checks->level]);
        if (!text.failed) return text.data;
        free(text.data);
        return NULL;
}
