#include "tests/unit/test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor_judge.h"
#include "cli/doctor_report.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- a field where all is well ---- */

struct made {
        struct doctor_address addresses[2][3];
        struct doctor_cluster source, destination;
        struct doctor_topic topic;
        struct doctor_route route;
        struct doctor_address servers[3];
        struct doctor_zookeeper zookeeper;
        struct doctor_host host;
};

static void set(struct topic_settings *settings, const char *name, const char *value, bool at_topic) {
        for (size_t i = 0; i < settings->count; i++) {
                if (strcmp(settings->items[i].name, name) != 0) continue;
                free(settings->items[i].value);
                settings->items[i].value = strdup(value);
                settings->items[i].set = at_topic;
                return;
        }
        assert_int_equal(topic_settings_add(settings, name, value, at_topic), 0);
}

static void cluster(struct doctor_cluster *c, struct doctor_address *addresses, const char *alias) {
        static const int16_t keys[] = {0, 1, 2, 8, 9, 19, 22, 26, 32};
        for (int i = 0; i < 3; i++) {
                addresses[i] = (struct doctor_address){.id = i - 1, .port = 9092, .resolves.answer = DOCTOR_YES,
                                                       .connects.answer = DOCTOR_YES, .speaks.answer = DOCTOR_YES};
                (void)snprintf(addresses[i].host, sizeof addresses[i].host, "%s%d", alias, i);
        }
        *c = (struct doctor_cluster){.alias = alias, .addresses = addresses, .address_count = 3, .reached.answer = DOCTOR_YES, .brokers = 2};
        (void)snprintf(c->cluster_id, sizeof c->cluster_id, "id-%s", alias);
        for (size_t i = 0; i < COUNT(keys); i++) c->apis[c->api_count++] = (struct doctor_api){keys[i], 0, 12};
        set(&c->settings, "offsets.retention.minutes", "10080", false);
        set(&c->settings, "default.replication.factor", "3", false);
        set(&c->settings, "min.insync.replicas", "2", false);
        set(&c->settings, "message.max.bytes", "1048588", false);
        set(&c->settings, "transaction.max.timeout.ms", "900000", false);
        set(&c->settings, "transaction.state.log.replication.factor", "3", false);
        set(&c->settings, "transaction.state.log.min.isr", "2", false);
}

static void make(struct made *m) {
        memset(m, 0, sizeof *m);
        cluster(&m->source, m->addresses[0], "e");
        cluster(&m->destination, m->addresses[1], "w");
        m->topic = (struct doctor_topic){.name = "t", .target = "e.t", .partitions = 4, .partitions_there = 4, .copies = 3, .copies_there = 3,
                                         .read.answer = DOCTOR_YES, .write.answer = DOCTOR_YES, .left = -1};
        for (int i = 0; i < 2; i++) {
                struct topic_settings *settings = i ? &m->topic.there : &m->topic.here;
                set(settings, "max.message.bytes", "1048588", false);
                set(settings, "min.insync.replicas", "2", false);
                set(settings, "unclean.leader.election.enable", "false", false);
        }
        m->route = (struct doctor_route){.name = "e->w", .group_id = "g", .source = &m->source, .destination = &m->destination,
                                         .exactly_once = true, .replication_factor = -1, .recommit_ms = 600000, .lanes = 24,
                                         .transaction_timeout_ms = 60000, .poison_policy = "halt", .topics = &m->topic, .topic_count = 1,
                                         .commit.answer = DOCTOR_YES, .transaction.answer = DOCTOR_YES};
        for (int i = 0; i < 3; i++)
                m->servers[i] = (struct doctor_address){.id = -1, .port = 2181, .host = "zk", .resolves.answer = DOCTOR_YES,
                                                        .connects.answer = DOCTOR_YES};
        m->zookeeper = (struct doctor_zookeeper){.connect = "zk:2181", .servers = m->servers, .server_count = 3, .session.answer = DOCTOR_YES,
                                                 .identity = true, .asked_ms = 6000, .given_ms = 6000, .made.answer = DOCTOR_YES,
                                                 .create.answer = DOCTOR_YES, .large.answer = DOCTOR_YES};
        m->host = (struct doctor_host){.files = 1024, .files_needed = 400};
}

