#include "cli/doctor_judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The checks: name, what is not held while one is not well, what to do. */
#define CHECKS(ROW) \
        ROW(NAME, "name", "nothing that is behind the name can be reached", \
            "mend DNS or /etc/hosts on every host that runs a worker or a coordinator") \
        ROW(ADDRESS, "address", \
            "partitions whose leader is there stand still: promise 7 shows them as STALLED, and nothing else holds for them", \
            "open the port to this host, or let the broker advertise an address that this host can reach (advertised.listeners)") \
        ROW(LOGIN, "login", "nothing is mirrored from or to this broker", \
            "see security.protocol, the certificates and the login of this cluster in the file") \
        ROW(REACHED, "cluster", "nothing is mirrored", "start the cluster, or mend <alias>.bootstrap.servers") \
        ROW(VERSION, "version", "the guarantee that needs the request", "upgrade the brokers") \
        ROW(SETTINGS, "settings", "nothing; what depends on it could not be looked at", \
            "grant DESCRIBE_CONFIGS on the cluster and on the topics to have it looked at") \
        ROW(TOPICS, "topics", "nothing is mirrored", "see `topics` of the route; 'heliostat topics ROUTE' shows each topic") \
        ROW(PARKED, "parked", "the topic is not mirrored; the others are", "'heliostat topics ROUTE' tells more") \
        ROW(LOOP, "loop", "promise 3: a record could come back to where it began", \
            "give the route topic.naming = prefix or provenance = header, or see whether both aliases mean the same cluster") \
        ROW(READ, "read", "promise 1: the topic is not mirrored, its partitions are PARKED", \
            "grant READ and DESCRIBE on the topic at the source") \
        ROW(COMMIT, "commit", "promise 3: positions cannot be committed, and no partition starts", \
            "grant READ on the group at the source") \
        ROW(MEMBERS, "members", "promise 3: the brokers refuse the mirror's commits while a group has members", \
            "stop the other consumer of the group (MirrorMaker?), or give the route another group.id") \
        ROW(WRITE, "write", "promise 1: the topic is not mirrored, its partitions are PARKED", \
            "grant WRITE and DESCRIBE on the topic at the destination") \
        ROW(CREATE, "create", "the topic is not mirrored until somebody creates it", \
            "grant CREATE on the topic (or the cluster) at the destination, or create it; mend what the broker complains of") \
        ROW(TRANSACTION, "transaction", "promise 3: exactly-once cannot begin", \
            "grant WRITE and DESCRIBE on the transactional ids that begin with the group's name, at the destination") \
        ROW(TRANSACTION_TIME, "transaction-time", "promise 3: exactly-once cannot begin", \
            "raise transaction.max.timeout.ms of the destination's brokers") \
        ROW(TRANSACTION_LOG, "transaction-log", \
            "promise 3: with the broker that has the only copy, the state of transactions is lost or away", \
            "give __transaction_state three copies and min.insync.replicas 2 (transaction.state.log.*)") \
        ROW(COPIES, "copies", "promise 1: an acknowledged record is lost with the disk of the one broker that has it", \
            "give the topics three copies: replication.factor of the route, or default.replication.factor of the cluster") \
        ROW(MIN_ISR, "min-isr", \
            "promise 1: a record may be acknowledged by one broker alone, and is lost with it", \
            "set min.insync.replicas = 2 at the destination") \
        ROW(ISR_FULL, "isr-full", "with one broker away nothing can be written", "set min.insync.replicas below the number of copies") \
        ROW(UNCLEAN, "unclean", "promises 1 and 2: records that were acknowledged may vanish when a leader is elected", \
            "set unclean.leader.election.enable = false") \
        ROW(SIZE, "size", "promise 1: a record that the source takes and the destination refuses halts its partition, or goes " \
                          "where poison.record.policy says", \
            "set max.message.bytes of the destination's topic, or message.max.bytes of its brokers, to the source's") \
        ROW(RETENTION, "retention", "promise 1: what retention takes before it was mirrored is lost; the partition halts and says which", \
            "raise retention.ms of the source's topic until the mirror has caught up") \
        ROW(POSITIONS, "positions", "promise 1: the source forgets the positions of idle partitions, and these halt", \
            "set positions.recommit.interval.ms well below offsets.retention.minutes of the source") \
        ROW(ZK_SERVERS, "zookeeper-servers", \
            "mirroring goes on (promise 5), but while ZooKeeper is away no lane moves: a lost worker's partitions stand still", \
            "run an ensemble of three or five servers, and name all of them in zookeeper.connect") \
        ROW(ZK_SESSION, "zookeeper-session", "nothing starts: no worker registers, no lane is assigned", \
            "start ZooKeeper, or mend zookeeper.connect") \
        ROW(ZK_TIMEOUT, "zookeeper-timeout", "how soon a lost host's lanes move is not what the file says", \
            "choose zookeeper.session.timeout.ms within the servers' minSessionTimeout and maxSessionTimeout") \
        ROW(ZK_RIGHTS, "zookeeper-rights", "nothing starts: processes cannot write what they must", \
            "give the identity of zookeeper.auth all rights below the path of zookeeper.connect") \
        ROW(ZK_OPEN, "zookeeper-open", "whoever reaches ZooKeeper can stop, move and redefine routes", \
            "set zookeeper.auth (docs/security.md), or keep others away from ZooKeeper") \
        ROW(ZK_LARGE, "zookeeper-large", "large routes and reports cannot be written: assignments and status stand still", \
            "leave jute.maxbuffer of the servers at its default of 1 MiB, or raise it to that") \
        ROW(CLOCK, "clock", "lag in seconds and the ages that status shows are wrong; nothing that is mirrored depends on clocks", \
            "run NTP on all hosts") \
        ROW(FILES, "files", "a worker with many lanes runs out of descriptors and ends; its lanes move on", \
            "raise the limit: LimitNOFILE of the unit, or ulimit -n")

