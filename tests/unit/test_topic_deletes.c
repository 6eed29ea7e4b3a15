#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/topic_deletes.h"
#include "tests/unit/test.h"

/* A trace: "look CLUSTER ready,ready !parked +listed-only" and what is deleted
 * after it.  Whoever is asked for is gone, unless its name stands behind '?'. */
struct turn {
        const char *cluster, *ready, *parked, *listed, *hidden;
        const char *deleted;
};

static bool in(const char *list, const char *name) {
        for (const char *at = list; (at = strstr(at, name)); at++)
                if ((at == list || at[-1] == ',') && (!at[strlen(name)] || at[strlen(name)] == ',')) return true;
        return false;
}

static int by_name(const void *a, const void *b) {
        return strcmp(((const struct topic_found *)a)->name, ((const struct topic_found *)b)->name);
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static void add(const char *list, enum topic_step step, struct topics_found *found, const char **listed, size_t *n,
                char **copies, size_t *copy_count) {
        char *copy = strdup(list), *rest = copy, *word;
        copies[(*copy_count)++] = copy;
        while ((word = strsep(&rest, ","))) {
                if (!*word) continue;
                listed[(*n)++] = word;
                if (!found) continue;
                struct topic_found *topic = &found->topics[found->count++];
                topic->name = strdup(word);
                topic->step = step;
                if (step == TOPIC_PARKED) topic_park(topic, "x", "y");
                /* "b2" becomes what "b" does */
                (void)snprintf(topic->target, sizeof topic->target, "m.%.1s", word);
        }
}

static void run(const struct turn *turns, size_t count) {
        struct topic_memory memory = {0};
        for (size_t i = 0; i < count; i++) {
                const struct turn *t = &turns[i];
                struct topics_found found = {.topics = calloc(16, sizeof(struct topic_found))};
                const char *listed[16];
                char *copies[3], got[256] = "";
                size_t n = 0, copy_count = 0, at = 0;
                add(t->ready, TOPIC_READY, &found, listed, &n, copies, &copy_count);
                add(t->parked, TOPIC_PARKED, &found, listed, &n, copies, &copy_count);
                add(t->listed, TOPIC_READY, NULL, listed, &n, copies, &copy_count);
                qsort(found.topics, found.count, sizeof *found.topics, by_name);
                qsort(listed, n, sizeof *listed, by_text);
                topic_memory_look(&memory, t->cluster, &found, listed, n);
                struct topic_memory_entry *entry;
                char gone[8][TOPIC_NAME_SIZE];
                size_t gone_count = 0;
                while ((entry = topic_memory_missing(&memory, &at)))
                        if (topic_memory_answer(entry, !in(t->hidden, entry->name), &found)) {
                                (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%s,", entry->target);
                                (void)snprintf(gone[gone_count++], TOPIC_NAME_SIZE, "%s", entry->name);
                        }
                while (gone_count) topic_memory_forget(&memory, gone[--gone_count]);
                if (strcmp(got, t->deleted) != 0) fail_msg("turn %zu: deleted '%s'", i, got);
                topics_found_fini(&found);
                while (copy_count) free(copies[--copy_count]);
        }
        topic_memory_fini(&memory);
}
#define RUN(...) run((const struct turn[]){__VA_ARGS__}, sizeof((struct turn[]){__VA_ARGS__}) / sizeof(struct turn))

static void what_is_gone_twice_goes_once(void **state) {
        (void)state;
        RUN({"S", "a,b", "", "", "", ""}, {"S", "a", "", "", "", ""}, {"S", "a", "", "", "", "m.b,"},
            {"S", "a", "", "", "", ""});
}

static void what_is_not_confirmed_stays(void **state) {
        (void)state;
        RUN({"S", "a,b", "", "", "", ""}, {"S", "a", "", "", "b", ""}, {"S", "a", "", "", "b", ""},
            {"S", "a", "", "", "", ""}, {"S", "a", "", "", "b", ""}, /* begins anew */
            {"S", "a", "", "", "", ""}, {"S", "a", "", "", "", "m.b,"});
}

static void what_comes_back_stays(void **state) {
        (void)state;
        RUN({"S", "b", "", "", "", ""}, {"S", "", "", "", "", ""}, {"S", "b", "", "", "", ""},
            {"S", "", "", "", "", ""}, {"S", "", "b", "", "", ""}, {"S", "", "", "", "", ""},
            {"S", "", "", "", "", "m.b,"});
}

static void another_cluster_is_another_story(void **state) {
        (void)state;
        RUN({"S", "a,b", "", "", "", ""}, {"T", "", "", "", "", ""}, {"T", "", "", "", "", ""},
            {"T", "", "", "", "", ""});
        RUN({"", "a,b", "", "", "", ""}, {"", "", "", "", "", ""}, {"", "", "", "", "", ""});
}

static void a_topic_that_is_no_longer_the_routes_stays(void **state) {
        (void)state;
        RUN({"S", "a,b", "", "", "", ""}, {"S", "a", "", "b", "", ""}, {"S", "a", "", "", "", ""},
            {"S", "a", "", "", "", ""}, {"S", "a", "", "", "", ""});
}

static void what_was_never_ready_stays(void **state) {
        (void)state;
        RUN({"S", "a", "b", "", "", ""}, {"S", "a", "", "", "", ""}, {"S", "a", "", "", "", ""});
}

static void what_another_topic_becomes_stays(void **state) {
        (void)state;
        RUN({"S", "b,b2", "", "", "", ""}, {"S", "b2", "", "", "", ""}, {"S", "b2", "", "", "", ""},
            {"S", "", "", "", "", "m.b,"}, {"S", "", "", "", "", "m.b,"});
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_gone_twice_goes_once),
                cmocka_unit_test(what_is_not_confirmed_stays),
                cmocka_unit_test(what_comes_back_stays),
                cmocka_unit_test(another_cluster_is_another_story),
                cmocka_unit_test(a_topic_that_is_no_longer_the_routes_stays),
                cmocka_unit_test(what_was_never_ready_stays),
                cmocka_unit_test(what_another_topic_becomes_stays),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