static void fini(struct made *m) {
        topic_settings_fini(&m->source.settings);
        topic_settings_fini(&m->destination.settings);
        topic_settings_fini(&m->topic.here);
        topic_settings_fini(&m->topic.there);
}

static void judge(const struct made *m, struct doctor_findings *out) {
        doctor_judge_zookeeper(&m->zookeeper, out);
        doctor_judge_cluster(&m->source, out);
        doctor_judge_cluster(&m->destination, out);
        doctor_judge_route(&m->route, out);
        doctor_judge_host(&m->host, out);
        assert_false(out->failed);
}

/* ---- what may be wrong ---- */

#define NO(field, text) ((field).answer = DOCTOR_NO, (void)snprintf((field).why, sizeof(field).why, "%s", text))

static void nothing(struct made *m) { (void)m; }
static void name_unknown(struct made *m) { NO(m->source.addresses[2].resolves, "no such name"); }
static void address_dark(struct made *m) { NO(m->destination.addresses[1].connects, "refused"); }
static void bootstrap_dark(struct made *m) { NO(m->destination.addresses[0].connects, "refused"); }
static void login_bad(struct made *m) { NO(m->source.addresses[1].speaks, "wrong password"); }
static void all_dark(struct made *m) { NO(m->source.reached, "nobody"); }
static void old_broker(struct made *m) { m->source.apis[1].max = 3; }
static void no_transactions(struct made *m) { m->destination.apis[7].key = 99; }
static void apis_unknown(struct made *m) { m->source.api_count = 0; }
static void settings_refused(struct made *m) { m->source.settings.error = strdup("denied"); }
static void same_cluster(struct made *m) { strcpy(m->destination.cluster_id, "id-e"); }
static void same_cluster_same_names(struct made *m) { same_cluster(m), m->route.identity = true; }
static void no_topics(struct made *m) { m->route.topic_count = 0; }
static void parked(struct made *m) { m->topic.parked = "too few partitions"; }
static void unreadable(struct made *m) { NO(m->topic.read, "denied"); }
static void read_unclear(struct made *m) { m->topic.read.answer = DOCTOR_UNCLEAR; }
static void unwritable(struct made *m) { NO(m->topic.write, "denied"); }
static void uncreatable(struct made *m) { m->topic.partitions_there = 0, NO(m->topic.create, "denied"); }
static void no_commit(struct made *m) { NO(m->route.commit, "denied"); }
static void members(struct made *m) { m->route.members = 2; }
static void no_transaction(struct made *m) { NO(m->route.transaction, "denied"); }
static void no_transaction_unasked(struct made *m) { no_transaction(m), m->route.exactly_once = false; }
static void transaction_short(struct made *m) { set(&m->destination.settings, "transaction.max.timeout.ms", "30000", false); }
static void transaction_log(struct made *m) { set(&m->destination.settings, "transaction.state.log.min.isr", "1", false); }
static void one_copy(struct made *m) { m->topic.copies_there = 1, set(&m->topic.there, "min.insync.replicas", "1", false); }
static void one_copy_to_come(struct made *m) { m->topic.partitions_there = m->topic.copies_there = 0, m->route.replication_factor = 1; }
static void one_copy_by_default(struct made *m) {
        m->topic.partitions_there = m->topic.copies_there = 0;
        set(&m->destination.settings, "default.replication.factor", "1", false);
}
static void isr_one(struct made *m) { set(&m->topic.there, "min.insync.replicas", "1", false); }
static void isr_all(struct made *m) { set(&m->topic.there, "min.insync.replicas", "3", false); }
static void unclean(struct made *m) { set(&m->topic.there, "unclean.leader.election.enable", "true", true); }
static void unclean_source(struct made *m) { set(&m->topic.here, "unclean.leader.election.enable", "true", true); }
static void small_there(struct made *m) { set(&m->topic.there, "max.message.bytes", "1000000", true); }
static void large_here_goes_along(struct made *m) {
        m->topic.partitions_there = 0;
        set(&m->topic.here, "max.message.bytes", "5000000", true);
}
static void large_here_by_default(struct made *m) { /* of the source's brokers: does not go along */
        m->topic.partitions_there = 0;
        set(&m->topic.here, "max.message.bytes", "5000000", false);
}
static void forgets(struct made *m) { set(&m->source.settings, "offsets.retention.minutes", "15", false); }
static void gone(struct made *m) { m->topic.gone = 7; }
static void nearly_gone(struct made *m) { m->topic.left = 0.01; }
static void far_from_gone(struct made *m) { m->topic.left = 0.5; }
static void zk_dark(struct made *m) { NO(m->zookeeper.session, "refused"); }
static void zk_refused(struct made *m) { zk_dark(m), m->zookeeper.refused = true; }
static void zk_one(struct made *m) { m->zookeeper.server_count = 1; }
static void zk_alone(struct made *m) { m->servers[0].standalone = true; }
static void zk_one_away(struct made *m) { NO(m->servers[1].connects, "refused"); }
static void zk_timeout(struct made *m) { m->zookeeper.given_ms = 4000; }
static void zk_create(struct made *m) { NO(m->zookeeper.create, "denied"); }
static void zk_large(struct made *m) { NO(m->zookeeper.large, "ends the connection"); }
static void zk_open(struct made *m) { m->zookeeper.identity = false; }
static void zk_clock(struct made *m) { m->zookeeper.ahead_ms = 5000; }
static void files(struct made *m) { m->host.files = 256; }

