#include "cli/client_settings.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/kafka_tables.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct {
        const char *name;
        int roles;
        const char *why;
} computed_rows[] = {
#define ROW(name, role, why) {name, KAFKA_##role, why},
        KAFKA_COMPUTED(ROW)
#undef ROW
};

static struct client_setting *find(const struct client_settings *s, const char *name) {
        for (size_t i = 0; i < s->count; i++)
                if (strcmp(s->items[i].name, name) == 0) return &s->items[i];
        return NULL;
}

const struct client_setting *client_settings_find(const struct client_settings *settings, const char *name) {
        return find(settings, name);
}

static void on_set(void *ctx, const char *name, const char *value, enum kafka_origin origin,
                   const struct config_property *at, const char *why) {
        struct client_settings *s = ctx;
        struct client_setting *item = find(s, name);
        if (!item) {
                if (s->count == s->room) {
                        size_t room = s->room ? s->room * 2 : 64;
                        struct client_setting *items = realloc(s->items, room * sizeof *items);
                        if (!items) {
                                s->rc = ERR_NOMEM;
                                return;
                        }
                        s->items = items;
                        s->room = room;
                }
                item = &s->items[s->count++];
                *item = (struct client_setting){.name = strdup(name)};
                if (!item->name) s->rc = ERR_NOMEM;
        }
        free(item->value);
        free(item->key);
        item->value = value ? strdup(value) : NULL;
        item->key = at ? strdup(at->key) : NULL;
        if ((value && !item->value) || (at && !item->key)) s->rc = ERR_NOMEM;
        item->origin = origin;
        item->line = at ? at->line : 0;
        item->fate = at ? at->fate : 0;
        item->why = why ? why : "";
}

static int by_name(const void *a, const void *b) {
        return strcmp(((const struct client_setting *)a)->name, ((const struct client_setting *)b)->name);
}

int client_settings_of(const struct config *config, const char *alias, const char *route,
                       enum client_role role, struct client_settings *out, char *err, size_t err_size) {
        struct client_settings s = {0};
        const struct kafka_trace trace = {on_set, &s};
        int bit = role == CLIENT_CONSUMER ? KAFKA_CONSUMER : role == CLIENT_PRODUCER ? KAFKA_PRODUCER : KAFKA_ADMIN;
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        int rc = kafka_settings_trace(config, alias, route, role, NULL, &trace, conf, err, err_size);
        rd_kafka_conf_destroy(conf);
        for (size_t i = 0; !rc && i < COUNT(computed_rows); i++) {
                const char *name = kafka_settings_canonical(computed_rows[i].name);
                if (computed_rows[i].roles & bit)
                        on_set(&s, name, NULL, KAFKA_ORIGIN_COMPUTED, NULL, computed_rows[i].why);
        }
        if (!rc) rc = s.rc;
        if (rc) {
                client_settings_fini(&s);
                return rc;
        }
        qsort(s.items, s.count, sizeof *s.items, by_name);
        *out = s;
        return 0;
}

void client_settings_fini(struct client_settings *settings) {
        for (size_t i = 0; i < settings->count; i++) {
                free(settings->items[i].name);
                free(settings->items[i].value);
                free(settings->items[i].key);
        }
        free(settings->items);
        *settings = (struct client_settings){0};
}

struct client_place *client_places(const struct config *config, size_t *out_count) {
        struct client_place *places = calloc(3 * config->cluster_count + 3 * config->route_count + 1, sizeof *places);
        size_t n = 0;
        if (!places) return NULL;
        for (size_t i = 0; i < config->route_count; i++) {
                const struct config_route *r = &config->routes[i];
                places[n++] = (struct client_place){r->source, r->name, CLIENT_CONSUMER};
                places[n++] = (struct client_place){r->destination, r->name, CLIENT_PRODUCER};
                places[n++] = (struct client_place){r->destination, r->name, CLIENT_CONSUMER};
        }
        for (size_t i = 0; i < config->cluster_count; i++) {
                const char *alias = config->clusters[i].alias;
                if (!config->route_count) {
                        places[n++] = (struct client_place){alias, NULL, CLIENT_CONSUMER};
                        places[n++] = (struct client_place){alias, NULL, CLIENT_PRODUCER};
                }
                places[n++] = (struct client_place){alias, NULL, CLIENT_ADMIN};
        }
        *out_count = n;
        return places;
}

const char *client_role_name(enum client_role role) {
        return role == CLIENT_CONSUMER ? "consumer" : role == CLIENT_PRODUCER ? "producer" : "admin";
}
