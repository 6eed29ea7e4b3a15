#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/mm2_offset.h"
#include "common/offsets_file.h"
#include "tests/unit/test.h"

static void good_files(void **state) {
        (void)state;
        static const struct {
                const char *text, *csv; /* as it is written again, without the header */
        } table[] = {
                {"topic,partition,offset\norders,1,20\norders,0,10\n", "orders,0,10\norders,1,20\n"},
                {"b,10,5\r\n\n# a remark\n\"a\" , 2 ,0\nb,9,4", "a,2,0\nb,9,4\nb,10,5\n"},
                {"", ""},
                {"topic,partition,offset", ""},
                {"{\"route\": \"r\", \"partitions\": [{\"topic\":\"t\",\"partition\":1,\"offset\":9223372036854775806}]}",
                 "t,1,9223372036854775806\n"},
                {" [{\"offset\":3,\"topic\":\"t\",\"partition\":0,\"lag\":null}]", "t,0,3\n"},
                {"{\"partitions\": []}", ""},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                struct offset_rows rows = {0}, again = {0};
                char err[256] = "", expected[256];
                if (offsets_parse(table[i].text, strlen(table[i].text), &rows, err, sizeof err))
                        fail_msg("%s: %s", table[i].text, err);
                char *csv = offsets_csv(&rows), *json = offsets_json(&rows, "east->west");
                (void)snprintf(expected, sizeof expected, "topic,partition,offset\n%s", table[i].csv);
                assert_string_equal(csv, expected);
                assert_int_equal(offsets_parse(json, strlen(json), &again, err, sizeof err), 0);
                free(csv);
                csv = offsets_csv(&again);
                assert_string_equal(csv, expected);
                free(csv);
                free(json);
                offset_rows_fini(&rows);
                offset_rows_fini(&again);
        }
}

static void bad_files(void **state) {
        (void)state;
        static const struct {
                const char *text, *err;
        } table[] = {
                {"orders,0", "line 1: expected 'topic,partition,offset', not 'orders,0'"},
                {"a,0,1\norders,0,x", "line 2: expected"},
                {"a,0,1,2", "line 1: expected"},
                {"a,-1,1", "line 1: expected"},
                {"a,0,-1", "line 1: expected"},
                {"a,0,9223372036854775807", "line 1: expected"},
                {"a b,0,1", "line 1: expected"},
                {",0,1", "line 1: expected"},
                {"a,0,1\ntopic,partition,offset", "line 2: expected"},
                {"a,0,1\na,0,2", "partition 0 of a is there twice"},
                {"{", "line 1:"},
                {"{\"x\": 1}", "expected an array \"partitions\""},
                {"[{\"topic\":\"t\",\"partition\":0}]", "entry 1: expected"},
                {"[{\"topic\":\"t\",\"partition\":0,\"offset\":\"7\"}]", "entry 1: expected"},
                {"[{\"topic\":\"t\",\"partition\":0,\"offset\":1},7]", "entry 2: expected"},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                struct offset_rows rows = {0};
                char err[256] = "";
                assert_int_equal(offsets_parse(table[i].text, strlen(table[i].text), &rows, err, sizeof err),
                                 ERR_INVALID);
                if (!strstr(err, table[i].err)) fail_msg("%s: %s", table[i].text, err);
                assert_null(rows.items);
        }
        struct offset_rows rows = {0};
        char err[256];
        assert_int_equal(offsets_parse("a\0b", 3, &rows, err, sizeof err), ERR_INVALID);
}

