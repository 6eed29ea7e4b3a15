#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/topic_plan.h"
#include "tests/unit/test.h"

/* "a=3 b=1 !c=2": rows of the source, by name; ! is parked already. */
static struct topics_found rows_of(const char *text) {
        struct topics_found found = {.topics = calloc(32, sizeof(struct topic_found))};
        char copy[512], *rest = copy, *word;
        assert_non_null(found.topics);
        (void)snprintf(copy, sizeof copy, "%s", text);
        while ((word = strsep(&rest, " "))) {
                if (!*word) continue;
                struct topic_found *topic = &found.topics[found.count++];
                char *equals = strchr(word, '=');
                *equals = '\0';
                topic->name = strdup(word + (*word == '!'));
                topic->partitions = (uint32_t)atoi(equals + 1);
                if (*word == '!') topic_park(topic, "source topic", "x");
        }
        return found;
}

static size_t there_of(const char *text, char *copy, struct topic_there *out) {
        size_t n = 0;
        char *rest = strcpy(copy, text), *word;
        while ((word = strsep(&rest, " "))) {
                if (!*word) continue;
                char *equals = strchr(word, '=');
                *equals = '\0';
                out[n++] = (struct topic_there){word + (*word == '!'), (uint32_t)atoi(equals + 1),
                                                *word == '!' ? "broken" : NULL};
        }
        return n;
}

/* "a:ready:3 b:create:2": name, step, partitions wanted; in brackets the target where it differs. */
static void print(const struct topics_found *found, char *out, size_t size) {
        static const char *const steps[] = {"ready", "create", "grow", "shared", "parked", "passed"};
        size_t n = 0;
        out[0] = '\0';
        for (size_t i = 0; i < found->count; i++) {
                const struct topic_found *t = &found->topics[i];
                n += (size_t)snprintf(out + n, size - n, "%s%s", i ? " " : "", t->name);
                if (*t->target && strcmp(t->target, t->name) != 0)
                        n += (size_t)snprintf(out + n, size - n, "[%s]", t->target);
                n += (size_t)snprintf(out + n, size - n, ":%s", steps[t->step]);
                if (t->step == TOPIC_CREATE || t->step == TOPIC_GROW)
                        n += (size_t)snprintf(out + n, size - n, ":%u", t->partitions_wanted);
                assert_true((t->step == TOPIC_PARKED || t->step == TOPIC_PASSED) == (t->reason != NULL));
        }
}

static void rows(void **state) {
        (void)state;
        const struct topic_naming identity = {0};
        const struct topic_naming prefix = {.naming = "prefix", .source = "east", .destination = "west"};
        const struct topic_naming to_x = {.naming = "map", .map = "a:x, b:x"};
        const struct {
                struct topic_naming naming;
                bool merge, any_count;
                const char *source, *there, *want;
        } table[] = {
                {identity, false, false, "", "", ""},
                {identity, false, false, "a=3 b=2 c=1", "a=3 b=1 d=9", "a:ready b:grow:2 c:create:1"},
                {identity, false, false, "a=3", "a=5", "a:ready"}, /* more than enough */
                {identity, false, true, "a=3 b=2", "a=1", "a:ready b:create:2"},
                {identity, false, false, "a=3 b=1", "!a=3", "a:parked b:create:1"},
                {identity, false, false, "!a=0 b=1", "b=1", "a:parked b:ready"},
                {prefix, false, false, "a=3 north.west.b=1 west.c=2", "a=1 east.a=3",
                 "a[east.a]:ready north.west.b:passed west.c:passed"},
                {to_x, false, false, "a=3 b=1 c=2", "", "a[x]:parked b[x]:parked c:create:2"},
                /* a topic that has the name already is in the way as well */
                {to_x, false, false, "a=3 x=1", "", "a[x]:parked x:parked"},
                {to_x, false, false, "!a=0 b=1", "", "a[x]:parked b[x]:parked"},
                {to_x, true, false, "a=1 b=3 c=2", "", "a[x]:create:3 b[x]:shared c:create:2"},
                {to_x, true, false, "a=3 b=4 x=5", "x=4", "a[x]:grow:5 b[x]:shared x:shared"},
                {to_x, true, false, "!a=0 b=3 x=1", "", "a[x]:parked b[x]:create:3 x:shared"},
                {to_x, true, false, "a=1 b=3", "!x=1", "a[x]:parked b[x]:shared"},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                struct topic_namer *namer;
                struct topic_there there[32];
                char err[TOPIC_NAME_ERROR_MAX], copy[512], got[1024];
                assert_int_equal(topic_namer_new(&table[i].naming, &namer, err), 0);
                struct topics_found found = rows_of(table[i].source);
                size_t count = there_of(table[i].there, copy, there);
                topic_plan_names(&found, namer, table[i].merge);
                topic_plan_steps(&found, there, count, table[i].any_count);
                print(&found, got, sizeof got);
                if (strcmp(got, table[i].want) != 0) fail_msg("row %zu: got '%s'", i, got);
                topics_found_fini(&found);
                topic_namer_free(namer);
        }
}

static void two_that_meet_name_each_other(void **state) {
        (void)state;
        const struct topic_naming naming = {.naming = "regex", .regex = "(.*)-(eu|us)", .replacement = "$1"};
        struct topic_namer *namer;
        char err[TOPIC_NAME_ERROR_MAX];
        assert_int_equal(topic_namer_new(&naming, &namer, err), 0);
        struct topics_found found = rows_of("orders-eu=1 orders-us=1");
        topic_plan_names(&found, namer, false);
        assert_string_equal(found.topics[0].reason,
                            "orders: 'orders-us' would be mirrored into it too; rename one "
                            "(topic.naming), leave one out (topics.exclude) or set topic.merge = true");
        assert_non_null(strstr(found.topics[1].reason, "'orders-eu'"));
        topics_found_fini(&found);
        topic_namer_free(namer);
}

static void who_shares_ends_as_the_first_does(void **state) {
        (void)state;
        struct topics_found found = rows_of("a=1 b=1 c=1 d=1");
        found.topics[1].step = found.topics[3].step = TOPIC_SHARED;
        found.topics[1].shared_with = 0;
        found.topics[3].shared_with = 2;
        topic_park(&found.topics[2], "create topic", "refused");
        topic_plan_shared(&found);
        assert_int_equal(found.topics[1].step, TOPIC_READY);
        assert_int_equal(found.topics[3].step, TOPIC_PARKED);
        assert_non_null(strstr(found.topics[3].reason, "refused"));
        topics_found_fini(&found);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows),
                cmocka_unit_test(two_that_meet_name_each_other),
                cmocka_unit_test(who_shares_ends_as_the_first_does),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
