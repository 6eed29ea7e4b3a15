/* What /readyz and /healthz answer: a list of checks.  PURE. */
#ifndef HELIOSTAT_COMMON_CHECKS_H
#define HELIOSTAT_COMMON_CHECKS_H

#include <stdbool.h>
#include <stddef.h>

#define CHECKS_MAX 40
#define CHECK_TEXT_MAX 400

enum check_level { CHECK_OK, CHECK_WARN, CHECK_FAILED };

struct checks {
        struct check {
                const char *name;   /* static */
                enum check_level level;
                char text[CHECK_TEXT_MAX]; /* why not OK */
        } items[CHECKS_MAX];
        size_t count;               /* the list is cut at its bound, but not the level */
        enum check_level level;     /* the worst */
};

void checks_add(struct checks *checks, const char *name, enum check_level level, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* 200 unless a check has failed, then 503. */
unsigned checks_status(const struct checks *checks);

/*     [+]loops ok
 *     [!]partitions warn: 2 partitions of east->west are PARKED
 *     [-]zookeeper failed: not connected for 12 s
 *     healthz check failed
 *
 * verbose: all checks; else "ok", or those that are not.  reasons: whether the
 * asker may know them; else "reason withheld".  malloc'd; NULL on no memory. */
char *checks_text(const struct checks *checks, const char *path, bool verbose, bool reasons);

#endif