#define ROW(id, name, voids, advice) CHECK_##id,
enum check { CHECKS(ROW) };
#undef ROW
static const struct {
        const char *name, *voids, *advice;
} checks[] = {
#define ROW(id, name, voids, advice) [CHECK_##id] = {name, voids, advice},
        CHECKS(ROW)
#undef ROW
};

const char *doctor_level_name(enum doctor_level level) {
        static const char *const names[] = {"OK", "UNKNOWN", "WARN", "FAIL"};
        return (size_t)level < sizeof names / sizeof *names ? names[level] : "?";
}

void doctor_findings_fini(struct doctor_findings *findings) {
        for (size_t i = 0; i < findings->count; i++) {
                free(findings->items[i].subject);
                free(findings->items[i].text);
        }
        free(findings->items);
        *findings = (struct doctor_findings){0};
}

enum doctor_level doctor_worst(const struct doctor_findings *findings) {
        enum doctor_level worst = DOCTOR_OK;
        for (size_t i = 0; i < findings->count; i++)
                if (findings->items[i].level > worst) worst = findings->items[i].level;
        return worst;
}

__attribute__((format(printf, 5, 6)))
static void find(struct doctor_findings *out, enum doctor_level level, enum check check, const char *subject,
                 const char *format, ...) {
        if (out->failed) return;
        if (out->count == out->room) {
                size_t room = out->room ? 2 * out->room : 32;
                struct doctor_finding *items = reallocarray(out->items, room, sizeof *items);
                if (!items) {
                        out->failed = true;
                        return;
                }
                out->items = items;
                out->room = room;
        }
        struct doctor_finding *f = &out->items[out->count];
        *f = (struct doctor_finding){.level = level, .check = checks[check].name, .subject = strdup(subject)};
        va_list args;
        va_start(args, format);
        int n = vasprintf(&f->text, format, args);
        va_end(args);
        if (n < 0) f->text = NULL;
        if (level > DOCTOR_OK) {
                f->voids = checks[check].voids;
                f->advice = checks[check].advice;
        }
        out->count++;
        if (!f->subject || !f->text) out->failed = true;
}

