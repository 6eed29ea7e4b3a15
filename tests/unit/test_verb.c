/* The table of verbs: what every row is held to, and what is read by it. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/verb.h"
#include "common/err.h"

static bool takes(const struct verb *verb, const char *name) {
        for (const struct verb_option *o = verb->options; o->text; o++)
                if (o->name && strcmp(o->name, name) == 0) return true;
        return false;
}

static bool prints_json(const struct verb *verb) {
        for (const struct verb_option *o = verb->options; o->text; o++) {
                if (!o->name || strcmp(o->name, "output") != 0) continue;
                for (int i = 0; i < VERB_CHOICES_MAX && o->choices[i]; i++)
                        if (strcmp(o->choices[i], "json") == 0) return o->letter == 'o';
        }
        return false;
}

static void contains(const struct verb *verb, const struct text *text, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
static void contains(const struct verb *verb, const struct text *text, const char *format, ...) {
        char part[256];
        va_list ap;
        va_start(ap, format);
        (void)vsnprintf(part, sizeof part, format, ap);
        va_end(ap);
        assert_false(text->failed);
        if (!strstr(text->data, part)) fail_msg("%s: '%s' is not in:\n%s", verb->name, part, text->data);
}

/* The table's promises, row by row. */
static void test_rows(void **state) {
        (void)state;
        for (size_t i = 0; i < verb_count; i++) {
                const struct verb *verb = &verbs[i];
                assert_ptr_equal(verb_find(verb->name), verb);
                assert_true(verb->traits && *verb->text && *verb->synopsis && *verb->about);
                if ((verb->traits & VERB_PRINTS) && !prints_json(verb)) fail_msg("%s prints data without -o json", verb->name);
                if ((verb->traits & VERB_CHANGES) && !takes(verb, "dry-run")) fail_msg("%s has no --dry-run", verb->name);
                if (takes(verb, "dry-run") && !(verb->traits & VERB_CHANGES)) fail_msg("%s changes something", verb->name);
                for (const struct verb_option *o = verb->options; o->text; o++) {
                        if (!o->name) continue;
                        assert_string_not_equal(o->name, "help");
                        assert_int_equal(o->kind == VERB_FLAG || o->kind == VERB_REFUSED, o->argument == NULL);
                        assert_int_equal(o->kind == VERB_CHOICE, o->choices[0] != NULL);
                        for (const struct verb_option *other = verb->options; other < o; other++) {
                                if (!other->name) continue;
                                assert_string_not_equal(other->name, o->name);
                                if (o->letter && other->letter == o->letter) fail_msg("%s: -%c twice", verb->name, o->letter);
                        }
                        if (o->letter == 'h') fail_msg("%s: -h is --help", verb->name);
                }
                bool optional = false;
                for (int k = 0; k < VERB_OPERANDS_MAX && verb->operands[k].name; k++) {
                        const struct verb_operand *o = &verb->operands[k];
                        if (optional && !o->optional) fail_msg("%s: %s follows an optional one", verb->name, o->name);
                        optional = o->optional;
                        assert_int_equal(o->kind == VERB_ACTION, o->choices[0] != NULL);
                        assert_true(o->optional || o->kind == VERB_ACTION || o->missing);
                }
        }
}

/* Codes are documented in order; 0, 1 and 2 everywhere. */
static void test_exit_codes(void **state) {
        (void)state;
        for (size_t i = 0; i < verb_count; i++) {
                const char *at = verbs[i].exits;
                for (int last = -1, line = 0; *at; line++) {
                        int code = *at - '0';
                        if (code <= last || at[1] != ' ') fail_msg("%s: line %d of its exit codes", verbs[i].name, line);
                        if (line < 3) assert_int_equal(code, line);
                        last = code;
                        at += strcspn(at, "\n");
                        assert_int_equal(*at++, '\n');
                }
        }
}

