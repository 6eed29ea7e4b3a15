/* Text tables for terminals.  PURE.  Columns are as wide as their widest cell;
 * numbers stand to the right.  Text from peers is escaped: everything but
 * printable ASCII becomes \xNN, so that no cell can move the cursor or break
 * a line. */
#ifndef HELIOSTAT_CLI_TABLE_H
#define HELIOSTAT_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/text_grow.h"

#define TABLE_COLUMNS_MAX 20

enum table_colour { TABLE_PLAIN, TABLE_GREEN, TABLE_YELLOW, TABLE_RED, TABLE_DIM, TABLE_BOLD };

/* The escape sequence that begins a colour; "" without colours. */
const char *table_colour_on(enum table_colour colour, bool colours);
const char *table_colour_off(enum table_colour colour, bool colours);

struct table;
/* headings: one per column; one that begins with '>' stands to the right.
 * NULL on no memory. */
struct table *table_new(const char *const *headings, size_t columns);
void table_free(struct table *table);
/* The next cell, row by row.  peer text is escaped.  "" is shown as "-". */
void table_cell(struct table *table, enum table_colour colour, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void table_render(const struct table *table, bool colours, struct text *out);

#endif
