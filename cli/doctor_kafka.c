#include "cli/doctor_kafka.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/kafka.h"
#include "common/kafka_trouble.h"
#include "common/names.h"
#include "coordinator/topic_admin.h"

#define CONNECT_MS 3000
/* Larger than any fetch of it is worth: a topic that takes more is not probed. */
#define WRITE_PROBE_MAX (8 << 20)
/* Positions are compared with the log of so many partitions. */
#define POSITIONS_MAX 50
/* Of librdkafka; no setting of ours changes it. */
#define TRANSACTION_TIMEOUT_MS 60000

__attribute__((format(printf, 3, 4)))
static void answer(struct doctor_probe *probe, enum doctor_answer what, const char *format, ...) {
        va_list args;
        probe->answer = what;
        va_start(args, format);
        (void)vsnprintf(probe->why, sizeof probe->why, format, args); /* cut at the bound */
        va_end(args);
}

/* ---- addresses ---- */

/* 0, or an errno. */
static int connect_within(const struct addrinfo *to, int timeout_ms) {
        int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;
        socklen_t size = sizeof error;
        if (fd < 0) return errno;
        if (connect(fd, to->ai_addr, to->ai_addrlen) != 0) {
                struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
                error = errno;
                if (error == EINPROGRESS) {
                        int n = poll(&poll_fd, 1, timeout_ms);
                        if (n == 0) error = ETIMEDOUT;
                        else if (n < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
                }
        }
        (void)close(fd);
        return error;
}

void doctor_address(struct doctor_address *address, unsigned timeout_s) {
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
        char port[8];
        int error = ETIMEDOUT;
        int64_t left_ms = (int64_t)timeout_s * 1000 < CONNECT_MS ? (int64_t)timeout_s * 1000 : CONNECT_MS;
        (void)snprintf(port, sizeof port, "%u", address->port);
        int rc = getaddrinfo(address->host, port, &hints, &list);
        if (rc) {
                answer(&address->resolves, DOCTOR_NO, "the name does not resolve: %s", rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
                return;
        }
        address->resolves.answer = DOCTOR_YES;
        for (const struct addrinfo *at = list; at && error; at = at->ai_next) error = connect_within(at, (int)left_ms);
        freeaddrinfo(list);
        if (error) answer(&address->connects, DOCTOR_NO, "does not answer from here: %s", error == ETIMEDOUT ? "no answer within 3 s" : strerror(error));
        else address->connects.answer = DOCTOR_YES;
}

static struct doctor_address *add_address(struct doctor_cluster *c, int32_t id, const char *host, size_t host_bytes, int port) {
        struct doctor_address *list = reallocarray(c->addresses, c->address_count + 1, sizeof *list);
        if (!list) abort();
        c->addresses = list;
        struct doctor_address *address = &list[c->address_count++];
        *address = (struct doctor_address){.id = id, .port = (uint16_t)port};
        (void)snprintf(address->host, sizeof address->host, "%.*s", (int)host_bytes, host); /* cut: names are shorter */
        return address;
}

/* "h1:9092,PLAINTEXT://h2:9092, [::1]:9092" */
static void bootstrap_take(struct doctor_cluster *c, const char *text) {
        for (const char *s = text; *s;) {
                size_t n = strcspn(s, ","), begin = strspn(s, " \t");
                const char *scheme = memmem(s, n, "://", 3), *from = scheme ? scheme + 3 : s + (begin < n ? begin : n);
                const char *end = s + n, *colon = end;
                while (colon > from && *--colon != ':' && *colon != ']') {}
                int port = colon > from && *colon == ':' ? atoi(colon + 1) : 9092;
                const char *host_end = colon > from && *colon == ':' ? colon : end;
                if (*from == '[' && host_end > from + 1 && host_end[-1] == ']') from++, host_end--;
                if (host_end > from) (void)add_address(c, -1, from, (size_t)(host_end - from), port);
                s = end + (*end == ',');
        }
}

/* ---- one broker ---- */

/* "[thrd:…]: h:9092/bootstrap:   ApiKey Produce (0) Versions 0..9": librdkafka
 * tells the versions in its log alone.  One probe at a time. */
static struct {
        pthread_mutex_t lock;
        struct doctor_cluster *into; /* NULL: nobody asks */
} versions = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void on_probe_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
        int key, min, max;
        const char *mark = strcmp(facility, "APIVERSION") == 0 ? strstr(text, "ApiKey ") : NULL;
        (void)level;
        if (!mark) return kafka_trouble_note(client, facility, text);
        mark = strchr(mark, '(');
        if (!mark || sscanf(mark, "(%d) Versions %d..%d", &key, &min, &max) != 3) return;
        (void)pthread_mutex_lock(&versions.lock);
        struct doctor_cluster *c = versions.into;
        bool there = !c || c->api_count == DOCTOR_APIS_MAX;
        for (size_t i = 0; !there && i < c->api_count; i++) there = c->apis[i].key == key;
        if (!there) c->apis[c->api_count++] = (struct doctor_api){(int16_t)key, (int16_t)min, (int16_t)max};
        (void)pthread_mutex_unlock(&versions.lock);
}

static void on_probe_conf(rd_kafka_conf_t *conf, void *ctx) {
        const struct doctor_address *address = ctx;
        char server[300], why[128];
        (void)snprintf(server, sizeof server, strchr(address->host, ':') ? "[%s]:%u" : "%s:%u", address->host, address->port);
        /* These are always taken. */
        (void)rd_kafka_conf_set(conf, "bootstrap.servers", server, why, sizeof why);
        (void)rd_kafka_conf_set(conf, "debug", "feature", why, sizeof why);
        rd_kafka_conf_set_log_cb(conf, on_probe_log);
}

static void speak(const struct doctor_asked *asked, const char *alias, struct doctor_address *address) {
        static const struct kafka_setting none[] = {{NULL, NULL}};
        const struct rd_kafka_metadata *metadata = NULL;
        rd_kafka_t *client = NULL;
        char err[CONFIG_ERROR_MAX] = "", why[KAFKA_TROUBLE_MAX + 100];
        if (kafka_client_new(asked->config, alias, NULL, CLIENT_ADMIN, none, on_probe_conf, address, &client, err, sizeof err)) {
                answer(&address->speaks, DOCTOR_NO, "%.200s", err);
                return;
        }
        rd_kafka_resp_err_t e = rd_kafka_metadata(client, 0, NULL, &metadata, (int)asked->timeout_s * 1000);
        if (e) answer(&address->speaks, DOCTOR_NO, "connects, and does not speak: %.250s", kafka_trouble_of(client, e, why, sizeof why));
        else address->speaks.answer = DOCTOR_YES;
        if (metadata) rd_kafka_metadata_destroy(metadata);
        rd_kafka_destroy(client);
}

/* ---- the cluster ---- */

static int broker_settings(rd_kafka_t *client, int32_t id, int timeout_ms, struct topic_settings *out) {
        char name[16], why[200] = "no answer";
        size_t count = 0, entries_count;
        (void)snprintf(name, sizeof name, "%d", (int)id);
        rd_kafka_ConfigResource_t *asked = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, name);
        rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
        rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
        (void)rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why, sizeof why);
        (void)snprintf(why, sizeof why, "no answer");
        rd_kafka_DescribeConfigs(client, &asked, 1, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + 2000);
        bool done = false;
        if (event && rd_kafka_event_error(event)) {
                (void)snprintf(why, sizeof why, "%s", rd_kafka_event_error_string(event));
        } else if (event) {
                const rd_kafka_ConfigResource_t **got =
                        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
                rd_kafka_resp_err_t e = count ? rd_kafka_ConfigResource_error(got[0]) : RD_KAFKA_RESP_ERR__FAIL;
                if (e) (void)snprintf(why, sizeof why, "%s", rd_kafka_err2str(e));
                const rd_kafka_ConfigEntry_t **entries = e ? NULL : rd_kafka_ConfigResource_configs(got[0], &entries_count);
                for (size_t i = 0; entries && i < entries_count; i++) {
                        const char *value = rd_kafka_ConfigEntry_value(entries[i]); /* NULL: a secret */
                        if (value && topic_settings_add(out, rd_kafka_ConfigEntry_name(entries[i]), value, false)) abort();
                }
                done = !e;
        }
        if (!done) out->error = strdup(why);
        if (event) rd_kafka_event_destroy(event);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_queue_destroy(queue);
        rd_kafka_ConfigResource_destroy(asked);
        return done ? 0 : -1;
}

