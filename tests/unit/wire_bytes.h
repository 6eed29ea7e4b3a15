/* Bytes as they stand in a test: pairs of hex digits, and 'text'; blanks are
 * only to be read by. */
#ifndef HELIOSTAT_TESTS_UNIT_WIRE_BYTES_H
#define HELIOSTAT_TESTS_UNIT_WIRE_BYTES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* By Kafka 3.9.1's MemoryRecords: k=one and two without key, base offset 42, producer 7000, epoch 3, sequence 9,
 * leader epoch 5, uncompressed. */
#define TWO_RECORDS \
        "000000000000002a 00000046 00000005 02 6352fc4a 0000 00000001 0000018bcfe56800 0000018bcfe56801" \
        "0000000000001b58 0003 00000009 00000002 14000000026b066f6e6500 12000202010674776f00"

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
