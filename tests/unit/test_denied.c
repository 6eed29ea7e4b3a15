#include <string.h>

#include "tests/unit/test.h"
#include "worker/denied.h"

static void the_topic_that_is_refused_and_no_other(void **state) {
        (void)state;
        static const struct {
                const char *line, *topic; /* NULL: none */
        } rows[] = {
                {"[thrd:main]: TxnCoordinator/1: Failed to add partition \"orders\" [3] to transaction: "
                 "Broker: Topic authorization failed", "orders"},
                {"Failed to add partition \"a.b_c-d\" [0] to transaction: Broker: Topic authorization failed", "a.b_c-d"},
                {"Failed to add partition \"orders\" [3] to transaction: Broker: Operation not attempted", NULL},
                {"Failed to add partition \"orders\" [3] to transaction: Broker: Unknown topic or partition", NULL},
                {"Broker: Topic authorization failed", NULL},
                {"Failed to add partition \"\" [3] to transaction: Broker: Topic authorization failed", NULL},
                {"Failed to add partition \"cut: Broker: Topic authorization failed", NULL},
                {"Failed to add partition \"longer-than-the-room-there-is\" [3] to transaction: "
                 "Broker: Topic authorization failed", NULL},
                {"", NULL},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char topic[16] = "untouched";
                assert_int_equal(denied_topic(rows[i].line, topic, sizeof topic), rows[i].topic != NULL);
                assert_string_equal(topic, rows[i].topic ? rows[i].topic : "untouched");
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(the_topic_that_is_refused_and_no_other)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