static rd_kafka_t *admin_of(const struct doctor_asked *asked, const char *alias, struct doctor_probe *probe) {
        static const struct kafka_setting none[] = {{NULL, NULL}};
        rd_kafka_t *client = NULL;
        char err[CONFIG_ERROR_MAX] = "";
        if (kafka_client_new(asked->config, alias, NULL, CLIENT_ADMIN, none, NULL, NULL, &client, err, sizeof err))
                answer(probe, DOCTOR_NO, "%.250s", err);
        return client;
}

void doctor_ask_cluster(const struct doctor_asked *asked, const char *alias, struct doctor_cluster *out) {
        *out = (struct doctor_cluster){.alias = alias};
        const struct config_cluster *cluster = config_cluster(asked->config, alias);
        int timeout_ms = (int)asked->timeout_s * 1000;
        if (cluster) bootstrap_take(out, cluster->bootstrap_servers);
        for (size_t i = 0; i < out->address_count; i++) {
                progress_tell(asked->progress, "%s: %s:%u", alias, out->addresses[i].host, out->addresses[i].port);
                doctor_address(&out->addresses[i], asked->timeout_s);
        }
        rd_kafka_t *client = admin_of(asked, alias, &out->reached);
        if (!client) return;
        const struct rd_kafka_metadata *metadata = NULL;
        progress_tell(asked->progress, "%s: asking for its brokers", alias);
        rd_kafka_resp_err_t e = rd_kafka_metadata(client, 1, NULL, &metadata, timeout_ms);
        if (e) {
                char why[KAFKA_TROUBLE_MAX + 100];
                answer(&out->reached, DOCTOR_NO, "%.280s", kafka_trouble_of(client, e, why, sizeof why));
        } else {
                out->reached.answer = DOCTOR_YES;
                char *id = rd_kafka_clusterid(client, timeout_ms);
                if (id) {
                        (void)snprintf(out->cluster_id, sizeof out->cluster_id, "%s", id);
                        rd_kafka_mem_free(client, id);
                }
                out->brokers = (size_t)metadata->broker_cnt;
                for (int i = 0; i < metadata->broker_cnt; i++) {
                        const struct rd_kafka_metadata_broker *b = &metadata->brokers[i];
                        struct doctor_address *address = add_address(out, b->id, b->host, strlen(b->host), b->port);
                        progress_tell(asked->progress, "%s: broker %d of %d, %s:%d", alias, i + 1, metadata->broker_cnt, b->host, b->port);
                        doctor_address(address, asked->timeout_s);
                        if (address->connects.answer != DOCTOR_YES) continue;
                        (void)pthread_mutex_lock(&versions.lock);
                        versions.into = out;
                        (void)pthread_mutex_unlock(&versions.lock);
                        speak(asked, alias, address);
                        (void)pthread_mutex_lock(&versions.lock);
                        versions.into = NULL;
                        (void)pthread_mutex_unlock(&versions.lock);
                }
                progress_tell(asked->progress, "%s: settings of its brokers", alias);
                /* of one that answers */
                out->settings.error = NULL;
                bool done = false;
                for (size_t i = 0; i < out->address_count && !done; i++) {
                        if (out->addresses[i].speaks.answer != DOCTOR_YES) continue;
                        free(out->settings.error);
                        out->settings.error = NULL;
                        done = broker_settings(client, out->addresses[i].id, timeout_ms, &out->settings) == 0;
                        break;
                }
                if (!done && !out->settings.error) out->settings.error = strdup("no broker answers at the address that it advertises");
                rd_kafka_metadata_destroy(metadata);
        }
        rd_kafka_destroy(client);
}

