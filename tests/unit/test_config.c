#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config.h"
#include "common/err.h"
#include "tests/unit/test.h"

#define BASE \
        "clusters = east, west\n" \
        "east.bootstrap.servers = e1:9092\n" \
        "west.bootstrap.servers = w1:9092\n"

static int parse(const char *text, struct config *config, char *err) {
        err[0] = '\0';
        return config_parse("f", text, strlen(text), config, err, CONFIG_ERROR_MAX);
}

static void load(const char *text, struct config *config) {
        char err[CONFIG_ERROR_MAX];
        int rc = parse(text, config, err);
        if (rc) print_error("%s\n", err);
        assert_int_equal(rc, 0);
}

static void defaults(void **state) {
        (void)state;
        struct config c;
        load(BASE "east->west.enabled = true\n", &c);
        assert_null(c.zookeeper_connect);
        assert_int_equal(c.zookeeper_session_timeout_ms, 6000);
        assert_int_equal(c.worker_loops, 0);
        assert_int_equal(c.worker_capacity, 100);
        assert_string_equal(c.worker_zone, "");
        assert_true(c.worker_memory_budget_bytes == 128u * 1024 * 1024);
        assert_int_equal(c.report_interval_ms, 2000);
        assert_string_equal(c.log_level, "info");
        assert_int_equal(c.cluster_count, 2);
        assert_int_equal(c.route_count, 1);
        const struct config_route *r = config_route(&c, "east->west");
        assert_non_null(r);
        assert_string_equal(r->source, "east");
        assert_string_equal(r->destination, "west");
        assert_true(r->enabled);
        assert_string_equal(r->topics, ".*");
        assert_string_equal(r->topics_exclude, "");
        assert_int_equal(r->lanes, 24);
        assert_string_equal(r->group_id, "heliostat.east->west");
        assert_string_equal(r->delivery_guarantee, "at-least-once");
        assert_int_equal(r->offset_commit_interval_ms, 1000);
        assert_int_equal(r->refresh_topics_interval_s, 30);
        assert_int_equal(r->replication_factor, -1);
        assert_null(config_route(&c, "west->east"));
        config_fini(&c);
}

static void values(void **state) {
        (void)state;
        struct config c;
        load(BASE "zookeeper.connect = zk1:2181,zk2:2181/heliostat \n"
                  "zookeeper.session.timeout.ms: 9000\n"
                  "worker.loops = 64\nworker.capacity = 250\nworker.zone = a.1\n"
                  "worker.memory.budget = 1 GiB\nreport.interval.ms = 200\nlog.level = debug\n"
                  "lanes = 7\ntopics = a.*\noffset.commit.interval.ms = 500\n"
                  "west->east.lanes = 4096\nwest->east.replication.factor = 3\n"
                  "west->east.group.id = g\nwest->east.enabled = TRUE\n"
                  "east->west.topics = orders.*,\\\n   payments\n"
                  "east->west.topics.exclude = .*\\\\.internal\n"
                  "east->west.delivery.guarantee = at-least-once\n"
                  "east->west.refresh.topics.interval.seconds = 86400\n", &c);
        assert_string_equal(c.zookeeper_connect, "zk1:2181,zk2:2181/heliostat");
        assert_int_equal(c.zookeeper_session_timeout_ms, 9000);
        assert_int_equal(c.worker_loops, 64);
        assert_int_equal(c.worker_capacity, 250);
        assert_string_equal(c.worker_zone, "a.1");
        assert_true(c.worker_memory_budget_bytes == 1024u * 1024 * 1024);
        assert_string_equal(c.log_level, "debug");
        assert_int_equal(c.route_count, 2);
        assert_string_equal(c.routes[0].name, "east->west"); /* sorted */
        assert_false(c.routes[0].enabled);
        assert_int_equal(c.routes[0].lanes, 7);
        assert_string_equal(c.routes[0].topics, "orders.*,payments");
        assert_string_equal(c.routes[0].topics_exclude, ".*\\.internal");
        assert_int_equal(c.routes[0].refresh_topics_interval_s, 86400);
        assert_int_equal(c.routes[0].offset_commit_interval_ms, 500);
        assert_true(c.routes[1].enabled);
        assert_int_equal(c.routes[1].lanes, 4096);
        assert_string_equal(c.routes[1].topics, "a.*");
        assert_string_equal(c.routes[1].group_id, "g");
        assert_int_equal(c.routes[1].replication_factor, 3);
        config_fini(&c);
}

