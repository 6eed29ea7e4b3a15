/* What librdkafka is given for one client, with where each value comes from. */
#ifndef HELIOSTAT_CLI_CLIENT_SETTINGS_H
#define HELIOSTAT_CLI_CLIENT_SETTINGS_H

#include <stddef.h>

#include "common/config.h"
#include "common/kafka_settings.h"

struct client_setting {
        char *name;       /* librdkafka's, or Java's of what is taken apart (stores, login modules) */
        char *value;      /* NULL: may not be shown, or (COMPUTED) decided when the client is made */
        enum kafka_origin origin;
        char *key;        /* of FILE, as written there */
        int line;         /* of FILE */
        size_t fate;      /* of FILE: index for config_fate_at */
        const char *why;  /* of the others; static, may be "" */
};

struct client_settings {
        struct client_setting *items; /* sorted by name */
        size_t count, room;
        int rc; /* of the collecting */
};

/* route may be NULL.  0 | as kafka_settings_fill.  *out is the caller's on
 * success (client_settings_fini). */
int client_settings_of(const struct config *config, const char *alias, const char *route,
                       enum client_role role, struct client_settings *out, char *err, size_t err_size);
void client_settings_fini(struct client_settings *settings);
const struct client_setting *client_settings_find(const struct client_settings *settings, const char *name);

/* The clients that a configuration means: of each route's consumers and
 * producers and each cluster's others, or of all kinds where the file has no
 * routes. */
struct client_place {
        const char *alias, *route; /* route NULL: none */
        enum client_role role;
};
/* malloc'd; NULL on no memory. */
struct client_place *client_places(const struct config *config, size_t *out_count);
const char *client_role_name(enum client_role role); /* "consumer" ... */

#endif