void doctor_cluster_fini(struct doctor_cluster *cluster) {
        free(cluster->addresses);
        topic_settings_fini(&cluster->settings);
        *cluster = (struct doctor_cluster){0};
}

/* ---- topics ---- */

static uint32_t copies_of(const struct rd_kafka_metadata *metadata, const char *topic) {
        for (int i = 0; i < metadata->topic_cnt; i++) {
                const struct rd_kafka_metadata_topic *t = &metadata->topics[i];
                if (strcmp(t->topic, topic) != 0 || t->err) continue;
                int least = 0;
                for (int p = 0; p < t->partition_cnt; p++)
                        if (!least || t->partitions[p].replica_cnt < least) least = t->partitions[p].replica_cnt;
                return (uint32_t)least;
        }
        return 0;
}

/* The replication factors and the settings of all topics, of one end. */
static void ask_topics(const struct doctor_asked *asked, const char *alias, rd_kafka_t *client, struct doctor_route *r, bool here) {
        const struct rd_kafka_metadata *metadata = NULL;
        const char **names = calloc(r->topic_count ? r->topic_count : 1, sizeof *names);
        struct topic_settings *settings = calloc(r->topic_count ? r->topic_count : 1, sizeof *settings);
        char err[300];
        size_t count = 0;
        if (!names || !settings) abort();
        progress_tell(asked->progress, "%s: %zu topics", alias, r->topic_count);
        if (!rd_kafka_metadata(client, 1, NULL, &metadata, (int)asked->timeout_s * 1000)) {
                for (size_t i = 0; i < r->topic_count; i++) {
                        struct doctor_topic *t = &r->topics[i];
                        if (here) t->copies = copies_of(metadata, t->name);
                        else t->copies_there = copies_of(metadata, t->target);
                }
                rd_kafka_metadata_destroy(metadata);
        }
        for (size_t i = 0; i < r->topic_count; i++)
                if (here || r->topics[i].partitions_there) names[count++] = here ? r->topics[i].name : r->topics[i].target;
        if (count) (void)topic_admin_describe(client, names, count, settings, err, sizeof err); /* those without stay unknown */
        for (size_t i = 0, k = 0; i < r->topic_count; i++)
                if (here || r->topics[i].partitions_there) *(here ? &r->topics[i].here : &r->topics[i].there) = settings[k++];
        free(settings);
        free(names);
}