static void sizes(void **state) {
        (void)state;
        static const struct {
                const char *text;
                uint64_t bytes;
        } rows[] = {
                {"134217728", 134217728}, {"65536KiB", 67108864},   {"32MiB", 33554432},
                {"64GiB", 68719476736},   {"128 MiB", 134217728},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char text[100];
                struct config c;
                (void)snprintf(text, sizeof text, "worker.memory.budget=%s", rows[i].text);
                load(text, &c);
                assert_true(c.worker_memory_budget_bytes == rows[i].bytes);
                config_fini(&c);
        }
}

/* Each error is one line: where, which key, what was expected. */
static void errors(void **state) {
        (void)state;
        static const struct {
                const char *text, *message;
        } rows[] = {
                /* unknown keys and their neighbours */
                {BASE "worker.lops = 3", "f:4: worker.lops: unknown key; did you mean 'worker.loops'?"},
                {BASE "zookeper.connect = a:1", "f:4: zookeper.connect: unknown key; did you mean 'zookeeper.connect'?"},
                {"cluster = a", "f:1: cluster: unknown key; did you mean 'clusters'?"},
                {BASE "nonsense = 1", "f:4: nonsense: unknown key"},
                {BASE "est.fetch.min.bytes = 1", "f:4: est.fetch.min.bytes: unknown key; did you mean 'east.fetch.min.bytes'?"},
                {BASE "east->west.topcis = a", "f:4: east->west.topcis: unknown key; did you mean 'east->west.topics'?"},
                {BASE "east->west.qqqqqq = a", "f:4: east->west.qqqqqq: unknown key"},
                {BASE "east->west. = a", "f:4: east->west.: unknown key"},
                {BASE "east->west = a", "f:4: east->west: unknown key; the name of a setting is missing"},
                {BASE "east. = a", "f:4: east.: unknown key; the name of a client setting is missing"},
                {BASE "east->west.worker.loops = 1", "f:4: east->west.worker.loops: not a setting of a route; expected 'worker.loops' alone"},
                {BASE "east -> west.enabled = true", "f:4: east: a blank ends the key; write 'east->...' without blanks"},
                {BASE "east->west.admin.x = 1", "f:4: east->west.admin.x: expected 'west.admin.x': such clients have no settings of a route"},
                {BASE "east->west.source.admin.x = 1", "f:4: east->west.source.admin.x: expected 'east.admin.x': such clients have no settings of a route"},
                {BASE "east->west.target.consumer.x = 1", "f:4: east->west.target.consumer.x: expected 'west.consumer.x': such clients have no settings of a route"},
                {BASE "east->west.source.consumer.bootstrap.servers = h:1", "f:4: east->west.source.consumer.bootstrap.servers: expected 'east.bootstrap.servers', one address list for all clients of a cluster"},
                {BASE "consumer.bootstrap.servers = h:1", "f:4: consumer.bootstrap.servers: expected '<alias>.bootstrap.servers', one address list for all clients of a cluster"},
                {BASE "east.topics = a", "f:4: east.topics: a setting of routes; expected 'east-><destination>.topics', or 'topics' for all routes"},
                {BASE "east.consumer.auto.offset.reset = by_duration:PT1H", "f:4: east.consumer.auto.offset.reset: expected earliest, latest or none, not 'by_duration:PT1H'; it decides where partitions without a position begin, see start.from"},
                /* MirrorMaker's keys */
                {BASE "east->west.forwarding.admin.class = com.acme.Admin", "f:4: east->west.forwarding.admin.class: expected org.apache.kafka.clients.admin.ForwardingAdmin, not 'com.acme.Admin': Java classes cannot run here"},
                {BASE "refresh.topics.enabled = false", "f:4: refresh.topics.enabled: expected true, not 'false': new topics are always looked for, each refresh.topics.interval.seconds"},
                {BASE "east->west.transforms = a", "f:4: east->west.transforms: expected nothing, not 'a': records are mirrored as they are"},
                {BASE "num.streams = 3", "f:4: num.streams: a MirrorMaker setting that has no meaning here: an option of MirrorMaker 1; set `worker.loops`"},
                {BASE "bootstrap.servers = h:1", "f:4: bootstrap.servers: a MirrorMaker setting that has no meaning here: write `<alias>.bootstrap.servers` for each cluster"},
                {BASE "east->west.topics.exclude = a\neast->west.topics.blacklist = a", "f:5: east->west.topics.blacklist: the same setting as 'east->west.topics.exclude' in line 4; expected one of them"},
                {BASE "west.exactly.once.source.support = often\neast->west.enabled = true", "f:4: west.exactly.once.source.support: expected at-least-once|exactly-once, not 'often'"},
                /* numbers */
                {"worker.loops = x", "f:1: worker.loops: expected a whole number from 0 to 64, not 'x'"},
                {"worker.loops =", "f:1: worker.loops: expected a whole number from 0 to 64, not ''"},
                {"worker.loops = 65", "f:1: worker.loops: expected a whole number from 0 to 64, not '65'"},
                {"worker.loops = -1", "f:1: worker.loops: expected a whole number from 0 to 64, not '-1'"},
                {"worker.loops = 1.5", "f:1: worker.loops: expected a whole number from 0 to 64, not '1.5'"},
                {"worker.loops = 99999999999999999999", "f:1: worker.loops: expected a whole number from 0 to 64, not '99999999999999999999'"},
                {"zookeeper.session.timeout.ms = 999", "f:1: zookeeper.session.timeout.ms: expected a whole number from 1000 to 120000, not '999'"},
                {"report.interval.ms = 60001", "f:1: report.interval.ms: expected a whole number from 200 to 60000, not '60001'"},
                {BASE "east->west.lanes = 4097", "f:4: east->west.lanes: expected a whole number from 1 to 4096, not '4097'"},
                {BASE "lanes = 0", "f:4: lanes: expected a whole number from 1 to 4096, not '0'"},
                {BASE "east->west.topic.naming = prefixed", "f:4: east->west.topic.naming: expected identity|prefix|map|regex, not 'prefixed'"},
                {BASE "east->west.replication.policy.class = com.acme.Policy", "f:4: east->west.replication.policy.class: expected identity|prefix|map|regex, not 'com.acme.Policy'"},
                {BASE "east->west.topic.naming = prefix\neast->west.replication.policy.class = IdentityReplicationPolicy", "f:5: east->west.replication.policy.class: the same setting as 'east->west.topic.naming' in line 4; expected one of them"},
                {BASE "topic.naming = prefix\nreplication.policy.class = IdentityReplicationPolicy\neast->west.enabled = true", "f:5: replication.policy.class: the same setting as 'topic.naming' in line 4; expected one of them"},
                {BASE "east->west.topic.map = a:b", "f:4: east->west.topic.map: has a meaning only with east->west.topic.naming = map"},
                {BASE "east->west.topic.naming = map\neast->west.topic.map = a:x, b:y, c:x", "f:5: east->west.topic.map: 'a' and 'c' would become one topic; set east->west.topic.merge = true if they may"},
                {BASE "east->west.topic.naming = map", "f:4: east->west.topic.naming: east->west.topic.map: topic.naming = map needs 'from:to, from:to'"},
                {BASE "east->west.topic.naming = map\neast->west.topic.map = a", "f:5: east->west.topic.map: expected 'from:to, from:to', not 'a'"},
                {BASE "east->west.replication.factor = 0", "f:4: east->west.replication.factor: expected -1 or a whole number from 1 to 32767, not '0'"},
                {BASE "east->west.offset.commit.interval.ms = 99", "f:4: east->west.offset.commit.interval.ms: expected a whole number from 100 to 60000, not '99'"},
                {"worker.memory.budget = 1", "f:1: worker.memory.budget: expected a size from 32MiB to 64GiB, not '1'"},
                {"worker.memory.budget = 128MB", "f:1: worker.memory.budget: expected a size such as 134217728, 512KiB, 128MiB or 1GiB, not '128MB'"},
                {"worker.memory.budget = 99999999999GiB", "f:1: worker.memory.budget: expected a size such as 134217728, 512KiB, 128MiB or 1GiB, not '99999999999GiB'"},
                /* words */
                {"log.level = loud", "f:1: log.level: expected debug|info|warn|error, not 'loud'"},
                {"log.level = inf", "f:1: log.level: expected debug|info|warn|error, not 'inf'"},
                {BASE "east->west.enabled = yes", "f:4: east->west.enabled: expected true or false, not 'yes'"},
                {BASE "east->west.delivery.guarantee = maybe", "f:4: east->west.delivery.guarantee: expected at-least-once|exactly-once, not 'maybe'"},
                {"worker.http.listen = 9180", "f:1: worker.http.listen: '9180' is not an address to listen on; expected <IP address>:<port>, such as 127.0.0.1:9180, [::1]:9180 or 0.0.0.0:9180"},
                {"coordinator.http.listen = 0.0.0.0:9180", "f:1: coordinator.http.listen: '0.0.0.0:9180': other machines reach this address: it needs 'http.token' (or listen on 127.0.0.1)"},
                {"http.token = t\nworker.http.listen = :9180", "f:2: worker.http.listen: ':9180': other machines reach this address: it needs 'http.tls.certificate' and 'http.tls.key', or 'http.insecure = true' when something else encrypts"},
                {"http.tls.certificate = /x", "f:1: http.tls.certificate: 'http.tls.certificate' and 'http.tls.key' belong together; only one is set"},
                {"worker.zone = a b", "f:1: worker.zone: expected letters, digits and '. _ -', at most 128, not 'a b'"},
                {"zookeeper.connect =", "f:1: zookeeper.connect: expected 'host:port,...[/path]', not an empty value"},
                {BASE "east->west.group.id =", "f:4: east->west.group.id: expected 1 to 249 bytes, not 0"},
                /* regular expressions */
                {BASE "east->west.topics = a(", "f:4: east->west.topics: expected regular expressions with ',' between them: 'a(': missing closing parenthesis at character 3"},
                {BASE "topics.exclude = *", "f:4: topics.exclude: expected regular expressions with ',' between them: '*': quantifier does not follow a repeatable item at character 1; '.*' stands for all topics"},
                {BASE "east->west.topics =", "f:4: east->west.topics: expected at least one regular expression; '.*' stands for all topics"},
                /* aliases and routes */
                {BASE "east->wset.topics = a", "f:4: east->wset.topics: unknown alias 'wset', not in 'clusters'; did you mean 'west'?"},
                {BASE "esat->west.topics = a", "f:4: esat->west.topics: unknown alias 'esat', not in 'clusters'; did you mean 'east'?"},
                {BASE "east->nowhere.topics = a", "f:4: east->nowhere.topics: unknown alias 'nowhere', not in 'clusters'"},
                {"east->west.topics = a", "f:1: east->west.topics: unknown alias 'east'; 'clusters' is not set"},
                {BASE "east->east.topics = a", "f:4: east->east.topics: a route from 'east' to itself; expected two different aliases"},
                {BASE "east->west->east.topics = a", "f:4: east->west->east.topics: unknown alias 'west->east', not in 'clusters'"},
                {"clusters = east, west\neast.bootstrap.servers=a:1", "f:1: clusters: alias 'west' has no address; expected 'west.bootstrap.servers'"},
                {"clusters = ea st", "f:1: clusters: invalid alias 'ea st'; expected letters, digits and '. _ -', 1 to 128 of them"},
                {"clusters = east,,west", "f:1: clusters: invalid alias ''; expected letters, digits and '. _ -', 1 to 128 of them"},
                {"clusters = ..", "f:1: clusters: invalid alias '..'; expected letters, digits and '. _ -', 1 to 128 of them"},
                {"clusters = a, a", "f:1: clusters: alias 'a' is named twice"},
                {"clusters = worker", "f:1: clusters: alias 'worker' is also the beginning of a setting's name; choose another"},
                {"clusters = topics", "f:1: clusters: alias 'topics' is also the beginning of a setting's name; choose another"},
                {"clusters = consumer", "f:1: clusters: alias 'consumer' is also the beginning of a setting's name; choose another"},
                {BASE "noth.bootstrap.servers = a:1", "f:4: noth.bootstrap.servers: unknown alias 'noth', not in 'clusters'"},
                {"clusters=a\na.bootstrap.servers = h", "f:2: a.bootstrap.servers: expected 'host:port,host:port', not 'h'"},
                {"clusters=a\na.bootstrap.servers = h:0", "f:2: a.bootstrap.servers: expected 'host:port,host:port', not 'h:0'"},
                {"clusters=a\na.bootstrap.servers = h:1,", "f:2: a.bootstrap.servers: expected 'host:port,host:port', not 'h:1,'"},
                {"clusters=a\na.bootstrap.servers = h:1 i:1", "f:2: a.bootstrap.servers: expected 'host:port,host:port', not 'h:1 i:1'"},
                {"clusters=a\na.consumer.bootstrap.servers = h:1", "f:2: a.consumer.bootstrap.servers: expected 'a.bootstrap.servers', one address list for all clients of a cluster"},
                /* two routes on one group */
                {"clusters=a,b,c\na.bootstrap.servers=h:1\nb.bootstrap.servers=h:2\nc.bootstrap.servers=h:3\n"
                 "group.id = g\na->b.enabled=true\na->c.enabled=true",
                 "f:5: group.id: a->b and a->c have the same group.id 'g' at the same source; each route needs its own"},
                /* syntax */
                {"a = 1\nb = 2\na = 3", "f:3: a: given twice, the first time in line 1"},
                {"worker.loops = \\u12", "f:1: \\u needs four hexadecimal digits"},
                {"a\\nb = 1", "f:1: a?b: unknown key"},
                /* placeholders: never a value */
                {BASE "east.sasl.password = x${vault:a:b}", "f:4: east.sasl.password: unknown provider 'vault'; expected ${file:PATH:KEY}, ${dir:PATH:FILE} or ${env:NAME}"},
                {BASE "east.sasl.password = ${file:/x}", "f:4: east.sasl.password: expected ${file:PATH:KEY}, not '${file:/x}'"},
                {"worker.loops = ${env:HELIOSTAT_TEST_UNSET}", "f:1: worker.loops: the environment variable 'HELIOSTAT_TEST_UNSET' is not set"},
                {"worker.loops = ${env:HELIOSTAT_TEST_SET}", "f:1: worker.loops: what the placeholder stands for is not valid here"},
                {"clusters=a\na.bootstrap.servers = ${env:HELIOSTAT_TEST_SET}", "f:2: a.bootstrap.servers: what the placeholder stands for is not valid here"},
                {"zookeeper.connect = ${file:/nowhere/s:zk}", "f:1: zookeeper.connect: cannot read /nowhere/s: No such file or directory"},
                {BASE "east->west.topics = ${file:/x:y}", "f:4: east->west.topics: settings of routes are published in ZooKeeper; expected no ${file:...} or ${dir:...}, only ${env:...}"},
                {"topics = ${dir:/x:y}", "f:1: topics: settings of routes are published in ZooKeeper; expected no ${file:...} or ${dir:...}, only ${env:...}"},
        };
        assert_int_equal(setenv("HELIOSTAT_TEST_SET", "many-canaries", 1), 0);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct config c;
                char err[CONFIG_ERROR_MAX];
                memset(&c, 0x55, sizeof c);
                int rc = parse(rows[i].text, &c, err);
                if (rc != ERR_INVALID || strcmp(err, rows[i].message))
                        print_error("row %zu:\n  %s\n  %s\n", i, err, rows[i].message);
                assert_int_equal(rc, ERR_INVALID);
                assert_string_equal(err, rows[i].message);
                assert_true(c.cluster_count == 0x5555555555555555u); /* untouched */
        }
}

