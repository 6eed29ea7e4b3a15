#include "worker/topic_look.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/clock.h"
#include "common/kafka.h"

#define ASK_MS 2000

/* asking -> asked: the rest of it is set, and does not change. */
struct entry {
        struct topic_look look;   /* first: a look is its entry; without metadata it could not be asked */
        struct entry *next;
        const struct config *config;
        char *alias;
        char **topics;
        size_t count;
        int64_t begun_ms;         /* boot clock */
        bool asked;
        unsigned refs;            /* of callers; in the list without any until it is old */
};

struct topic_looks {
        topic_look_ask *ask;
        uv_mutex_t lock;
        uv_cond_t asked;
        struct entry *entries;
};

static void entry_free(struct entry *entry) {
        if (entry->look.metadata) rd_kafka_metadata_destroy(entry->look.metadata);
        free((char *)entry->look.cluster_id);
        for (size_t i = 0; entry->topics && i < entry->count; i++) free(entry->topics[i]);
        free(entry->topics);
        free(entry->alias);
        free(entry);
}

static struct entry *entry_new(const struct config *config, const char *alias, const char *const *topics, size_t count) {
        struct entry *entry = calloc(1, sizeof *entry);
        if (!entry) return NULL;
        entry->config = config;
        entry->count = count;
        entry->alias = strdup(alias);
        entry->topics = calloc(count + 1, sizeof *entry->topics);
        bool whole = entry->alias && entry->topics;
        for (size_t i = 0; whole && i < count; i++) whole = (entry->topics[i] = strdup(topics[i])) != NULL;
        if (whole) return entry;
        entry_free(entry);
        return NULL;
}

static bool is_of(const struct entry *entry, const struct config *config, const char *alias, const char *const *topics, size_t count) {
        if (entry->config != config || entry->count != count || strcmp(entry->alias, alias) != 0) return false;
        for (size_t i = 0; i < count; i++)
                if (strcmp(entry->topics[i], topics[i]) != 0) return false;
        return true;
}

struct topic_looks *topic_looks_new(topic_look_ask *ask) {
        struct topic_looks *looks = calloc(1, sizeof *looks);
        if (!looks) return NULL;
        looks->ask = ask;
        if (uv_mutex_init(&looks->lock) || uv_cond_init(&looks->asked)) abort(); /* no memory */
        return looks;
}

void topic_looks_free(struct topic_looks *looks) {
        if (!looks) return;
        while (looks->entries) {
                struct entry *next = looks->entries->next;
                assert(looks->entries->refs == 0);
                entry_free(looks->entries);
                looks->entries = next;
        }
        uv_cond_destroy(&looks->asked);
        uv_mutex_destroy(&looks->lock);
        free(looks);
}

static bool young(const struct entry *entry) { return clock_boot_ms() - entry->begun_ms < TOPIC_LOOK_SHARED_MS; }

static void drop_old(struct topic_looks *looks) {
        for (struct entry **at = &looks->entries; *at;) {
                struct entry *entry = *at;
                if (young(entry) || entry->refs) {
                        at = &entry->next;
                } else {
                        *at = entry->next;
                        entry_free(entry);
                }
        }
}

const struct topic_look *topic_looks_get(struct topic_looks *looks, const struct config *config, const char *alias,
                                         const char *const *topics, size_t count) {
        uv_mutex_lock(&looks->lock);
        drop_old(looks);
        struct entry *entry = looks->entries;
        while (entry && !(young(entry) && is_of(entry, config, alias, topics, count))) entry = entry->next;
        if (entry) {
                entry->refs++;
                while (!entry->asked) uv_cond_wait(&looks->asked, &looks->lock);
        } else if ((entry = entry_new(config, alias, topics, count))) {
                entry->refs = 1;
                entry->begun_ms = clock_boot_ms();
                entry->next = looks->entries;
                looks->entries = entry;
                uv_mutex_unlock(&looks->lock);
                const rd_kafka_metadata_t *metadata = NULL;
                char *cluster_id = NULL;
                (void)looks->ask(config, alias, topics, count, &metadata, &cluster_id);
                uv_mutex_lock(&looks->lock);
                entry->look = (struct topic_look){metadata, cluster_id};
                entry->asked = true;
                uv_cond_broadcast(&looks->asked);
        }
        bool there = entry && entry->look.metadata;
        if (entry && !there) entry->refs--;
        uv_mutex_unlock(&looks->lock);
        return there ? &entry->look : NULL;
}

void topic_looks_put_back(struct topic_looks *looks, const struct topic_look *look) {
        struct entry *entry = (struct entry *)(void *)look;
        uv_mutex_lock(&looks->lock);
        assert(entry->refs > 0);
        entry->refs--;
        drop_old(looks);
        uv_mutex_unlock(&looks->lock);
}

rd_kafka_resp_err_t topic_look_ask_client(rd_kafka_t *client, const char *const *topics, size_t count, int limit_ms,
                                          const rd_kafka_metadata_t **out, char **out_cluster_id) {
        rd_kafka_topic_t **handles = calloc(count + 1, sizeof(rd_kafka_topic_t *));
        if (!handles) return RD_KAFKA_RESP_ERR__FAIL;
        for (size_t i = 0; i < count; i++) handles[i] = rd_kafka_topic_new(client, topics[i], NULL);
        rd_kafka_resp_err_t err = rd_kafka_metadata(client, 0, NULL, out, limit_ms);
        if (!err) *out_cluster_id = rd_kafka_clusterid(client, 0); /* known since the metadata */
        for (size_t i = 0; i < count; i++)
                if (handles[i]) rd_kafka_topic_destroy(handles[i]);
        free(handles);
        return err;
}

bool topic_look_ask_brokers(const struct config *config, const char *alias, const char *const *topics, size_t count,
                            const rd_kafka_metadata_t **out, char **out_cluster_id) {
        /* Brokers make a topic that is asked for by its name, if they are let: one that was deleted would come back. */
        static const struct kafka_setting settings[] = {{"allow.auto.create.topics", "false"}, {NULL, NULL}};
        rd_kafka_t *client = NULL;
        char err[256];
        if (kafka_client_new(config, alias, NULL, CLIENT_ADMIN, settings, NULL, NULL, &client, err, sizeof err)) return false;
        bool there = !topic_look_ask_client(client, topics, count, ASK_MS, out, out_cluster_id);
        rd_kafka_destroy(client);
        return there;
}
