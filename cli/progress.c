#include "cli/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"


void progress_begin(struct progress *progress, const char *verb) {
        const char *term = getenv("TERM");
        int64_t now_ms = clock_boot_ms();
        *progress = (struct progress){.verb = verb, .begun_ms = now_ms, .told_ms = now_ms,
                                      .terminal = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0)};
}

bool progress_due(const struct progress *progress, int64_t now_ms) {
        if (progress->terminal) return !progress->shown || now_ms - progress->told_ms >= PROGRESS_DRAW_MS;
        return now_ms - progress->begun_ms >= PROGRESS_QUIET_MS &&
               (!progress->shown || now_ms - progress->told_ms >= PROGRESS_EVERY_MS);
}

void progress_tell(struct progress *progress, const char *format, ...) {
        int64_t now_ms = clock_boot_ms();
        char line[200];
        va_list args;

        if (!progress_due(progress, now_ms)) return;
        va_start(args, format);
        (void)vsnprintf(line, sizeof line, format, args); /* cut: a line of a terminal */
        va_end(args);
        text_one_line(line);
        if (progress->terminal) {
                fprintf(stderr, "\r\033[K%s: %.110s", progress->verb, line);
                (void)fflush(stderr);
        } else {
                fprintf(stderr, "heliostat: %s: %s\n", progress->verb, line);
        }
        progress->shown = true;
        progress->told_ms = now_ms;
}

void progress_clear(struct progress *progress) {
        if (progress->terminal && progress->shown) {
                fputs("\r\033[K", stderr);
                (void)fflush(stderr);
                progress->shown = false;
        }
}
