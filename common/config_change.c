#include "common/config_change.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/settings.h"
#include "common/siphash.h"

static bool same_text(const char *a, const char *b) { return strcmp(a ? a : "", b ? b : "") == 0; }

#define SAME_TEXT(x, y) same_text(x, y)
#define SAME_TOPICS(x, y) same_text(x, y)
#define SAME_CHOICE(x, y) same_text(x, y)
#define SAME_BOOL(x, y) ((x) == (y))
#define SAME_INT(x, y) ((x) == (y))
#define SAME_UINT(x, y) ((x) == (y))
#define SAME_BYTES(x, y) ((x) == (y))

enum when { START, RELOAD, APPLY, CREATION };

static uint64_t hash_of(const char *key, const char *value) {
        static const uint64_t none[2] = {0, 0};
        struct siphash hash;
        uint64_t out[2];
        siphash_init(&hash, none);
        siphash_add(&hash, key, strlen(key) + 1);
        if (value) siphash_add(&hash, value, strlen(value) + 1);
        siphash_end(&hash, out);
        return out[0];
}

void config_version(const struct config *config, char out[static CONFIG_VERSION_SIZE]) {
        uint64_t sum = 0; /* of hashes: the order does not count */
        for (size_t i = 0; i < config->cluster_count; i++)
                sum += hash_of(config->clusters[i].alias, config->clusters[i].bootstrap_servers);
        for (size_t i = 0; i < config_property_count(config); i++) {
                const struct config_property *p = config_property_at(config, i);
                sum += hash_of(p->key, config_key_is_secret(p->key) ? NULL : p->value);
        }
        (void)snprintf(out, CONFIG_VERSION_SIZE, "%016llx", (unsigned long long)sum);
}

size_t config_changes_at_start(const struct config *a, const struct config *b, const char **out, size_t max) {
        size_t n = 0;
#define ROW(field, name, type, usual, least, most, when, text) \
        if (when == START && n < max && !SAME_##type(a->field, b->field)) out[n++] = name;
        PROGRAM_SETTINGS(ROW)
#undef ROW
        return n;
}

bool config_route_differs(const struct config *a, const struct config *b, const char *route) {
        const struct config_route *x = config_route(a, route), *y = config_route(b, route);
        if (!x || !y) return x != y;
        bool same = true;
#define ROW(field, name, type, usual, least, most, when, text) same = same && SAME_##type(x->field, y->field);
        ROUTE_SETTINGS(ROW)
#undef ROW
        return !same;
}
