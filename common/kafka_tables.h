/* Client settings as tables: what Heliostat sets, what a promise hangs on, and
 * what becomes of Java's names.  Used by kafka_settings.c and by the generator
 * of docs/configuration.md; names that stand in none of them go to librdkafka
 * as they are. */
#ifndef HELIOSTAT_COMMON_KAFKA_TABLES_H
#define HELIOSTAT_COMMON_KAFKA_TABLES_H

#include "common/sabotage.h"

/* Which clients a row concerns. */
enum kafka_role {
        KAFKA_CONSUMER = 1,
        KAFKA_PRODUCER = 2,
        KAFKA_ADMIN = 4,
        KAFKA_EVERY = 7,
};

/* Cannot be changed: name, role, value, other spelling of the value, reason */
#define KAFKA_FIXED(ROW) \
        ROW("enable.auto.commit", CONSUMER, "false", NULL, \
            "only positions whose records were acknowledged are committed") \
        ROW("enable.auto.offset.store", CONSUMER, "false", NULL, \
            "only positions whose records were acknowledged are committed") \
        ROW("auto.offset.reset", CONSUMER, SABOTAGE(RESET_TO_LATEST) ? "latest" : "error", "none", \
            "a gap is never passed silently; a partition without a position starts at its " \
            "beginning") \
        ROW("check.crcs", CONSUMER, "true", NULL, "a corrupt batch is never passed on") \
        ROW("enable.partition.eof", CONSUMER, "true", NULL, "tells when a partition is caught up") \
        ROW("allow.auto.create.topics", CONSUMER, "false", NULL, \
            "a mirror never creates topics at its source") \
        ROW("acks", PRODUCER, "all", "-1", "no record is lost when a broker is") \
        ROW("enable.idempotence", PRODUCER, "true", NULL, "order is kept when a request is repeated") \
        ROW("delivery.report.only.error", PRODUCER, "false", NULL, \
            "positions follow the acknowledgements") \
        ROW("log.queue", EVERY, "false", NULL, "client log lines go to the program's log")

/* Heliostat's defaults where they differ from librdkafka's, or where
 * librdkafka's and Java's differ: name, role, value, reason */
#define KAFKA_DEFAULTS(ROW) \
        ROW("client.id", EVERY, "heliostat", "") \
        ROW("socket.nagle.disable", EVERY, "true", "latency") \
        ROW("socket.send.buffer.bytes", EVERY, "0", "the system's own, which grows over a long way") \
        ROW("socket.receive.buffer.bytes", EVERY, "0", "the system's own, which grows over a long way") \
        ROW("reconnect.backoff.max.ms", EVERY, "2000", "a broker that returns is used soon") \
        ROW("topic.metadata.refresh.interval.ms", EVERY, "30000", "new leaders and partitions") \
        ROW("isolation.level", CONSUMER, "read_committed", \
            "aborted records are not mirrored (Java's default is `read_uncommitted`)") \
        ROW("fetch.wait.max.ms", CONSUMER, "500", "") \
        ROW("fetch.error.backoff.ms", CONSUMER, "100", "") \
        ROW("socket.timeout.ms", CONSUMER, "15000", \
            "a request whose answer is lost without a word holds back a commit for so long") \
        ROW("message.max.bytes", PRODUCER, "104857600", \
            "whatever the source held goes to the destination, whose own limit decides") \
        ROW("linger.ms", PRODUCER, "5", \
            "under load; with 5 or less, an at-least-once lane that has been read to its end sends at once") \
        ROW("queue.buffering.max.messages", PRODUCER, "10000000", \
            "bounded by the memory budget instead") \
        ROW("queue.buffering.max.kbytes", PRODUCER, "2097151", \
            "bounded by the memory budget instead") \
        ROW("batch.num.messages", PRODUCER, "10000", "") \
        ROW("max.in.flight.requests.per.connection", PRODUCER, "5", \
            "the most that keeps order with idempotence") \
        ROW("compression.type", PRODUCER, "none", "")

