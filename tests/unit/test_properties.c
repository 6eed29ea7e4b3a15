#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/properties.h"
#include "common/text.h"
#include "tests/unit/test.h"

/* Expectations of the rows were taken from java.util.Properties. */
static const struct row {
        const char *text;
        const char *expect; /* "line key=value;" for each property */
} rows[] = {
        {"", ""},
        {"a=b", "1 a=b;"},
        {"a = b \n", "1 a=b ;"},
        {"a:b", "1 a=b;"},
        {"a b", "1 a=b;"},
        {"a\tb c", "1 a=b c;"},
        {"a\f=\fb", "1 a=b;"},
        {"a = = b", "1 a== b;"},
        {"a : = b", "1 a== b;"},
        {"a", "1 a=;"},
        {"a=", "1 a=;"},
        {"=b", "1 =b;"},
        {"  a=b", "1 a=b;"},
        {"# c\n! c\n\n \t\na=b", "5 a=b;"},
        {"a=b # c", "1 a=b # c;"},
        {"a=b\r\nc=d\re=f\n", "1 a=b;2 c=d;3 e=f;"},
        {"a=b\\\n   c\nd=e", "1 a=bc;3 d=e;"},
        {"a=b\\\r\n   c\r\nd=e", "1 a=bc;3 d=e;"},
        {"a=b\\\\\nc=d", "1 a=b\\;2 c=d;"},
        {"a=b\\\\\\\nc=d", "1 a=b\\c=d;"},
        {"a=b\\\n#c", "1 a=b#c;"},       /* no comment inside a line */
        {"a=b\\\n\nc=d", "1 a=b;3 c=d;"},
        {"# c\\\na=b", "2 a=b;"},        /* comments do not go on */
        {"\\\na=b", "2 a=b;"},
        {"a=b\\", "1 a=b;"},
        {"a\\\nb=c", "1 ab=c;"},
        {"a\\ b=c", "1 a b=c;"},
        {"a\\=b\\:c=d", "1 a=b:c=d;"},
        {"a=\\t\\n\\r\\f\\x\\\"\\'", "1 a=\t\n\r\fx\"';"},
        {"a=\\u0041\\u00e4\\u20AC\\uD83D\\uDE00", "1 a=A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80;"},
        {"\\u0061=b", "1 a=b;"},
        {"a=\\u0041b", "1 a=Ab;"},
        {"a=\xc3\xa4", "1 a=\xc3\xa4;"},
        {"\xef\xbb\xbf" "a=b", "1 a=b;"},
        {"east->west.topics = a.*, b", "1 east->west.topics=a.*, b;"},
        {"a=.*\\\\.b", "1 a=.*\\.b;"},
        {"a=.*\\.b", "1 a=.*.b;"},
        {"url=http://h:1/x?a=b", "1 url=http://h:1/x?a=b;"},
};

static void rows_read_as_in_java(void **state) {
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct properties p;
                struct properties_error error;
                char *seen = NULL;
                size_t size;
                assert_int_equal(properties_parse(rows[i].text, strlen(rows[i].text), &p, &error), 0);
                FILE *out = open_memstream(&seen, &size);
                for (size_t k = 0; k < p.count; k++)
                        fprintf(out, "%d %s=%s;", p.items[k].line, p.items[k].key, p.items[k].value);
                fclose(out);
                assert_string_equal(seen, rows[i].expect);
                free(seen);
                properties_fini(&p);
        }
}

static void errors_name_the_line(void **state) {
        (void)state;
        static const struct {
                const char *text;
                size_t bytes; /* 0: strlen */
                int code, line;
                const char *message;
        } bad[] = {
                {"a=1\nb=2\na=3", 0, ERR_EXISTS, 3, "a: given twice, the first time in line 1"},
                {"a=1\nb\\\n=2\nb=3\na=4", 0, ERR_EXISTS, 4, "b: given twice, the first time in line 2"},
                {"x=1\na=\\u12", 0, ERR_INVALID, 2, "\\u needs four hexadecimal digits"},
                {"a=\\u12g4", 0, ERR_INVALID, 1, "\\u needs four hexadecimal digits"},
                {"a=\\ud83d", 0, ERR_INVALID, 1, "\\ud83d is not a character"},
                {"a=\\ud83d\\u0041", 0, ERR_INVALID, 1, "\\ud83d is not a character"},
                {"a=\\u0000", 0, ERR_INVALID, 1, "\\u0000 is not a character"},
                {"a=b\0c", 5, ERR_INVALID, 1, "holds a NUL character"},
                {"a=b\\\0c", 6, ERR_INVALID, 1, "holds a NUL character"},
        };
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                struct properties p = {(void *)1, 77};
                struct properties_error error;
                size_t bytes = bad[i].bytes ? bad[i].bytes : strlen(bad[i].text);
                assert_int_equal(properties_parse(bad[i].text, bytes, &p, &error), bad[i].code);
                assert_int_equal(error.line, bad[i].line);
                assert_string_equal(error.text, bad[i].message);
                assert_int_equal(p.count, 77);
        }
}

/* Seeded random text of the characters that matter: no crash, no leak, and
 * nothing but documented codes. */
static void any_text_is_an_answer(void **state) {
        (void)state;
        static const char alphabet[] = "ab=: \t\f\n\r\\u0d8#!\"\0\xff";
        unsigned seed = 7;
        for (int i = 0; i < 200000; i++) {
                char *text = malloc(40); /* exact, so that ASan sees every step too far */
                size_t n = (size_t)rand_r(&seed) % 40;
                text = realloc(text, n + 1);
                for (size_t k = 0; k < n; k++)
                        text[k] = alphabet[(size_t)rand_r(&seed) % (sizeof alphabet - 1)];
                char *exact = realloc(text, n ? n : 1);
                struct properties p;
                struct properties_error error;
                int rc = properties_parse(exact, n, &p, &error);
                assert_true(rc == 0 || rc == ERR_INVALID || rc == ERR_EXISTS);
                if (rc == 0) properties_fini(&p);
                free(exact);
        }
}

static void distances(void **state) {
        (void)state;
        static const struct {
                const char *a, *b;
                size_t distance;
        } pairs[] = {
                {"", "", 0},       {"a", "", 1},         {"", "abc", 3},     {"abc", "abc", 0},
                {"abc", "ABC", 0}, {"abc", "acb", 1},    {"abc", "abd", 1},  {"abc", "abcd", 1},
                {"lanes", "lnaes", 1}, {"kitten", "sitting", 3},
        };
        for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
                assert_int_equal(text_distance(pairs[i].a, pairs[i].b), pairs[i].distance);
                assert_int_equal(text_distance(pairs[i].b, pairs[i].a), pairs[i].distance);
        }
        static const char *const names[] = {"topics", NULL, "topics.exclude", "lanes"};
        assert_string_equal(text_nearest("topic", names, 4), "topics");
        assert_string_equal(text_nearest("topics.exlcude", names, 4), "topics.exclude");
        assert_null(text_nearest("something", names, 4));
        assert_null(text_nearest("topics", names, 0));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows_read_as_in_java),
                cmocka_unit_test(errors_name_the_line),
                cmocka_unit_test(any_text_is_an_answer),
                cmocka_unit_test(distances),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
