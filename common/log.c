/* Formatting is log_line.c's, and what may pass is log_budget.c's: here are the
 * clock, the lock and the descriptor. */
#include "common/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log_budget.h"
#include "common/log_line.h"

/* Of warnings and errors of one kind: a thousand partitions that fail at once
 * are seen in a hundred lines and a count. */
#define KIND_BURST 100
#define KIND_INTERVAL_MS 100

static atomic_int threshold = LOG_INFO;
static atomic_int line_format = LOG_LOGFMT;
static atomic_bool format_fixed;
static void (*_Atomic before_line)(void);
static struct log_budget budget;
static pthread_mutex_t budget_lock = PTHREAD_MUTEX_INITIALIZER;

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const format_names[] = {"logfmt", "json"};

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

int log_format_parse(const char *name) {
        for (int i = 0; i < 2; i++)
                if (strcmp(name, format_names[i]) == 0) return i;
        return -1;
}

void log_set_format(enum log_format format, bool fixed) {
        if (atomic_load(&format_fixed) && !fixed) return;
        atomic_store(&format_fixed, fixed);
        atomic_store(&line_format, (int)format);
}

/* systemd says in JOURNAL_STREAM which file its journal reads from; whoever
 * redirects standard error elsewhere does not write to that. */
static bool to_journal(void) {
        static atomic_int known = -1;
        int is = atomic_load(&known);
        if (is >= 0) return is;
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat stat;
        is = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &stat) == 0 &&
             stat.st_dev == device && stat.st_ino == inode;
        atomic_store(&known, is);
        return is;
}

bool log_admit(const char *kind, unsigned burst, unsigned interval_ms, uint64_t *suppressed) {
        (void)pthread_mutex_lock(&budget_lock); /* a default mutex: cannot fail */
        bool admit = log_budget_admit(&budget, kind, burst, interval_ms, clock_boot_ms(), suppressed);
        (void)pthread_mutex_unlock(&budget_lock);
        return admit;
}

static struct log_head head_of(enum log_level level, const char *event, uint64_t suppressed) {
        return (struct log_head){.format = (enum log_format)atomic_load(&line_format), .journal = to_journal(),
                                 .level = level, .wall_ms = clock_wall_ms(), .event = event, .suppressed = suppressed};
}

static void out(const char *line, size_t bytes) {
        void (*before)(void) = atomic_load(&before_line);
        if (before) before();
        /* A log that cannot be written must not stop the mirror. */
        ssize_t ignored = write(STDERR_FILENO, line, bytes);
        (void)ignored;
}

static void write_args(enum log_level level, const char *event, uint64_t suppressed, const char *format, ...) {
        char line[LOG_LINE_MAX];
        struct log_head head = head_of(level, event, suppressed);
        va_list args;
        va_start(args, format);
        size_t bytes = log_line(line, &head, format, args);
        va_end(args);
        out(line, bytes);
}

/* Counts that no line of their kind has told. */
static void tell_overdue(void) {
        char kind[LOG_KIND_MAX];
        uint64_t count;
        for (;;) {
                (void)pthread_mutex_lock(&budget_lock);
                bool found = log_budget_overdue(&budget, clock_boot_ms(), kind, &count);
                (void)pthread_mutex_unlock(&budget_lock);
                if (!found) return;
                write_args(LOG_WARN, "log.suppressed", 0, "kind=\"%s\" count=%llu", kind, (unsigned long long)count);
        }
}

/* *suppressed: of this kind, before it.  False: this one is left out. */
static bool pass(enum log_level level, const char *event, uint64_t *suppressed) {
        *suppressed = 0;
        if (level < log_get_level()) return false;
        if (level >= LOG_WARN && !log_admit(event, KIND_BURST, KIND_INTERVAL_MS, suppressed)) return false;
        if (level >= LOG_INFO) tell_overdue();
        return true;
}

void log_write(enum log_level level, const char *event, const char *format, ...) {
        char line[LOG_LINE_MAX];
        uint64_t suppressed;
        va_list args;

        if (!pass(level, event, &suppressed)) return;
        struct log_head head = head_of(level, event, suppressed);
        va_start(args, format);
        size_t bytes = log_line(line, &head, format, args);
        va_end(args);
        out(line, bytes);
}

void log_write_counted(enum log_level level, const char *event, uint64_t suppressed, const char *format, ...) {
        char line[LOG_LINE_MAX];
        va_list args;

        if (level < log_get_level()) return;
        struct log_head head = head_of(level, event, suppressed);
        va_start(args, format);
        size_t bytes = log_line(line, &head, format, args);
        va_end(args);
        out(line, bytes);
}

void log_write_text(enum log_level level, const char *event, const char *text) {
        char line[LOG_LINE_MAX];
        uint64_t suppressed;

        if (!pass(level, event, &suppressed)) return;
        struct log_head head = head_of(level, event, suppressed);
        out(line, log_line_text(line, &head, text));
}
