#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/command.h"
#include "common/err.h"
#include "tests/unit/test.h"

#define LIMIT_MS 300
#define ROOM 1000

static void what_is_printed(void **state) {
        static const struct { const char *command; int rc; const char *says; } rows[] = {
                {"printf 'a b'", 0, "a b"},
                {"echo one; echo two >&2; echo three", 0, "one\nthree\n"},
                {"true", 0, ""},
                {"cat", 0, ""}, /* no input */
                {"echo hush; exit 3", ERR_INVALID, "the command ended with exit code 3"},
                {"echo hush; kill -9 $$", ERR_INVALID, "the command was ended by signal 9"},
                {"nonsense-of-a-command 2>/dev/null", ERR_INVALID, "the command ended with exit code 127"},
                {"printf 'hush\\000hush'", ERR_INVALID, "the command prints a NUL character"},
                {"yes hush", ERR_INVALID, "the command prints more than 1000 bytes"},
        };
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char *text = NULL, why[200] = "";
                int rc = command_output(rows[i].command, 10000, ROOM, &text, why, sizeof why);
                if (rc != rows[i].rc || strcmp(rc ? why : text, rows[i].says) != 0) fail_msg("row %zu: %d %s", i, rc, rc ? why : text);
                free(text);
        }
}

/* However it keeps its caller waiting. */
static void a_command_that_does_not_end(void **state) {
        static const char *const commands[] = {
                "echo hush; sleep 20",
                "echo hush; sleep 20 &",               /* its child has the output */
                "echo hush; exec >&-; sleep 20",       /* the output has ended, the command has not */
                "trap '' TERM; echo hush; exec >&-; while :; do sleep 1; done",
        };
        (void)state;
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
                char *text = NULL, why[200] = "";
                int64_t begun_ms = clock_boot_ms();
                int rc = command_output(commands[i], LIMIT_MS, ROOM, &text, why, sizeof why);
                int64_t took_ms = clock_boot_ms() - begun_ms;
                if (rc != ERR_INVALID || strncmp(why, "the command was not done after", 30) != 0 || took_ms > 10000)
                        fail_msg("row %zu: %d %s after %lld ms", i, rc, why, (long long)took_ms);
        }
}

/* Its end is not waited for in steps that one would feel. */
static void a_command_that_ends_a_little_after_its_output(void **state) {
        char *text = NULL, why[200] = "";
        (void)state;
        assert_int_equal(command_output("echo x; exec >&-; sleep 0.1", 10000, ROOM, &text, why, sizeof why), 0);
        assert_string_equal(text, "x\n");
        free(text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_printed),
                cmocka_unit_test(a_command_that_does_not_end),
                cmocka_unit_test(a_command_that_ends_a_little_after_its_output),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