/* What is not there yet: would it be created? */
static void ask_creates(const struct doctor_asked *asked, rd_kafka_t *client, struct doctor_route *r) {
        rd_kafka_NewTopic_t *wanted[DOCTOR_PROBES_MAX];
        struct doctor_topic *of[DOCTOR_PROBES_MAX];
        size_t n = 0, results_count = 0;
        char err[200];
        for (size_t i = 0; i < r->topic_count && n < DOCTOR_PROBES_MAX; i++) {
                struct doctor_topic *t = &r->topics[i];
                if (t->partitions_there || t->parked) continue;
                wanted[n] = rd_kafka_NewTopic_new(t->target, (int)t->partitions, r->replication_factor, err, sizeof err);
                if (wanted[n]) of[n++] = t;
        }
        if (n == 0) return;
        progress_tell(asked->progress, "%s: whether %zu topics can be created", r->destination->alias, n);
        int timeout_ms = (int)asked->timeout_s * 1000;
        rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
        rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
        if (rd_kafka_AdminOptions_set_validate_only(options, 1, err, sizeof err)) abort(); /* else it would create them */
        (void)rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, err, sizeof err);
        rd_kafka_CreateTopics(client, wanted, n, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + 2000);
        const char *why = !event ? "no answer" : rd_kafka_event_error(event) ? rd_kafka_event_error_string(event) : NULL;
        const rd_kafka_topic_result_t **results = why ? NULL
                : rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &results_count);
        for (size_t i = 0; i < n; i++) {
                if (why) answer(&of[i]->create, DOCTOR_UNCLEAR, "%.200s", why);
                for (size_t k = 0; k < results_count; k++) {
                        if (strcmp(rd_kafka_topic_result_name(results[k]), of[i]->target) != 0) continue;
                        rd_kafka_resp_err_t e = rd_kafka_topic_result_error(results[k]);
                        const char *text = rd_kafka_topic_result_error_string(results[k]);
                        if (!e || e == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) of[i]->create.answer = DOCTOR_YES;
                        else answer(&of[i]->create, DOCTOR_NO, "%.250s", text ? text : rd_kafka_err2str(e));
                }
        }
        if (event) rd_kafka_event_destroy(event);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_queue_destroy(queue);
        rd_kafka_NewTopic_destroy_array(wanted, n);
}

