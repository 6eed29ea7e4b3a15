#include "coordinator/topic_admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

#define REQUEST_MS 20000
#define BATCH 100 /* topics of one request: an answer holds some 40 settings of each */

static rd_kafka_AdminOptions_t *options_for(rd_kafka_t *rk, rd_kafka_admin_op_t op) {
        char err[128];
        rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, op);
        (void)rd_kafka_AdminOptions_set_request_timeout(options, REQUEST_MS, err, sizeof err);
        return options;
}

static char *copy_text(const char *text) {
        char *copy = strdup(text);
        if (!copy) abort();
        return copy;
}

/* ---- reading ---- */

static int take_entries(const rd_kafka_ConfigResource_t *resource, struct topic_settings *out) {
        size_t count;
        const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
        for (size_t i = 0; i < count; i++) {
                const char *value = rd_kafka_ConfigEntry_value(entries[i]);
                if (!value) continue; /* a secret: topics have none */
                int rc = topic_settings_add(out, rd_kafka_ConfigEntry_name(entries[i]), value,
                                            rd_kafka_ConfigEntry_source(entries[i]) ==
                                                    RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG);
                if (rc) return rc;
        }
        return 0;
}

static int describe_batch(rd_kafka_t *rk, const char *const *names, size_t count, struct topic_settings *out,
                          char *err, size_t err_size) {
        rd_kafka_ConfigResource_t *asked[BATCH];
        size_t answers = 0;
        int rc = 0;
        for (size_t i = 0; i < count; i++)
                asked[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, names[i]);
        rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
        rd_kafka_AdminOptions_t *options = options_for(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
        rd_kafka_DescribeConfigs(rk, asked, count, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, REQUEST_MS + 5000);
        if (!event || rd_kafka_event_error(event)) {
                (void)snprintf(err, err_size, "configuration of topics: %s",
                               event ? rd_kafka_event_error_string(event) : "no answer");
                rc = ERR_KAFKA;
        } else {
                const rd_kafka_ConfigResource_t **got = rd_kafka_DescribeConfigs_result_resources(
                        rd_kafka_event_DescribeConfigs_result(event), &answers);
                for (size_t r = 0; !rc && r < answers; r++)
                        for (size_t i = 0; !rc && i < count; i++) {
                                if (strcmp(rd_kafka_ConfigResource_name(got[r]), names[i]) != 0) continue;
                                rd_kafka_resp_err_t e = rd_kafka_ConfigResource_error(got[r]);
                                const char *why = rd_kafka_ConfigResource_error_string(got[r]);
                                out[i].gone = e == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
                                if (e) out[i].error = copy_text(why ? why : rd_kafka_err2str(e));
                                else rc = take_entries(got[r], &out[i]);
                        }
        }
        if (event) rd_kafka_event_destroy(event);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_queue_destroy(queue);
        rd_kafka_ConfigResource_destroy_array(asked, count);
        return rc;
}

int topic_admin_describe(rd_kafka_t *rk, const char *const *names, size_t count, struct topic_settings *out,
                         char *err, size_t err_size) {
        int rc = 0;
        for (size_t i = 0; i < count; i++) out[i] = (struct topic_settings){0};
        for (size_t at = 0; !rc && at < count; at += BATCH)
                rc = describe_batch(rk, names + at, count - at < BATCH ? count - at : BATCH, out + at, err, err_size);
        for (size_t i = 0; !rc && i < count; i++)
                if (!out[i].error && out[i].count == 0) out[i].error = copy_text("no answer");
        return rc;
}

/* ---- writing ---- */

static void alter_batch(rd_kafka_t *rk, const char *const *names, const struct topic_settings *settings,
                        size_t count, char **out_errors) {
        rd_kafka_ConfigResource_t *wanted[BATCH];
        size_t answers = 0;
        for (size_t i = 0; i < count; i++) {
                wanted[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, names[i]);
                for (size_t k = 0; k < settings[i].count; k++) /* it only copies */
                        (void)rd_kafka_ConfigResource_set_config(wanted[i], settings[i].items[k].name,
                                                                 settings[i].items[k].value);
                out_errors[i] = copy_text("no answer");
        }
        rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
        rd_kafka_AdminOptions_t *options = options_for(rk, RD_KAFKA_ADMIN_OP_ALTERCONFIGS);
        rd_kafka_AlterConfigs(rk, wanted, count, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, REQUEST_MS + 5000);
        const char *why = event && rd_kafka_event_error(event) ? rd_kafka_event_error_string(event) : NULL;
        const rd_kafka_ConfigResource_t **got = NULL;
        if (event && !why)
                got = rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &answers);
        for (size_t i = 0; i < count; i++) {
                for (size_t r = 0; r < answers; r++) {
                        if (strcmp(rd_kafka_ConfigResource_name(got[r]), names[i]) != 0) continue;
                        rd_kafka_resp_err_t e = rd_kafka_ConfigResource_error(got[r]);
                        const char *text = rd_kafka_ConfigResource_error_string(got[r]);
                        free(out_errors[i]);
                        out_errors[i] = e ? copy_text(text ? text : rd_kafka_err2str(e)) : NULL;
                }
                if (why) {
                        free(out_errors[i]);
                        out_errors[i] = copy_text(why);
                }
        }
        if (event) rd_kafka_event_destroy(event);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_queue_destroy(queue);
        rd_kafka_ConfigResource_destroy_array(wanted, count);
}

void topic_admin_alter(rd_kafka_t *rk, const char *const *names, const struct topic_settings *settings,
                       size_t count, char **out_errors) {
        for (size_t at = 0; at < count; at += BATCH)
                alter_batch(rk, names + at, settings + at, count - at < BATCH ? count - at : BATCH, out_errors + at);
}

char *topic_admin_delete(rd_kafka_t *rk, const char *name) {
        size_t count = 0;
        char *why = copy_text("no answer");
        rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);
        rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
        rd_kafka_AdminOptions_t *options = options_for(rk, RD_KAFKA_ADMIN_OP_DELETETOPICS);
        rd_kafka_DeleteTopics(rk, &topic, 1, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, REQUEST_MS + 5000);
        if (event && rd_kafka_event_error(event)) {
                free(why);
                why = copy_text(rd_kafka_event_error_string(event));
        } else if (event) {
                const rd_kafka_topic_result_t **results =
                        rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
                rd_kafka_resp_err_t e = count ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__FAIL;
                free(why);
                why = e && e != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ? copy_text(rd_kafka_err2str(e)) : NULL;
        }
        if (event) rd_kafka_event_destroy(event);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_queue_destroy(queue);
        rd_kafka_DeleteTopic_destroy(topic);
        return why;
}
