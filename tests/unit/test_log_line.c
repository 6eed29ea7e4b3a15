#include "tests/unit/test.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/log_budget.h"
#include "common/log_line.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Of a line behind its head, without the newline. */
#define LOGFMT_HEAD "time=2026-01-31T10:15:02.123Z level=info component=lane msg=lane.open"
#define JSON_HEAD "{\"time\":\"2026-01-31T10:15:02.123Z\",\"level\":\"info\",\"component\":\"lane\",\"msg\":\"lane.open\""

static char out[LOG_LINE_MAX + 1];

static struct log_head head_of(enum log_format format) {
        return (struct log_head){.format = format, .level = LOG_INFO, .wall_ms = 1769854502123, .event = "lane.open"};
}

__attribute__((format(printf, 2, 3)))
static const char *line(enum log_format format, const char *text, ...) {
        struct log_head head = head_of(format);
        va_list args;
        va_start(args, text);
        size_t n = log_line(out, &head, text, args);
        va_end(args);
        assert_true(n > 0 && n <= LOG_LINE_MAX && out[n - 1] == '\n');
        out[n - 1] = '\0';
        return out;
}

static void expect(const char *logfmt, const char *json, const char *format, ...) {
        va_list args;
        for (int i = 0; i < 2; i++) {
                struct log_head head = head_of(i ? LOG_JSON : LOG_LOGFMT);
                const char *prefix = i ? JSON_HEAD : LOGFMT_HEAD;
                va_start(args, format);
                size_t n = log_line(out, &head, format, args);
                va_end(args);
                out[n - 1] = '\0';
                assert_memory_equal(out, prefix, strlen(prefix));
                assert_string_equal(out + strlen(prefix), i ? json : logfmt);
        }
}

static void test_fields(void **state) {
        (void)state;
        expect("", "}", "%s", "");
        expect(" route=east->west lane=7", ",\"route\":\"east->west\",\"lane\":7}", "route=%s lane=%u", "east->west", 7u);
        /* quoted by the format stays quoted; needs it: is quoted */
        expect(" a=\"b\" c=\"d e\"", ",\"a\":\"b\",\"c\":\"d e\"}", "a=\"%s\" c=%s", "b", "d e");
        expect(" a=\"\" b=1", ",\"a\":\"\",\"b\":1}", "a=%s b=%d", "", 1);
        /* numbers are numbers in JSON, text that looks like one is not */
        expect(" a=-5 b=0x1f c=12 d=007", ",\"a\":-5,\"b\":\"0x1f\",\"c\":\"12\",\"d\":\"007\"}", "a=%lld b=0x%llx c=%s d=%03d", -5LL,
               31ULL, "12", 7);
        expect(" a=1.50 b=18446744073709551615", ",\"a\":1.50,\"b\":18446744073709551615}", "a=%.2f b=%zu", 1.5, (size_t)-1);
        expect(" a=nan", ",\"a\":\"nan\"}", "a=%g", __builtin_nan(""));
        expect(" a=ab b=50%", ",\"a\":\"ab\",\"b\":\"50%\"}", "a=%.*s b=%d%%", 2, "abcd", 50);
        expect(" a=\"x y 3 z\"", ",\"a\":\"x y 3 z\"}", "a=\"x %s %d z\"", "y", 3);
        /* a key that is chosen at run time */
        expect(" pid=1 signal=9", ",\"pid\":1,\"signal\":9}", "pid=%d %s=%d", 1, "signal", 9);
        /* keys of the head are not given twice */
        expect(" time_=x", ",\"time_\":\"x\"}", "time=%s", "x");
        /* what has no key */
        expect(" a=1 detail=\"it goes on in 5 ms\"", ",\"a\":1,\"detail\":\"it goes on in 5 ms\"}", "a=%d; it goes on in %d ms", 1, 5);
        expect(" detail=\"key = x\"", ",\"detail\":\"key = x\"}", "%s", "key = x");
}

/* ---- text of a peer ---- */

