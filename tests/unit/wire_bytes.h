/* Bytes as they stand in a test: pairs of hex digits, and 'text'; blanks are
 * only to be read by. */
#ifndef HELIOSTAT_TESTS_UNIT_WIRE_BYTES_H
#define HELIOSTAT_TESTS_UNIT_WIRE_BYTES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct wire_bytes {
        uint8_t *data;  /* malloc'd to size, so that a sanitizer sees each step too far */
        size_t bytes;
};

static inline uint8_t wire_digit(char c) { return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10); }

static inline struct wire_bytes wire_bytes(const char *text) {
        struct wire_bytes out = {malloc(strlen(text)), 0};
        assert_non_null(out.data);
        while (*text) {
                if (*text == ' ') {
                        text++;
                } else if (*text == '\'') {
                        for (text++; *text != '\''; text++) out.data[out.bytes++] = (uint8_t)*text;
                        text++;
                } else {
                        out.data[out.bytes++] = (uint8_t)(wire_digit(text[0]) << 4 | wire_digit(text[1]));
                        text += 2;
                }
        }
        out.data = realloc(out.data, out.bytes ? out.bytes : 1);
        assert_non_null(out.data);
        return out;
}

static inline struct wire_bytes wire_bytes_cut(const struct wire_bytes *whole, size_t bytes) {
        struct wire_bytes out = {malloc(bytes ? bytes : 1), bytes};
        assert_non_null(out.data);
        if (bytes) memcpy(out.data, whole->data, bytes);
        return out;
}

#endif
