#include "coordinator/api_config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/settings.h"
#include "common/status_json.h"

#define put status_json_put
#define NUMBER_SIZE 32

/* ---- a value as it would stand in a file ---- */

static json_t *number(long long value) {
        char text[NUMBER_SIZE];
        (void)snprintf(text, sizeof text, "%lld", value);
        return json_string(text);
}

static json_t *bytes(uint64_t value) {
        static const struct {
                uint64_t size;
                const char *name;
        } units[] = {{UINT64_C(1) << 30, "GiB"}, {UINT64_C(1) << 20, "MiB"}, {UINT64_C(1) << 10, "KiB"}};
        char text[NUMBER_SIZE];
        for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
                if (!value || value % units[i].size) continue;
                (void)snprintf(text, sizeof text, "%" PRIu64 "%s", value / units[i].size, units[i].name);
                return json_string(text);
        }
        (void)snprintf(text, sizeof text, "%" PRIu64, value);
        return json_string(text);
}

#define VALUE_TEXT(value) status_json_text(value)
#define VALUE_TOPICS(value) status_json_text(value)
#define VALUE_CHOICE(value) status_json_text(value)
#define VALUE_BOOL(value) json_string((value) ? "true" : "false")
#define VALUE_INT(value) number(value)
#define VALUE_UINT(value) number(value)
#define VALUE_BYTES(value) bytes(value)

/* Takes value.  usual: the default as it would stand in a file. */
static void add(json_t *list, const char *name, json_t *value, const char *usual, bool *failed) {
        json_t *object = json_object();
        const char *text = json_string_value(value);
        bool is_default = strcmp(text ? text : "", usual ? usual : "") == 0, secret = config_key_is_secret(name);

        put(object, "name", json_string(name), failed);
        if (secret) {
                json_decref(value);
                value = json_null();
        }
        put(object, "value", value, failed);
        put(object, "default", json_boolean(is_default), failed);
        put(object, "secret", json_boolean(secret), failed);
        if (json_array_append_new(list, object) != 0) *failed = true;
}

/* By a placeholder: whoever puts a value there wants it nowhere else. */
static bool came_from_elsewhere(const struct config *config, const char *name) {
        for (size_t i = 0; name && i < config_fate_count(config); i++) {
                const struct config_fate *fate = config_fate_at(config, i);
                if (fate->hidden && strcmp(fate->key, name) == 0) return true;
        }
        return false;
}

json_t *api_config_program(const struct config *config, bool *failed) {
        json_t *list = json_array();
#define ROW(field, name, type, usual, min, max, when, text) \
        add(list, name, VALUE_##type(config->field), usual, failed);
        PROGRAM_SETTINGS(ROW)
#undef ROW
        for (size_t index = 0; index < json_array_size(list); index++) {
                json_t *object = json_array_get(list, index);
                int line = config_program_line(config, index);
                put(object, "line", line ? json_integer(line) : json_null(), failed);
                if (!came_from_elsewhere(config, json_string_value(json_object_get(object, "name")))) continue;
                put(object, "value", json_null(), failed);
                put(object, "secret", json_true(), failed);
        }
        return list;
}

json_t *api_config_route(const Heliostat__Pb__Route *route, bool *failed) {
        json_t *list = json_array();
#define ROW(field, name, type, usual, min, max, when, text) \
        add(list, name, VALUE_##type(route->field), usual, failed);
        ROUTE_SETTINGS(ROW)
#undef ROW
        return list;
}

static json_t *client_setting(const char *key, const char *value, bool *failed) {
        json_t *object = json_object();
        bool secret = config_key_is_secret(key);
        put(object, "key", status_json_text(key), failed);
        put(object, "value", secret ? json_null() : status_json_text(value), failed);
        put(object, "secret", json_boolean(secret), failed);
        return object;
}

json_t *api_config_clients(const struct config *config, bool *failed) {
        json_t *list = json_array();

        for (size_t i = 0; i < config_property_count(config); i++) {
                const struct config_property *p = config_property_at(config, i);
                if (json_array_append_new(list, client_setting(p->key, p->value, failed)) != 0) *failed = true;
        }
        return list;
}