/* Computed for each client by those who make it, so that a value in the file
 * has no effect; said in the log instead of being overridden silently.
 *   name, role, what it follows */
#define KAFKA_COMPUTED(ROW) \
        ROW("queued.max.messages.kbytes", CONSUMER, "computed from worker.memory.budget") \
        ROW("queued.min.messages", CONSUMER, "computed from worker.memory.budget") \
        ROW("fetch.max.bytes", CONSUMER, "computed from worker.memory.budget") \
        ROW("fetch.message.max.bytes", CONSUMER, "computed from worker.memory.budget") \
        ROW("max.partition.fetch.bytes", CONSUMER, "computed from worker.memory.budget") \
        ROW("message.max.bytes", CONSUMER, "a limit of producers; see worker.memory.budget") \
        ROW("message.timeout.ms", PRODUCER, "kept small, so that an owner that was replaced stops") \
        ROW("delivery.timeout.ms", PRODUCER, "kept small, so that an owner that was replaced stops")

/* Java's names that librdkafka does not take, or takes otherwise.  A name that
 * ends in `*` stands for all that begin so.
 *   name, role, ACTION, argument
 * RENAME    to the argument, same value
 * CAP       to the argument; more than that can be is taken as the most
 * KIB       to the argument, value / 1024
 * MINUS     to the argument; -1 (the system's default) becomes 0
 * EMPTY     same name; an empty value becomes the argument
 * BYTES     a (de)serializer class: ByteArray's is ignored, others are refused
 * SECURITY  taken apart by kafka_security.c; the argument says what becomes of it
 * IGNORE    has no effect here; the argument says why; noted in the log
 * UNKNOWN   ignored where the linked librdkafka does not know it
 * LATER     refused where the linked librdkafka does not know it
 * FALSE     `false` is ignored, else it is refused
 * START     becomes the argument of the routes; config.c reads it
 * REFUSE    the argument says what to do instead */
