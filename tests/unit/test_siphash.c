#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "common/siphash.h"
#include "tests/unit/test.h"

/* Made by `openssl mac -macopt hexkey:000102...0f -macopt size:16 SIPHASH` of the bytes 0, 1, 2 ... */
static const struct {
        size_t bytes;
        const char *hash;
} rows[] = {
        {0, "A3817F04BA25A8E66DF67214C7550293"},  {1, "DA87C1D86B99AF44347659119B22FC45"},
        {7, "A1F1EBBED8DBC153C0B84AA61FF08239"},  {8, "3B62A9BA6258F5610F83E264F31497B4"},
        {15, "5493E99933B0A8117E08EC0F97CFC3D9"}, {16, "6EE2A4CA67B054BBFD3315BF85230577"},
        {63, "5150D1772F50834A503E069A973FBD7C"},
};

static void text_of(const uint64_t hash[2], char out[33]) {
        unsigned char bytes[16];
        uint64_t low = htole64(hash[0]), high = htole64(hash[1]);
        memcpy(bytes, &low, 8);
        memcpy(bytes + 8, &high, 8);
        for (int i = 0; i < 16; i++) (void)sprintf(out + 2 * i, "%02X", bytes[i]);
}

/* In two parts, cut anywhere. */
static void agrees_with_openssl(void **state) {
        (void)state;
        static const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
        unsigned char data[64];
        for (unsigned i = 0; i < sizeof data; i++) data[i] = (unsigned char)i;
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
                for (size_t cut = 0; cut <= rows[r].bytes; cut++) {
                        struct siphash hash;
                        uint64_t out[2];
                        char text[33];
                        siphash_init(&hash, key);
                        siphash_add(&hash, data, cut);
                        siphash_add(&hash, data + cut, rows[r].bytes - cut);
                        siphash_end(&hash, out);
                        text_of(out, text);
                        assert_string_equal(text, rows[r].hash);
                }
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_openssl)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