static const char *plural(size_t n) { return n == 1 ? "" : "s"; }

/* ---- settings ---- */

static const char *setting(const struct topic_settings *settings, const char *name) {
        for (size_t i = 0; i < settings->count; i++)
                if (strcmp(settings->items[i].name, name) == 0) return settings->items[i].value;
        return NULL;
}

static bool is_set(const struct topic_settings *settings, const char *name) {
        for (size_t i = 0; i < settings->count; i++)
                if (strcmp(settings->items[i].name, name) == 0) return settings->items[i].set;
        return false;
}

/* -1: not known. */
static int64_t number(const struct topic_settings *settings, const char *name) {
        const char *text = setting(settings, name);
        char *end;
        if (!text || !*text) return -1;
        long long value = strtoll(text, &end, 10);
        return *end || value < 0 ? -1 : value;
}

/* ---- a cluster ---- */

/* Needed by a mirror: for what, and the version that a broker must know. */
static const struct {
        int16_t key, least;
        const char *name, *what;
} needed_apis[] = {
        {0, 3, "Produce", "headers and timestamps (Kafka 0.11)"},
        {1, 4, "Fetch", "committed records alone (Kafka 0.11)"},
        {2, 1, "ListOffsets", "starts by time (Kafka 0.10.1)"},
        {8, 2, "OffsetCommit", "positions with metadata (Kafka 0.9)"},
        {9, 1, "OffsetFetch", "positions (Kafka 0.9)"},
        {19, 0, "CreateTopics", "creation of topics (Kafka 0.10.1)"},
        {22, 0, "InitProducerId", "a producer that repeats nothing (Kafka 0.11)"},
        {26, 0, "EndTxn", "exactly-once (Kafka 0.11)"},
        {32, 0, "DescribeConfigs", "settings of topics (Kafka 0.11)"},
};

static void judge_versions(const struct doctor_cluster *c, struct doctor_findings *out) {
        size_t missing = 0;
        if (c->api_count == 0) {
                if (c->reached.answer == DOCTOR_YES)
                        find(out, DOCTOR_UNKNOWN, CHECK_VERSION, c->alias, "which requests the brokers know is not known");
                return;
        }
        for (size_t i = 0; i < sizeof needed_apis / sizeof *needed_apis; i++) {
                int max = -1;
                for (size_t k = 0; k < c->api_count; k++)
                        if (c->apis[k].key == needed_apis[i].key) max = c->apis[k].max;
                if (max >= needed_apis[i].least) continue;
                missing++;
                find(out, DOCTOR_FAIL, CHECK_VERSION, c->alias, "the brokers do not know %s %d, for %s", needed_apis[i].name,
                     needed_apis[i].least, needed_apis[i].what);
        }
        if (!missing) find(out, DOCTOR_OK, CHECK_VERSION, c->alias, "the brokers know all requests that are needed");
}

/* "broker 2 at b2:9092" */
static const char *address_text(const struct doctor_address *a, char *out, size_t size) {
        if (a->id >= 0) (void)snprintf(out, size, "broker %d at %s:%u", (int)a->id, a->host, a->port);
        else (void)snprintf(out, size, "%s:%u", a->host, a->port);
        return out;
}

/* Returns whether all is well with it. */
static bool judge_address(const struct doctor_address *a, const char *subject, bool enough, struct doctor_findings *out) {
        char text[320];
        /* one of several addresses of the file may be away; one that a broker advertises may not */
        enum doctor_level level = a->id < 0 && enough ? DOCTOR_WARN : DOCTOR_FAIL;
        (void)address_text(a, text, sizeof text);
        if (a->resolves.answer == DOCTOR_NO) find(out, level, CHECK_NAME, subject, "%s: %s", text, a->resolves.why);
        else if (a->connects.answer == DOCTOR_NO) find(out, level, CHECK_ADDRESS, subject, "%s: %s", text, a->connects.why);
        else if (a->speaks.answer == DOCTOR_NO) find(out, level, CHECK_LOGIN, subject, "%s: %s", text, a->speaks.why);
        else return true;
        return false;
}

