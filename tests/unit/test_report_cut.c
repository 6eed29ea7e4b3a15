/* A worker's lanes into the chunks of its report, and back. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"
#include "common/report_join.h"
#include "common/znode_path.h"
#include "worker/report_cut.h"

#define LANE_PARTITIONS_MAX 50000 /* LANE_PARTITIONS_FULL of the coordinator */
#define LANES_MAX 60

static char route[] = "east->west", worker[] = "w1", incarnation[] = "i1";

static char *repeat(char *buf, size_t bytes) {
        memset(buf, 'x', bytes);
        buf[bytes] = '\0';
        return buf;
}

struct made {
        Heliostat__Pb__LaneReport report;
        Heliostat__Pb__PartitionReport *rows;
        char topic[CODEC_TOPIC_MAX + 1], error[1025];
};

/* As large as rows become: they stand still far behind. */
static Heliostat__Pb__LaneReport *lane_new(uint32_t number, size_t count, size_t topic_bytes, size_t error_bytes) {
        struct made *made = malloc(sizeof *made);
        assert_non_null(made);
        Heliostat__Pb__LaneReport *lane = &made->report;
        heliostat__pb__lane_report__init(lane);
        lane->route = route;
        lane->lane = number;
        lane->generation = 7;
        lane->error = repeat(made->error, error_bytes);
        lane->partitions = calloc(count + 1, sizeof *lane->partitions);
        assert_non_null(lane->partitions);
        Heliostat__Pb__PartitionReport *rows = made->rows = calloc(count + 1, sizeof *rows);
        assert_non_null(rows);
        for (size_t i = 0; i < count; i++) {
                heliostat__pb__partition_report__init(&rows[i]);
                rows[i].topic = repeat(made->topic, topic_bytes);
                rows[i].partition = (uint32_t)i;
                rows[i].state = HELIOSTAT__PB__PARTITION_STATE__PARTITION_STALLED;
                rows[i].position = INT64_MAX / 2;
                rows[i].end_offset = INT64_MAX;
                rows[i].lag_seconds = 1e9;
                rows[i].rate = 0.5;
                rows[i].error = made->error;
                lane->partitions[i] = &rows[i];
        }
        lane->n_partitions = count;
        return lane;
}

static void lane_free(Heliostat__Pb__LaneReport *lane) {
        free(lane->partitions);
        free(((struct made *)(void *)lane)->rows);
        free(lane);
}

/* Writes them, reads them and puts them together; how many chunks. */
static uint32_t there_and_back(Heliostat__Pb__LaneReport **lanes, size_t count, Heliostat__Pb__Report **out) {
        Heliostat__Pb__LaneReport *told[LANES_MAX];
        Heliostat__Pb__Report report = HELIOSTAT__PB__REPORT__INIT, *whole = NULL;
        struct report_cut cut = {0};
        uint32_t chunks = 0;
        report.worker = worker;
        report.incarnation = incarnation;
        report.chunks = 1024;
        report.lanes = told;
        do {
                Heliostat__Pb__Report *chunk;
                void *data;
                size_t bytes;
                report.n_lanes = report_cut_next(&cut, lanes, count, told);
                assert_true(report.n_lanes > 0 || count == 0);
                if (codec_pack(&report.base, &data, &bytes)) fail_msg("chunk %u does not fit", chunks);
                assert_true(bytes <= REPORT_CHUNK_BYTES + 100);
                assert_int_equal(codec_unpack_report(data, bytes, &chunk), 0);
                free(data);
                chunks++;
                if (!whole) {
                        whole = chunk;
                        continue;
                }
                assert_int_equal(report_join(whole, chunk), 0);
                assert_int_equal(chunk->n_lanes, 0);
                codec_free(chunk);
        } while (cut.lane < count);
        *out = whole;
        return chunks;
}

static void expect_same(const Heliostat__Pb__Report *report, Heliostat__Pb__LaneReport *const *lanes, size_t count) {
        assert_int_equal(report->n_lanes, count);
        for (size_t i = 0; i < count; i++) {
                const Heliostat__Pb__LaneReport *lane = report->lanes[i];
                assert_int_equal(lane->lane, lanes[i]->lane);
                assert_int_equal(lane->generation, 7);
                assert_string_equal(lane->error, lanes[i]->error);
                assert_int_equal(lane->n_partitions, lanes[i]->n_partitions);
                for (size_t k = 0; k < lane->n_partitions; k++) {
                        if (lane->partitions[k]->partition != k) fail_msg("lane %zu: row %zu", i, k);
                        if (strcmp(lane->partitions[k]->error, lanes[i]->partitions[k]->error) != 0) fail_msg("lane %zu: error of row %zu", i, k);
                }
        }
}