static void long_text_is_cut_and_stays_one_line(void **state) {
        (void)state;
        char text[3000], err[CONFIG_ERROR_MAX];
        struct config c;
        memset(text, 'x', sizeof text);
        text[sizeof text - 1] = '\0';
        assert_int_equal(parse(text, &c, err), ERR_INVALID);
        assert_true(strlen(err) < 300);
        memcpy(text, "worker.loops=", 13);
        assert_int_equal(parse(text, &c, err), ERR_INVALID);
        assert_true(strlen(err) < 300);
        memcpy(text, "a->b.topics=x", 13);
        assert_int_equal(parse(text, &c, err), ERR_INVALID);
        char small[20] = "";
        assert_int_equal(config_parse("f", text, strlen(text), &c, small, sizeof small), ERR_INVALID);
        assert_int_equal(strlen(small), 19);
}

/* Aliases may hold dots: the longest known one counts. */
static void aliases_with_dots(void **state) {
        (void)state;
        struct config c;
        load("clusters = eu, eu.north, us\n"
             "eu.bootstrap.servers = a:1\neu.north.bootstrap.servers = b:1\nus.bootstrap.servers = c:1\n"
             "eu.north->us.enabled = true\nus->eu.north.topics = a\nus->eu.topics = b\n"
             "eu.north.client.id = n\neu.client.id = e\n", &c);
        assert_string_equal(config_cluster(&c, "eu.north")->bootstrap_servers, "b:1");
        assert_int_equal(c.route_count, 3);
        assert_string_equal(config_route(&c, "us->eu.north")->topics, "a");
        assert_string_equal(config_route(&c, "us->eu")->topics, "b");
        config_fini(&c);
}