void doctor_judge_cluster(const struct doctor_cluster *c, struct doctor_findings *out) {
        size_t bad = 0, advertised = 0;
        bool reached = c->reached.answer == DOCTOR_YES;
        for (size_t i = 0; i < c->address_count; i++) {
                advertised += c->addresses[i].id >= 0;
                if (!judge_address(&c->addresses[i], c->alias, reached, out)) bad++;
        }
        if (!reached) {
                find(out, DOCTOR_FAIL, CHECK_REACHED, c->alias, "no broker answers: %s", c->reached.why);
                return;
        }
        if (!bad)
                find(out, DOCTOR_OK, CHECK_ADDRESS, c->alias, "%zu broker%s, each answers here at the address that it advertises",
                     advertised, plural(advertised));
        judge_versions(c, out);
        if (c->settings.error)
                find(out, DOCTOR_UNKNOWN, CHECK_SETTINGS, c->alias, "settings of the brokers cannot be read: %s", c->settings.error);
}

/* ---- a route ---- */

static void judge_probe(const struct doctor_probe *probe, enum check check, const char *subject, const char *what,
                        struct doctor_findings *out) {
        if (probe->answer == DOCTOR_NO) find(out, DOCTOR_FAIL, check, subject, "%s: %s", what, probe->why);
        else if (probe->answer == DOCTOR_YES) find(out, DOCTOR_OK, check, subject, "%s", what);
        else if (*probe->why) find(out, DOCTOR_UNKNOWN, check, subject, "%s: %s", what, probe->why);
}

/* Of many topics: the first in words, the others counted. */
static void judge_topic_probes(const struct doctor_route *r, size_t offset, enum check check, const char *what,
                               struct doctor_findings *out) {
        const struct doctor_topic *no = NULL, *unclear = NULL;
        size_t yes_count = 0, no_count = 0, unclear_count = 0;
        for (size_t i = 0; i < r->topic_count; i++) {
                const struct doctor_topic *t = &r->topics[i];
                const struct doctor_probe *probe = (const struct doctor_probe *)(const void *)((const char *)t + offset);
                if (probe->answer == DOCTOR_YES) yes_count++;
                if (probe->answer == DOCTOR_NO && ++no_count == 1) no = t;
                if (probe->answer == DOCTOR_UNCLEAR && ++unclear_count == 1) unclear = t;
        }
#define PROBE(t) ((const struct doctor_probe *)(const void *)((const char *)(t) + offset))
#define NAME(t) (check == CHECK_READ ? (t)->name : (t)->target)
        if (no)
                find(out, DOCTOR_FAIL, check, r->name, "%zu topic%s cannot be %s (%s: %s)", no_count, plural(no_count), what, NAME(no),
                     PROBE(no)->why);
        if (unclear)
                find(out, DOCTOR_UNKNOWN, check, r->name, "whether %zu topic%s can be %s is not known (%s: %s)", unclear_count,
                     plural(unclear_count), what, NAME(unclear), PROBE(unclear)->why);
        if (!no && !unclear && yes_count)
                find(out, DOCTOR_OK, check, r->name, "%zu topic%s can be %s", yes_count, plural(yes_count), what);
#undef PROBE
#undef NAME
}

/* Copies that the topic has, or would be created with; 0: not known. */
static int64_t copies_there(const struct doctor_route *r, const struct doctor_topic *t) {
        if (t->copies_there) return t->copies_there;
        if (r->replication_factor > 0) return r->replication_factor;
        int64_t usual = number(&r->destination->settings, "default.replication.factor");
        return usual > 0 ? usual : 0;
}

