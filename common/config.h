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
 * the default for all routes.  Client settings, the more specific wins: see
 * enum config_level.  Whether one exists is not known here:
 * kafka_config_check. */
#ifndef HELIOSTAT_COMMON_CONFIG_H
#define HELIOSTAT_COMMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_ERROR_MAX 512

enum client_role { CLIENT_CONSUMER, CLIENT_PRODUCER, CLIENT_ADMIN };

/* How a client setting is written, the least specific first. */
enum config_level {
        CONFIG_EVERY = 1,  /* `security.protocol`, `ssl.x`, `sasl.x`: of every cluster */
        CONFIG_EVERY_ROLE, /* `consumer.x`, `producer.x`, `admin.x` */
        CONFIG_ALIAS,      /* `<alias>.x` */
        CONFIG_ALIAS_ROLE, /* `<alias>.consumer.x` ... */
        CONFIG_ROUTE,      /* `<route>.consumer.x` at its source, `<route>.producer.x` at its destination */
        CONFIG_ROUTE_END,  /* `<route>.source.consumer.x`, `<route>.target.producer.x`,
                            * `<route>.producer.override.x`: MirrorMaker 2's */
};

struct config_property {
        char *name;   /* librdkafka's or Java's name, prefix removed */
        char *value;  /* may be a secret: see config_key_is_secret; placeholders still in it
                       * (secret.h), but for bootstrap.servers */
        int line;
        char *key;    /* as written in the file, for error messages */
        enum config_level level;
        /* Given as `<alias>.x` or `x`, for all roles: one that the role at hand does
         * not know is then left out, where a scoped one is an error. */
        bool unscoped;
        enum client_role role; /* when not unscoped */
        const char *alias; /* of `<alias>...`, or NULL */
        const char *route; /* of `<route>...`, or NULL */
        size_t fate;       /* index, for config_fate_at */
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
        uint64_t limit_bytes_per_second; /* 0: none; so the next */
        uint32_t limit_records_per_second;
        char *limit_topics_bytes, *limit_topics_records, *priority; /* flow_rules.h */
        char *start_from, *start_from_topics; /* start_from.h */
        bool offset_map_enabled;
        bool batch_relay_enabled;
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
        int *lines; /* where each setting of the table stands; 0: its default.  NULL: not of a file */
};

/* What became of one property of the file. */
enum config_fate_kind {
        FATE_KEPT,       /* in effect */
        FATE_RENAMED,    /* in effect as another setting: the text says which */
        FATE_CLIENT,     /* a client setting: kafka_settings_fate knows */
        FATE_OVERRIDDEN, /* others are more specific everywhere */
        FATE_IGNORED,    /* no effect here; the text says why */
        FATE_REFUSED,    /* an error */
        FATE_UNREAD,     /* not looked at, since an earlier error hides what it means */
};

struct config_fate {
        char *key;
        int line;
        enum config_fate_kind kind;
        char *text;      /* one line, or NULL */
        bool hidden;     /* the value came from a placeholder: never shown */
};

struct config_private;

struct config {
        char *path;
        /* program settings; see settings.h for units and defaults */
        char *zookeeper_connect;      /* NULL when not set */
        int zookeeper_session_timeout_ms;
        char *zookeeper_auth;         /* a secret */
        char *zookeeper_acl_readers;
        bool zookeeper_acl_open;
        uint32_t worker_loops;        /* 0: number of cores */
        uint32_t worker_capacity;
        char *worker_zone;
        uint64_t worker_memory_budget_bytes;
        uint64_t worker_limit_bytes_per_second; /* 0: none; so the next */
        uint32_t worker_limit_records_per_second;
        uint32_t report_interval_ms;
        uint32_t rebalance_interval_s, rebalance_settle_s, rebalance_imbalance_percent, rebalance_moves_max;
        uint32_t rebalance_partitions_max; /* that leave a hot lane; 0: none */
        char *worker_http_listen, *coordinator_http_listen; /* "": no server */
        char *http_token, *http_tls_certificate, *http_tls_key; /* "" for none */
        bool http_insecure;
        char *log_level, *log_format;
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
/* As config_parse, for telling everything about a file: with errors, too, *out
 * is the caller's, for its fates and properties alone.  0 (see
 * config_error_count) | ERR_INVALID (no properties file) | ERR_TOO_BIG | ERR_NOMEM */
int config_examine(const char *path, const char *text, size_t bytes, struct config *out, char *err,
                   size_t err_size);
void config_fini(struct config *config);

/* Of each property of the file, in its order. */
size_t config_fate_count(const struct config *config);
const struct config_fate *config_fate_at(const struct config *config, size_t index);
/* Errors, of config_examine; those of no property too. */
size_t config_error_count(const struct config *config);
/* An error that no property stands for, or NULL. */
const char *config_general_error(const struct config *config);
/* Where a program setting (index in settings.h's table) stands; 0: its default. */
int config_program_line(const struct config *config, size_t index);

/* Reads a whole file: malloc'd, for the caller to wipe and free.  0 | ERR_IO |
 * ERR_TOO_BIG | ERR_NOMEM; err holds one line. */
int config_read_file(const char *path, char **out, size_t *out_bytes, char *err, size_t err_size);

/* NULL when there is none. */
const struct config_cluster *config_cluster(const struct config *config, const char *alias);
const struct config_route *config_route(const struct config *config, const char *name);

/* Client properties of one end of a route, least specific first, each name
 * once (the most specific won): by enum config_level; a route's consumer
 * settings hold at its source and its producer settings at its destination
 * only.  route may be NULL (admin
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

/* Whether a client property concerns such a client: 0, or how specific it is. */
int config_concerns(const struct config_property *property, const char *alias, const char *route,
                    enum client_role role);

/* Every client property of the file, in its order.  Borrows config. */
size_t config_property_count(const struct config *config);
const struct config_property *config_property_at(const struct config *config, size_t index);

/* Whether the value of a key may never be printed (passwords, secrets, keys). */
bool config_key_is_secret(const char *key);

#endif