/* ---- rights ---- */

static bool denies(rd_kafka_resp_err_t e) {
        return e == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || e == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
               e == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED || e == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
}

/* Fetches at the end of one partition of each topic: an end that is told was
 * fetched. */
static void ask_reads(const struct doctor_asked *asked, rd_kafka_t *consumer, struct doctor_route *r) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(DOCTOR_PROBES_MAX);
        size_t waiting = 0;
        for (size_t i = 0; i < r->topic_count && waiting < DOCTOR_PROBES_MAX; i++, waiting++)
                rd_kafka_topic_partition_list_add(list, r->topics[i].name, 0)->offset = RD_KAFKA_OFFSET_END;
        progress_tell(asked->progress, "%s: reading %zu topics", r->source->alias, waiting);
        if (rd_kafka_assign(consumer, list)) waiting = 0;
        int64_t until_ms = clock_boot_ms() + (int64_t)asked->timeout_s * 1000;
        while (waiting && clock_boot_ms() < until_ms) {
                rd_kafka_message_t *m = rd_kafka_consumer_poll(consumer, 100);
                for (size_t i = 0; m && m->rkt && i < r->topic_count; i++) {
                        struct doctor_topic *t = &r->topics[i];
                        if (t->read.answer != DOCTOR_UNASKED || strcmp(t->name, rd_kafka_topic_name(m->rkt)) != 0) continue;
                        if (!m->err || m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) t->read.answer = DOCTOR_YES;
                        else answer(&t->read, denies(m->err) ? DOCTOR_NO : DOCTOR_UNCLEAR, "%s", rd_kafka_err2str(m->err));
                        waiting--;
                }
                if (m) rd_kafka_message_destroy(m);
        }
        for (size_t i = 0; waiting && i < r->topic_count && i < DOCTOR_PROBES_MAX; i++)
                if (r->topics[i].read.answer == DOCTOR_UNASKED) answer(&r->topics[i].read, DOCTOR_UNCLEAR, "no answer within %u s", asked->timeout_s);
        (void)rd_kafka_assign(consumer, NULL);
        rd_kafka_topic_partition_list_destroy(list);
}

/* A commit for a topic that is nowhere: the broker looks at the right to the
 * group first, and keeps nothing. */