#define KAFKA_JAVA(ROW) \
        ROW("auto.offset.reset", CONSUMER, START, "start.from") \
        ROW("request.timeout.ms", CONSUMER, CAP, "socket.timeout.ms") \
        ROW("request.timeout.ms", ADMIN, CAP, "socket.timeout.ms") \
        ROW("metadata.max.age.ms", EVERY, CAP, "topic.metadata.refresh.interval.ms") \
        ROW("send.buffer.bytes", EVERY, MINUS, "socket.send.buffer.bytes") \
        ROW("receive.buffer.bytes", EVERY, MINUS, "socket.receive.buffer.bytes") \
        ROW("fetch.max.wait.ms", CONSUMER, RENAME, "fetch.wait.max.ms") \
        ROW("buffer.memory", PRODUCER, KIB, "queue.buffering.max.kbytes") \
        ROW("max.request.size", PRODUCER, RENAME, "message.max.bytes") \
        ROW("compression.gzip.level", PRODUCER, RENAME, "compression.level") \
        ROW("compression.zstd.level", PRODUCER, RENAME, "compression.level") \
        ROW("compression.lz4.level", PRODUCER, RENAME, "compression.level") \
        ROW("ssl.endpoint.identification.algorithm", EVERY, EMPTY, "none") \
        ROW("ssl.truststore.certificates", EVERY, RENAME, "ssl.ca.pem") \
        ROW("ssl.keystore.key", EVERY, RENAME, "ssl.key.pem") \
        ROW("ssl.keystore.certificate.chain", EVERY, SECURITY, "the certificate and its issuers") \
        ROW("ssl.certificate.pem", EVERY, SECURITY, "the certificate and its issuers") \
        ROW("ssl.truststore.location", EVERY, SECURITY, \
            "read by its content, whatever its name: PEM, PKCS12 or JKS") \
        ROW("ssl.truststore.password", EVERY, SECURITY, "the trust store's") \
        ROW("ssl.truststore.type", EVERY, SECURITY, "not needed: the content tells") \
        ROW("ssl.keystore.location", EVERY, SECURITY, \
            "read by its content: PEM or PKCS12; for a JKS store, the error says how to convert it") \
        ROW("ssl.keystore.password", EVERY, SECURITY, "the key store's") \
        ROW("sasl.jaas.config", EVERY, SECURITY, \
            "its login module (Plain, Scram, Krb5, OAuthBearer) becomes librdkafka's settings") \
        ROW("sasl.oauthbearer.token.file", EVERY, SECURITY, \
            "Heliostat's own: a file with the token, read again before it expires") \
        ROW("sasl.oauthbearer.token.command", EVERY, SECURITY, \
            "Heliostat's own: a shell command that prints the token, run again before it expires") \
        ROW("key.deserializer", CONSUMER, BYTES, "") \
        ROW("value.deserializer", CONSUMER, BYTES, "") \
        ROW("key.serializer", PRODUCER, BYTES, "") \
        ROW("value.serializer", PRODUCER, BYTES, "") \
        ROW("ssl.keystore.type", EVERY, SECURITY, "not needed: the content tells") \
        ROW("connections.max.idle.ms", EVERY, MINUS, "connections.max.idle.ms") \
        ROW("retry.backoff.ms", EVERY, UNKNOWN, "only of producers in the linked librdkafka") \
        ROW("client.dns.lookup", EVERY, UNKNOWN, "not in the linked librdkafka") \
        ROW("retry.backoff.max.ms", EVERY, UNKNOWN, "not in the linked librdkafka") \
        ROW("enable.metrics.push", EVERY, UNKNOWN, "not in the linked librdkafka") \
        ROW("default.api.timeout.ms", EVERY, IGNORE, "each request has its own bound") \
        ROW("metadata.max.idle.ms", EVERY, IGNORE, "metadata is kept for the topics in use") \
        ROW("metadata.recovery.*", EVERY, UNKNOWN, "not in the linked librdkafka") \
        ROW("socket.connection.setup.timeout.max.ms", EVERY, IGNORE, \
            "socket.connection.setup.timeout.ms is not raised") \
        ROW("internal.*", EVERY, IGNORE, "inside Java's clients") \
        ROW("share.*", CONSUMER, IGNORE, "no share group is used") \
        ROW("transaction.two.phase.commit.enable", PRODUCER, FALSE, "no other system takes part in transactions") \
        ROW("retries", ADMIN, IGNORE, "requests are repeated until they work") \
        ROW("metric.reporters", EVERY, IGNORE, "a Java class") \
        ROW("metrics.*", EVERY, IGNORE, "for Java's metrics") \
        ROW("auto.include.jmx.reporter", EVERY, IGNORE, "for Java's metrics") \
        ROW("ssl.protocol", EVERY, IGNORE, "OpenSSL negotiates the version") \
        ROW("ssl.enabled.protocols", EVERY, IGNORE, "OpenSSL negotiates the version") \
        ROW("ssl.provider", EVERY, IGNORE, "for Java's TLS") \
        ROW("ssl.keymanager.algorithm", EVERY, IGNORE, "for Java's TLS") \
        ROW("ssl.trustmanager.algorithm", EVERY, IGNORE, "for Java's TLS") \
        ROW("ssl.secure.random.implementation", EVERY, IGNORE, "for Java's TLS") \
        ROW("security.providers", EVERY, IGNORE, "for Java's TLS") \
        ROW("ssl.client.auth", EVERY, IGNORE, "a setting of servers") \
        ROW("sasl.oauthbearer.client.credentials.client.id", EVERY, RENAME, "sasl.oauthbearer.client.id") \
        ROW("sasl.oauthbearer.client.credentials.client.secret", EVERY, RENAME, \
            "sasl.oauthbearer.client.secret") \
        ROW("sasl.oauthbearer.assertion.*", EVERY, LATER, "not in the linked librdkafka") \
        ROW("sasl.oauthbearer.header.urlencode", EVERY, FALSE, "the linked librdkafka does not encode them") \
        ROW("sasl.oauthbearer.jwks.*", EVERY, IGNORE, "for brokers, which check tokens") \
        ROW("sasl.oauthbearer.expected.*", EVERY, IGNORE, "for brokers, which check tokens") \
        ROW("sasl.oauthbearer.clock.skew.seconds", EVERY, IGNORE, "for brokers, which check tokens") \
        ROW("sasl.oauthbearer.scope.claim.name", EVERY, IGNORE, "the token is passed on as it is") \
        ROW("sasl.oauthbearer.sub.claim.name", EVERY, IGNORE, "the token is passed on as it is") \
        ROW("sasl.oauthbearer.jwt.*", EVERY, REFUSE, "Java classes cannot run here") \
        ROW("sasl.kerberos.kinit.cmd", EVERY, IGNORE, \
            "Java's is a path, librdkafka's a whole command") \
        ROW("sasl.kerberos.ticket.renew.*", EVERY, IGNORE, "for Java's Kerberos") \
        ROW("partition.assignment.strategy", CONSUMER, IGNORE, \
            "the coordinator assigns, not a consumer group") \
        ROW("session.timeout.ms", CONSUMER, IGNORE, \
            "the coordinator assigns, not a consumer group; see zookeeper.session.timeout.ms") \
        ROW("heartbeat.interval.ms", CONSUMER, IGNORE, \
            "the coordinator assigns, not a consumer group") \
        ROW("group.instance.id", CONSUMER, IGNORE, "the coordinator assigns, not a consumer group") \
        ROW("group.protocol", CONSUMER, IGNORE, "the coordinator assigns, not a consumer group") \
        ROW("group.remote.assignor", CONSUMER, IGNORE, \
            "the coordinator assigns, not a consumer group") \
        ROW("max.poll.interval.ms", CONSUMER, IGNORE, \
            "the coordinator assigns, not a consumer group") \
        ROW("max.poll.records", CONSUMER, IGNORE, "records are passed on as they come") \
        ROW("auto.commit.interval.ms", CONSUMER, IGNORE, \
            "see the route's offset.commit.interval.ms") \
        ROW("exclude.internal.topics", CONSUMER, IGNORE, "internal topics are never mirrored") \
        ROW("max.block.ms", PRODUCER, IGNORE, "a full queue pauses the source, it never drops") \
        ROW("producer.type", PRODUCER, IGNORE, "every record is acknowledged") \
        ROW("partitioner.*", PRODUCER, IGNORE, "a record keeps its partition") \
        ROW("bootstrap.controllers", ADMIN, REFUSE, "use bootstrap.servers") \
        ROW("group.id", EVERY, REFUSE, "set the route's group.id") \
        ROW("zookeeper.connect", EVERY, REFUSE, \
            "a setting of Kafka's old consumer; use bootstrap.servers") \
        ROW("interceptor.classes", EVERY, REFUSE, "Java classes cannot run here") \
        ROW("ssl.engine.factory.class", EVERY, REFUSE, "Java classes cannot run here") \
        ROW("sasl.client.callback.handler.class", EVERY, REFUSE, "Java classes cannot run here") \
        ROW("sasl.login.callback.handler.class", EVERY, REFUSE, \
            "Java classes cannot run here; for a token of your own, sasl.oauthbearer.token.file or " \
            "sasl.oauthbearer.token.command") \
        ROW("sasl.login.refresh.*", EVERY, IGNORE, "librdkafka renews tokens by itself") \
        ROW("sasl.login.retry.*", EVERY, IGNORE, "librdkafka renews tokens by itself") \
        ROW("sasl.login.connect.timeout.ms", EVERY, IGNORE, "librdkafka renews tokens by itself") \
        ROW("sasl.login.read.timeout.ms", EVERY, IGNORE, "librdkafka renews tokens by itself") \
        ROW("sasl.login.*", EVERY, REFUSE, "Java classes cannot run here") \
        ROW("transactional.id", PRODUCER, REFUSE, "belongs to the lane, not to the configuration") \
        ROW("plugin.library.paths", EVERY, REFUSE, "plug-ins could break what is promised")

#endif
