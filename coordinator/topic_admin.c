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

/* Instead of a batch of requests that may be sent no more. */
static bool stopped(const atomic_bool *stop, size_t count, char **out_errors) {
        if (!stop || !atomic_load(stop)) return false;
        for (size_t i = 0; i < count; i++) out_errors[i] = copy_text("not asked for: it leads no longer, or the route has changed");
        return true;
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
                       size_t count, const atomic_bool *stop, char **out_errors) {
        for (size_t at = 0; at < count; at += BATCH) {
                size_t n = count - at < BATCH ? count - at : BATCH;
                if (!stopped(stop, n, out_errors + at)) alter_batch(rk, names + at, settings + at, n, out_errors + at);
        }
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

/* ---- ACLs ---- */

_Static_assert((int)TOPIC_ACL_LITERAL == (int)RD_KAFKA_RESOURCE_PATTERN_LITERAL &&
                       (int)TOPIC_ACL_PREFIXED == (int)RD_KAFKA_RESOURCE_PATTERN_PREFIXED &&
                       (int)TOPIC_ACL_ALL == (int)RD_KAFKA_ACL_OPERATION_ALL &&
                       (int)TOPIC_ACL_DESCRIBE_CONFIGS == (int)RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS &&
                       (int)TOPIC_ACL_DENY == (int)RD_KAFKA_ACL_PERMISSION_TYPE_DENY,
               "the protocol's numbers");

int topic_admin_acls(rd_kafka_t *rk, struct topic_acls *out, char *err, size_t err_size) {
        struct topic_acls acls = {0};
        size_t count = 0;
        int rc = 0;
        rd_kafka_AclBindingFilter_t *all = rd_kafka_AclBindingFilter_new(
                RD_KAFKA_RESOURCE_TOPIC, NULL, RD_KAFKA_RESOURCE_PATTERN_ANY, NULL, NULL,
                RD_KAFKA_ACL_OPERATION_ANY, RD_KAFKA_ACL_PERMISSION_TYPE_ANY, err, err_size);
        if (!all) return ERR_KAFKA;
        rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
        rd_kafka_AdminOptions_t *options = options_for(rk, RD_KAFKA_ADMIN_OP_DESCRIBEACLS);
        rd_kafka_DescribeAcls(rk, all, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, REQUEST_MS + 5000);
        if (!event || rd_kafka_event_error(event)) {
                (void)snprintf(err, err_size, "%s", event ? rd_kafka_event_error_string(event) : "no answer");
                rc = ERR_KAFKA;
        } else {
                const rd_kafka_AclBinding_t **got =
                        rd_kafka_DescribeAcls_result_acls(rd_kafka_event_DescribeAcls_result(event), &count);
                for (size_t i = 0; !rc && i < count; i++)
                        rc = topic_acls_add(&acls, rd_kafka_AclBinding_name(got[i]),
                                            rd_kafka_AclBinding_principal(got[i]), rd_kafka_AclBinding_host(got[i]),
                                            (int)rd_kafka_AclBinding_resource_pattern_type(got[i]),
                                            (int)rd_kafka_AclBinding_operation(got[i]),
                                            (int)rd_kafka_AclBinding_permission_type(got[i]));
        }
        if (event) rd_kafka_event_destroy(event);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_queue_destroy(queue);
        rd_kafka_AclBinding_destroy(all);
        if (rc) topic_acls_fini(&acls);
        else *out = acls;
        return rc;
}

static void create_acl_batch(rd_kafka_t *rk, const struct topic_acl *acls, size_t count, char **out_errors) {
        rd_kafka_AclBinding_t *wanted[BATCH];
        size_t place[BATCH], n = 0, answers = 0;
        char err[256];
        for (size_t i = 0; i < count; i++) {
                wanted[n] = rd_kafka_AclBinding_new(RD_KAFKA_RESOURCE_TOPIC, acls[i].name,
                                                    (rd_kafka_ResourcePatternType_t)acls[i].pattern,
                                                    acls[i].principal, acls[i].host,
                                                    (rd_kafka_AclOperation_t)acls[i].operation,
                                                    (rd_kafka_AclPermissionType_t)acls[i].permission, err, sizeof err);
                out_errors[i] = copy_text(wanted[n] ? "no answer" : err);
                if (wanted[n]) place[n++] = i;
        }
        if (n == 0) return;
        rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
        rd_kafka_AdminOptions_t *options = options_for(rk, RD_KAFKA_ADMIN_OP_CREATEACLS);
        rd_kafka_CreateAcls(rk, wanted, n, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, REQUEST_MS + 5000);
        const char *why = event && rd_kafka_event_error(event) ? rd_kafka_event_error_string(event) : NULL;
        const rd_kafka_acl_result_t **got = NULL;
        if (event && !why) got = rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event), &answers);
        for (size_t k = 0; k < n; k++) { /* answers come in the order of the request */
                const rd_kafka_error_t *error = k < answers ? rd_kafka_acl_result_error(got[k]) : NULL;
                if (!why && k >= answers) continue;
                free(out_errors[place[k]]);
                out_errors[place[k]] = why     ? copy_text(why)
                                       : error ? copy_text(rd_kafka_error_string(error))
                                               : NULL;
        }
        if (event) rd_kafka_event_destroy(event);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_queue_destroy(queue);
        rd_kafka_AclBinding_destroy_array(wanted, n);
}

void topic_admin_create_acls(rd_kafka_t *rk, const struct topic_acls *acls, const atomic_bool *stop, char **out_errors) {
        for (size_t at = 0; at < acls->count; at += BATCH) {
                size_t n = acls->count - at < BATCH ? acls->count - at : BATCH;
                if (!stopped(stop, n, out_errors + at)) create_acl_batch(rk, acls->items + at, n, out_errors + at);
        }
}