static void each_thing_is_found(void **state) {
        static const struct {
                void (*spoil)(struct made *m);
                enum doctor_level level; /* the worst of all */
                const char *check, *text; /* of the first that bad; NULL: none */
        } rows[] = {
                {nothing, DOCTOR_OK, NULL, NULL},
                {name_unknown, DOCTOR_FAIL, "name", "broker 1 at e2:9092: no such name"},
                {address_dark, DOCTOR_FAIL, "address", "broker 0 at w1:9092: refused"},
                {bootstrap_dark, DOCTOR_WARN, "address", "w0:9092: refused"},
                {login_bad, DOCTOR_FAIL, "login", "broker 0 at e1:9092: wrong password"},
                {all_dark, DOCTOR_FAIL, "cluster", "no broker answers: nobody"},
                {old_broker, DOCTOR_FAIL, "version", "do not know Fetch 4"},
                {no_transactions, DOCTOR_FAIL, "version", "do not know EndTxn 0"},
                {apis_unknown, DOCTOR_UNKNOWN, "version", "is not known"},
                {settings_refused, DOCTOR_UNKNOWN, "settings", "denied"},
                {same_cluster, DOCTOR_WARN, "loop", "the same cluster (id-e)"},
                {same_cluster_same_names, DOCTOR_FAIL, "loop", "the same cluster (id-e)"},
                {no_topics, DOCTOR_WARN, "topics", "no topic of the source matches"},
                {parked, DOCTOR_FAIL, "parked", "t: too few partitions"},
                {unreadable, DOCTOR_FAIL, "read", "1 topic cannot be read (t: denied)"},
                {read_unclear, DOCTOR_UNKNOWN, "read", "whether 1 topic can be read"},
                {unwritable, DOCTOR_FAIL, "write", "1 topic cannot be written (e.t: denied)"},
                {uncreatable, DOCTOR_FAIL, "create", "1 topic cannot be created (e.t: denied)"},
                {no_commit, DOCTOR_FAIL, "commit", "denied"},
                {members, DOCTOR_FAIL, "members", "group g has 2 members"},
                {no_transaction, DOCTOR_FAIL, "transaction", "denied"},
                {no_transaction_unasked, DOCTOR_OK, NULL, NULL},
                {transaction_short, DOCTOR_FAIL, "transaction-time", "is 30000, and 60000 is asked for"},
                {transaction_log, DOCTOR_WARN, "transaction-log", "replication factor 3 and min.isr 1"},
                {one_copy, DOCTOR_WARN, "copies", "1 topic at the destination has one copy (e.t)"},
                {one_copy_to_come, DOCTOR_WARN, "copies", "one copy (e.t)"},
                {one_copy_by_default, DOCTOR_WARN, "copies", "one copy (e.t)"},
                {isr_one, DOCTOR_WARN, "min-isr", "min.insync.replicas is 1 for 1 topic"},
                {isr_all, DOCTOR_WARN, "isr-full", "is the number of copies"},
                {unclean, DOCTOR_FAIL, "unclean", "of the destination elects leaders uncleanly (e.t)"},
                {unclean_source, DOCTOR_WARN, "unclean", "of the source elects leaders uncleanly (t)"},
                {small_there, DOCTOR_FAIL, "size", "t: 1048588 bytes there, 1000000 at the destination; policy halt"},
                {large_here_goes_along, DOCTOR_OK, NULL, NULL},
                {large_here_by_default, DOCTOR_FAIL, "size", "5000000 bytes there, 1048588 at the destination"},
                {forgets, DOCTOR_FAIL, "positions", "is 15, and idle positions are committed each 600 s"},
                {gone, DOCTOR_FAIL, "retention", "7 records of t are gone"},
                {nearly_gone, DOCTOR_WARN, "retention", "the mirror of t is 1 %"},
                {far_from_gone, DOCTOR_OK, NULL, NULL},
                {zk_dark, DOCTOR_FAIL, "zookeeper-session", "zk:2181: refused"},
                {zk_refused, DOCTOR_FAIL, "zookeeper-rights", "zk:2181: refused"},
                {zk_one, DOCTOR_WARN, "zookeeper-servers", "one server"},
                {zk_alone, DOCTOR_WARN, "zookeeper-servers", "stands alone"},
                {zk_one_away, DOCTOR_WARN, "address", "zk:2181: refused"},
                {zk_timeout, DOCTOR_WARN, "zookeeper-timeout", "6000 ms is asked for, and 4000 ms are given"},
                {zk_create, DOCTOR_FAIL, "zookeeper-rights", "denied"},
                {zk_large, DOCTOR_FAIL, "zookeeper-large", "ends the connection"},
                {zk_open, DOCTOR_WARN, "zookeeper-open", "everyone may change"},
                {zk_clock, DOCTOR_WARN, "clock", "5000 ms ahead"},
                {files, DOCTOR_WARN, "files", "256 descriptors are allowed"},
        };
        (void)state;
        for (size_t i = 0; i < COUNT(rows); i++) {
                struct doctor_findings findings = {0};
                const struct doctor_finding *bad = NULL;
                struct made m;
                make(&m);
                rows[i].spoil(&m);
                judge(&m, &findings);
                for (size_t k = 0; k < findings.count; k++) {
                        const struct doctor_finding *f = &findings.items[k];
                        assert_int_equal(f->level > DOCTOR_OK, f->voids != NULL && f->advice != NULL);
                        if (f->level == rows[i].level && f->level > DOCTOR_OK && !bad) bad = f;
                }
                if (doctor_worst(&findings) != rows[i].level || !bad != !rows[i].check ||
                    (bad && (strcmp(bad->check, rows[i].check) != 0 || !strstr(bad->text, rows[i].text))))
                        fail_msg("row %zu: %s %s: %s", i, doctor_level_name(doctor_worst(&findings)), bad ? bad->check : "-",
                                 bad ? bad->text : "-");
                doctor_findings_fini(&findings);
                fini(&m);
        }
}

static void text_and_json(void **state) {
        struct doctor_findings findings = {0};
        struct text text = {0};
        struct made m;
        (void)state;
        make(&m);
        NO(m.topic.read, "de\x1b[2Jnied \xff");
        judge(&m, &findings);
        doctor_text(&findings, false, &text);
        assert_non_null(strstr(text.data, "e->w\n  OK      topics: 1 topic matches\n"));
        assert_non_null(strstr(text.data, "  FAIL    read: 1 topic cannot be read (t: de\\x1b[2Jnied \\xff)\n          voids: promise 1"));
        assert_non_null(strstr(text.data, "0 unknown, 0 warnings, 1 failed\n"));
        assert_null(strchr(text.data, '\x1b'));
        char *json = doctor_json(&findings);
        assert_non_null(json);
        assert_null(strchr(json, '\x1b'));
        assert_non_null(strstr(json, "\"level\": \"FAIL\""));
        free(json);
        free(text.data);
        doctor_findings_fini(&findings);
        fini(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(each_thing_is_found), cmocka_unit_test(text_and_json)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
