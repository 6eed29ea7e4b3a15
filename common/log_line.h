/* One event as one line, in logfmt or as a JSON object.  PURE.
 *
 *     time=2026-01-31T10:15:02.123Z level=info component=lane msg=lane.release route=east->west lane=7
 *     {"time":"2026-01-31T10:15:02.123Z","level":"info","component":"lane","msg":"lane.release",…
 *
 * The keys come from the format of a log call, "route=%s lane=%u error=\"%s\"":
 * only what stands in the format itself can begin a key or end a value, so text
 * of a peer stays inside the value it was given for.  Values are quoted when the
 * format quotes them or they need it, with JSON's escapes in both notations:
 * control characters (ESC and C1 among them), what turns the direction of text,
 * and bytes that are no UTF-8 never reach a terminal.  What has no key stands
 * under `detail`. */
#ifndef HELIOSTAT_COMMON_LOG_LINE_H
#define HELIOSTAT_COMMON_LOG_LINE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/log.h"

/* A line with its newline is shorter, so that a pipe takes it as a whole.  A
 * value keeps its first LOG_VALUE_MAX bytes and ends in "…" then; a field that
 * does not fit into the line is left out, and the line says truncated=true. */
#define LOG_LINE_MAX 4096
#define LOG_VALUE_MAX 1024

struct log_head {
        enum log_format format;
        bool journal;        /* begins with the priority, as journald reads it: <3> */
        enum log_level level;
        int64_t wall_ms;
        const char *event;   /* its first word is the component */
        uint64_t suppressed; /* lines of this kind before it that were left out */
};

/* Formats like vprintf, for the conversions d i u x X o c s p f g e with their
 * flags and lengths.  Returns the line's length, newline included; not
 * terminated by a zero. */
size_t log_line(char out[static LOG_LINE_MAX], const struct log_head *head, const char *format, va_list args);
/* The same for text in which keys and values stand ready: a quoted value ends at
 * a quote that a space or the end follows. */
size_t log_line_text(char out[static LOG_LINE_MAX], const struct log_head *head, const char *text);

#endif
