#include "common/kafka.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/err.h"
#include "common/kafka_security.h"
#include "common/kafka_settings.h"
#include "common/kafka_token.h"
#include "common/kafka_trouble.h"
#include "common/log.h"
#include "common/text.h"
#include "common/text_grow.h"

/* ---- log ---------------------------------------------------------------- */

/* A broker that is down makes each of some fifty clients complain several
 * times a second.  One line per facility and interval is enough to see it, and
 * the count says what was left out. */
#define LOG_INTERVAL_MS 5000

/* librdkafka's "error" is mostly a connection that it will make again, hence
 * a warning here.  Debug lines were asked for, so they are not counted out. */
void kafka_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
        enum log_level ours = level <= 2   ? LOG_ERROR
                              : level <= 4 ? LOG_WARN
                              : level <= 6 ? LOG_INFO
                                           : LOG_DEBUG;
        uint64_t suppressed = 0;
        char kind[64];

        kafka_trouble_note(client, facility, text);
        if (ours < log_get_level()) return;
        /* Says of each client that a setting which every producer here has is
         * experimental. */
        if (strstr(text, "enable.gapless.guarantee is experimental")) return;
        (void)snprintf(kind, sizeof kind, "kafka.client %s", facility);
        if (ours != LOG_DEBUG && !log_admit(kind, 1, LOG_INTERVAL_MS, &suppressed)) return;
        log_write_counted(ours, "kafka.client", suppressed, "client=%s facility=%s text=\"%s\"",
                          client ? rd_kafka_name(client) : "-", facility, text);
}

static void on_log_silent(const rd_kafka_t *client, int level, const char *facility,
                          const char *text) {
        (void)client;
        (void)level;
        (void)facility;
        (void)text;
}

/* ---- clients ------------------------------------------------------------ */

/* Takes conf, also on failure. */
static int start(rd_kafka_conf_t *conf, enum client_role role, const char *path, const char *alias,
                 rd_kafka_t **out, char *err, size_t err_size) {
        char why[300] = "";
        rd_kafka_t *client =
                rd_kafka_new(role == CLIENT_CONSUMER ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf,
                             why, sizeof why);
        if (client) {
                *out = client;
                return 0;
        }
        int rc = rd_kafka_last_error() == RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE ? ERR_SYSTEM
                                                                               : ERR_INVALID;
        rd_kafka_conf_destroy(conf);
        (void)snprintf(err, err_size, "%s: client settings of '%s': %s", path, alias, why);
        text_one_line(err);
        return rc;
}

/* Any of these may have come from a placeholder or a login module. */
static bool log_hides(const char *name) {
        return config_key_is_secret(name) || strncmp(name, "ssl", 3) == 0 ||
               (strncmp(name, "sasl.", 5) == 0 && strncmp(name, "sasl.mechanism", 14) != 0);
}

/* What is in effect, as librdkafka tells it, where it is not librdkafka's own
 * default; no secrets. */
static void log_settings(const rd_kafka_t *client, enum client_role role, const char *alias, const char *route) {
        static const char *const roles[] = {"consumer", "producer", "admin"};
        struct text text = {0};
        size_t count = 0, default_count = 0;
        if (log_get_level() > LOG_DEBUG) return;
        rd_kafka_conf_t *fresh = rd_kafka_conf_new();
        const char **list = rd_kafka_conf_dump((rd_kafka_conf_t *)(uintptr_t)rd_kafka_conf((rd_kafka_t *)(uintptr_t)client), &count);
        const char **defaults = rd_kafka_conf_dump(fresh, &default_count);
        for (size_t i = 0; i + 1 < count; i += 2) {
                bool same = false;
                for (size_t k = 0; !same && k + 1 < default_count; k += 2)
                        same = strcmp(list[i], defaults[k]) == 0 && strcmp(list[i + 1], defaults[k + 1]) == 0;
                size_t n = strlen(list[i]);
                bool internal = (n > 3 && strcmp(list[i] + n - 3, "_cb") == 0) || strcmp(list[i], "opaque") == 0 ||
                                strcmp(list[i], "default_topic_conf") == 0 || strcmp(list[i], "interceptors") == 0;
                if (same || internal) continue;
                text_add(&text, "%s%s=%s", text.data ? " " : "", list[i], log_hides(list[i]) ? "(hidden)" : list[i + 1]);
        }
        log_debug("kafka.settings", "client=%s alias=%s route=%s settings=\"%s\"", roles[role], alias, route ? route : "",
                  text.data ? text.data : "");
        free(text.data);
        rd_kafka_conf_dump_free(list, count);
        rd_kafka_conf_dump_free(defaults, default_count);
        rd_kafka_conf_destroy(fresh);
}

int kafka_client_new(const struct config *config, const char *alias, const char *route,
                     enum client_role role, const struct kafka_setting *extra,
                     void (*conf_hook)(rd_kafka_conf_t *conf, void *ctx), void *ctx,
                     rd_kafka_t **out, char *err, size_t err_size) {
        rd_kafka_conf_t *conf = rd_kafka_conf_new();

        int rc = kafka_settings_fill(config, alias, route, role, extra, conf, err, err_size);
        if (rc) {
                rd_kafka_conf_destroy(conf);
                return rc;
        }
        rd_kafka_conf_set_log_cb(conf, kafka_log);
        kafka_token_prepare(conf);
        kafka_trouble_prepare(conf);
        if (conf_hook) conf_hook(conf, ctx);
        rc = start(conf, role, config->path, alias, out, err, err_size);
        if (!rc) log_settings(*out, role, alias, route);
        if (!rc) kafka_token_begin(*out);
        return rc;
}

/* ---- checks ------------------------------------------------------------- */

