#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/properties.h"

static void check_same(const struct properties *a, const struct properties *b) {
        LAW(a->count == b->count);
        for (size_t i = 0; i < a->count; i++) {
                LAW(strcmp(a->items[i].key, b->items[i].key) == 0);
                LAW(strcmp(a->items[i].value, b->items[i].value) == 0);
        }
}

/* Written with every special character escaped, it reads as before. */
static void check_round_trip(const struct properties *p) {
        struct properties back;
        struct properties_error error;
        char *text = NULL;
        size_t bytes = 0;
        FILE *out = open_memstream(&text, &bytes);

        if (!out) abort();
        fputc('\n', out); /* a key may be a byte order mark, which is none in line 2 */
        for (size_t i = 0; i < p->count; i++) {
                fuzz_put_key(out, p->items[i].key);
                fputc('=', out);
                fuzz_put_value(out, p->items[i].value);
                fputc('\n', out);
        }
        if (fclose(out) != 0) abort();
        LAW(properties_parse(text, bytes, &back, &error) == 0);
        check_same(p, &back);
        for (size_t i = 0; i < back.count; i++) LAW(back.items[i].line == (int)i + 2);
        properties_fini(&back);
        free(text);
}

/* A line end behind the text changes nothing. */
static void check_line_end(const uint8_t *data, size_t bytes, const struct properties *p) {
        struct properties back;
        struct properties_error error;
        char *text = fuzz_text(data, bytes);

        text[bytes] = '\n';
        LAW(properties_parse(text, bytes + 1, &back, &error) == 0);
        check_same(p, &back);
        properties_fini(&back);
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
        struct properties p = {NULL, 77};
        struct properties_error error = {-1, "x"};
        int lines = 1;

        for (size_t i = 0; i < bytes; i++) lines += data[i] == '\n' || data[i] == '\r';
        int rc = properties_parse((const char *)data, bytes, &p, &error);
        if (rc) {
                LAW(rc == ERR_INVALID || rc == ERR_EXISTS);
                LAW(!p.items && p.count == 77);
                LAW(memchr(error.text, '\0', sizeof error.text));
                LAW(error.text[0]);
                LAW(error.line >= 1 && error.line <= lines);
                return 0;
        }
        for (size_t i = 0; i < p.count; i++) {
                LAW(p.items[i].line >= 1 && p.items[i].line <= lines);
                if (i) LAW(p.items[i].line > p.items[i - 1].line);
                for (size_t k = 0; k < i; k++) LAW(strcmp(p.items[i].key, p.items[k].key) != 0);
        }
        check_round_trip(&p);
        check_line_end(data, bytes, &p);
        properties_fini(&p);
        return 0;
}