static void client_properties(void **state) {
        (void)state;
        static const char text[] = BASE
                "east.client.id = alias\n"
                "west.client.id = w\n"
                "east.consumer.client.id = consumer\n"
                "east.producer.client.id = producer\n"
                "east.admin.client.id = admin\n"
                "east.fetch.min.bytes = 1\n"
                "east->west.consumer.client.id = route-consumer\n"
                "east->west.producer.client.id = route-producer\n"
                "east->west.enabled = true\n";
        static const struct {
                const char *alias, *route;
                enum client_role role;
                const char *expect;
        } rows[] = {
                {"east", NULL, CLIENT_CONSUMER, "bootstrap.servers=e1:9092;fetch.min.bytes=1;client.id=consumer;"},
                {"east", NULL, CLIENT_PRODUCER, "bootstrap.servers=e1:9092;fetch.min.bytes=1;client.id=producer;"},
                {"east", NULL, CLIENT_ADMIN, "bootstrap.servers=e1:9092;fetch.min.bytes=1;client.id=admin;"},
                {"east", "east->west", CLIENT_CONSUMER, "bootstrap.servers=e1:9092;fetch.min.bytes=1;client.id=route-consumer;"},
                {"east", "east->west", CLIENT_PRODUCER, "bootstrap.servers=e1:9092;fetch.min.bytes=1;client.id=producer;"},
                {"west", "east->west", CLIENT_PRODUCER, "bootstrap.servers=w1:9092;client.id=route-producer;"},
                {"west", "east->west", CLIENT_CONSUMER, "bootstrap.servers=w1:9092;client.id=w;"},
                {"west", "west->east", CLIENT_PRODUCER, "bootstrap.servers=w1:9092;client.id=w;"},
        };
        struct config c;
        load(text, &c);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                const struct config_property **list;
                size_t count, size;
                char *seen = NULL;
                assert_int_equal(config_client_properties(&c, rows[i].alias, rows[i].route, rows[i].role,
                                                          &list, &count), 0);
                FILE *out = open_memstream(&seen, &size);
                for (size_t k = 0; k < count; k++) fprintf(out, "%s=%s;", list[k]->name, list[k]->value);
                fclose(out);
                assert_string_equal(seen, rows[i].expect);
                free(seen);
                free(list);
        }
        const struct config_property **list = (void *)1;
        size_t count;
        assert_int_equal(config_client_properties(&c, "north", NULL, CLIENT_ADMIN, &list, &count), ERR_NOT_FOUND);
        config_fini(&c);
}

