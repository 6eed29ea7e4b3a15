/* What `heliostat migrate` makes of a snapshot of the field. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "cli/migrate_take.h"

static struct mirror_table table_of(void) {
        struct mirror_table table = {.stuck_since_ms = -1};
        for (int32_t p = 0; p < 3; p++) mirror_table_add(&table, "t", p)->target = 100;
        mirror_table_add(&table, "u", 0)->target = 5;
        return table;
}

static void test_partitions(void **state) {
        struct mirror_table table = table_of();
        struct status_parked parked[] = {{"u", 1, "destination topic: refused"}};
        struct status_route routes[] = {{.name = "a->b"}, {.name = "a->c", .parked = parked, .parked_count = 1}};
        struct status_partition partitions[] = {
                {.route = "a->b", .topic = "t", .partition = 0, .state = STATUS_RUNNING, .position = 999, .end_offset = 999},
                {.route = "a->c", .topic = "t", .partition = 0, .state = STATUS_RUNNING, .position = 40, .end_offset = 120,
                 .error = ""},
                {.route = "a->c", .topic = "t", .partition = 1, .state = STATUS_HALTED, .position = 7,
                 .end_offset = SNAPSHOT_UNKNOWN, .error = "x", .halt = {.kind = "gap", .reason = "offsets are gone"}},
                {.route = "a->c", .topic = "later", .partition = 0, .state = STATUS_RUNNING, .position = 1, .end_offset = 1},
        };
        struct snapshot snapshot = {.routes = routes, .route_count = 2, .partitions = partitions, .partition_count = 4};
        (void)state;
        migrate_take(&snapshot, "a->c", &table);
        assert_int_equal(table.count, 4); /* what came later is not waited for */
        const struct mirror_part *part = mirror_table_find(&table, "t", 0);
        assert_int_equal(part->position, 40); /* not the other route's */
        assert_int_equal(part->end, 120);
        assert_int_equal(part->state, HELIOSTAT__PB__PARTITION_STATE__PARTITION_RUNNING);
        part = mirror_table_find(&table, "t", 1);
        assert_int_equal(part->state, HELIOSTAT__PB__PARTITION_STATE__PARTITION_HALTED);
        assert_string_equal(part->error, "offsets are gone");
        part = mirror_table_find(&table, "t", 2);
        assert_int_equal(part->state, HELIOSTAT__PB__PARTITION_STATE__PARTITION_UNASSIGNED);
        assert_string_equal(part->error, "no lane has it");
        part = mirror_table_find(&table, "u", 0);
        assert_int_equal(part->state, HELIOSTAT__PB__PARTITION_STATE__PARTITION_PARKED);
        assert_string_equal(part->error, "destination topic: refused");

        /* The next round: what was passed counts from where it was first seen. */
        partitions[1].position = 100;
        routes[1].parked_count = 0;
        migrate_take(&snapshot, "a->c", &table);
        part = mirror_table_find(&table, "t", 0);
        assert_int_equal(part->records, 60);
        assert_true(mirror_part_arrived(part));
        assert_int_equal(mirror_table_find(&table, "u", 0)->state, HELIOSTAT__PB__PARTITION_STATE__PARTITION_UNASSIGNED);

        /* A worker that has lost its lanes takes no position back. */
        snapshot.partition_count = 1;
        migrate_take(&snapshot, "a->c", &table);
        assert_int_equal(mirror_table_find(&table, "t", 0)->position, 100);
        mirror_table_fini(&table);
}

static void test_skips_of_this_run(void **state) {
        struct status_skip skips[] = {
                {.topic = "t", .partition = 1, .kind = "gap", .answer = "skip", .from = 3, .to = 9, .at_ms = 1000},
                {.topic = "t", .partition = 2, .kind = "gap", .answer = "skip", .from = SNAPSHOT_UNKNOWN, .to = 9, .at_ms = 2000},
        };
        struct status_route routes[] = {{.name = "a->b", .skips = skips, .skip_count = 2}};
        struct snapshot snapshot = {.routes = routes, .route_count = 1};
        struct mirror_passed *passed = NULL;
        (void)state;
        assert_int_equal(migrate_passed(&snapshot, "a->b", 1500, &passed), 1);
        assert_int_equal(passed[0].partition, 2);
        assert_int_equal(passed[0].from, -1);
        free(passed);
        assert_int_equal(migrate_passed(&snapshot, "x->y", 0, &passed), 0);
        free(passed);
        assert_ptr_equal(migrate_route(&snapshot, "x->y"), NULL);
        assert_ptr_equal(migrate_route(&snapshot, "a->b"), &routes[0]);
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_partitions), cmocka_unit_test(test_skips_of_this_run)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
