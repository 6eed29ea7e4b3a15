#include "common/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_int threshold = LOG_INFO;
static void (*_Atomic before_line)(void);

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_set_level(enum log_level level) {
        atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(void) {
        return (enum log_level)atomic_load_explicit(&threshold, memory_order_relaxed);
}

void log_set_before(void (*before)(void)) { atomic_store(&before_line, before); }

int log_level_parse(const char *name) {
        for (int i = 0; i < 4; i++)
                if (strcmp(name, level_names[i]) == 0) return i;
        return -1;
}

void log_write(enum log_level level, const char *event, const char *format, ...) {
        char text[2048], line[4096];
        struct timespec now;
        struct tm tm;
        va_list ap;

        if (level < log_get_level()) return;
        va_start(ap, format);
        (void)vsnprintf(text, sizeof text, format, ap); /* cut at the bound */
        va_end(ap);

        (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
        (void)gmtime_r(&now.tv_sec, &tm);
        size_t n = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &tm);
        int head = snprintf(line + n, sizeof line - n, ".%03ldZ %-5s %s ",
                            now.tv_nsec / 1000000, level_names[level], event);
        n += (size_t)head;
        for (const char *s = text; *s && n + 6 < sizeof line; s++) {
                unsigned char c = (unsigned char)*s;
                if (c == '\n') {
                        line[n++] = '\\';
                        line[n++] = 'n';
                } else if (c < 0x20 || c == 0x7f) {
                        n += (size_t)snprintf(line + n, sizeof line - n, "\\x%02x", c);
                } else {
                        line[n++] = (char)c;
                }
        }
        line[n++] = '\n';
        void (*before)(void) = atomic_load(&before_line);
        if (before) before();
        /* A log that cannot be written must not stop the mirror. */
        ssize_t ignored = write(STDERR_FILENO, line, n);
        (void)ignored;
}
