/* Figures of one moment in Prometheus' text format 0.0.4.  PURE.
 *
 * A page is filled once and then read in pieces, so that ten thousand
 * partitions cost 16 bytes a figure and their labels once, not the text. */
#ifndef HELIOSTAT_COMMON_METRICS_H
#define HELIOSTAT_COMMON_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/histogram.h"
#include "common/metrics_table.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_FIGURES_MAX 2000000
#define METRICS_LABELS_BYTES_MAX ((size_t)64 << 20)

struct metrics;

/* NULL on no memory. */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

#define METRICS_NO_LABELS 0
/* Labels for the figures that follow: pairs of name and value, ended by NULL.
 * Values may hold any text: it is escaped, and what is not UTF-8 becomes '?'. */
uint32_t metrics_labels(struct metrics *metrics, ...) __attribute__((sentinel));
/* The same labels and more. */
uint32_t metrics_labels_more(struct metrics *metrics, uint32_t labels, ...) __attribute__((sentinel));

void metrics_add(struct metrics *metrics, enum metric metric, uint32_t labels, double value);
/* The bounds, the sum and the count. */
void metrics_add_histogram(struct metrics *metrics, enum metric metric, uint32_t labels,
                           const struct histogram *histogram);

/* Out of memory or over a bound, once and for all: the page is not to be shown. */
bool metrics_failed(const struct metrics *metrics);
/* Bytes of memory that the page holds while it is read. */
size_t metrics_held_bytes(const struct metrics *metrics);

/* At most max bytes of what comes next, in whole lines as long as max is larger
 * than a line: how many; 0: the end; -1: a line is longer than max.  Nothing
 * may be added any more. */
ssize_t metrics_read(struct metrics *metrics, char *out, size_t max);
/* All that is left, malloc'd; NULL on no memory.  For tests and small pages. */
char *metrics_text(struct metrics *metrics, size_t *out_bytes);

/* The tables of docs/metrics.md; malloc'd. */
char *metrics_reference(void);
const char *metrics_name(enum metric metric);

#endif
