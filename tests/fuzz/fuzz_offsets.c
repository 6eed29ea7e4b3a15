/* Input: a file of offsets; and, cut at its first '\n', the key and value of a
 * record of MirrorMaker 2's offsets. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/mm2_offset.h"
#include "common/offsets_file.h"

static void read_again(const struct offset_rows *rows, const char *text) {
        struct offset_rows again = {0};
        char err[256];
        LAW(text);
        LAW(offsets_parse(text, strlen(text), &again, err, sizeof err) == 0);
        LAW(again.count == rows->count);
        for (size_t i = 0; i < rows->count; i++) {
                const struct offset_row *row = &rows->items[i];
                const struct offset_row *same = offset_rows_find(&again, row->topic, row->partition);
                LAW(same == &again.items[i] && same->offset == row->offset);
                LAW(row->partition >= 0 && row->offset >= 0 && *row->topic && strlen(row->topic) < 250);
        }
        offset_rows_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
        struct offset_rows rows = {0};
        struct mm2_offset row = {.next = -7};
        char err[256];
        int rc = offsets_parse((const char *)data, bytes, &rows, err, sizeof err);
        LAW(rc == 0 || rc == ERR_INVALID || rc == ERR_TOO_MANY);
        LAW(rc == 0 ? !*err : *err && !rows.items);
        if (rc == 0) {
                char *csv = offsets_csv(&rows), *json = offsets_json(&rows, "e->w");
                read_again(&rows, csv);
                read_again(&rows, json);
                free(csv);
                free(json);
                offset_rows_fini(&rows);
        }
        const uint8_t *end = bytes ? memchr(data, '\n', bytes) : NULL;
        size_t key = end ? (size_t)(end - data) : bytes;
        const uint8_t *value = end ? end + 1 : NULL;
        if (mm2_offset_parse("A", data, key, value, value ? bytes - key - 1 : 0, &row))
                LAW(*row.topic && row.partition >= 0 && row.next >= -1 && row.next != 0);
        else
                LAW(row.next == -7);
        return 0;
}