static void the_largest_lane_is_told_whole(void **state) {
        (void)state;
        static const struct {
                size_t partitions, topic_bytes, error_bytes;
                uint32_t chunks;
        } rows[] = {
                {0, 20, 100, 1},
                {1, 249, 1024, 1},
                {2500, 20, 159, 2},
                {3400, 20, 100, 2},
                {LANE_PARTITIONS_MAX, 20, 0, 9},
                {LANE_PARTITIONS_MAX, 249, 0, 37},
                {LANE_PARTITIONS_MAX, 249, 160, 57},
                {LANE_PARTITIONS_MAX, 249, 1024, 163},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                Heliostat__Pb__LaneReport *lane = lane_new(3, rows[i].partitions, rows[i].topic_bytes, rows[i].error_bytes);
                Heliostat__Pb__Report *report;
                uint32_t chunks = there_and_back(&lane, 1, &report);
                if (chunks != rows[i].chunks) fail_msg("row %zu: %u chunks", i, chunks);
                assert_true(chunks <= REPORT_CHUNKS_MAX);
                expect_same(report, &lane, 1);
                codec_free(report);
                lane_free(lane);
        }
}

static void lanes_that_fit_are_not_cut(void **state) {
        (void)state;
        Heliostat__Pb__LaneReport *lanes[LANES_MAX], *told[LANES_MAX];
        struct report_cut cut = {0};
        size_t n = 0;
        for (uint32_t i = 0; i < LANES_MAX; i++) lanes[i] = lane_new(i, 800, 20, 159); /* 186 KB */
        while (cut.lane < LANES_MAX) {
                assert_int_equal(report_cut_next(&cut, lanes, LANES_MAX, told), 2);
                assert_ptr_equal(told[0], lanes[n]);
                assert_ptr_equal(told[1], lanes[n + 1]);
                n += 2;
        }
        for (size_t i = 0; i < LANES_MAX; i++) lane_free(lanes[i]);
}

static void any_lanes_come_back(void **state) {
        (void)state;
        unsigned random = 1;
        for (int round = 0; round < 40; round++) {
                Heliostat__Pb__LaneReport *lanes[LANES_MAX];
                Heliostat__Pb__Report *report;
                size_t count = (size_t)round % 9;
                for (uint32_t i = 0; i < count; i++) {
                        random = random * 1103515245u + 12345u;
                        size_t partitions = (random >> 16) % 3 ? (random >> 8) % 40 : (random >> 8) % 6000;
                        lanes[i] = lane_new(i, partitions, 1 + (random >> 20) % 249, 100);
                }
                (void)there_and_back(lanes, count, &report);
                expect_same(report, lanes, count);
                codec_free(report);
                for (size_t i = 0; i < count; i++) lane_free(lanes[i]);
        }
}

static void only_parts_of_one_lane_are_joined(void **state) {
        (void)state;
        static const struct {
                uint32_t lane;
                uint64_t generation;
                size_t lanes; /* afterwards */
        } rows[] = {{3, 7, 1}, {4, 7, 2}, {3, 8, 2}};
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                Heliostat__Pb__LaneReport *lane = lane_new(3, 10, 20, 0);
                Heliostat__Pb__Report *report, *chunk;
                (void)there_and_back(&lane, 1, &report);
                lane->lane = rows[i].lane;
                (void)there_and_back(&lane, 1, &chunk);
                chunk->lanes[0]->generation = rows[i].generation;
                assert_int_equal(report_join(report, chunk), 0);
                assert_int_equal(report->n_lanes, rows[i].lanes);
                assert_int_equal(report->lanes[0]->n_partitions, rows[i].lanes == 1 ? 20 : 10);
                codec_free(chunk);
                codec_free(report);
                lane_free(lane);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_largest_lane_is_told_whole),
                cmocka_unit_test(lanes_that_fit_are_not_cut),
                cmocka_unit_test(any_lanes_come_back),
                cmocka_unit_test(only_parts_of_one_lane_are_joined),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
