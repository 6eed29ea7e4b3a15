#include "cli/topics_text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"

static size_t changes_of(const struct topic_found *topic) {
        size_t n = 0;
        for (size_t i = 0; i < topic->changes.count; i++) n += !topic->changes.items[i].unknown;
        return n;
}

static bool differs(const struct topic_found *topic) {
        return topic->step != TOPIC_READY || changes_of(topic) > 0 || topic->config_error;
}

struct topics_count topics_count_of(const struct topics_found *found) {
        struct topics_count count = {0};
        for (size_t i = 0; i < found->count; i++) {
                const struct topic_found *topic = &found->topics[i];
                count.to_create += topic->step == TOPIC_CREATE;
                count.to_grow += topic->step == TOPIC_GROW;
                count.parked += topic->step == TOPIC_PARKED;
                count.passed += topic->step == TOPIC_PASSED;
                count.to_change += topic->step != TOPIC_CREATE && (changes_of(topic) > 0 || topic->config_error);
                count.in_step += !differs(topic) || topic->step == TOPIC_SHARED;
        }
        return count;
}

static const char *step_text(const struct topic_found *topic) {
        switch (topic->step) {
        case TOPIC_CREATE: return "create";
        case TOPIC_GROW: return "add partitions";
        case TOPIC_SHARED: return "shares its target";
        case TOPIC_PARKED: return "PARKED";
        case TOPIC_PASSED: return "not mirrored";
        case TOPIC_READY: break;
        }
        return changes_of(topic) ? "change settings" : topic->config_error ? "settings unknown" : "in step";
}

static enum table_colour step_colour(const struct topic_found *topic) {
        return topic->step == TOPIC_PARKED || topic->config_error ? TABLE_RED
               : topic->step == TOPIC_PASSED                       ? TABLE_DIM
               : differs(topic)                                    ? TABLE_YELLOW
                                                                   : TABLE_GREEN;
}

int topics_text(const struct topics_found *found, bool all, bool colours, struct text *out) {
        static const char *const headings[] = {"TOPIC", "AT THE DESTINATION", ">PARTITIONS", ">THERE", "TO DO", "REASON"};
        struct table *table = table_new(headings, sizeof headings / sizeof *headings);
        size_t shown = 0;
        if (!table) return ERR_NOMEM;
        for (size_t i = 0; i < found->count; i++) {
                const struct topic_found *topic = &found->topics[i];
                if (!all && !differs(topic)) continue;
                shown++;
                table_cell(table, TABLE_PLAIN, "%s", topic->name);
                table_cell(table, TABLE_PLAIN, "%s", topic->target);
                table_cell(table, TABLE_PLAIN, "%u", topic->partitions);
                if (topic->partitions_there) table_cell(table, TABLE_PLAIN, "%u", topic->partitions_there);
                else table_cell(table, TABLE_PLAIN, "-");
                table_cell(table, step_colour(topic), "%s", step_text(topic));
                table_cell(table, TABLE_PLAIN, "%s", topic->reason ? topic->reason : topic->config_error ? topic->config_error : "");
        }
        if (shown) table_render(table, colours, out);
        table_free(table);

        for (size_t i = 0; i < found->count; i++) {
                const struct topic_found *topic = &found->topics[i];
                if (topic->step == TOPIC_PARKED || topic->step == TOPIC_PASSED) continue;
                for (size_t k = 0; k < topic->changes.count; k++) {
                        const struct topic_change *c = &topic->changes.items[k];
                        text_add(out, "%s ", c->unknown ? "!" : c->from ? "~" : "+");
                        text_add_peer(out, topic->target);
                        text_add(out, " ");
                        text_add_peer(out, c->name);
                        text_add(out, ": ");
                        if (c->from) {
                                text_add_peer(out, *c->from ? c->from : "\"\"");
                                text_add(out, " -> ");
                        }
                        text_add_peer(out, *c->to ? c->to : "\"\"");
                        text_add(out, "%s\n", c->unknown ? "  (the destination knows no such setting)" : "");
                }
        }
        for (size_t i = 0; i < found->acls.count; i++) {
                const struct topic_acl *acl = &found->acls.items[i];
                text_add(out, "+ ");
                text_add_peer(out, acl->name);
                text_add(out, " ACL: ");
                text_add_peer(out, acl->principal);
                text_add(out, " from ");
                text_add_peer(out, acl->host);
                text_add(out, ": %s %s\n", topic_acl_permission_name(acl->permission),
                         topic_acl_operation_name(acl->operation));
        }
        if (found->warning) {
                text_add(out, "! ");
                text_add_peer(out, found->warning);
                text_add(out, "\n");
        }
        struct topics_count count = topics_count_of(found);
        text_add(out,
                 "%zu in step, %zu to create, %zu to get partitions, %zu with other settings, %zu parked, "
                 "%zu not mirrored\n",
                 count.in_step, count.to_create, count.to_grow, count.to_change, count.parked, count.passed);
        return out->failed ? ERR_NOMEM : 0;
}

static json_t *string_or_null(const char *text) { return text && *text ? json_string(text) : json_null(); }

static json_t *topic_json(const struct topic_found *topic) {
        static const char *const steps[] = {[TOPIC_READY] = "ready",   [TOPIC_CREATE] = "create",
                                            [TOPIC_GROW] = "add-partitions", [TOPIC_SHARED] = "shared",
                                            [TOPIC_PARKED] = "parked", [TOPIC_PASSED] = "not-mirrored"};
        json_t *changes = json_array();
        for (size_t i = 0; i < topic->changes.count; i++) {
                const struct topic_change *c = &topic->changes.items[i];
                (void)json_array_append_new(changes, json_pack("{s:s, s:o, s:s, s:b}", "setting", c->name, "from",
                                                               string_or_null(c->from), "to", c->to, "unknown",
                                                               (int)c->unknown)); /* NULL: seen below */
        }
        return json_pack("{s:s, s:o, s:i, s:o, s:s, s:o, s:o}", "topic", topic->name, "destination_topic",
                         string_or_null(topic->target), "partitions", (int)topic->partitions,
                         "destination_partitions",
                         topic->partitions_there ? json_integer(topic->partitions_there) : json_null(), "step",
                         steps[topic->step], "reason",
                         string_or_null(topic->reason ? topic->reason : topic->config_error), "settings", changes);
}

char *topics_json(const char *route, const struct topics_found *found) {
        json_t *topics = json_array();
        char *text = NULL;
        bool failed = !topics;
        for (size_t i = 0; !failed && i < found->count; i++)
                failed = json_array_append_new(topics, topic_json(&found->topics[i])) != 0;
        json_t *acls = json_array();
        failed |= !acls;
        for (size_t i = 0; !failed && i < found->acls.count; i++) {
                const struct topic_acl *acl = &found->acls.items[i];
                failed = json_array_append_new(acls, json_pack("{s:s, s:s, s:s, s:s, s:s}", "destination_topic", acl->name,
                                                               "principal", acl->principal, "host", acl->host,
                                                               "permission", topic_acl_permission_name(acl->permission),
                                                               "operation", topic_acl_operation_name(acl->operation))) != 0;
        }
        json_t *root = failed ? NULL
                              : json_pack("{s:s, s:O, s:O, s:o}", "route", route, "topics", topics, "acls", acls,
                                          "warning", string_or_null(found->warning));
        if (root) text = json_dumps(root, JSON_INDENT(2));
        json_decref(root);
        json_decref(topics);
        json_decref(acls);
        return text;
}
