#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"
#include "common/znode_path.h"
#include "tests/unit/test.h"

static void metadata_round_trip(void **state) {
        (void)state;
        const uint64_t values[] = {1, 12, 1000000007, UINT64_MAX};
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
                char text[CODEC_METADATA_MAX];
                for (int tx = 0; tx < 3; tx++) { /* neither, exactly-once, and with a record */
                        codec_metadata_format(text, (struct codec_metadata){values[i], tx == 2, tx > 0});
                        struct codec_metadata back = codec_metadata_parse(text, strlen(text));
                        assert_true(back.generation == values[i] && back.transactional == (tx == 2) &&
                                    back.exactly_once == (tx > 0));
                }
        }
}

static void metadata_of_others_is_generation_zero(void **state) {
        (void)state;
        const char *const rows[] = {"",  "x", "heliostat/1 g=", "heliostat/1 g=12x", "heliostat/1 g=12 t", "heliostat/1 g= tx", "heliostat/1 g=1 tx tx",
                                    "heliostat/2 g=3", "heliostat/1 g=0 tx", "heliostat/1 g=99999999999999999999999"};
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct codec_metadata metadata = codec_metadata_parse(rows[i], strlen(rows[i]));
                assert_true(metadata.generation == 0);
                assert_false(metadata.transactional);
        }
        assert_true(codec_metadata_parse(NULL, 0).generation == 0);
}

static void worker_round_trip(void **state) {
        (void)state;
        Heliostat__Pb__Worker w = HELIOSTAT__PB__WORKER__INIT, *back = NULL;
        w.id = (char *)"w1";
        w.incarnation = (char *)"0123";
        w.host = (char *)"h";
        w.capacity = 100;
        void *data;
        size_t bytes;
        assert_int_equal(codec_pack(&w.base, &data, &bytes), 0);
        assert_int_equal(codec_unpack_worker(data, bytes, &back), 0);
        assert_string_equal(back->id, "w1");
        assert_int_equal(back->capacity, 100);
        codec_free(back);
        free(data);
}

static void hostile_input_is_an_error_value(void **state) {
        (void)state;
        Heliostat__Pb__Worker *w = (void *)1;
        uint8_t garbage[64];
        memset(garbage, 0xff, sizeof garbage);
        assert_int_equal(codec_unpack_worker(garbage, sizeof garbage, &w), ERR_INVALID);
        assert_int_equal(codec_unpack_worker("", 0, &w), ERR_INVALID); /* format 0 */
        static uint8_t big[ZNODE_DATA_MAX + 1];
        assert_int_equal(codec_unpack_worker(big, sizeof big, &w), ERR_TOO_BIG);
        const uint8_t future[] = {0x08, 0x63};
        assert_int_equal(codec_unpack_worker(future, sizeof future, &w), ERR_FORMAT);
        assert_ptr_equal(w, (void *)1);
        /* seeded random bytes: never a crash, and nothing but documented codes */
        unsigned seed = 20;
        for (int i = 0; i < 100000; i++) {
                size_t n = (size_t)rand_r(&seed) % sizeof garbage;
                for (size_t k = 0; k < n; k++) garbage[k] = (uint8_t)rand_r(&seed);
                Heliostat__Pb__Lane *lane = NULL;
                int rc = codec_unpack_lane(garbage, n, &lane);
                assert_true(rc <= 0);
                if (rc == 0) codec_free(lane);
        }
}

static void owners_are_ids(void **state) {
        (void)state;
        static const struct {
                Heliostat__Pb__LaneState state;
                const char *owner;
                int code;
        } rows[] = {
                {HELIOSTAT__PB__LANE_STATE__LANE_FREE, "", 0},
                {HELIOSTAT__PB__LANE_STATE__LANE_FREE, "w1", 0},
                {HELIOSTAT__PB__LANE_STATE__LANE_FREE, "e->w", ERR_INVALID},
                {HELIOSTAT__PB__LANE_STATE__LANE_OWNED, "", ERR_INVALID},
                {HELIOSTAT__PB__LANE_STATE__LANE_OWNED, "w1", 0},
                {HELIOSTAT__PB__LANE_STATE__LANE_OWNED, "w/1", ERR_INVALID},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                Heliostat__Pb__Lane lane = HELIOSTAT__PB__LANE__INIT, *back = NULL;
                lane.state = rows[i].state;
                lane.owner = (char *)rows[i].owner;
                lane.incarnation = (char *)"0123";
                lane.generation = 1;
                void *data;
                size_t bytes;
                assert_int_equal(codec_pack(&lane.base, &data, &bytes), 0);
                assert_int_equal(codec_unpack_lane(data, bytes, &back), rows[i].code);
                codec_free(back);
                free(data);
        }
}

/* Field number 0 in two bytes: was read, and what codec_copy_lane wrote of it was not, so that a worker aborted. */
static void field_number_zero_is_refused(void **state) {
        (void)state;
        const uint8_t top[] = {0x08, 1, 0x80, 0, 5}, nested[] = {0x08, 1, 0x3a, 6, 0x0a, 1, 't', 0x80, 0, 5};
        const uint8_t unknown[] = {0x08, 1, 0x78, 5};
        Heliostat__Pb__Lane *lane = NULL;
        assert_int_equal(codec_unpack_lane(top, sizeof top, &lane), ERR_INVALID);
        assert_int_equal(codec_unpack_lane(nested, sizeof nested, &lane), ERR_INVALID);
        assert_int_equal(codec_unpack_lane(unknown, sizeof unknown, &lane), 0);
        Heliostat__Pb__Lane *copy = codec_copy_lane(lane);
        assert_non_null(copy);
        assert_int_equal(copy->base.n_unknown_fields, 1);
        codec_free(copy);
        codec_free(lane);
}

static void names_in_paths(void **state) {
        (void)state;
        char path[ZNODE_PATH_MAX];
        assert_int_equal(znode_path_lane(path, "east->west", 7), 0);
        assert_string_equal(path, "/lane/east->west/7");
        assert_int_equal(znode_path_report(path, "w1", 2), 0);
        assert_string_equal(path, "/report/w1~2");
        const char *const bad[] = {"", ".", "..", "a/b", "a b", "w\n", "a~1"};
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                assert_int_equal(znode_path_worker(path, bad[i]), ERR_INVALID);
        const char *const bad_routes[] = {"", "->", "a->", "->b", "a", "a->b->c", "a->b/c"};
        for (size_t i = 0; i < sizeof bad_routes / sizeof *bad_routes; i++)
                assert_int_equal(znode_path_route(path, bad_routes[i]), ERR_INVALID);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(metadata_round_trip),
                cmocka_unit_test(metadata_of_others_is_generation_zero),
                cmocka_unit_test(worker_round_trip),
                cmocka_unit_test(hostile_input_is_an_error_value),
                cmocka_unit_test(owners_are_ids),
                cmocka_unit_test(field_number_zero_is_refused),
                cmocka_unit_test(names_in_paths),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
