/* A configuration that was read: its file, its questions, its end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config_internal.h"
#include "common/err.h"
#include "common/properties.h"
#include "common/setting_value.h"
#include "common/text.h"

int config_read_file(const char *path, char **out, size_t *out_bytes, char *err, size_t err_size) {
        char *text = NULL;
        size_t bytes = 0, room = 0;
        int rc = 0;

        err[0] = '\0';
        FILE *file = fopen(path, "re");
        if (!file) {
                (void)snprintf(err, err_size, "%s: cannot open the file: %s", path,
                               strerror(errno));
                text_one_line(err);
                return ERR_IO;
        }
        for (;;) {
                if (bytes == room) {
                        room = room ? room * 2 : 16384;
                        bool too_big = room > 2 * PROPERTIES_BYTES_MAX;
                        /* not realloc: what it leaves behind could hold a password */
                        char *more = too_big ? NULL : malloc(room);
                        if (!more) {
                                rc = too_big ? ERR_TOO_BIG : ERR_NOMEM;
                                (void)snprintf(err, err_size, "%s: %s", path, err_text(rc));
                                break;
                        }
                        if (text) {
                                memcpy(more, text, bytes);
                                explicit_bzero(text, bytes);
                                free(text);
                        }
                        text = more;
                }
                errno = 0;
                size_t n = fread(text + bytes, 1, room - bytes, file);
                bytes += n;
                if (n) continue;
                if (ferror(file)) {
                        rc = ERR_IO;
                        (void)snprintf(err, err_size, "%s: cannot read the file: %s", path,
                                       strerror(errno));
                }
                break;
        }
        text_one_line(err);
        (void)fclose(file); /* only read from */
        if (rc) {
                if (text) explicit_bzero(text, bytes);
                free(text);
                return rc;
        }
        *out = text;
        *out_bytes = bytes;
        return 0;
}

int config_load(const char *path, struct config *out, char *err, size_t err_size) {
        char *text = NULL;
        size_t bytes = 0;
        int rc = config_read_file(path, &text, &bytes, err, err_size);
        if (rc) return rc;
        rc = config_parse(path, text, bytes, out, err, err_size);
        explicit_bzero(text, bytes);
        free(text);
        return rc;
}

void config_fini(struct config *config) {
        setting_free_all(setting_program, SETTING_PROGRAM_COUNT, config);
        for (size_t i = 0; i < config->cluster_count; i++) {
                free(config->clusters[i].alias);
                free(config->clusters[i].bootstrap_servers);
        }
        free(config->clusters);
        for (size_t i = 0; i < config->route_count; i++) {
                struct config_route *r = &config->routes[i];
                free(r->name);
                free(r->source);
                free(r->destination);
                free(r->lines);
                setting_free_all(setting_route, SETTING_ROUTE_COUNT, r);
        }
        free(config->routes);
        for (size_t i = 0; config->priv && i < config->priv->count; i++) {
                struct config_property *item = &config->priv->items[i];
                free(item->name);
                /* not left in freed memory for a core dump to show */
                if (item->value) explicit_bzero(item->value, strlen(item->value));
                free(item->value);
                free(item->key);
                free((char *)item->route);
        }
        for (size_t i = 0; config->priv && i < config->priv->fate_count; i++) {
                free(config->priv->fates[i].key);
                free(config->priv->fates[i].text);
        }
        if (config->priv) {
                free(config->priv->items);
                free(config->priv->fates);
                free(config->priv->general);
        }
        free(config->priv);
        free(config->path);
        memset(config, 0, sizeof *config);
}

/* ---- questions ---------------------------------------------------------- */

const struct config_cluster *config_cluster(const struct config *config, const char *alias) {
        for (size_t i = 0; i < config->cluster_count; i++)
                if (strcmp(config->clusters[i].alias, alias) == 0) return &config->clusters[i];
        return NULL;
}

const struct config_route *config_route(const struct config *config, const char *name) {
        for (size_t i = 0; i < config->route_count; i++)
                if (strcmp(config->routes[i].name, name) == 0) return &config->routes[i];
        return NULL;
}

size_t config_fate_count(const struct config *config) { return config->priv->fate_count; }

const struct config_fate *config_fate_at(const struct config *config, size_t index) {
        return &config->priv->fates[index];
}

size_t config_error_count(const struct config *config) { return config->priv->error_count; }

const char *config_general_error(const struct config *config) { return config->priv->general; }

int config_program_line(const struct config *config, size_t index) {
        return config->priv->program_lines[index];
}

size_t config_property_count(const struct config *config) { return config->priv->count; }

const struct config_property *config_property_at(const struct config *config, size_t index) {
        return &config->priv->items[index];
}

int config_concerns(const struct config_property *item, const char *alias, const char *route,
                enum client_role role) {
        if (!item->unscoped && item->role != role) return 0;
        if (item->alias && strcmp(item->alias, alias) != 0) return 0;
        if (!item->route) return (int)item->level;
        if (!route || strcmp(item->route, route) != 0) return 0;
        const char *arrow = strstr(route, "->");
        size_t n = (size_t)(arrow - route);
        bool mine = role == CLIENT_CONSUMER ? strlen(alias) == n && memcmp(alias, route, n) == 0
                                            : strcmp(arrow + 2, alias) == 0;
        return mine ? (int)item->level : 0;
}

int config_client_properties(const struct config *config, const char *alias, const char *route,
                             enum client_role role, const struct config_property ***out,
                             size_t *out_count) {
        const struct config_private *priv = config->priv;
        size_t count = 0;

        if (!config_cluster(config, alias)) return ERR_NOT_FOUND;
        const struct config_property **list = malloc((priv->count + 1) * sizeof *list);
        if (!list) return ERR_NOMEM;
        for (int level = CONFIG_EVERY; level <= CONFIG_ROUTE_END; level++)
                for (size_t i = 0; i < priv->count; i++) {
                        const struct config_property *item = &priv->items[i];
                        if (config_concerns(item, alias, route, role) != level) continue;
                        /* the later place matters too: librdkafka's and Java's
                         * names of one thing must override each other */
                        for (size_t k = 0; k < count; k++)
                                if (strcmp(list[k]->name, item->name) == 0) {
                                        memmove(&list[k], &list[k + 1],
                                                (count - k - 1) * sizeof *list);
                                        count--;
                                        break;
                                }
                        list[count++] = item;
                }
        *out = list;
        *out_count = count;
        return 0;
}