static void ask_commit(const struct doctor_asked *asked, rd_kafka_t *consumer, struct doctor_route *r) {
        unsigned char bytes[8];
        char name[64];
        if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) abort(); /* cannot fail for 8 */
        (void)snprintf(name, sizeof name, "heliostat.doctor.%02x%02x%02x%02x%02x%02x%02x%02x", bytes[0], bytes[1], bytes[2], bytes[3],
                       bytes[4], bytes[5], bytes[6], bytes[7]);
        progress_tell(asked->progress, "%s: rights to group %s", r->source->alias, r->group_id);
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, name, 0)->offset = 0;
        rd_kafka_resp_err_t e = rd_kafka_commit(consumer, list, 0);
        if (e == RD_KAFKA_RESP_ERR_NO_ERROR || !denies(e)) e = list->elems[0].err ? list->elems[0].err : e;
        if (e == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) answer(&r->commit, DOCTOR_NO, "%s", rd_kafka_err2str(e));
        else if (e == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || e == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                 e == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID)
                r->commit.answer = DOCTOR_YES;
        else answer(&r->commit, DOCTOR_UNCLEAR, "%s", rd_kafka_err2str(e));
        rd_kafka_topic_partition_list_destroy(list);
}

/* Its members; and without the right to see it, it cannot be committed to either
 * (a consumer would only wait for its coordinator). */
static void ask_members(const struct doctor_asked *asked, rd_kafka_t *client, struct doctor_route *r) {
        int timeout_ms = (int)asked->timeout_s * 1000;
        char err[200];
        size_t count = 0;
        rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
        rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
        (void)rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, err, sizeof err);
        progress_tell(asked->progress, "%s: group %s", r->source->alias, r->group_id);
        rd_kafka_DescribeConsumerGroups(client, &r->group_id, 1, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + 2000);
        if (event && !rd_kafka_event_error(event)) {
                const rd_kafka_ConsumerGroupDescription_t **groups = rd_kafka_DescribeConsumerGroups_result_groups(
                        rd_kafka_event_DescribeConsumerGroups_result(event), &count);
                const rd_kafka_error_t *e = count ? rd_kafka_ConsumerGroupDescription_error(groups[0]) : NULL;
                if (count && !e) r->members = rd_kafka_ConsumerGroupDescription_member_count(groups[0]);
                if (e && denies(rd_kafka_error_code(e))) answer(&r->commit, DOCTOR_NO, "%s", rd_kafka_error_string(e));
        }
        if (event) rd_kafka_event_destroy(event);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_queue_destroy(queue);
}

/* Where the positions lie in the logs. */
static void ask_positions(const struct doctor_asked *asked, rd_kafka_t *consumer, struct doctor_route *r) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(POSITIONS_MAX);
        int timeout_ms = (int)asked->timeout_s * 1000;
        for (size_t i = 0; i < r->topic_count; i++)
                for (uint32_t p = 0; p < r->topics[i].partitions && list->cnt < POSITIONS_MAX; p++)
                        (void)rd_kafka_topic_partition_list_add(list, r->topics[i].name, (int32_t)p);
        if (rd_kafka_committed(consumer, list, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR)
                for (int i = 0; i < list->cnt; i++) {
                        const rd_kafka_topic_partition_t *part = &list->elems[i];
                        int64_t low, high;
                        if (part->err || part->offset < 0) continue;
                        progress_tell(asked->progress, "%s: position %d of %d", r->source->alias, i + 1, list->cnt);
                        if (kafka_log_range(consumer, part->topic, part->partition, timeout_ms, &low, &high)) continue;
                        for (size_t k = 0; k < r->topic_count; k++) {
                                struct doctor_topic *t = &r->topics[k];
                                if (strcmp(t->name, part->topic) != 0) continue;
                                if (part->offset < low) t->gone += low - part->offset;
                                /* caught up: retention takes what is mirrored */
                                else if (high > part->offset && high > low) {
                                        double left = (double)(part->offset - low) / (double)(high - low);
                                        if (low > 0 && (t->left < 0 || left < t->left)) t->left = left;
                                }
                        }
                }
        rd_kafka_topic_partition_list_destroy(list);
}

