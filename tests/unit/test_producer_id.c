#include "tests/unit/test.h"
#include "worker/producer_id.h"

static void the_line_of_a_producer_tells_its_id(void **state) {
        (void)state;
        int64_t id = 0;
        int16_t epoch = 0;
        assert_true(producer_id_acquired("[thrd:main]: Acquired PID{Id:4000,Epoch:7}", &id, &epoch));
        assert_int_equal(id, 4000);
        assert_int_equal(epoch, 7);
        assert_true(producer_id_acquired("[thrd:main]: Acquired PID{Id:9223372036854775807,Epoch:0} (previous PID{Id:1,Epoch:2})", &id, &epoch));
        assert_int_equal(id, INT64_MAX);
        assert_int_equal(epoch, 0);
}

static void other_lines_tell_none(void **state) {
        (void)state;
        static const char *const lines[] = {
                "", "Acquired", "[thrd:main]: Acquiring ProducerId", "Acquired PID{Invalid}", "Acquired PID{Id:-1,Epoch:0}",
                "Acquired PID{Id:5,Epoch:-1}", "Acquired PID{Id:5,Epoch:1", "Acquired PID{Id:5,Epoch:1)", "Acquired PID{Id:,Epoch:1}",
        };
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
                int64_t id = 77;
                int16_t epoch = 78;
                assert_false(producer_id_acquired(lines[i], &id, &epoch));
                assert_int_equal(id, 77);
                assert_int_equal(epoch, 78);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_line_of_a_producer_tells_its_id),
                cmocka_unit_test(other_lines_tell_none),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