static void files_that_cannot_be_read(void **state) {
        (void)state;
        struct config c;
        char err[CONFIG_ERROR_MAX], path[] = "/tmp/heliostat-test-XXXXXX";
        assert_int_equal(config_load("/nowhere/x.properties", &c, err, sizeof err), ERR_IO);
        assert_string_equal(err, "/nowhere/x.properties: cannot open the file: No such file or directory");
        assert_int_equal(config_load("/", &c, err, sizeof err), ERR_IO);
        assert_string_equal(err, "/: cannot read the file: Is a directory");
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        assert_int_equal(config_load(path, &c, err, sizeof err), 0); /* an empty file is a file */
        assert_string_equal(err, "");
        assert_string_equal(c.path, path);
        config_fini(&c);
        assert_int_equal(write(fd, "log.level = debug\n", 18), 18);
        assert_int_equal(config_load(path, &c, err, sizeof err), 0);
        assert_string_equal(c.log_level, "debug");
        config_fini(&c);
        if (geteuid() != 0) {
                assert_int_equal(fchmod(fd, 0), 0);
                assert_int_equal(config_load(path, &c, err, sizeof err), ERR_IO);
                assert_non_null(strstr(err, "Permission denied"));
        }
        close(fd);
        unlink(path);
}

static void secrets_are_known(void **state) {
        (void)state;
        static const char *const secret[] = {
                "a.sasl.oauthbearer.assertion.private.key.passphrase", "a.sasl.oauthbearer.assertion.private.key.pem",
                "east.sasl.password", "east.ssl.key.password", "east.sasl.jaas.config", "x.ssl.key.pem",
                "x.ssl.keystore.key", "x.sasl.oauthbearer.client.secret", "x.SASL.PASSWORD",
        };
        static const char *const open[] = {"east.sasl.username", "worker.zone", "a->b.topics", "x.ssl.ca.pem"};
        for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) assert_true(config_key_is_secret(secret[i]));
        for (size_t i = 0; i < sizeof open / sizeof *open; i++) assert_false(config_key_is_secret(open[i]));
}

