#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "cli/route_diff.h"
#include "common/codec.h"
#include "common/config.h"
#include "common/err.h"
#include "common/names.h"
#include "common/settings.h"
#include "common/topic_name.h"
#include "common/znode_path.h"

#define PATH "f"

/* ---- encoding ----------------------------------------------------------- */

static void put_line(FILE *out, const char *route, const char *name, const char *value) {
        fuzz_put_key(out, route);
        if (*route) fputc('.', out);
        fuzz_put_key(out, name);
        fputc('=', out);
        fuzz_put_value(out, value);
        fputc('\n', out);
}

static void put_number(FILE *out, const char *route, const char *name, long long value) {
        char text[32];
        (void)snprintf(text, sizeof text, "%lld", value);
        put_line(out, route, name, text);
}

#define PUT_TEXT(out, route, name, value) \
        do { \
                if (value) put_line(out, route, name, value); \
        } while (0)
#define PUT_TOPICS PUT_TEXT
#define PUT_CHOICE PUT_TEXT
#define PUT_BOOL(out, route, name, value) put_line(out, route, name, (value) ? "true" : "false")
#define PUT_INT(out, route, name, value) put_number(out, route, name, (long long)(value))
#define PUT_UINT PUT_INT
#define PUT_BYTES PUT_INT

/* A file that says the same, each setting spelled out.  malloc'd. */
static char *encode(const struct config *c, size_t *bytes) {
        char *text = NULL;
        FILE *out = open_memstream(&text, bytes);

        if (!out) abort();
        if (c->cluster_count) fputs("clusters=", out);
        for (size_t i = 0; i < c->cluster_count; i++)
                fprintf(out, "%s%s", i ? "," : "", c->clusters[i].alias);
        fputc('\n', out);
#define ROW(field, name, type, value, min, max, when, text_) PUT_##type(out, "", name, c->field);
        PROGRAM_SETTINGS(ROW)
#undef ROW
        for (size_t i = 0; i < c->route_count; i++) {
                const struct config_route *r = &c->routes[i];
#define ROW(field, name_, type, value, min, max, when, text_) \
        PUT_##type(out, r->name, name_, r->field);
                ROUTE_SETTINGS(ROW)
#undef ROW
        }
        for (size_t i = 0; i < config_property_count(c); i++) {
                const struct config_property *p = config_property_at(c, i);
                put_line(out, "", p->key, p->value);
        }
        if (fclose(out) != 0) abort();
        return text;
}

/* ---- laws --------------------------------------------------------------- */

static void check_round_trip(const struct config *c) {
        struct config back;
        char err[CONFIG_ERROR_MAX];
        size_t bytes = 0, again_bytes = 0;
        char *text = encode(c, &bytes);

        if (config_parse(PATH, text, bytes, &back, err, sizeof err) != 0) {
                fprintf(stderr, "%s\n%s", err, text);
                LAW(!"what was accepted is accepted again");
        }
        LAW(back.cluster_count == c->cluster_count);
        LAW(back.route_count == c->route_count);
        char *again = encode(&back, &again_bytes);
        LAW(bytes == again_bytes);
        LAW(memcmp(text, again, bytes) == 0);
        free(text);
        free(again);
        config_fini(&back);
}

/* What a file may say can be published: `apply` writes what a coordinator
 * then reads. */
static void check_publishable(const struct config_route *route) {
        Heliostat__Pb__Route message, *back = NULL;
        char path[ZNODE_PATH_MAX], topic[NAMES_TOPIC_SIZE];
        void *data = NULL;
        size_t bytes = 0;

        LAW(znode_path_route(path, route->name) == 0);
        route_to_message(route, &message);
        LAW(codec_pack(&message.base, &data, &bytes) == 0);
        LAW(codec_unpack_route(data, bytes, &back) == 0);
        LAW(strcmp(back->name, route->name) == 0);
        LAW(strcmp(back->topics, route->topics) == 0);
        LAW(strcmp(back->group_id, route->group_id) == 0);
        LAW(strcmp(back->delivery_guarantee, route->delivery_guarantee) == 0);
        LAW(back->transaction_commit_interval_ms == route->transaction_commit_interval_ms);
        LAW(back->transaction_commit_bytes == route->transaction_commit_bytes);
        LAW(back->transaction_commit_records == route->transaction_commit_records);
        LAW(back->positions_recommit_interval_ms == route->positions_recommit_interval_ms);
        LAW(back->replication_factor == route->replication_factor);
        struct topic_naming naming = TOPIC_NAMING_OF(back);
        struct topic_namer *namer = NULL;
        char why[TOPIC_NAME_ERROR_MAX], name[TOPIC_NAME_SIZE], source[TOPIC_NAME_SIZE];
        LAW(topic_namer_new(&naming, &namer, why) == 0);
        if (topic_name_destination(namer, "orders", name, why) == 0) {
                LAW(topic_name_legal(name));
                if (topic_name_source(namer, name, source) == TOPIC_NAME_OURS)
                        LAW(strcmp(source, "orders") == 0);
        } else {
                LAW(*why && !*name);
        }
        topic_namer_free(namer);
        codec_free(back);
        free(data);

        memset(topic, 'x', sizeof topic);
        names_positions_topic(topic, route->group_id);
        LAW(memchr(topic, '\0', sizeof topic));
        LAW(names_is_own_topic(topic));
}