/* A setting of the destination's topic, as it is or as it would come to be. */
static int64_t there_number(const struct doctor_route *r, const struct doctor_topic *t, const char *name, const char *broker_name) {
        int64_t value = t->partitions_there ? number(&t->there, name) : -1;
        if (!t->partitions_there && is_set(&t->here, name)) value = number(&t->here, name); /* it goes along */
        return value >= 0 ? value : t->partitions_there ? -1 : number(&r->destination->settings, broker_name);
}

static void judge_durability(const struct doctor_route *r, struct doctor_findings *out) {
        const struct doctor_topic *one = NULL, *low = NULL, *full = NULL, *unclean = NULL, *unclean_source = NULL;
        size_t ones = 0, lows = 0, fulls = 0, uncleans = 0, unclean_sources = 0, known = 0;
        for (size_t i = 0; i < r->topic_count; i++) {
                const struct doctor_topic *t = &r->topics[i];
                int64_t copies = copies_there(r, t), isr = there_number(r, t, "min.insync.replicas", "min.insync.replicas");
                const char *there = setting(&t->there, "unclean.leader.election.enable"),
                           *here = setting(&t->here, "unclean.leader.election.enable");
                known += copies > 0;
                if (copies == 1 && ++ones == 1) one = t;
                if (copies > 1 && isr == 1 && ++lows == 1) low = t;
                if (copies > 1 && isr >= copies && ++fulls == 1) full = t;
                if (there && strcmp(there, "true") == 0 && ++uncleans == 1) unclean = t;
                if (here && strcmp(here, "true") == 0 && ++unclean_sources == 1) unclean_source = t;
        }
        if (one)
                find(out, DOCTOR_WARN, CHECK_COPIES, r->name, "%zu topic%s at the destination %s one copy (%s)", ones, plural(ones),
                     ones == 1 ? "has" : "have", one->target);
        if (low)
                find(out, DOCTOR_WARN, CHECK_MIN_ISR, r->name, "min.insync.replicas is 1 for %zu topic%s at the destination (%s)", lows,
                     plural(lows), low->target);
        if (full)
                find(out, DOCTOR_WARN, CHECK_ISR_FULL, r->name, "min.insync.replicas is the number of copies for %zu topic%s (%s)",
                     fulls, plural(fulls), full->target);
        if (unclean)
                find(out, DOCTOR_FAIL, CHECK_UNCLEAN, r->name, "%zu topic%s of the destination elect%s leaders uncleanly (%s)", uncleans,
                     plural(uncleans), uncleans == 1 ? "s" : "", unclean->target);
        if (unclean_source)
                find(out, DOCTOR_WARN, CHECK_UNCLEAN, r->name, "%zu topic%s of the source elect%s leaders uncleanly (%s)",
                     unclean_sources, plural(unclean_sources), unclean_sources == 1 ? "s" : "", unclean_source->name);
        if (!one && !low && !full && known)
                find(out, DOCTOR_OK, CHECK_COPIES, r->name, "%zu topic%s with several copies, of which at least two acknowledge", known,
                     plural(known));
}

static void judge_sizes(const struct doctor_route *r, struct doctor_findings *out) {
        size_t small = 0, known = 0;
        const struct doctor_topic *first = NULL;
        int64_t first_here = 0, first_there = 0;
        for (size_t i = 0; i < r->topic_count; i++) {
                const struct doctor_topic *t = &r->topics[i];
                int64_t here = number(&t->here, "max.message.bytes"),
                        there = there_number(r, t, "max.message.bytes", "message.max.bytes");
                if (here < 0 || there < 0) continue;
                known++;
                if (there >= here || ++small > 1) continue;
                first = t;
                first_here = here;
                first_there = there;
        }
        if (first)
                find(out, DOCTOR_FAIL, CHECK_SIZE, r->name,
                     "%zu topic%s take%s larger records at the source (%s: %" PRId64 " bytes there, %" PRId64
                     " at the destination; policy %s)",
                     small, plural(small), small == 1 ? "s" : "", first->name, first_here, first_there, r->poison_policy);
        else if (known)
                find(out, DOCTOR_OK, CHECK_SIZE, r->name, "what %zu topic%s of the source take%s, the destination takes", known,
                     plural(known), known == 1 ? "s" : "");
}