static void ask_transaction(const struct doctor_asked *asked, const struct config_route *route, struct doctor_route *r) {
        char id[NAMES_TRANSACTIONAL_ID_SIZE], err[CONFIG_ERROR_MAX] = "";
        names_transactional_id(id, r->group_id, r->lanes); /* the first number that no lane has */
        const struct kafka_setting settings[] = {{"transactional.id", id}, {NULL, NULL}};
        rd_kafka_t *producer = NULL;
        progress_tell(asked->progress, "%s: transactions", r->destination->alias);
        if (kafka_client_new(asked->config, r->destination->alias, route->name, CLIENT_PRODUCER, settings, NULL, NULL, &producer, err,
                             sizeof err)) {
                answer(&r->transaction, DOCTOR_UNCLEAR, "%.250s", err);
                return;
        }
        rd_kafka_error_t *e = rd_kafka_init_transactions(producer, (int)asked->timeout_s * 1000);
        if (!e) r->transaction.answer = DOCTOR_YES;
        else answer(&r->transaction, denies(rd_kafka_error_code(e)) ? DOCTOR_NO : DOCTOR_UNCLEAR, "%s (id %.120s)", rd_kafka_error_string(e), id);
        if (e) rd_kafka_error_destroy(e);
        rd_kafka_destroy(producer);
}

static void on_write_conf(rd_kafka_conf_t *conf, void *ctx) {
        static const char *const settings[][2] = {{"enable.gapless.guarantee", "false"}, {"enable.idempotence", "false"},
                                                  {"message.max.bytes", "67108864"}, {"compression.codec", "none"},
                                                  {"message.send.max.retries", "0"}, {"linger.ms", "0"}};
        char why[128];
        (void)ctx;
        for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
                (void)rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why); /* always taken */
        rd_kafka_conf_set_dr_msg_cb(conf, NULL);
        rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
}

static void ask_writes(const struct doctor_asked *asked, const struct config_route *route, struct doctor_route *r) {
        rd_kafka_t *producer = NULL;
        char err[CONFIG_ERROR_MAX] = "", timeout[16];
        (void)snprintf(timeout, sizeof timeout, "%u", asked->timeout_s * 1000);
        const struct kafka_setting settings[] = {{"message.timeout.ms", timeout}, {NULL, NULL}};
        unsigned char *noise = malloc(WRITE_PROBE_MAX + 4096);
        if (!noise) abort();
        for (size_t i = 0; i < WRITE_PROBE_MAX + 4096; i += 256) /* what does not compress */
                if (getrandom(noise + i, 256, 0) != 256) abort(); /* cannot fail for 256 */
        if (kafka_client_new(asked->config, r->destination->alias, route->name, CLIENT_PRODUCER, settings, on_write_conf, NULL, &producer,
                             err, sizeof err)) {
                free(noise);
                return;
        }
        rd_kafka_queue_t *queue = rd_kafka_queue_get_main(producer);
        for (size_t i = 0; i < r->topic_count && i < DOCTOR_PROBES_MAX; i++) {
                struct doctor_topic *t = &r->topics[i];
                int64_t most = -1;
                if (!t->partitions_there) continue;
                for (size_t k = 0; k < t->there.count; k++)
                        if (strcmp(t->there.items[k].name, "max.message.bytes") == 0) most = strtoll(t->there.items[k].value, NULL, 10);
                if (most <= 0 || most > WRITE_PROBE_MAX) {
                        answer(&t->write, DOCTOR_UNCLEAR, most < 0 ? "its max.message.bytes is not known" : "its max.message.bytes is too large to be exceeded for a probe");
                        continue;
                }
                progress_tell(asked->progress, "%s: writing to %s", r->destination->alias, t->target);
                rd_kafka_resp_err_t e = rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(t->target), RD_KAFKA_V_PARTITION(0),
                                                          RD_KAFKA_V_VALUE(noise, (size_t)most + 4096), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                                          RD_KAFKA_V_END);
                int64_t until_ms = clock_boot_ms() + (int64_t)asked->timeout_s * 1000 + 1000;
                bool told = e != RD_KAFKA_RESP_ERR_NO_ERROR;
                while (!told && clock_boot_ms() < until_ms) {
                        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 200);
                        if (event && rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR) {
                                const rd_kafka_message_t *m = rd_kafka_event_message_next(event);
                                if (m) e = m->err, told = true;
                        }
                        if (event) rd_kafka_event_destroy(event);
                }
                if (told && (e == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || e == RD_KAFKA_RESP_ERR_NO_ERROR)) t->write.answer = DOCTOR_YES;
                else answer(&t->write, told && denies(e) ? DOCTOR_NO : DOCTOR_UNCLEAR, "%s", told ? rd_kafka_err2str(e) : "no answer");
        }
        rd_kafka_queue_destroy(queue);
        (void)rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_destroy(producer);
        free(noise);
}

