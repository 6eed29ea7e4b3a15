#include "coordinator/topic_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void topics_found_fini(struct topics_found *found) {
        for (size_t i = 0; i < found->count; i++) {
                free(found->topics[i].name);
                free(found->topics[i].reason);
                topic_settings_fini(&found->topics[i].settings_there);
                topic_changes_fini(&found->topics[i].changes);
                free(found->topics[i].config_error);
        }
        free(found->topics);
        topic_acls_fini(&found->acls);
        free(found->warning);
        *found = (struct topics_found){0};
}

void topic_park(struct topic_found *topic, const char *what, const char *why) {
        char text[640];
        (void)snprintf(text, sizeof text, "%s: %s", what, why); /* cut at the bound */
        free(topic->reason);
        topic->step = TOPIC_PARKED;
        topic->reason = strdup(text);
        if (!topic->reason) abort();
}

/* ---- names ---- */

static bool named(const struct topic_found *topic) {
        return topic->step != TOPIC_PARKED && topic->step != TOPIC_PASSED;
}

static int by_target(const void *a, const void *b, void *topics_) {
        const struct topic_found *topics = topics_;
        size_t x = *(const size_t *)a, y = *(const size_t *)b;
        int order = strcmp(topics[x].target, topics[y].target);
        return order ? order : x < y ? -1 : x > y;
}

/* rows: of one target, by name; more than one. */
static void meet(struct topics_found *found, const size_t *rows, size_t count, bool merge) {
        for (size_t i = 0; i < count; i++) {
                struct topic_found *topic = &found->topics[rows[i]];
                if (merge) {
                        if (i == 0) continue;
                        topic->step = TOPIC_SHARED;
                        topic->shared_with = rows[0];
                        continue;
                }
                char why[640];
                (void)snprintf(why, sizeof why,
                               "'%s' would be mirrored into it too; rename one (topic.naming), leave one "
                               "out (topics.exclude) or set topic.merge = true",
                               found->topics[rows[i == 0 ? 1 : 0]].name);
                topic_park(topic, topic->target, why);
        }
}

void topic_plan_names(struct topics_found *found, struct topic_namer *namer, bool merge) {
        size_t *order = calloc(found->count ? found->count : 1, sizeof *order), n = 0;
        if (!order) abort();
        for (size_t i = 0; i < found->count; i++) {
                struct topic_found *topic = &found->topics[i];
                char err[TOPIC_NAME_ERROR_MAX];
                if (topic->step == TOPIC_PASSED) continue;
                if (topic_name_is_cycle(namer, topic->name)) {
                        topic_park(topic, "cycle", "its name says that it came from the destination");
                        topic->step = TOPIC_PASSED;
                        continue;
                }
                if (topic_name_destination(namer, topic->name, topic->target, err)) {
                        if (topic->step != TOPIC_PARKED) topic_park(topic, "topic name", err);
                        continue;
                }
                /* What is parked for another reason would still come to the same place. */
                order[n++] = i;
        }
        qsort_r(order, n, sizeof *order, by_target, found->topics);
        for (size_t i = 0, k; i < n; i = k) {
                for (k = i + 1; k < n && strcmp(found->topics[order[k]].target,
                                                found->topics[order[i]].target) == 0; k++) {}
                if (k - i == 1) continue;
                size_t kept = i;
                if (merge) /* a topic that is parked anyway shares nothing */
                        for (size_t r = i; r < k; r++)
                                if (named(&found->topics[order[r]])) order[kept++] = order[r];
                if (merge ? kept - i > 1 : true) meet(found, order + i, merge ? kept - i : k - i, merge);
        }
        free(order);
}

/* ---- steps ---- */

static int there_by_name(const void *key, const void *row) {
        return strcmp(key, ((const struct topic_there *)row)->name);
}

void topic_plan_steps(struct topics_found *found, const struct topic_there *there, size_t count,
                      bool any_count) {
        for (size_t i = 0; i < found->count; i++) {
                struct topic_found *topic = &found->topics[i];
                if (topic->step == TOPIC_SHARED) {
                        struct topic_found *with = &found->topics[topic->shared_with];
                        if (with->partitions_wanted < topic->partitions)
                                with->partitions_wanted = topic->partitions;
                }
                if (topic->step != TOPIC_PARKED && topic->step != TOPIC_PASSED &&
                    topic->partitions_wanted < topic->partitions)
                        topic->partitions_wanted = topic->partitions;
        }
        for (size_t i = 0; i < found->count; i++) {
                struct topic_found *topic = &found->topics[i];
                if (!*topic->target || topic->step == TOPIC_PASSED) continue;
                const struct topic_there *t =
                        count ? bsearch(topic->target, there, count, sizeof *there, there_by_name) : NULL;
                topic->partitions_there = t ? t->partitions : 0;
                if (topic->step == TOPIC_PARKED || topic->step == TOPIC_SHARED) continue;
                if (t && t->error) topic_park(topic, "destination topic", t->error);
                else if (!t) topic->step = TOPIC_CREATE;
                else if (!any_count && t->partitions < topic->partitions_wanted)
                        topic->step = TOPIC_GROW;
                else topic->step = TOPIC_READY;
        }
}

void topic_plan_shared(struct topics_found *found) {
        for (size_t i = 0; i < found->count; i++) {
                struct topic_found *topic = &found->topics[i];
                if (topic->step != TOPIC_SHARED) continue;
                const struct topic_found *with = &found->topics[topic->shared_with];
                if (with->step == TOPIC_READY) topic->step = TOPIC_READY;
                else topic_park(topic, with->target, with->reason ? with->reason : "is not there");
        }
}
