#include "cli/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *table_colour_on(enum table_colour colour, bool colours) {
        static const char *const on[] = {"", "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[2m",
                                         "\x1b[1m"};
        return colours ? on[colour] : "";
}

const char *table_colour_off(enum table_colour colour, bool colours) {
        return colours && colour != TABLE_PLAIN ? "\x1b[0m" : "";
}

/* ---- table ---- */

struct cell {
        char *text;
        enum table_colour colour;
};

struct table {
        const char *headings[TABLE_COLUMNS_MAX];
        bool right[TABLE_COLUMNS_MAX];
        size_t columns;
        struct cell *cells; /* row after row */
        size_t count, room;
        bool failed;
};

struct table *table_new(const char *const *headings, size_t columns) {
        struct table *table = calloc(1, sizeof *table);

        if (!table) return NULL;
        table->columns = columns < TABLE_COLUMNS_MAX ? columns : TABLE_COLUMNS_MAX;
        for (size_t i = 0; i < table->columns; i++) {
                table->right[i] = headings[i][0] == '>';
                table->headings[i] = headings[i] + table->right[i];
        }
        return table;
}

void table_free(struct table *table) {
        if (!table) return;
        for (size_t i = 0; i < table->count; i++) free(table->cells[i].text);
        free(table->cells);
        free(table);
}

void table_cell(struct table *table, enum table_colour colour, const char *format, ...) {
        struct text text = {0};
        char buf[1600];
        va_list ap;

        if (table->failed) return;
        va_start(ap, format);
        (void)vsnprintf(buf, sizeof buf, format, ap); /* cut at the bound */
        va_end(ap);
        text_add_peer(&text, *buf ? buf : "-");
        if (table->count == table->room && !text.failed) {
                size_t room = table->room ? table->room * 2 : 64;
                struct cell *cells = realloc(table->cells, room * sizeof *cells);
                if (!cells) text.failed = true;
                else {
                        table->cells = cells;
                        table->room = room;
                }
        }
        if (text.failed) {
                free(text.data);
                table->failed = true;
                return;
        }
        table->cells[table->count++] = (struct cell){text.data, colour};
}

void table_render(const struct table *table, bool colours, struct text *out) {
        size_t width[TABLE_COLUMNS_MAX];

        if (table->failed) {
                out->failed = true;
                return;
        }
        for (size_t c = 0; c < table->columns; c++) {
                width[c] = strlen(table->headings[c]);
                for (size_t i = c; i < table->count; i += table->columns) {
                        size_t n = strlen(table->cells[i].text);
                        if (n > width[c]) width[c] = n;
                }
        }
        for (size_t row = 0; row <= table->count / table->columns; row++) {
                for (size_t c = 0; c < table->columns; c++) {
                        const struct cell *cell =
                                row ? &table->cells[(row - 1) * table->columns + c] : NULL;
                        const char *text = cell ? cell->text : table->headings[c];
                        enum table_colour colour = cell ? cell->colour : TABLE_BOLD;
                        int pad = (int)(width[c] - strlen(text));
                        bool last = c + 1 == table->columns;
                        text_add(out, "%*s%s%s%s%*s", table->right[c] ? pad : 0, "",
                                 table_colour_on(colour, colours), text,
                                 table_colour_off(colour, colours),
                                 /* no blanks at the end of a line */
                                 last ? 0 : (table->right[c] ? 2 : pad + 2), "");
                }
                text_add(out, "\n");
        }
}