/* Of the computed settings, those that a setting of the file may contradict:
 * the fetch and the shortest timeout that are computed. */
#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
static const struct kafka_setting check_consumer[] = {{"fetch.max.bytes", KAFKA_FETCH_MAX_BYTES},
                                                      {NULL, NULL}};
static const struct kafka_setting check_producer[] = {
        {"message.timeout.ms", TEXT(KAFKA_MESSAGE_TIMEOUT_MIN_MS)}, {NULL, NULL}};

/* Settings that contradict each other, and files that are not there, show up
 * only when a client is made.  One without brokers and without SASL (which
 * would call kinit or a token server) connects to nothing. */
static int check_client(const struct config *config, const char *alias, const char *route,
                        enum client_role role, bool make, char *err, size_t err_size) {
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        rd_kafka_t *client;
        char protocol[32] = "", why[128];
        size_t size = sizeof protocol;

        int rc = kafka_settings_fill(config, alias, route, role,
                                     role == CLIENT_CONSUMER   ? check_consumer
                                     : role == CLIENT_PRODUCER ? check_producer
                                                               : NULL,
                                     conf, err, err_size);
        if (rc || !make) {
                rd_kafka_conf_destroy(conf);
                return rc;
        }
        (void)rd_kafka_conf_get(conf, "security.protocol", protocol, &size); /* "" then */
        if (strncasecmp(protocol, "sasl_", 5) == 0)
                (void)rd_kafka_conf_set(conf, "security.protocol", protocol + 5, why, sizeof why);
        (void)rd_kafka_conf_set(conf, "bootstrap.servers", "", why, sizeof why); /* always taken */
        rd_kafka_conf_set_log_cb(conf, on_log_silent);
        rc = start(conf, role, config->path, alias, &client, err, err_size);
        if (!rc) rd_kafka_destroy(client);
        return rc;
}

static void on_notice(void *ctx, const char *text) {
        log_warn("config.insecure", "cluster=%s text=\"%s\"", (const char *)ctx, text);
}

/* Of one client, for all of its cluster. */
static void security_notices(const struct config *config, const char *alias) {
        char err[CONFIG_ERROR_MAX];
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        if (kafka_settings_fill(config, alias, NULL, CLIENT_CONSUMER, NULL, conf, err, sizeof err) == 0)
                kafka_security_notices(conf, on_notice, (void *)alias);
        rd_kafka_conf_destroy(conf);
}

static int check_all(const struct config *config, bool make, char *err, size_t err_size) {
        static const enum client_role roles[] = {CLIENT_CONSUMER, CLIENT_PRODUCER, CLIENT_ADMIN};
        int rc = 0;

        for (size_t i = 0; i < config->cluster_count; i++)
                for (size_t k = 0; !rc && k < sizeof roles / sizeof *roles; k++)
                        rc = check_client(config, config->clusters[i].alias, NULL, roles[k], make,
                                          err, err_size);
        for (size_t i = 0; !rc && i < config_property_count(config); i++) {
                const struct config_property *p = config_property_at(config, i);
                if (!p->route) continue;
                const char *arrow = strstr(p->route, "->");
                char source[160];
                (void)snprintf(source, sizeof source, "%.*s", (int)(arrow - p->route), p->route);
                rc = check_client(config, p->role == CLIENT_CONSUMER ? source : arrow + 2, p->route,
                                  p->role, make, err, err_size);
        }
        return rc;
}

int kafka_config_check_names(const struct config *config, char *err, size_t err_size) {
        return check_all(config, false, err, err_size);
}

int kafka_config_check(const struct config *config, char *err, size_t err_size) {
        int rc = check_all(config, true, err, err_size);
        for (size_t i = 0; !rc && i < config->cluster_count; i++) security_notices(config, config->clusters[i].alias);
        for (size_t i = 0; !rc && i < config_fate_count(config); i++) {
                const struct config_fate *fate = config_fate_at(config, i);
                if (fate->kind == FATE_IGNORED)
                        log_info("config.ignored", "file=%s line=%d key=%s reason=\"%s\"", config->path,
                                 fate->line, fate->key, fate->text ? fate->text : "");
        }
        for (size_t i = 0; !rc && i < config_property_count(config); i++) {
                const struct config_property *p = config_property_at(config, i);
                const char *why = kafka_settings_ignored(p);
                if (why)
                        log_info("config.ignored", "file=%s line=%d key=%s reason=\"%s\"",
                                 config->path, p->line, p->key, why);
        }
        return rc;
}

const char *kafka_library_version(void) { return rd_kafka_version_str(); }

static rd_kafka_resp_err_t log_offset(rd_kafka_t *client, const char *topic, int32_t partition, int limit_ms, int64_t which,
                                      int64_t *out) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_t *row = rd_kafka_topic_partition_list_add(list, topic, partition);
        row->offset = which; /* ListOffsets' -2 and -1 */
        rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(client, list, limit_ms);
        if (!err) err = row->err;
        if (!err) *out = row->offset;
        rd_kafka_topic_partition_list_destroy(list);
        return err;
}

rd_kafka_resp_err_t kafka_log_range(rd_kafka_t *client, const char *topic, int32_t partition, int limit_ms,
                                    int64_t *out_low, int64_t *out_high) {
        int64_t low;
        int each_ms = limit_ms < 2 ? 1 : limit_ms / 2;
        rd_kafka_resp_err_t err = log_offset(client, topic, partition, each_ms, RD_KAFKA_OFFSET_BEGINNING, &low);
        if (!err) err = log_offset(client, topic, partition, each_ms, RD_KAFKA_OFFSET_END, out_high);
        if (!err) *out_low = low;
        return err;
}
