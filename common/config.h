/* The configuration file: Java properties in MirrorMaker 2's notation.
 *
 *     zookeeper.connect = zk1:2181,zk2:2181/heliostat
 *     clusters = east, west
 *     east.bootstrap.servers = e1:9092
 *     east->west.topics = orders.*, payments
 *
 * Settings of the program and of routes stand in one table (settings.h), from
 * which parser, defaults, help, docs and sample derive.  A route exists when
 * one of its settings is given; a route setting without a route in front is
 * the default for all routes.  Client settings are `<alias>.<x>`,
 * `<alias>.consumer.<x>`, `<alias>.producer.<x>`, `<alias>.admin.<x>` and
 * `<route>.consumer.<x>`, `<route>.producer.<x>`; the more specific wins.
 * Whether a client setting exists is not known here: kafka_config_check. */
#ifndef HELIOSTAT_COMMON_CONFIG_H
#define HELIOSTAT_COMMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_ERROR_MAX 512

enum client_role { CLIENT_CONSUMER, CLIENT_PRODUCER, CLIENT_ADMIN };

struct config_property {
        char *name;   /* librdkafka's or Java's name, prefix removed */
        char *value;  /* may be a secret: see config_key_is_secret; placeholders still in it
                       * (secret.h), but for bootstrap.servers */
        int line;
        char *key;    /* as written in the file, for error messages */
        /* Given as `<alias>.x`, for all roles: one that the role at hand does
         * not know is then left out, where a scoped one is an error. */
        bool unscoped;
        enum client_role role; /* when not unscoped */
        const char *alias; /* of `<alias>...`, or NULL */
        const char *route; /* of `<route>...`, or NULL */
};

struct config_cluster {
        char *alias;
        char *bootstrap_servers;
};

/* Route policies; what `apply` publishes. */
struct config_route {
        char *name;         /* "east->west" */
        char *source;       /* alias */
        char *destination;  /* alias */
        bool enabled;
        char *topics;
        char *topics_exclude;  /* "" for none */
        char *topic_naming;    /* see topic_name.h, as the next four */
        char *replication_policy_separator;
        char *topic_map;
        char *topic_rename_regex, *topic_rename_replacement;
        bool topic_merge;
        char *partitioning, *provenance;
        bool sync_topic_configs_enabled, sync_topic_deletes;
        uint32_t sync_topic_configs_interval_s, sync_topic_acls_interval_s;
        bool sync_topic_acls_enabled;
        char *config_properties_exclude;
        uint32_t lanes;
        char *group_id;        /* default "heliostat.<route>" */
        char *delivery_guarantee;
        char *gap_policy, *poison_record_policy;
        char *start_from, *start_from_topics; /* start_from.h */
        bool offset_map_enabled;
        char *groups, *groups_exclude;
        bool sync_group_offsets_enabled, emit_checkpoints_enabled, emit_heartbeats_enabled;
        uint32_t sync_group_offsets_interval_s, emit_checkpoints_interval_s, emit_heartbeats_interval_s;
        uint32_t offset_commit_interval_ms;
        uint32_t positions_recommit_interval_ms;
        uint32_t transaction_commit_interval_ms;
        uint64_t transaction_commit_bytes;
        uint32_t transaction_commit_records;
        uint32_t refresh_topics_interval_s;
        int32_t replication_factor;  /* -1: the broker's default */
};

struct config_private;

struct config {
        char *path;
        /* program settings; see settings.h for units and defaults */
        char *zookeeper_connect;      /* NULL when not set */
        int zookeeper_session_timeout_ms;
        uint32_t worker_loops;        /* 0: number of cores */
        uint32_t worker_capacity;
        char *worker_zone;
        uint64_t worker_memory_budget_bytes;
        uint32_t report_interval_ms;
        char *worker_http_listen, *coordinator_http_listen; /* "": no server */
        char *http_token, *http_tls_certificate, *http_tls_key; /* "" for none */
        bool http_insecure;
        char *log_level;
        bool core_dumps;

        struct config_cluster *clusters;
        size_t cluster_count;
        struct config_route *routes;  /* sorted by name */
        size_t route_count;
        struct config_private *priv;
};

/* Reads and checks a whole file.  On failure err holds one line: file, line,
 * key, what was expected, the nearest known name.  0 | ERR_INVALID | ERR_IO |
 * ERR_TOO_BIG | ERR_NOMEM; *out is the caller's on success (config_fini). */
int config_load(const char *path, struct config *out, char *err, size_t err_size);
/* The same from text; path is for messages only. */
int config_parse(const char *path, const char *text, size_t bytes, struct config *out,
                 char *err, size_t err_size);
void config_fini(struct config *config);

/* NULL when there is none. */
const struct config_cluster *config_cluster(const struct config *config, const char *alias);
const struct config_route *config_route(const struct config *config, const char *name);

/* Client properties of one end of a route, least specific first, each name
 * once (the most specific won): `<alias>.x`, `<alias>.consumer.x`, then
 * `<route>.consumer.x`; a route's consumer settings hold at its source and its
 * producer settings at its destination only.  route may be NULL (admin
 * clients), and need not be one of the file: routes come from ZooKeeper, the
 * file of a worker may name clusters alone.  bootstrap.servers is included.
 * The array is malloc'd (caller frees it, not the strings, which borrow config).
 * 0 | ERR_NOMEM | ERR_NOT_FOUND (no such alias) */
int config_client_properties(const struct config *config, const char *alias, const char *route,
                             enum client_role role, const struct config_property ***out,
                             size_t *out_count);

/* Prints docs/configuration.md, or a commented sample file. */
char *config_reference_markdown(void); /* malloc'd */
char *config_sample(void);             /* malloc'd */

/* Every client property of the file, in its order.  Borrows config. */
size_t config_property_count(const struct config *config);
const struct config_property *config_property_at(const struct config *config, size_t index);

/* Whether the value of a key may never be printed (passwords, secrets, keys). */
bool config_key_is_secret(const char *key);

#endif