static void test_peer_text(void **state) {
        static const struct {
                const char *text, *in_quotes;
        } rows[] = {
                {"a\nb\r\tc", "a\\nb\\r\\tc"},
                {"\x1b[2J\x07\x7f", "\\u001b[2J\\u0007\\u007f"},
                {"say \"x\" \\ y", "say \\\"x\\\" \\\\ y"},
                {"\" level=error msg=forged x=\"", "\\\" level=error msg=forged x=\\\""},
                {"a=b c=d", "a=b c=d"},
                {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
                {"\xff\xc3(\xe2\x82", "\\ufffd\\ufffd(\\ufffd\\ufffd"},
                {"\xc0\x80 \xed\xa0\x80", "\\ufffd\\ufffd \\ufffd\\ufffd\\ufffd"}, /* overlong, a surrogate */
                {"\xc2\x9b" "31m \xe2\x80\xae txt", "\\u009b31m \\u202e txt"},     /* C1, right to left */
        };
        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                char want[256];
                (void)snprintf(want, sizeof want, LOGFMT_HEAD " error=\"%s\" next=1", rows[i].in_quotes);
                assert_string_equal(line(LOG_LOGFMT, "error=\"%s\" next=%d", rows[i].text, 1), want);
                (void)snprintf(want, sizeof want, JSON_HEAD ",\"error\":\"%s\",\"next\":1}", rows[i].in_quotes);
                assert_string_equal(line(LOG_JSON, "error=%s next=%d", rows[i].text, 1), want);
        }
}

/* One line of logfmt; true: well formed, and no key twice. */
static bool logfmt_parses(const char *s, char keys[][64], size_t max, size_t *count) {
        *count = 0;
        while (*s) {
                size_t n = strcspn(s, "= \"");
                if (n == 0 || n > 63 || s[n] != '=' || *count == max) return false;
                memcpy(keys[*count], s, n);
                keys[*count][n] = '\0';
                for (size_t i = 0; i < *count; i++)
                        if (strcmp(keys[i], keys[*count]) == 0) return false;
                ++*count;
                s += n + 1;
                if (*s == '"') {
                        for (s++; *s != '"'; s++) {
                                if (!*s || (unsigned char)*s < 0x20) return false;
                                if (*s == '\\' && !*++s) return false;
                        }
                        s++;
                } else {
                        for (; *s && *s != ' '; s++)
                                if (*s == '"' || *s == '=' || (unsigned char)*s < 0x20) return false;
                }
                if (*s == ' ' && *++s == '\0') return false;
                else if (*s && s[-1] != ' ') return false;
        }
        return true;
}

/* Whatever a peer says, a line stays one line with the same keys. */
static void test_random_text(void **state) {
        static const char spice[] = "\"\\= \n\x1b%{},:\xc3\xe2\xf0\x80\xbf";
        char text[1600], keys[16][64];
        unsigned seed = 20260131;
        size_t count;
        (void)state;
        for (int round = 0; round < 20000; round++) {
                size_t n = (size_t)(rand_r(&seed) % (round % 50 ? 40 : (int)sizeof text - 1));
                for (size_t i = 0; i < n; i++)
                        text[i] = (char)(rand_r(&seed) % 2 ? 1 + rand_r(&seed) % 255 : spice[rand_r(&seed) % (int)(sizeof spice - 1)]);
                text[n] = '\0';
                const char *s = line(LOG_LOGFMT, "a=%s b=\"%s\" c=%d", text, text, 5);
                if (!logfmt_parses(s, keys, 16, &count) || count < 6) fail_msg("seed %u: %s", seed, s);
                s = line(LOG_JSON, "a=%s b=\"%s\" c=%d", text, text, 5);
                json_t *parsed = json_loads(s, JSON_REJECT_DUPLICATES, NULL);
                if (!parsed) fail_msg("seed %u: %s", seed, s);
                if (n < 200) assert_int_equal(json_integer_value(json_object_get(parsed, "c")), 5);
                json_decref(parsed);
        }
}

