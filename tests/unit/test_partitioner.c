#include <string.h>

#include "tests/unit/test.h"
#include "worker/partitioner.h"

/* As Java's client answers (org.apache.kafka.common.utils.Utils.murmur2, and
 * toPositive(murmur2) % 7). */
static void rows_of_javas_client(void **state) {
        (void)state;
        static const struct {
                const char *key;
                size_t bytes;
                int32_t hash, of_seven;
        } rows[] = {
                {"", 0, 275646681, 2},
                {"a", 1, -1563381124, 5},
                {"ab", 2, 316155434, 0},
                {"abc", 3, 479470107, 4},
                {"abcd", 4, -1323649548, 5},
                {"21", 2, -973932308, 3},
                {"foobar", 6, -790332482, 0},
                {"a-little-bit-long-string", 24, -985981536, 1},
                {"a-little-bit-longer-string", 26, -1486304829, 0},
                {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", 48, -58897971, 3},
                {"orders-17", 9, -773254341, 3},
                {"\xff\x80\0\x01\xfe", 5, -173560464, 2},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                assert_int_equal((int32_t)partitioner_murmur2(rows[i].key, rows[i].bytes), rows[i].hash);
                assert_int_equal(partitioner_partition(rows[i].key, rows[i].bytes, 3, 7), rows[i].of_seven);
        }
}

static void without_a_key_the_source_partition_tells(void **state) {
        (void)state;
        assert_int_equal(partitioner_partition(NULL, 0, 5, 7), 5);
        assert_int_equal(partitioner_partition(NULL, 0, 9, 7), 2);
        assert_int_equal(partitioner_partition("", 0, 9, 7), 2); /* by its hash */
        assert_int_equal(partitioner_partition("", 0, 5, 7), 2);
        assert_int_equal(partitioner_partition("a", 1, 9, 1), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows_of_javas_client),
                cmocka_unit_test(without_a_key_the_source_partition_tells),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
