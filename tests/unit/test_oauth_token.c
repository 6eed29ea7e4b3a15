#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/oauth_token.h"
#include "tests/unit/test.h"

#define HEADER "eyJhbGciOiJub25lIn0." /* {"alg":"none"} */

static void tokens(void **state) {
        (void)state;
        static const struct {
                const char *text;
                int rc;
                int64_t expires_ms;
                const char *principal, *why;
        } rows[] = {
                /* {"sub":"mirror","exp":2000} */
                {HEADER "eyJzdWIiOiJtaXJyb3IiLCJleHAiOjIwMDB9.", 0, 2000000, "mirror", ""},
                {"\n " HEADER "eyJzdWIiOiJtaXJyb3IiLCJleHAiOjIwMDB9.c2ln \r\n", 0, 2000000, "mirror", ""},
                /* {"exp":1999.5} */
                {HEADER "eyJleHAiOjE5OTkuNX0.", 0, 1999500, "heliostat", ""},
                /* {"sub":"mirror"}, and tokens that are no JWT */
                {HEADER "eyJzdWIiOiJtaXJyb3IifQ.", 0, 1301000, "mirror", ""},
                {"opaque-token_1~==", 0, 1301000, "heliostat", ""},
                {"a.b.c", 0, 1301000, "heliostat", ""},
                {"a.W10.c", 0, 1301000, "heliostat", ""}, /* [] */
                /* {"exp":1000}, {"exp":-1} */
                {HEADER "eyJleHAiOjEwMDB9.", ERR_AUTH, 0, NULL, "the token expired on 1970-01-01 00:16:40 UTC"},
                {HEADER "eyJleHAiOi0xfQ.", ERR_AUTH, 0, NULL, "the token expired on 1970-01-01 00:00:00 UTC"},
                {"", ERR_INVALID, 0, NULL, "there is no token"},
                {" \n", ERR_INVALID, 0, NULL, "there is no token"},
                {"two words", ERR_INVALID, 0, NULL, "expected one token (letters, digits and '-._~+/='), and nothing else"},
                {"{\"access_token\":\"x\"}", ERR_INVALID, 0, NULL, "expected one token (letters, digits and '-._~+/='), and nothing else"},
                {"===", ERR_INVALID, 0, NULL, "expected one token (letters, digits and '-._~+/='), and nothing else"},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char *text = strdup(rows[i].text), *token = NULL, why[200] = "";
                struct oauth_token of = {0};
                int rc = oauth_token_parse(text, 1001000, &token, &of, why, sizeof why);
                if (rc != rows[i].rc) print_error("row %zu: %s\n", i, why);
                assert_int_equal(rc, rows[i].rc);
                assert_string_equal(why, rows[i].why);
                if (!rc) {
                        assert_true(of.expires_ms == rows[i].expires_ms);
                        assert_string_equal(of.principal, rows[i].principal);
                        assert_null(strpbrk(token, " \r\n"));
                }
                free(text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(tokens)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