/* ---- the route ---- */

void doctor_ask_route(const struct doctor_asked *asked, const struct config_route *route, const struct doctor_cluster *source,
                      const struct doctor_cluster *destination, const struct topics_found *found, struct doctor_route *r) {
        *r = (struct doctor_route){.name = route->name, .group_id = route->group_id, .source = source, .destination = destination,
                                   .exactly_once = strcmp(route->delivery_guarantee, "exactly-once") == 0,
                                   .identity = strcmp(route->topic_naming, "identity") == 0,
                                   .provenance = strcmp(route->provenance, "header") == 0,
                                   .replication_factor = route->replication_factor, .lanes = route->lanes,
                                   .recommit_ms = route->positions_recommit_interval_ms,
                                   .transaction_timeout_ms = TRANSACTION_TIMEOUT_MS, .poison_policy = route->poison_record_policy,
                                   .topic_count = found->count};
        r->topics = calloc(found->count ? found->count : 1, sizeof *r->topics);
        if (!r->topics) abort();
        for (size_t i = 0; i < found->count; i++) {
                const struct topic_found *f = &found->topics[i];
                r->topics[i] = (struct doctor_topic){.name = f->name, .target = f->target, .partitions = f->partitions,
                                                     .partitions_there = f->partitions_there, .left = -1,
                                                     .parked = f->step == TOPIC_PARKED ? f->reason : NULL};
        }
        if (found->count > DOCTOR_PROBES_MAX) r->unread = found->count - DOCTOR_PROBES_MAX;
        struct doctor_probe ignored = {0};
        rd_kafka_t *from = admin_of(asked, source->alias, &ignored), *to = admin_of(asked, destination->alias, &ignored);
        rd_kafka_t *consumer = NULL;
        const struct kafka_setting group[] = {{"group.id", route->group_id}, {NULL, NULL}};
        char err[CONFIG_ERROR_MAX] = "";
        if (from) {
                ask_topics(asked, source->alias, from, r, true);
                ask_members(asked, from, r);
        }
        if (to) {
                ask_topics(asked, destination->alias, to, r, false);
                ask_creates(asked, to, r);
        }
        if (kafka_client_new(asked->config, source->alias, route->name, CLIENT_CONSUMER, group, NULL, NULL, &consumer, err, sizeof err) == 0) {
                (void)rd_kafka_poll_set_consumer(consumer); /* cannot fail for a consumer */
                if (r->commit.answer == DOCTOR_UNASKED) {
                        ask_positions(asked, consumer, r);
                        ask_commit(asked, consumer, r);
                }
                ask_reads(asked, consumer, r);
                (void)rd_kafka_consumer_close(consumer);
                rd_kafka_destroy(consumer);
        } else {
                answer(&r->commit, DOCTOR_UNCLEAR, "%.250s", err);
        }
        if (r->exactly_once) ask_transaction(asked, route, r);
        if (asked->probe_writes) ask_writes(asked, route, r);
        if (from) rd_kafka_destroy(from);
        if (to) rd_kafka_destroy(to);
}

void doctor_route_fini(struct doctor_route *route) {
        for (size_t i = 0; i < route->topic_count; i++) {
                topic_settings_fini(&route->topics[i].here);
                topic_settings_fini(&route->topics[i].there);
        }
        free(route->topics);
        *route = (struct doctor_route){0};
}
