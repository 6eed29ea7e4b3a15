/* Every row of the tables: a wrong value of each key is told with file, line,
 * key and what was expected, and every name of Java's clients has an answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/err.h"
#include "common/foreign.h"
#include "common/kafka_settings.h"
#include "common/setting_value.h"
#include "tests/unit/java_names.h"
#include "tests/unit/test.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define BASE \
        "clusters = east, west\n" \
        "east.bootstrap.servers = e1:9092\n" \
        "west.bootstrap.servers = w1:9092\n" \
        "west->east.enabled = true\n"

/* Of settings that are a text: a wrong one, or NULL where every text is right. */
static const struct {
        const char *name, *value;
} texts[] = {
        {"zookeeper.connect", ""},
        {"worker.zone", "a b"},
        {"worker.http.listen", "nowhere"},
        {"coordinator.http.listen", "nowhere"},
        {"group.id", ""},
        {"start.from", "somewhere"},
        {"start.from.topics", "a"},
        {"limit.topics.bytes.per.second", "a=b"},
        {"limit.topics.records.per.second", "a=1KiB"},
        {"priority", "a=first"},
};

static const char *wrong_value(const struct setting *s, char buf[static 32]) {
        switch (s->type) {
        case SETTING_BOOL: return "perhaps";
        case SETTING_CHOICE: return "no-such-word";
        case SETTING_TOPICS: return "a(";
        case SETTING_BYTES: return "much";
        case SETTING_INT:
        case SETTING_UINT:
                (void)snprintf(buf, 32, "%lld", (long long)s->max + 1);
                return buf;
        case SETTING_TEXT:
                for (size_t i = 0; i < COUNT(texts); i++)
                        if (strcmp(texts[i].name, s->name) == 0) return texts[i].value;
                break;
        }
        return NULL;
}

/* 1: the value was tried. */
static int try_wrong(const struct setting *s, const char *prefix) {
        char buf[32], text[512], key[200], start[220], err[CONFIG_ERROR_MAX] = "";
        struct config c;
        const char *value = wrong_value(s, buf);
        if (!value) return 0;
        (void)snprintf(key, sizeof key, "%s%s", prefix, s->name);
        (void)snprintf(text, sizeof text, BASE "%s = %s\n", key, value);
        (void)snprintf(start, sizeof start, "f:5: %s: ", key);
        if (config_parse("f", text, strlen(text), &c, err, sizeof err) != ERR_INVALID) fail_msg("%s = %s is accepted", key, value);
        if (strncmp(err, start, strlen(start)) != 0) fail_msg("%s = %s: %s", key, value, err);
        if (!strstr(err, "expected")) fail_msg("%s = %s: what is expected? %s", key, value, err);
        /* and told beside others, as of its own key */
        assert_int_equal(config_examine("f", text, strlen(text), &c, err, sizeof err), 0);
        assert_int_equal(config_fate_at(&c, 4)->kind, FATE_REFUSED);
        assert_string_equal(config_fate_at(&c, 4)->text, err + strlen(start));
        config_fini(&c);
        return 1;
}

static void a_wrong_value_of_every_setting_is_told(void **state) {
        (void)state;
        size_t tried = 0, all = SETTING_PROGRAM_COUNT + SETTING_ROUTE_COUNT, any_text = 0;
        for (size_t i = 0; i < SETTING_PROGRAM_COUNT; i++) tried += (size_t)try_wrong(&setting_program[i], "");
        for (size_t i = 0; i < SETTING_ROUTE_COUNT; i++) {
                tried += (size_t)try_wrong(&setting_route[i], "");
                assert_int_equal(try_wrong(&setting_route[i], "east->west."), wrong_value(&setting_route[i], (char[32]){0}) != NULL);
        }
        for (size_t i = 0; i < all; i++) {
                const struct setting *s = i < SETTING_PROGRAM_COUNT ? &setting_program[i] : &setting_route[i - SETTING_PROGRAM_COUNT];
                any_text += s->type == SETTING_TEXT && !wrong_value(s, (char[32]){0});
        }
        assert_int_equal(tried, all - any_text);
}

