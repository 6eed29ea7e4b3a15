/* A name below /api/v1/ and its arguments, `key=value` each on a line, over a
 * field that is made up. */
#include "tests/fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/api.h"
#include "tests/unit/made_field.h"

#define NOW 1700000000000
#define CANARY "CANARY"

static const char config_text[] = "zookeeper.connect = zk:2181/x\nclusters = east, west\neast.bootstrap.servers = e:9092\n"
                                  "west.bootstrap.servers = w:9092\neast.sasl.password = " CANARY "\n"
                                  "http.token = " CANARY "\n";

/* Made once: nothing that is asked changes it. */
static const struct api_view *view(void) {
        static struct api_view made;
        static struct facts facts;
        static struct snapshot snapshot;
        static struct health health;
        static struct config config;
        char err[CONFIG_ERROR_MAX];

        if (made.snapshot) return &made;
        struct history *history = history_new();
        made_field(&(struct made_field){.now_ms = NOW, .partitions = 60, .lanes = 8, .workers = 3, .wave = 1, .halted = true,
                                        .hostile = true, .led = true, .disabled_route = true}, &facts);
        if (!history || snapshot_build(&facts, NOW, 13000, &snapshot) || health_compute(&snapshot, &health) ||
            config_parse("f", config_text, strlen(config_text), &config, err, sizeof err))
                abort();
        for (int64_t t = 0; t < 40; t++)
                if (history_add(history, t % 2 ? HISTORY_TOTAL : "east->west", t * 7000, &(struct history_sample){t, 1, 2, 3})) abort();
        made = (struct api_view){.facts = &facts, .snapshot = &snapshot, .health = &health, .age_ms = 900, .trouble = "",
                                 .history = history, .boot_ms = 300000, .wall_ms = NOW,
                                 .config = &config, .id = "c1", .host = "h"};
        return &made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
        char *text = fuzz_text(data, bytes), *rest = text, *name = fuzz_part(&rest);
        struct http_arg args[HTTP_ARGS_MAX];
        struct api_answer answer = {0};
        size_t count = 0;

        while (rest && count < HTTP_ARGS_MAX) {
                char *key = fuzz_part(&rest), *value = strchr(key, '=');
                if (value) *value++ = '\0';
                if (!*key) continue; /* a text file ends with a newline */
                args[count++] = (struct http_arg){key, value};
        }
        LAW(api_answer(view(), name, args, count, &answer) == 0);
        LAW(answer.status == 200 || answer.status == 400 || answer.status == 404);
        LAW(answer.bytes == strlen(answer.body) && answer.bytes < 1000000);
        LAW(!strstr(answer.body, CANARY));
        json_t *json = json_loads(answer.body, 0, NULL), *value;
        LAW(json);
        const char *key;
        LAW(json_is_string(json_object_get(json, answer.status == 200 ? "time_ms" : "error")) == (answer.status != 200));
        json_object_foreach(json, key, value)
                LAW(json_array_size(value) <= (strcmp(json_string_value(json_object_get(json, "schema")),
                                                      "heliostat.api.history/v1") == 0 ? HISTORY_SLOTS : API_ROWS_MAX));
        json_decref(json);
        free(answer.body);
        free(text);
        return 0;
}
