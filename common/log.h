/* One line per event to standard error: time, level, event name, keys.
 *
 *     2026-01-31T10:15:02.123Z info  lane.release route=east->west lane=7 gen=12
 *
 * Any thread may log; a line is one write().  Control characters in the text
 * are escaped, so text from a peer cannot forge a line.  Libraries return
 * errors; the layer that decides logs once. */
#ifndef HELIOSTAT_COMMON_LOG_H
#define HELIOSTAT_COMMON_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Default LOG_INFO. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* "debug" "info" "warn" "error" -> level; -1 when the name is none of them. */
int log_level_parse(const char *name);

/* Called before each line, by the thread that logs: for a program that draws on
 * the last line of a terminal.  NULL (the default): nothing. */
void log_set_before(void (*before)(void));

void log_write(enum log_level level, const char *event, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

#define log_debug(event, ...) \
        do { \
                if (log_get_level() <= LOG_DEBUG) log_write(LOG_DEBUG, event, __VA_ARGS__); \
        } while (0)
#define log_info(event, ...) log_write(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...) log_write(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_write(LOG_ERROR, event, __VA_ARGS__)

#endif
