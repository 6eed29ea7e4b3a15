#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/route_cycle.h"
#include "tests/unit/test.h"

#define ROUTES_MAX 8

/* "a->b[prefix] b->a(x.*) !c->a": [naming or header], (topics), ! disabled, * marked. */
static size_t routes_of(const char *text, Heliostat__Pb__Route *out, bool *marked, char *copy) {
        size_t n = 0;
        char *rest = strcpy(copy, text), *word;
        while ((word = strsep(&rest, " "))) {
                Heliostat__Pb__Route *r = &out[n];
                heliostat__pb__route__init(r);
                r->enabled = *word != '!';
                word += *word == '!';
                marked[n] = *word != '?';
                word += *word == '?';
                r->topics = (char *)".*";
                char *mode = strchr(word, '['), *topics = strchr(word, '(');
                if (topics) {
                        *topics++ = '\0';
                        r->topics = topics;
                        topics[strlen(topics) - 1] = '\0';
                }
                if (mode) {
                        *mode++ = '\0';
                        mode[strcspn(mode, "]")] = '\0';
                        if (strcmp(mode, "header") == 0) r->provenance = mode;
                        else r->topic_naming = mode;
                }
                r->name = word;
                char *arrow = strstr(word, "->");
                r->source = strndup(word, (size_t)(arrow - word));
                r->destination = strdup(arrow + 2);
                n++;
        }
        return n;
}

static void rows(void **state) {
        (void)state;
        static const struct {
                const char *routes, *cycle; /* NULL: none */
        } table[] = {
                {"a->b", NULL},
                {"a->b b->a", "a->b, b->a"},
                {"a->b !b->a", NULL},
                {"?a->b ?b->a", NULL}, /* neither is of this file */
                {"a->b ?b->a", "a->b, b->a"},
                {"a->b b->c c->a", "a->b, b->c, c->a"},
                {"a->b b->c c->d", NULL},
                {"a->b a->c c->b", NULL},
                {"x->a a->b b->c c->b", "b->c, c->b"},
                {"a->b[prefix] b->a[prefix]", NULL},
                {"a->b[prefix] b->c[prefix] c->a[prefix]", NULL},
                {"a->b[prefix] b->a", "a->b, b->a"}, /* a.x comes back as a.x, and goes as a.a.x */
                {"a->b[header] b->a[header]", NULL},
                {"a->b[header] b->a", "a->b, b->a"},
                {"a->b[header] b->a[prefix]", "a->b, b->a"},
                {"a->b[map] b->a(x)", "a->b, b->a"},
                {"a->b(orders) b->a(payments)", NULL},
                {"a->b(orders) b->a(orders)", "a->b, b->a"},
                {"a->b(orders) b->a(ord.*)", "a->b, b->a"},
                {"a->b(orders.*) b->a(pay.*)", NULL},
                {"a->b(orders.*) b->c c->a(pay.*)", NULL},
                {"a->b(orders.*) b->c c->a", "a->b, b->c, c->a"},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                Heliostat__Pb__Route routes[ROUTES_MAX];
                const Heliostat__Pb__Route *list[ROUTES_MAX];
                bool marked[ROUTES_MAX];
                char copy[256], got[256] = "";
                size_t n = routes_of(table[i].routes, routes, marked, copy);
                for (size_t k = 0; k < n; k++) list[k] = &routes[k];
                bool found = route_cycle_find(list, marked, n, got, sizeof got);
                if (found != (table[i].cycle != NULL) || (found && strcmp(got, table[i].cycle) != 0))
                        fail_msg("row %zu: '%s'", i, got);
                for (size_t k = 0; k < n; k++) {
                        free(routes[k].source);
                        free(routes[k].destination);
                }
        }
}

static void rows_disjoint(void **state) {
        (void)state;
        static const struct {
                const char *a, *a_exclude, *b, *b_exclude;
                bool disjoint;
        } table[] = {
                {"a", "", "b", "", true},
                {"a", "", "a", "", false},
                {"a, b", "", "c|d", "", true},
                {"a, b", "", "c|b", "", false},
                {"ab", "", "a", "", true},
                {"a.*", "", "b.*", "", true},
                {"a.*", "", "ab.*", "", false},
                {"a", "", "ab.*", "", true},
                {"abc", "", ".*", "abc", true},
                {"abc", "abc", ".*", "", true},
                {"abc", "", "[x-z].*", "", true}, /* a whole name is tried */
                {"a.*", "", "[x-z].*", "", false}, /* not known */
                {"x?a", "", "b", "", true},
                {"x?a.*", "", "b.*", "", false},
                {"x{1}a.*", "", "b.*", "", false},
                {"ax+", "", "bx+", "", true},
                {"a\\.b.*", "", "a\\.c.*", "", true},
                {"a.b", "", "axc", "", true},
                {"a.b", "", "axb", "", false},
                {"\\d.*", "", "a.*", "", false},
                {"(a|b).*", "", "c.*", "", false},
                {"[a,|]x", "", "b", "", true},
                {"(?i)a.*", "", "b.*", "", false},
                {"", "", ".*", "", true},
                {"^a$", "", "^b$", "", true},
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                Heliostat__Pb__Route a = HELIOSTAT__PB__ROUTE__INIT, b = HELIOSTAT__PB__ROUTE__INIT;
                a.topics = (char *)table[i].a;
                a.topics_exclude = (char *)table[i].a_exclude;
                b.topics = (char *)table[i].b;
                b.topics_exclude = (char *)table[i].b_exclude;
                if (route_rules_disjoint(&a, &b) != table[i].disjoint) fail_msg("row %zu", i);
                if (route_rules_disjoint(&b, &a) != table[i].disjoint) fail_msg("row %zu, turned", i);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(rows), cmocka_unit_test(rows_disjoint)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
