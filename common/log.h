/* One line per event to standard error: time, level, component, event, keys.
 *
 *     time=2026-01-31T10:15:02.123Z level=info component=lane msg=lane.release route=east->west lane=7
 *
 * or the same as JSON.  Any thread may log; a line is one write().  The format
 * of a call is `key=%x key="%s" …`; text from a peer cannot leave its value
 * (log_line.h).  Libraries return errors; the layer that decides logs once.
 * Of warnings and errors, 100 of one event pass, then 10 per second; the next
 * that passes says how many did not. */
#ifndef HELIOSTAT_COMMON_LOG_H
#define HELIOSTAT_COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

/* Default LOG_INFO. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* "debug" "info" "warn" "error" -> level; -1 when the name is none of them. */
int log_level_parse(const char *name);

/* Default LOG_LOGFMT.  fixed: of the command line; what is not is then ignored. */
void log_set_format(enum log_format format, bool fixed);
/* "logfmt" "json" -> format; -1 when the name is none of them. */
int log_format_parse(const char *name);

/* Called before each line, by the thread that logs: for a program that draws on
 * the last line of a terminal.  NULL (the default): nothing. */
void log_set_before(void (*before)(void));

void log_write(enum log_level level, const char *event, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* Text that is `key=value key="value"` already, of words of our own. */
void log_write_text(enum log_level level, const char *event, const char *text);

/* For lines that a library writes: the caller says what a kind is, and how many
 * may pass (log_budget.h). */
bool log_admit(const char *kind, unsigned burst, unsigned interval_ms, uint64_t *suppressed);
void log_write_counted(enum log_level level, const char *event, uint64_t suppressed, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

#define log_debug(event, ...) \
        do { \
                if (log_get_level() <= LOG_DEBUG) log_write(LOG_DEBUG, event, __VA_ARGS__); \
        } while (0)
#define log_info(event, ...) log_write(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...) log_write(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_write(LOG_ERROR, event, __VA_ARGS__)

#endif