static void every_foreign_row_says_why(void **state) {
        (void)state;
        for (size_t i = 0; i < foreign_row_count; i++) {
                const struct foreign *row = &foreign_rows[i];
                char name[100], text[512], err[CONFIG_ERROR_MAX] = "";
                struct config c;
                size_t n = strlen(row->name);
                assert_true(*row->why);
                (void)snprintf(name, sizeof name, "%.*s%s", (int)(n - (row->name[n - 1] == '*')), row->name,
                               row->name[n - 1] == '*' ? "x" : "");
                if (foreign_find(name) != row) fail_msg("%s: an earlier row hides it", row->name);
                if (row->action == FOREIGN_SAME) {
                        assert_true(setting_find(setting_route, SETTING_ROUTE_COUNT, row->name) >= 0);
                        continue;
                }
                (void)snprintf(text, sizeof text, BASE "%s = no such value\n", name);
                assert_int_equal(config_examine("f", text, strlen(text), &c, err, sizeof err), 0);
                const struct config_fate *fate = config_fate_at(&c, 4);
                if (fate->kind != (row->action == FOREIGN_IGNORE ? FATE_IGNORED : FATE_REFUSED)) fail_msg("%s: %d", name, fate->kind);
                if (!strstr(fate->text, row->why)) fail_msg("%s: %s", name, fate->text);
                config_fini(&c);
        }
}

static void try_client(const char *role, const char *name) {
        char text[512], err[CONFIG_ERROR_MAX] = "", start[220];
        struct config c;
        struct kafka_fate fates[3];
        (void)snprintf(text, sizeof text, BASE "east.%s%s = \x01 no value\n", role, name);
        if (config_examine("f", text, strlen(text), &c, err, sizeof err)) fail_msg("%s: %s", name, err);
        if (strcmp(name, "auto.offset.reset") != 0) {
                assert_int_equal(config_error_count(&c), 0);
                const struct config_property *p = config_property_at(&c, config_property_count(&c) - 1);
                (void)snprintf(start, sizeof start, "f:5: east.%s%s: ", role, name);
                if (kafka_settings_fate(&c, p, fates, err, sizeof err)) {
                        if (strncmp(err, start, strlen(start)) != 0) fail_msg("%s", err);
                        if (strstr(err, "unknown client setting") || strstr(err, "a setting of")) fail_msg("no answer: %s", err);
                }
        }
        config_fini(&c);
}

/* Kept, renamed, ignored, or refused for a reason; never "unknown". */
static void every_name_of_java_s_clients_has_an_answer(void **state) {
        (void)state;
#define ROW(name, roles) \
        try_client("", name); \
        if (strchr(roles, 'C')) try_client("consumer.", name); \
        if (strchr(roles, 'P')) try_client("producer.", name); \
        if (strchr(roles, 'A')) try_client("admin.", name);
        JAVA_CLIENT_NAMES(ROW)
#undef ROW
}

/* Least specific first; each line is stronger than those before it. */
static void the_more_specific_wins(void **state) {
        (void)state;
        static const char *const keys[] = {
                "consumer.fetch.min.bytes", "east.fetch.min.bytes", "east.consumer.fetch.min.bytes",
                "east->west.consumer.fetch.min.bytes", "east->west.source.consumer.fetch.min.bytes",
        };
        for (size_t top = 0; top < COUNT(keys); top++) {
                char text[1024] = BASE, err[CONFIG_ERROR_MAX] = "", expect[16];
                struct config c;
                const struct config_property **list;
                size_t count = 0;
                for (size_t i = top + 1; i-- > 0;) /* the strongest stands first in the file */
                        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s = %zu\n", keys[i], i);
                assert_int_equal(config_parse("f", text, strlen(text), &c, err, sizeof err), 0);
                assert_int_equal(config_client_properties(&c, "east", "east->west", CLIENT_CONSUMER, &list, &count), 0);
                (void)snprintf(expect, sizeof expect, "%zu", top);
                for (size_t i = 0; i < count; i++)
                        if (strcmp(list[i]->name, "fetch.min.bytes") == 0) assert_string_equal(list[i]->value, expect);
                free(list);
                config_fini(&c);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_wrong_value_of_every_setting_is_told),
                cmocka_unit_test(every_foreign_row_says_why),
                cmocka_unit_test(every_name_of_java_s_clients_has_an_answer),
                cmocka_unit_test(the_more_specific_wins),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
