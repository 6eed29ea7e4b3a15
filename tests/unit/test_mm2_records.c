/* The bytes that MirrorMaker 2's clients read. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/mm2_records.h"

static void records_are_mirrormaker_s(void **state) {
        (void)state;
        static unsigned char buffer[MM2_RECORD_SIZE];
        struct mm2_record record;
        assert_int_equal(mm2_checkpoint(buffer, "app", "e.t", 258, 5, 0x0102030405060708, "m", &record), 0);
        assert_int_equal(record.key_bytes, 14);
        assert_memory_equal(record.key, "\0\3app\0\3e.t\0\0\1\2", 14);
        assert_int_equal(record.value_bytes, 21);
        assert_memory_equal(record.value, "\0\0\0\0\0\0\0\0\0\5\1\2\3\4\5\6\7\10\0\1m", 21);
        assert_int_equal(mm2_heartbeat(buffer, "east", "w", 3, &record), 0);
        assert_int_equal(record.key_bytes, 9);
        assert_memory_equal(record.key, "\0\4east\0\1w", 9);
        assert_int_equal(record.value_bytes, 10);
        assert_memory_equal(record.value, "\0\0\0\0\0\0\0\0\0\3", 10);

        char *longer = calloc(1, MM2_STRING_MAX + 2);
        assert_non_null(longer);
        memset(longer, 'x', MM2_STRING_MAX + 1);
        assert_int_equal(mm2_checkpoint(buffer, "app", "t", 0, 1, 1, longer, &record), ERR_TOO_BIG);
        longer[MM2_STRING_MAX] = '\0';
        assert_int_equal(mm2_checkpoint(buffer, "app", "t", 0, 1, 1, longer, &record), 0);
        assert_int_equal(mm2_checkpoint(buffer, longer, longer, 0, 1, 1, longer, &record), ERR_TOO_BIG);
        free(longer);

        char topic[64];
        mm2_checkpoints_topic(topic, sizeof topic, "east", "");
        assert_string_equal(topic, "east.checkpoints.internal");
        mm2_checkpoints_topic(topic, sizeof topic, "east", "_");
        assert_string_equal(topic, "east.checkpoints_internal");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(records_are_mirrormaker_s),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