static void found_and_read(void **state) {
        (void)state;
        struct offset_rows rows = {0};
        char err[256], path[] = "/tmp/offsets.XXXXXX", beside[64];
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, "t,7,70\nt,10,100\n", 16), 16);
        (void)close(fd);
        (void)snprintf(beside, sizeof beside, "/tmp/heliostat.properties");
        assert_int_equal(offsets_file_read(path, NULL, &rows, err, sizeof err), 0);
        offset_rows_fini(&rows);
        assert_int_equal(offsets_file_read(path + 5, beside, &rows, err, sizeof err), 0);
        assert_int_equal(offset_rows_find(&rows, "t", 10)->offset, 100);
        assert_int_equal(offset_rows_find(&rows, "t", 7)->offset, 70);
        assert_null(offset_rows_find(&rows, "t", 8));
        assert_null(offset_rows_find(&rows, "u", 7));
        offset_rows_fini(&rows);
        (void)unlink(path);
        assert_int_equal(offsets_file_read(path, NULL, &rows, err, sizeof err), ERR_IO);
        assert_non_null(strstr(err, "cannot open the file"));
}

static void mm2_records(void **state) {
        (void)state;
        static const struct {
                const char *key, *value; /* NULL: none */
                const char *topic;       /* NULL: not one of A's partitions */
                int partition;
                int64_t next;
        } table[] = {
                {"[\"MirrorSourceConnector\",{\"cluster\":\"A\",\"partition\":3,\"topic\":\"t.x\"}]", "{\"offset\":41}",
                 "t.x", 3, 42},
                {"[\"renamed\",{\"topic\":\"t\",\"cluster\":\"A\",\"partition\":0}]", "{\"offset\":0}", "t", 0, 1},
                {"[\"MirrorSourceConnector\",{\"cluster\":\"A\",\"partition\":0,\"topic\":\"t\"}]", NULL, "t", 0, -1},
                {"[\"MirrorSourceConnector\",{\"cluster\":\"A\",\"partition\":0,\"topic\":\"t\"}]", "{\"offset\":-1}",
                 "t", 0, -1},
                {"[\"MirrorSourceConnector\",{\"cluster\":\"A\",\"partition\":0,\"topic\":\"t\"}]", "{", "t", 0, -1},
                {"[\"MirrorSourceConnector\",{\"cluster\":\"B\",\"partition\":0,\"topic\":\"t\"}]", "{\"offset\":1}",
                 NULL, 0, 0},
                {"[\"MirrorHeartbeatConnector\",{\"sourceClusterAlias\":\"A\",\"targetClusterAlias\":\"B\"}]",
                 "{\"offset\":0}", NULL, 0, 0},
                {"[\"MirrorCheckpointConnector\",{\"group\":\"g\",\"partition\":0,\"topic\":\"t\"}]", "{\"offset\":0}",
                 NULL, 0, 0},
                {"[\"MirrorSourceConnector\",{\"cluster\":\"A\",\"partition\":-1,\"topic\":\"t\"}]", "{\"offset\":1}",
                 NULL, 0, 0},
                {"[]", "{\"offset\":1}", NULL, 0, 0},
                {"x", "{\"offset\":1}", NULL, 0, 0},
                {NULL, "{\"offset\":1}", NULL, 0, 0},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                struct mm2_offset row = {.next = 77};
                const char *key = table[i].key, *value = table[i].value;
                bool ours = mm2_offset_parse("A", key, key ? strlen(key) : 0, value, value ? strlen(value) : 0, &row);
                assert_int_equal(ours, table[i].topic != NULL);
                if (!ours) {
                        assert_int_equal(row.next, 77);
                        continue;
                }
                assert_string_equal(row.topic, table[i].topic);
                assert_int_equal(row.partition, table[i].partition);
                assert_int_equal(row.next, table[i].next);
        }
        char topic[MM2_TOPIC_SIZE], alias[300];
        assert_true(mm2_offsets_topic(topic, "A"));
        assert_string_equal(topic, "mm2-offsets.A.internal");
        memset(alias, 'a', sizeof alias - 1);
        alias[sizeof alias - 1] = '\0';
        assert_false(mm2_offsets_topic(topic, alias));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good_files),
                cmocka_unit_test(bad_files),
                cmocka_unit_test(found_and_read),
                cmocka_unit_test(mm2_records),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