static void test_help_and_pages(void **state) {
        struct text overview = {0}, index = {0};
        (void)state;
        verb_overview(&overview);
        verb_man(NULL, "1.2.3", &index);
        for (size_t i = 0; i < verb_count; i++) {
                const struct verb *verb = &verbs[i];
                struct text help = {0}, page = {0};
                verb_help(verb, &help);
                verb_man(verb, "1.2.3", &page);
                contains(verb, &help, "usage: heliostat %s ", verb->name);
                contains(verb, &help, "  -h, --help");
                contains(verb, &help, "Exit code:\n  0 ");
                contains(verb, &page, ".SH EXIT STATUS");
                contains(verb, &overview, "  %-12s  %s\n", verb->name, verb->text);
                contains(verb, &index, "heliostat\\-%s (1)", verb->name);
                for (const struct verb_option *o = verb->options; o->text; o++) {
                        char roff[128] = "";
                        if (!o->name || o->kind == VERB_REFUSED) continue;
                        contains(verb, &help, "--%s", o->name);
                        for (const char *c = o->name; *c; c++) {
                                size_t at = strlen(roff);
                                (void)snprintf(roff + at, sizeof roff - at, "%s%c", *c == '-' ? "\\" : "", *c);
                        }
                        contains(verb, &page, "\\-\\-%s\\fR", roff);
                }
                for (const char *line = help.data; line && *line; line = strchr(line, '\n'), line += line != NULL)
                        if (strcspn(line, "\n") > 120) fail_msg("%s: a line of %zu columns", verb->name, strcspn(line, "\n"));
                free(help.data);
                free(page.data);
        }
        free(overview.data);
        free(index.data);
}

static void test_completion(void **state) {
        static const char *const shells[] = {"bash", "zsh", "fish"};
        struct text none = {0};
        (void)state;
        for (size_t s = 0; s < 3; s++) {
                struct text script = {0};
                assert_true(verb_completion(shells[s], &script));
                for (size_t i = 0; i < verb_count; i++) {
                        contains(&verbs[i], &script, "%s", verbs[i].name);
                        for (const struct verb_option *o = verbs[i].options; o->text; o++)
                                if (o->name && o->kind != VERB_REFUSED)
                                        contains(&verbs[i], &script, s == 2 ? "-l %s" : "--%s", o->name);
                }
                free(script.data);
        }
        assert_false(verb_completion("tcsh", &none));
}

static int parse(const char *const *argv, struct verb_args *out, char *err, size_t size) {
        int argc = 0;
        while (argv[argc]) argc++;
        return verb_parse(verb_find(argv[0]), argc, argv, out, err, size);
}

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_parsed(void **state) {
        struct verb_args args;
        char err[256] = "";
        (void)state;
        assert_int_equal(parse(ARGV("drain", "-nc", "file", "w-1", "--timeout=7"), &args, err, sizeof err), 0);
        assert_string_equal(verb_text(&args, "config", NULL), "file");
        assert_true(verb_has(&args, "dry-run"));
        assert_false(verb_has(&args, "no-wait"));
        assert_int_equal(verb_number(&args, "timeout", 60), 7);
        assert_string_equal(args.operands[0], "w-1");
        assert_int_equal(parse(ARGV("drain", "-cfile", "--", "-w"), &args, err, sizeof err), 0);
        assert_string_equal(verb_text(&args, "config", NULL), "file");
        assert_string_equal(args.operands[0], "-w");
        assert_int_equal(parse(ARGV("status", "-o", "wide", "-z", ""), &args, err, sizeof err), 0);
        assert_int_equal(verb_choice(&args, "output"), 1);
        assert_true(verb_chose(&args, "output", "wide"));
        assert_string_equal(verb_text(&args, "zookeeper", NULL), "");
        assert_int_equal(parse(ARGV("status"), &args, err, sizeof err), 0);
        assert_true(verb_chose(&args, "output", "table"));
        assert_int_equal(parse(ARGV("move", "--help", "nonsense", "--more"), &args, err, sizeof err), 0);
        assert_true(args.help);
        assert_int_equal(parse(ARGV("mirror", "--consumer.property", "a=b", "--consumer.property=c=d"), &args, err, sizeof err), 0);
        assert_int_equal(args.given_count, 2);
        assert_string_equal(args.given[1].value, "c=d");
}

