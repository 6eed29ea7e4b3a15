#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/topic_acls.h"
#include "coordinator/topic_plan.h"
#include "tests/unit/test.h"

/* "orders:alice:+3 ord*:bob:-4": topic (with * behind: a prefix), principal, + allow or - deny, operation. */
static struct topic_acls acls_of(const char *text) {
        struct topic_acls acls = {0};
        char copy[512], *rest = copy, *word;
        (void)snprintf(copy, sizeof copy, "%s", text);
        while ((word = strsep(&rest, " "))) {
                if (!*word) continue;
                char *name = strsep(&word, ":"), *principal = strsep(&word, ":");
                size_t n = strlen(name);
                bool prefix = n > 1 && name[n - 1] == '*';
                if (prefix) name[n - 1] = '\0';
                assert_int_equal(topic_acls_add(&acls, name, principal, "*", prefix ? 4 : 3, atoi(word + 1),
                                                *word == '+' ? TOPIC_ACL_ALLOW : TOPIC_ACL_DENY), 0);
        }
        return acls;
}

static void print(const struct topic_acls *acls, char *out, size_t size) {
        size_t n = 0;
        out[0] = '\0';
        for (size_t i = 0; i < acls->count; i++) {
                const struct topic_acl *a = &acls->items[i];
                assert_int_equal(a->pattern, TOPIC_ACL_LITERAL);
                n += (size_t)snprintf(out + n, size - n, "%s%s:%s:%s:%s", i ? " " : "", a->name, a->principal,
                                      topic_acl_permission_name(a->permission),
                                      topic_acl_operation_name(a->operation));
        }
}

static void rows(void **state) {
        (void)state;
        static const struct {
                const char *source, *there, *missing;
        } table[] = {
                {"", "", ""},
                {"orders:u:+3", "", "e.orders:u:ALLOW:READ"},
                {"orders:u:+3", "e.orders:u:+3", ""},
                {"orders:u:+3", "e.orders:v:+3", "e.orders:u:ALLOW:READ"},
                {"orders:u:+3", "orders:u:+3", "e.orders:u:ALLOW:READ"}, /* another topic there */
                {"orders:u:+4", "", ""},                                 /* WRITE */
                {"orders:u:+2", "", "e.orders:u:ALLOW:READ"},            /* ALL */
                {"orders:u:+2 orders:u:+3", "", "e.orders:u:ALLOW:READ"},
                {"orders:u:+2", "e.orders:u:+3", ""},
                {"orders:u:+8 orders:u:+10", "", "e.orders:u:ALLOW:DESCRIBE e.orders:u:ALLOW:DESCRIBE_CONFIGS"},
                {"orders:u:+5 orders:u:+6 orders:u:+7 orders:u:+11 orders:u:+12", "", ""},
                {"orders:u:-4", "", "e.orders:u:DENY:WRITE"},
                {"orders:u:-2", "", "e.orders:u:DENY:ALL"},
                {"ord*:u:+3", "", "e.orders:u:ALLOW:READ"},
                {"*:u:+3", "", "e.orders:u:ALLOW:READ e.pay:u:ALLOW:READ"},
                {"others:u:+3 parked:u:+3", "", ""},
        };
        struct topic_found topics[3] = {
                {.name = (char *)"orders", .step = TOPIC_READY, .target = "e.orders"},
                {.name = (char *)"parked", .step = TOPIC_PARKED, .target = "e.parked"},
                {.name = (char *)"pay", .step = TOPIC_CREATE, .target = "e.pay"},
        };
        struct topics_found found = {.topics = topics, .count = 3};
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                struct topic_acls source = acls_of(table[i].source), there = acls_of(table[i].there), missing;
                char got[512];
                assert_int_equal(topic_acls_missing(&found, &source, &there, &missing), 0);
                print(&missing, got, sizeof got);
                if (strcmp(got, table[i].missing) != 0) fail_msg("row %zu: '%s'", i, got);
                topic_acls_fini(&source);
                topic_acls_fini(&there);
                topic_acls_fini(&missing);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(rows)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