#define NEAR 0.05 /* so little of a log is left between the position and its start */

static void judge_positions(const struct doctor_route *r, struct doctor_findings *out) {
        int64_t minutes = number(&r->source->settings, "offsets.retention.minutes");
        if (minutes > 0 && (int64_t)r->recommit_ms * 2 > minutes * 60000)
                find(out, DOCTOR_FAIL, CHECK_POSITIONS, r->name,
                     "offsets.retention.minutes of the source is %" PRId64 ", and idle positions are committed each %u s only", minutes,
                     r->recommit_ms / 1000);
        else if (minutes > 0)
                find(out, DOCTOR_OK, CHECK_POSITIONS, r->name, "the source keeps positions for %" PRId64 " minutes", minutes);
        for (size_t i = 0; i < r->topic_count; i++) {
                const struct doctor_topic *t = &r->topics[i];
                if (t->gone > 0)
                        find(out, DOCTOR_FAIL, CHECK_RETENTION, r->name, "%" PRId64 " records of %s are gone before they were mirrored",
                             t->gone, t->name);
                else if (t->left >= 0 && t->left < NEAR)
                        find(out, DOCTOR_WARN, CHECK_RETENTION, r->name,
                             "the mirror of %s is %.0f %% of its log away from what retention takes next", t->name, t->left * 100);
        }
}

static void judge_transactions(const struct doctor_route *r, struct doctor_findings *out) {
        const struct topic_settings *settings = &r->destination->settings;
        if (!r->exactly_once) return;
        judge_probe(&r->transaction, CHECK_TRANSACTION, r->name, "transactions at the destination", out);
        int64_t most = number(settings, "transaction.max.timeout.ms");
        if (most >= 0 && most < r->transaction_timeout_ms)
                find(out, DOCTOR_FAIL, CHECK_TRANSACTION_TIME, r->name,
                     "transaction.max.timeout.ms of the destination is %" PRId64 ", and %u is asked for", most, r->transaction_timeout_ms);
        int64_t copies = number(settings, "transaction.state.log.replication.factor"),
                isr = number(settings, "transaction.state.log.min.isr");
        if (copies == 1 || isr == 1)
                find(out, DOCTOR_WARN, CHECK_TRANSACTION_LOG, r->name,
                     "the destination's log of transactions has replication factor %" PRId64 " and min.isr %" PRId64, copies, isr);
}

void doctor_judge_route(const struct doctor_route *r, struct doctor_findings *out) {
        const struct doctor_topic *parked = NULL;
        size_t parked_count = 0;
        if (r->source->reached.answer != DOCTOR_YES || r->destination->reached.answer != DOCTOR_YES) return; /* was said */
        if (*r->source->cluster_id && strcmp(r->source->cluster_id, r->destination->cluster_id) == 0)
                find(out, r->identity ? DOCTOR_FAIL : DOCTOR_WARN, CHECK_LOOP, r->name, "source and destination are the same cluster (%s)",
                     r->source->cluster_id);
        if (r->topic_count == 0) {
                find(out, DOCTOR_WARN, CHECK_TOPICS, r->name, "no topic of the source matches, or none may be seen");
        } else {
                find(out, DOCTOR_OK, CHECK_TOPICS, r->name, "%zu topic%s match%s%s", r->topic_count, plural(r->topic_count),
                     r->topic_count == 1 ? "es" : "", r->unread ? "; rights are probed of the first ones only" : "");
                for (size_t i = 0; i < r->topic_count; i++)
                        if (r->topics[i].parked && ++parked_count == 1) parked = &r->topics[i];
                if (parked)
                        find(out, DOCTOR_FAIL, CHECK_PARKED, r->name, "%zu topic%s cannot be mirrored as it is (%s: %s)", parked_count,
                             plural(parked_count), parked->name, parked->parked);
        }
        judge_topic_probes(r, offsetof(struct doctor_topic, read), CHECK_READ, "read", out);
        judge_probe(&r->commit, CHECK_COMMIT, r->name, "commits of the group at the source", out);
        if (r->members)
                find(out, DOCTOR_FAIL, CHECK_MEMBERS, r->name, "group %s has %zu member%s at the source", r->group_id, r->members,
                     plural(r->members));
        judge_topic_probes(r, offsetof(struct doctor_topic, write), CHECK_WRITE, "written", out);
        judge_topic_probes(r, offsetof(struct doctor_topic, create), CHECK_CREATE, "created", out);
        judge_durability(r, out);
        judge_sizes(r, out);
        judge_positions(r, out);
        judge_transactions(r, out);
}

