#include <string.h>

#include "common/text.h"
#include "tests/unit/test.h"

static void what_a_terminal_gets(void **state) {
        static const struct { const char *text, *line, *terminal; } rows[] = {
                {"", "", ""},
                {"plain, größer, 日本, 𝄞 ~", "plain, größer, 日本, 𝄞 ~", "plain, größer, 日本, 𝄞 ~"},
                {"a\tb\r\nc\n", "a?b??c?", "a?b?\nc\n"},
                {"\x1b]0;title\x07\x7f", "?]0;title??", "?]0;title??"},
                {"a\xc2\x9b" "31mb", "a?31mb", "a?31mb"},             /* CSI as a character */
                {"a\x9b" "31mb", "a?31mb", "a?31mb"},                 /* and as a byte */
                {"\xe2\x80\xaegnp.exe", "?gnp.exe", "?gnp.exe"},      /* from right to left */
                {"\xd8\x9c\xe2\x81\xa6\xef\xbb\xbf\xe2\x80\x8b", "????", "????"},
                {"cut \xe6\x97", "cut ??", "cut ??"},
                {"\xc0\xaf \xed\xa0\x80 \xf5\x80", "?? ??? ??", "?? ??? ??"},
        };
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char text[128];
                strcpy(text, rows[i].text);
                text_one_line(text);
                assert_string_equal(text, rows[i].line);
                strcpy(text, rows[i].text);
                text_for_terminal(text);
                assert_string_equal(text, rows[i].terminal);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_a_terminal_gets),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