static char *read_file(const char *path) {
        FILE *file = fopen(path, "r");
        if (!file) return NULL;
        char *text = calloc(1, 1 << 20);
        (void)!fread(text, 1, (1 << 20) - 1, file);
        fclose(file);
        return text;
}

static void the_committed_reference_is_the_generated_one(void **state) {
        (void)state;
        char *committed = read_file(SOURCE_ROOT "/docs/configuration.md");
        char *made = config_reference_markdown();
        assert_non_null(committed);
        if (strcmp(committed, made) != 0)
                print_error("run: heliostat config reference > docs/configuration.md\n");
        assert_string_equal(committed, made);
        free(committed);
        free(made);
}

/* The sample works as it is, and so does every line of it uncommented. */
static void the_sample_is_valid(void **state) {
        (void)state;
        char *sample = config_sample();
        struct config c;
        assert_non_null(sample);
        load(sample, &c);
        assert_int_equal(c.route_count, 1);
        config_fini(&c);
        for (char *s = sample; *s; s++)
                if (*s == '#' && (s == sample || s[-1] == '\n') && s[1] != ' ') *s = ' ';
        load(sample, &c);
        config_fini(&c);
        free(sample);
}

/* Random changes to a valid file: an answer, never a crash or a leak. */
static void any_file_is_an_answer(void **state) {
        (void)state;
        static const char base[] = BASE "east->west.topics = a.*, (b|c)\nworker.loops = 3\neast.a.b = c\n"
                                        "east->west.consumer.x = y\nlanes: 5\n";
        unsigned seed = 11;
        for (int i = 0; i < 50000; i++) {
                size_t n = sizeof base - 1;
                char *text = malloc(n), err[CONFIG_ERROR_MAX];
                struct config c;
                memcpy(text, base, n);
                for (int k = rand_r(&seed) % 4; k >= 0; k--) {
                        size_t at = (size_t)rand_r(&seed) % n;
                        switch (rand_r(&seed) % 3) {
                        case 0: text[at] = (char)rand_r(&seed); break;
                        case 1: text[at] = base[(size_t)rand_r(&seed) % n]; break;
                        default:
                                memmove(text + at, text + at + 1, n - at - 1);
                                n--;
                        }
                }
                int rc = config_parse("f", text, n, &c, err, sizeof err);
                assert_true(rc == 0 || rc == ERR_INVALID);
                if (rc) assert_null(strchr(err, '\n'));
                if (!rc) config_fini(&c);
                free(text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(defaults),
                cmocka_unit_test(values),
                cmocka_unit_test(sizes),
                cmocka_unit_test(errors),
                cmocka_unit_test(long_text_is_cut_and_stays_one_line),
                cmocka_unit_test(aliases_with_dots),
                cmocka_unit_test(client_properties),
                cmocka_unit_test(files_that_cannot_be_read),
                cmocka_unit_test(secrets_are_known),
                cmocka_unit_test(the_committed_reference_is_the_generated_one),
                cmocka_unit_test(the_sample_is_valid),
                cmocka_unit_test(any_file_is_an_answer),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