/* ---- ZooKeeper, this host ---- */

#define TIMEOUT_SLACK_MS 200
#define CLOCK_SLACK_MS 2000

void doctor_judge_zookeeper(const struct doctor_zookeeper *z, struct doctor_findings *out) {
        static const char subject[] = "zookeeper";
        bool standalone = false, connected = z->session.answer == DOCTOR_YES;
        size_t bad = 0;
        for (size_t i = 0; i < z->server_count; i++) {
                standalone |= z->servers[i].standalone;
                if (!judge_address(&z->servers[i], subject, connected, out)) bad++;
        }
        if (!connected) {
                find(out, DOCTOR_FAIL, z->refused ? CHECK_ZK_RIGHTS : CHECK_ZK_SESSION, subject, "%s: %s", z->connect, z->session.why);
                return;
        }
        if (z->server_count < 3 || standalone)
                find(out, DOCTOR_WARN, CHECK_ZK_SERVERS, subject, "%s%s", standalone ? "a server that stands alone" : z->server_count == 1 ? "one server" : "two servers",
                     z->server_count == 1 && z->servers[0].note[0] ? "" : ", as the file names them");
        else if (!bad)
                find(out, DOCTOR_OK, CHECK_ZK_SERVERS, subject, "%zu servers answer", z->server_count);
        if (z->given_ms && (z->given_ms > z->asked_ms + TIMEOUT_SLACK_MS || z->given_ms < z->asked_ms - TIMEOUT_SLACK_MS))
                find(out, DOCTOR_WARN, CHECK_ZK_TIMEOUT, subject, "a session timeout of %d ms is asked for, and %d ms are given", z->asked_ms,
                     z->given_ms);
        else if (z->given_ms)
                find(out, DOCTOR_OK, CHECK_ZK_TIMEOUT, subject, "the session timeout is %d ms, as asked for", z->given_ms);
        judge_probe(&z->create, CHECK_ZK_RIGHTS, subject, "the right to create nodes", out);
        judge_probe(&z->large, CHECK_ZK_LARGE, subject, "nodes of 512 KiB", out);
        if (!z->identity)
                find(out, DOCTOR_WARN, CHECK_ZK_OPEN, subject, "zookeeper.auth is not set: everyone may change the nodes");
        if (z->ahead_ms > CLOCK_SLACK_MS)
                find(out, DOCTOR_WARN, CHECK_CLOCK, subject, "ZooKeeper's clock is at least %" PRId64 " ms ahead of this host's", z->ahead_ms);
}

void doctor_judge_host(const struct doctor_host *h, struct doctor_findings *out) {
        if (!h->files_needed) return;
        if (h->files < h->files_needed)
                find(out, DOCTOR_WARN, CHECK_FILES, "here",
                     "%" PRIu64 " descriptors are allowed; a worker that has all lanes alone takes up to %" PRIu64, h->files,
                     h->files_needed);
        else
                find(out, DOCTOR_OK, CHECK_FILES, "here", "%" PRIu64 " descriptors are allowed, up to %" PRIu64 " are taken", h->files,
                     h->files_needed);
}
