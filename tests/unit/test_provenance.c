#include <stdio.h>
#include <string.h>

#include "common/provenance.h"
#include "tests/unit/test.h"

static void add(rd_kafka_headers_t *headers, const char *name, const char *value) {
        assert_int_equal(rd_kafka_header_add(headers, name, -1, value, value ? (ssize_t)strlen(value) : 0), 0);
}

/* "name=value name=value" */
static void assert_headers(const rd_kafka_headers_t *headers, const char *want) {
        char text[256] = "";
        const char *name;
        const void *value;
        size_t bytes;
        for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &bytes); i++)
                (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s=%.*s", i ? " " : "",
                               strcmp(name, PROVENANCE_HEADER) == 0 ? "P" : name, (int)bytes,
                               value ? (const char *)value : "");
        assert_string_equal(text, want);
}

static void each_hop_adds_itself_once(void **state) {
        (void)state;
        rd_kafka_headers_t *headers = provenance_add(NULL, "A");
        assert_headers(headers, "P=A");
        assert_ptr_equal(provenance_add(headers, "A"), headers); /* the same record once more */
        assert_headers(headers, "P=A");
        assert_ptr_equal(provenance_add(headers, "B"), headers);
        assert_headers(headers, "P=A P=B");
        rd_kafka_headers_destroy(headers);

        headers = rd_kafka_headers_new(2);
        add(headers, "x", "A");
        assert_ptr_equal(provenance_add(headers, "A"), headers);
        assert_headers(headers, "x=A P=A");
        rd_kafka_headers_destroy(headers);
}

static void all_hops_count(void **state) {
        (void)state;
        rd_kafka_headers_t *headers = rd_kafka_headers_new(4);
        assert_false(provenance_carries(NULL, "A"));
        add(headers, PROVENANCE_HEADER, NULL); /* somebody else's */
        add(headers, "x", "A");
        assert_false(provenance_carries(headers, "A"));
        add(headers, PROVENANCE_HEADER, "A");
        add(headers, PROVENANCE_HEADER, "B");
        assert_true(provenance_carries(headers, "A"));
        assert_true(provenance_carries(headers, "B"));
        assert_false(provenance_carries(headers, "AB"));
        assert_false(provenance_carries(headers, "C"));
        rd_kafka_headers_destroy(headers);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_hop_adds_itself_once),
                cmocka_unit_test(all_hops_count),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
