#include <stdlib.h>
#include <string.h>

#include "cli/topics_text.h"
#include "tests/unit/test.h"

static void change(struct topic_found *topic, const char *name, const char *from, const char *to, bool unknown) {
        topic->changes.items = realloc(topic->changes.items, (topic->changes.count + 1) * sizeof *topic->changes.items);
        assert_non_null(topic->changes.items);
        topic->changes.items[topic->changes.count++] =
                (struct topic_change){strdup(name), from ? strdup(from) : NULL, strdup(to), unknown};
}

static struct topics_found example(void) {
        static const struct {
                const char *name, *target;
                enum topic_step step;
                uint32_t partitions, there;
        } rows[] = {
                {"fresh", "e.fresh", TOPIC_CREATE, 3, 0}, {"grown", "e.grown", TOPIC_GROW, 5, 2},
                {"other", "e.other", TOPIC_READY, 1, 1},  {"parked", "", TOPIC_PARKED, 1, 0},
                {"same", "e.same", TOPIC_READY, 2, 2},    {"w.back", "", TOPIC_PASSED, 2, 0},
        };
        size_t count = sizeof rows / sizeof *rows;
        struct topics_found found = {.topics = calloc(count, sizeof(struct topic_found)), .count = count};
        assert_non_null(found.topics);
        for (size_t i = 0; i < count; i++) {
                struct topic_found *t = &found.topics[i];
                t->name = strdup(rows[i].name);
                strcpy(t->target, rows[i].target);
                t->partitions = rows[i].partitions;
                t->partitions_there = rows[i].there;
                if (rows[i].step == TOPIC_PARKED || rows[i].step == TOPIC_PASSED) topic_park(t, "why", "because");
                t->step = rows[i].step;
        }
        change(&found.topics[0], "cleanup.policy", NULL, "compact", false);
        change(&found.topics[0], "message.format.version", NULL, "3.0", true);
        change(&found.topics[2], "retention.ms", "-1", "5", false);
        change(&found.topics[4], "message.format.version", NULL, "3.0", true); /* cannot be done: no difference */
        assert_int_equal(topic_acls_add(&found.acls, "e.same", "User:ann", "*", TOPIC_ACL_LITERAL, TOPIC_ACL_READ,
                                        TOPIC_ACL_ALLOW), 0);
        return found;
}

static void text(void **state) {
        (void)state;
        struct topics_found found = example();
        struct text out = {0};
        assert_int_equal(topics_text(&found, false, false, &out), 0);
        assert_string_equal(
                out.data,
                "TOPIC   AT THE DESTINATION  PARTITIONS  THERE  TO DO            REASON\n"
                "fresh   e.fresh                      3      -  create           -\n"
                "grown   e.grown                      5      2  add partitions   -\n"
                "other   e.other                      1      1  change settings  -\n"
                "parked  -                            1      -  PARKED           why: because\n"
                "w.back  -                            2      -  not mirrored     why: because\n"
                "+ e.fresh cleanup.policy: compact\n"
                "! e.fresh message.format.version: 3.0  (the destination knows no such setting)\n"
                "~ e.other retention.ms: -1 -> 5\n"
                "! e.same message.format.version: 3.0  (the destination knows no such setting)\n"
                "+ e.same ACL: User:ann from *: ALLOW READ\n"
                "1 in step, 1 to create, 1 to get partitions, 1 with other settings, 1 parked, 1 not mirrored\n");
        free(out.data);
        out = (struct text){0};
        assert_int_equal(topics_text(&found, true, false, &out), 0);
        assert_non_null(strstr(out.data, "\nsame    e.same                       2      2  in step"));
        free(out.data);
        topics_found_fini(&found);
}

static void json(void **state) {
        (void)state;
        struct topics_found found = example();
        char *out = topics_json("e->w", &found);
        assert_non_null(out);
        assert_non_null(strstr(out, "\"route\": \"e->w\""));
        assert_non_null(strstr(out, "\"destination_topic\": \"e.grown\""));
        assert_non_null(strstr(out, "\"destination_partitions\": null"));
        assert_non_null(strstr(out, "\"step\": \"add-partitions\""));
        assert_non_null(strstr(out, "\"setting\": \"retention.ms\""));
        assert_non_null(strstr(out, "\"principal\": \"User:ann\""));
        free(out);
        topics_found_fini(&found);
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(text), cmocka_unit_test(json)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