static void check_client(const struct config *c, const char *alias, const char *route,
                         enum client_role role) {
        const struct config_property **list = NULL;
        size_t count = 0, servers = 0;

        LAW(config_client_properties(c, alias, route, role, &list, &count) == 0);
        for (size_t i = 0; i < count; i++) {
                LAW(list[i]->name && *list[i]->name && list[i]->value && list[i]->line > 0);
                LAW(list[i]->unscoped || list[i]->role == role);
                if (list[i]->alias) LAW(strcmp(list[i]->alias, alias) == 0);
                if (list[i]->route) LAW(route && strcmp(list[i]->route, route) == 0);
                servers += strcmp(list[i]->name, "bootstrap.servers") == 0;
                for (size_t k = 0; k < i; k++) LAW(strcmp(list[k]->name, list[i]->name) != 0);
        }
        LAW(servers == 1);
        free(list);
}

static void check_accepted(const struct config *c) {
        for (size_t i = 0; i < c->cluster_count; i++) {
                const struct config_cluster *cluster = &c->clusters[i];
                LAW(znode_alias_valid(cluster->alias) && cluster->bootstrap_servers);
                LAW(config_cluster(c, cluster->alias) == cluster);
                check_client(c, cluster->alias, NULL, CLIENT_ADMIN);
        }
        for (size_t i = 0; i < c->route_count; i++) {
                const struct config_route *r = &c->routes[i];
                LAW(config_route(c, r->name) == r);
                LAW(config_cluster(c, r->source) && config_cluster(c, r->destination));
                LAW(strcmp(r->source, r->destination) != 0);
                if (i) LAW(strcmp(c->routes[i - 1].name, r->name) < 0);
                for (size_t k = 0; k < i; k++)
                        LAW(strcmp(c->routes[k].source, r->source) != 0 ||
                            strcmp(c->routes[k].group_id, r->group_id) != 0);
                check_client(c, r->source, r->name, CLIENT_CONSUMER);
                check_client(c, r->destination, r->name, CLIENT_PRODUCER);
                check_publishable(r);
        }
        check_round_trip(c);
}

/* Told of all keys at once, a file is as right or wrong as when it is read, and
 * each wrong key says why. */
static void check_examined(const uint8_t *data, size_t bytes, bool accepted) {
        struct config c;
        char err[CONFIG_ERROR_MAX] = "";
        if (config_examine(PATH, (const char *)data, bytes, &c, err, sizeof err) != 0) {
                LAW(!accepted); /* no properties file */
                return;
        }
        LAW((config_error_count(&c) == 0) == accepted);
        bool refused = config_general_error(&c) != NULL;
        for (size_t i = 0; i < config_fate_count(&c); i++) {
                const struct config_fate *fate = config_fate_at(&c, i);
                LAW(fate->key && fate->line > 0);
                if (fate->text) LAW(fuzz_one_line(fate->text));
                if (accepted) LAW(fate->kind != FATE_REFUSED && fate->kind != FATE_UNREAD);
                refused = refused || (fate->kind == FATE_REFUSED && fate->text && *fate->text);
        }
        LAW(refused == !accepted);
        config_fini(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
        struct config c, untouched;
        char err[CONFIG_ERROR_MAX];

        memset(err, 'x', sizeof err);
        memset(&c, 'x', sizeof c);
        memset(&untouched, 'x', sizeof untouched);
        int rc = config_parse(PATH, (const char *)data, bytes, &c, err, sizeof err);
        check_examined(data, bytes, rc == 0);
        if (rc == 0) {
                check_accepted(&c);
                config_fini(&c);
                return 0;
        }
        LAW(rc == ERR_INVALID);
        LAW(memcmp(&c, &untouched, sizeof c) == 0);
        LAW(memchr(err, '\0', sizeof err));
        LAW(strncmp(err, PATH ":", 2) == 0 && err[2]);
        LAW(fuzz_one_line(err));
        return 0;
}