static void test_refused(void **state) {
        static const struct {
                const char *const argv[8];
                const char *text;
        } rows[] = {
                {{"worker"}, "worker: --config FILE is missing"},
                {{"worker", "--confg", "x"}, "worker: unknown option '--confg'; did you mean '--config'?"},
                {{"worker", "--nonsense"}, "unknown option '--nonsense'; 'heliostat worker --help' lists them"},
                {{"worker", "-x"}, "unknown option '-x'"},
                {{"worker", "--config"}, "--config: its value is missing"},
                {{"worker", "-c"}, "--config: its value is missing"},
                {{"worker", "--config", "x", "--config=y"}, "--config: given twice"},
                {{"worker", "--no-supervisor=1"}, "--no-supervisor takes no value"},
                {{"worker", "--config", "x", "y"}, "unexpected argument 'y'"},
                {{"status", "-o", "yaml"}, "--output: expected table, wide or json, not 'yaml'"},
                {{"status", "--timeout", "0"}, "--timeout: expected seconds from 1 to 3600, not '0'"},
                {{"status", "--timeout", "1s"}, "not '1s'"},
                {{"status", "--timeout", "-1"}, "not '-1'"},
                {{"status", "--timeout="}, "not ''"},
                {{"verify", "a->b", "-c", "x", "--threads", "65"}, "expected a number from 1 to 64, not '65'"},
                {{"resume", "a->b", "--to", "9223372036854775808"}, "--to: expected an offset, not"},
                {{"resume", "a-"}, "'a-' is no route; expected '<source>-><destination>', quoted for the shell"},
                {{"resume", "-c", "x"}, "a route is missing"},
                {{"drain", "a/b"}, "'a/b' is no worker's id"},
                {{"move", "a->b", "4096"}, "expected a lane's number, not '4096'"},
                {{"offsets", "exprot"}, "expected export, import, set or reset, not 'exprot'; did you mean 'export'?"},
                {{"offsets", "-c", "x"}, "expected export, import, set or reset"},
                {{"mirror", "--message.handler"}, "names a Java class"},
                {{"mirror", "--message.handler=x"}, "names a Java class"},
                {{"mirror", "--blacklist", "x"}, "use --exclude"},
                {{"status", "--a\nb"}, "unknown option '--a?b'"},
        };
        (void)state;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct verb_args args = {.given_count = 77};
                char err[256] = "";
                if (parse(rows[i].argv, &args, err, sizeof err) != ERR_INVALID) fail_msg("row %zu is accepted", i);
                if (!strstr(err, rows[i].text)) fail_msg("row %zu: '%s' is not in '%s'", i, rows[i].text, err);
                assert_int_equal(args.given_count, 77); /* untouched on failure */
        }
}

static void test_too_many(void **state) {
        const char *argv[2 * VERB_GIVEN_MAX + 4] = {"mirror"};
        struct verb_args args;
        char err[256];
        (void)state;
        for (int i = 0; i < VERB_GIVEN_MAX + 1; i++) {
                argv[1 + 2 * i] = "--consumer.property";
                argv[2 + 2 * i] = "a=b";
        }
        assert_int_equal(parse(argv, &args, err, sizeof err), ERR_INVALID);
        assert_non_null(strstr(err, "more than 256 options"));
}

static void test_unknown_verb(void **state) {
        char err[128];
        (void)state;
        verb_unknown("stauts", err, sizeof err);
        assert_string_equal(err, "unknown verb 'stauts'; did you mean 'status'?");
        verb_unknown("nonsense", err, sizeof err);
        assert_non_null(strstr(err, "'heliostat --help' lists them"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),      cmocka_unit_test(test_exit_codes), cmocka_unit_test(test_help_and_pages),
                cmocka_unit_test(test_completion), cmocka_unit_test(test_parsed),     cmocka_unit_test(test_refused),
                cmocka_unit_test(test_too_many),  cmocka_unit_test(test_unknown_verb),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