static void test_bounds(void **state) {
        char long_text[8000], keys[16][64];
        size_t count;
        (void)state;
        memset(long_text, 'x', sizeof long_text - 1);
        long_text[sizeof long_text - 1] = '\0';
        const char *s = line(LOG_LOGFMT, "a=%s b=%d", long_text, 1);
        assert_non_null(strstr(s, "x…\" b=1"));
        assert_true(strlen(s) < LOG_VALUE_MAX + 120);
        /* six bytes for each: the line is full, and says so */
        memset(long_text, '\x01', sizeof long_text - 1);
        s = line(LOG_LOGFMT, "a=%s b=%s c=%s d=%s", long_text, long_text, long_text, long_text);
        assert_true(logfmt_parses(s, keys, 16, &count));
        assert_string_equal(keys[count - 1], "truncated");
        s = line(LOG_JSON, "a=%s b=%s c=%s d=%s", long_text, long_text, long_text, long_text);
        json_t *parsed = json_loads(s, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(parsed);
        assert_true(json_is_true(json_object_get(parsed, "truncated")));
        json_decref(parsed);
}

static void test_journal_and_count(void **state) {
        static const char *const prefixes[] = {"<7>", "<6>", "<4>", "<3>"};
        (void)state;
        for (int level = LOG_DEBUG; level <= LOG_ERROR; level++)
                for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
                        struct log_head head = head_of((enum log_format)format);
                        head.journal = true;
                        head.level = (enum log_level)level;
                        head.suppressed = 12;
                        size_t n = log_line_text(out, &head, "a=b c=\"d \"e\" f\" g=1");
                        out[n - 1] = '\0';
                        assert_memory_equal(out, prefixes[level], 3);
                        assert_memory_equal(out + 3, format ? "{\"time\":" : "time=2026", 8);
                        assert_non_null(strstr(out, format ? ",\"a\":\"b\",\"c\":\"d \\\"e\\\" f\",\"g\":1,\"suppressed\":12}"
                                                           : " a=b c=\"d \\\"e\\\" f\" g=1 suppressed=12"));
                }
}

/* ---- how many pass ---- */

static void test_budget(void **state) {
        static struct log_budget budget;
        char kind[LOG_KIND_MAX];
        uint64_t suppressed;
        (void)state;
        memset(&budget, 0, sizeof budget);
        /* a burst of 3, then one in 100 ms */
        int passed = 0;
        for (int i = 0; i < 10; i++) passed += log_budget_admit(&budget, "k", 3, 100, 1000, &suppressed);
        assert_int_equal(passed, 3);
        assert_false(log_budget_admit(&budget, "k", 3, 100, 1099, &suppressed));
        assert_true(log_budget_admit(&budget, "other", 1, 100, 1099, &suppressed));
        assert_true(log_budget_admit(&budget, "k", 3, 100, 1100, &suppressed));
        assert_int_equal(suppressed, 8);
        assert_false(log_budget_admit(&budget, "k", 3, 100, 1101, &suppressed));
        /* nobody came: the count is told alone, once */
        assert_false(log_budget_overdue(&budget, 1101 + LOG_OVERDUE_MS - 1, kind, &suppressed));
        assert_true(log_budget_overdue(&budget, 1101 + LOG_OVERDUE_MS, kind, &suppressed));
        assert_string_equal(kind, "k");
        assert_int_equal(suppressed, 1);
        assert_false(log_budget_overdue(&budget, 1101 + LOG_OVERDUE_MS, kind, &suppressed));
        /* full again after a while, not fuller */
        passed = 0;
        for (int i = 0; i < 10; i++) passed += log_budget_admit(&budget, "k", 3, 100, 1000000, &suppressed);
        assert_int_equal(passed, 3);
        /* more kinds than there is room for: each begins with its burst */
        for (int i = 0; i < 3 * LOG_KINDS_MAX; i++) {
                (void)snprintf(kind, sizeof kind, "many-%d", i);
                assert_true(log_budget_admit(&budget, kind, 1, 100, 2000000 + i, &suppressed));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fields),      cmocka_unit_test(test_peer_text),
                cmocka_unit_test(test_random_text), cmocka_unit_test(test_bounds),
                cmocka_unit_test(test_journal_and_count), cmocka_unit_test(test_budget),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
