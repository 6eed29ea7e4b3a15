#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/route_diff.h"
#include "common/codec.h"
#include "common/config.h"
#include "common/start_offsets.h"
#include "tests/unit/test.h"

#define BASE \
        "clusters = east, west\n" \
        "east.bootstrap.servers = e1:9092\n" \
        "west.bootstrap.servers = w1:9092\n"

/* The route of a file that holds these lines. */
static void load(const char *lines, struct config *config, Heliostat__Pb__Route *out) {
        char text[2048], err[CONFIG_ERROR_MAX] = "";
        (void)snprintf(text, sizeof text, BASE "%s", lines);
        int rc = config_parse("f", text, strlen(text), config, err, sizeof err);
        if (rc) print_error("%s\n", err);
        assert_int_equal(rc, 0);
        route_to_message(&config->routes[0], out);
}

static void rows(void **state) {
        (void)state;
        static const struct {
                const char *old, *new; /* lines; old NULL: not in ZooKeeper */
                int outcome;
                const char *text;
        } table[] = {
                {NULL, "east->west.enabled=true", ROUTE_ADDED, "+ east->west\n"},
                {"east->west.enabled=true", "east->west.enabled=true", ROUTE_UNCHANGED,
                 "= east->west unchanged\n"},
                {"east->west.lanes=24", "lanes=24\neast->west.enabled=false", ROUTE_UNCHANGED,
                 "= east->west unchanged\n"},
                {"east->west.enabled=false", "east->west.enabled=true", ROUTE_CHANGED,
                 "~ east->west enabled: false -> true\n"},
                {"east->west.topics=a", "east->west.topics=b", ROUTE_CHANGED,
                 "~ east->west topics: a -> b\n"},
                {"east->west.topics.exclude=", "east->west.topics.exclude=b", ROUTE_CHANGED,
                 "~ east->west topics.exclude: \"\" -> b\n"},
                {"east->west.topics=a\neast->west.replication.factor=3",
                 "east->west.topics=b\neast->west.enabled=true", ROUTE_CHANGED,
                 "~ east->west enabled: false -> true\n"
                 "~ east->west topics: a -> b\n"
                 "~ east->west replication.factor: 3 -> -1\n"},
                {"east->west.offset.commit.interval.ms=100",
                 "east->west.refresh.topics.interval.seconds=5", ROUTE_CHANGED,
                 "~ east->west offset.commit.interval.ms: 100 -> 1000\n"
                 "~ east->west refresh.topics.interval.seconds: 30 -> 5\n"},
                {"east->west.enabled=true", "east->west.start.from=latest\neast->west.enabled=true", ROUTE_CHANGED,
                 "~ east->west start.from: earliest -> latest\n"
                 "! east->west: start.from holds for partitions that were never started; 'heliostat offsets' moves "
                 "the others\n"},
                {"east->west.group.id=a", "east->west.group.id=b", ROUTE_CHANGED,
                 "~ east->west group.id: a -> b\n"
                 "! east->west: positions are not carried over from the old group; partitions "
                 "already started "
                 "will halt unless the new group has them\n"},
                {"east->west.lanes=24", "east->west.lanes=25\neast->west.topics=z", ROUTE_REFUSED,
                 "east->west.lanes: the route has 24 lanes and cannot change to 25; set "
                 "east->west.lanes = 24\n"},
                {"east->west.enabled=true",
                 "east->west.enabled=true\n"
                 "replication.policy.class=org.apache.kafka.connect.mirror.DefaultReplicationPolicy",
                 ROUTE_CHANGED,
                 "~ east->west topic.naming: identity -> prefix\n"
                 "! east->west: the topics go on under their new names from where they are; what was "
                 "mirrored stays under the old ones\n"},
                {"east->west.replication.policy.separator=.", "east->west.replication.policy.separator=-",
                 ROUTE_CHANGED, "~ east->west replication.policy.separator: . -> -\n"},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                struct config old_config = {0}, new_config;
                Heliostat__Pb__Route old, new;
                char *text = NULL;
                if (table[i].old) load(table[i].old, &old_config, &old);
                load(table[i].new, &new_config, &new);
                assert_int_equal(route_diff(table[i].old ? &old : NULL, &new, &text),
                                 table[i].outcome);
                assert_string_equal(text, table[i].text);
                free(text);
                if (table[i].old) config_fini(&old_config);
                config_fini(&new_config);
        }
}

/* Files of offsets are compared by their content. */
static void files_of_offsets(void **state) {
        (void)state;
        struct config config;
        Heliostat__Pb__Route old, new;
        struct offset_rows rows = {0}, more = {0};
        char *text;
        load("east->west.start.from=offsets:f.csv", &config, &new);
        assert_int_equal(offset_rows_add(&rows, "t", 0, 5), 0);
        assert_int_equal(offset_rows_add(&more, "t", 0, 5), 0);
        assert_int_equal(offset_rows_add(&more, "u", 0, 6), 0);
        Heliostat__Pb__StartOffsets *one = start_offsets_message("f.csv", &rows), *two = start_offsets_message("f.csv", &more);
        assert_int_equal(start_offsets_count(two), 2);
        old = new;
        old.start_offsets = new.start_offsets = &one;
        old.n_start_offsets = new.n_start_offsets = 1;
        assert_int_equal(route_diff(&old, &new, &text), ROUTE_UNCHANGED);
        free(text);
        new.start_offsets = &two;
        assert_int_equal(route_diff(&old, &new, &text), ROUTE_CHANGED);
        assert_non_null(strstr(text, "~ east->west start.from offsets:f.csv: 1 partitions -> 2 partitions\n"));
        free(text);
        old.n_start_offsets = 0;
        assert_int_equal(route_diff(&old, &new, &text), ROUTE_CHANGED);
        assert_non_null(strstr(text, "~ east->west start.from offsets:f.csv: 2 partitions\n"));
        free(text);
        codec_free(one);
        codec_free(two);
        offset_rows_fini(&rows);
        offset_rows_fini(&more);
        config_fini(&config);
}

/* What ZooKeeper holds was written by others. */
static void hostile_values_keep_their_line(void **state) {
        (void)state;
        struct config config;
        Heliostat__Pb__Route old, new;
        char *text;
        load("east->west.topics=a", &config, &new);
        old = new;
        old.topics = (char *)"x\033[2J";
        assert_int_equal(route_diff(&old, &new, &text), ROUTE_CHANGED);
        assert_string_equal(text, "~ east->west topics: x?[2J -> a\n");
        free(text);
        old.topics = (char *)"x\n+ forged";
        assert_int_equal(route_diff(&old, &new, &text), ROUTE_CHANGED);
        assert_string_equal(text, "~ east->west topics: x?+ forged -> a\n");
        free(text);
        old = new;
        old.source = (char *)"north";
        assert_int_equal(route_diff(&old, &new, &text), ROUTE_REFUSED);
        assert_string_equal(text,
                            "east->west: in ZooKeeper the route leads from 'north' to 'west'\n");
        free(text);
        config_fini(&config);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows),
                cmocka_unit_test(files_of_offsets),
                cmocka_unit_test(hostile_values_keep_their_line),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
