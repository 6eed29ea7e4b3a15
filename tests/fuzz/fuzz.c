#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void fuzz_broken(const char *law, const char *file, int line) {
        fprintf(stderr, "%s:%d: broken law: %s\n", file, line, law);
        abort();
}

void *fuzz_copy(const void *data, size_t bytes) {
        void *copy = malloc(bytes ? bytes : 1);
        if (!copy) abort();
        if (bytes) memcpy(copy, data, bytes);
        return copy;
}

char *fuzz_text(const uint8_t *data, size_t bytes) {
        char *text = malloc(bytes + 1);
        if (!text) abort();
        if (bytes) memcpy(text, data, bytes);
        text[bytes] = '\0';
        return text;
}

char *fuzz_part(char **rest) {
        char *part = strsep(rest, "\n");
        return part ? part : (char *)"";
}

int fuzz_one_line(const char *text) {
        for (; *text; text++)
                if ((unsigned char)*text < 0x20 || *text == 0x7f) return 0;
        return 1;
}

/* Every character with a meaning of its own is escaped, wherever it stands. */
static void put(FILE *out, const char *text, bool key) {
        bool first = true;
        for (; *text; text++, first = false) {
                switch (*text) {
                case '\t': fputs("\\t", out); break;
                case '\n': fputs("\\n", out); break;
                case '\r': fputs("\\r", out); break;
                case '\f': fputs("\\f", out); break;
                case ' ':
                        fputs(key || first ? "\\ " : " ", out);
                        break;
                case '\\':
                case '=':
                case ':':
                case '#':
                case '!':
                        fputc('\\', out);
                        /* fall through */
                default: fputc(*text, out);
                }
        }
}

void fuzz_put_key(FILE *out, const char *key) { put(out, key, true); }
void fuzz_put_value(FILE *out, const char *value) { put(out, value, false); }
