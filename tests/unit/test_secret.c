#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/secret.h"
#include "tests/unit/test.h"

static char directory[] = "/tmp/heliostat-secret-XXXXXX";

static void put(const char *name, const char *text, size_t bytes) {
        char path[200];
        (void)snprintf(path, sizeof path, "%s/%s", directory, name);
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        assert_int_equal(fwrite(text, 1, bytes, file), bytes);
        assert_int_equal(fclose(file), 0);
}

static int set_up(void **state) {
        (void)state;
        assert_non_null(mkdtemp(directory));
        static const char file[] = "user = al\\u00e9x\npass.word:  with blanks and : in it \nempty =\n"
                                   "again = ${env:HELIOSTAT_TEST_SECRET}\n";
        put("s.properties", file, sizeof file - 1);
        put("twice", "a = 1\na = 2\n", 12);
        put("token", "one line\n", 9);
        put("crlf", "line\r\n", 6);
        put("two", "first\n\n", 7);
        put("none", "", 0);
        put("nul", "a\0b", 3);
        assert_int_equal(setenv("HELIOSTAT_TEST_SECRET", " from env ", 1), 0);
        char path[200];
        (void)snprintf(path, sizeof path, "%s/fifo", directory);
        assert_int_equal(mkfifo(path, 0600), 0);
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        char command[200];
        (void)snprintf(command, sizeof command, "rm -r %s", directory);
        return system(command);
}

/* '@' stands for the directory. */
static void expand(const char *text, char *out, size_t size) {
        size_t n = 0;
        for (; *text && n + 1 < size; text++) {
                if (*text == '@') n += (size_t)snprintf(out + n, size - n, "%s", directory);
                else out[n++] = *text;
        }
        out[n] = '\0';
}

static void values(void **state) {
        (void)state;
        static const struct {
                const char *value;
                int sources;
                const char *expect;
        } rows[] = {
                {"", 0, ""},
                {"plain", 0, "plain"},
                {"$1 ${name} ${} $", 0, "$1 ${name} ${} $"},
                {"${open:", 0, "${open:"},
                {"${file:@/s.properties:user}", SECRET_FILE, "al\xc3\xa9x"},
                {"${file:@/s.properties:pass.word}", SECRET_FILE, "with blanks and : in it"},
                {"${file:@/s.properties:empty}", SECRET_FILE, ""},
                /* not looked at again */
                {"${file:@/s.properties:again}", SECRET_FILE, "${env:HELIOSTAT_TEST_SECRET}"},
                {"${env:HELIOSTAT_TEST_SECRET}", SECRET_ENV, "from env"},
                {"a ${env:HELIOSTAT_TEST_SECRET} b", SECRET_ENV, "a  from env  b"},
                {"${dir:@:token}", SECRET_DIR, "one line"},
                {"${dir:@:crlf}x", SECRET_DIR, "linex"},
                {"${dir:@:two}x", SECRET_DIR, "first\nx"},
                {"${dir:@:none}", SECRET_DIR, ""},
                {"user=${file:@/s.properties:user} ${x} password=\"${dir:@:token}\";", SECRET_FILE | SECRET_DIR,
                 "user=al\xc3\xa9x ${x} password=\"one line\";"},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char value[600], why[SECRET_ERROR_MAX] = "", *out = NULL;
                expand(rows[i].value, value, sizeof value);
                assert_int_equal(secret_sources(value, why, sizeof why), rows[i].sources);
                int rc = secret_resolve(value, &out, why, sizeof why);
                if (rc) print_error("row %zu: %s\n", i, why);
                assert_int_equal(rc, 0);
                assert_string_equal(out, rows[i].expect);
                secret_free(out);
        }
}

static void errors(void **state) {
        (void)state;
        static const struct {
                const char *value;
                int rc;
                const char *why;
        } rows[] = {
                {"${file:@/s.properties:nobody}", ERR_NOT_FOUND, "no key 'nobody' in @/s.properties"},
                {"${file:@/missing:k}", ERR_NOT_FOUND, "cannot read @/missing: No such file or directory"},
                {"${file:@:k}", ERR_IO, "cannot read @: not a regular file"},
                {"${dir:@:fifo}", ERR_IO, "cannot read @/fifo: not a regular file"},
                {"${dir:@:nul}", ERR_INVALID, "@/nul holds a NUL character"},
                {"${dir:@:a/b}", ERR_INVALID, "expected ${dir:PATH:FILE}, not '${dir:@:a/b}'"},
                {"${file:@/nul:k}", ERR_INVALID, "@/nul:1: holds a NUL character"},
                {"${file:@/twice:k}", ERR_INVALID, "@/twice:2: a: given twice, the first time in line 1"},
                {"${file:k}", ERR_INVALID, "expected ${file:PATH:KEY}, not '${file:k}'"},
                {"${file::k}", ERR_INVALID, "expected ${file:PATH:KEY}, not '${file::k}'"},
                {"${file:/a:}", ERR_INVALID, "expected ${file:PATH:KEY}, not '${file:/a:}'"},
                {"${env:}", ERR_INVALID, "expected ${env:NAME}, not '${env:}'"},
                {"${env:A:B}", ERR_INVALID, "expected ${env:NAME}, not '${env:A:B}'"},
                {"${env:HELIOSTAT_TEST_UNSET}", ERR_NOT_FOUND,
                 "the environment variable 'HELIOSTAT_TEST_UNSET' is not set"},
                {"${vault:a:b}", ERR_INVALID,
                 "unknown provider 'vault'; expected ${file:PATH:KEY}, ${dir:PATH:FILE} or ${env:NAME}"},
                /* a good one in front */
                {"${env:HELIOSTAT_TEST_SECRET}${env:HELIOSTAT_TEST_UNSET}", ERR_NOT_FOUND,
                 "the environment variable 'HELIOSTAT_TEST_UNSET' is not set"},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char value[600], expect[600], why[SECRET_ERROR_MAX] = "", *out = (char *)why;
                expand(rows[i].value, value, sizeof value);
                expand(rows[i].why, expect, sizeof expect);
                int rc = secret_resolve(value, &out, why, sizeof why);
                assert_int_equal(rc, rows[i].rc);
                assert_string_equal(why, expect);
                assert_ptr_equal(out, why); /* untouched */
        }
}

static void what_a_message_shows(void **state) {
        (void)state;
        static const struct {
                const char *message, *value;
                bool shown;
        } rows[] = {
                {"expected a number", "", false},           {"expected a number, not 'x1'", "x1", true},
                {"expected a number", "x1", false},          {"expected a number, not 'hunter2'", "hunter2", true},
                {"cut: 'hunt", "hunter2", true},             {"cut: 'hun", "hunter2", false},
                {"part 'ter2'", "hunter2", true},            {"", "hunter2", false},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                assert_int_equal(secret_shown(rows[i].message, rows[i].value), rows[i].shown);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values),
                cmocka_unit_test(errors),
                cmocka_unit_test(what_a_message_shows),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
