#include "common/kafka_trouble.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/kafka_settings.h"
#include "common/key_store.h"
#include "common/siphash.h"
#include "common/text.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define KEPT_MS 60000
#define TABLE_MAX 64
#define KEY_SIZE 1024

/* ---- text ---- */

/* What a line may hold, and what it means for the operator. */
static const struct hint {
        const char *mark, *text;
} hints[] = {
        {"alert bad certificate", "the broker refuses the client's certificate, or wants one: ssl.keystore.location"},
        {"alert certificate required", "the broker wants a client certificate: ssl.keystore.location"},
        {"alert certificate expired", "the client's certificate has expired"},
        {"alert certificate unknown", "the broker refuses the client's certificate"},
        {"alert unknown ca", "the broker does not trust the client's certificate"},
        {"unable to get local issuer certificate", "the broker's certificate is not signed by one that is trusted"},
        {"certificate verify failed", "the broker's certificate is not accepted"},
        {"wrong version number", "the listener speaks no TLS: see security.protocol"},
        {"connecting to a SSL listener?", "the listener speaks TLS, or is no Kafka: see security.protocol"},
        {"connecting to a PLAINTEXT listener?", "the listener speaks no TLS: see security.protocol"},
};

int kafka_trouble_text(const char *facility, const char *line, char *out, size_t size) {
        static const char token[] = "Failed to acquire SASL OAUTHBEARER token: ";
        static const char *const logins[] = {"SSL", "SASL", "ertificate", "ApiVersion", "security.protocol"};
        const char *text = line, *hint = NULL, *mark;
        int weight = 1;

        if (strncmp(text, "[thrd:", 6) == 0 && (mark = strstr(text, "]: "))) text = mark + 3;
        if (strcmp(facility, "ERROR") == 0 && (mark = strstr(text, token))) {
                (void)snprintf(out, size, "%s", mark + sizeof token - 1);
                text_one_line(out);
                return 2;
        }
        if (strcmp(facility, "FAIL") != 0) return 0;
        for (size_t i = 0; i < COUNT(logins); i++)
                if (strstr(text, logins[i])) weight = 2;
        for (size_t i = 0; i < COUNT(hints) && !hint; i++)
                if (strstr(text, hints[i].mark)) hint = hints[i].text;
        /* Fixed in librdkafka 2.6.1; Kafka 4.0 refuses what the older ones send. */
        if (rd_kafka_version() < 0x020601ff && strstr(text, "invalid credentials with SASL mechanism SCRAM"))
                hint = "a wrong password, or a broker of Kafka 4.0 or later, which refuses SCRAM from librdkafka before 2.6.1";
        /* "sasl_ssl://host:port/bootstrap: " */
        const char *host = strstr(text, "://");
        host = host ? host + 3 : text;
        size_t host_length = strcspn(host, "/ ");
        if (host_length && host[host_length - 1] == ':') host_length--;
        const char *why = strstr(host + host_length, ": ");
        why = why ? why + 2 : host;
        const char *after = strstr(why, " (after ");
        int why_length = after ? (int)(after - why) : (int)strlen(why);
        if (hint) (void)snprintf(out, size, "%.*s: %s (%.*s)", (int)host_length, host, hint, why_length > 90 ? 90 : why_length, why);
        else (void)snprintf(out, size, "%.*s: %.*s", (int)host_length, host, why_length, why);
        text_one_line(out);
        return weight;
}

/* ---- what is kept ---- */

static struct trouble {
        uint64_t key[2]; /* of an address list and a login */
        char text[KAFKA_TROUBLE_MAX];
        int weight;
        int64_t at_ms;
} table[TABLE_MAX];
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;

/* Clients of one address list with one login fail alike.  The login stands in
 * the key as a hash only. */
static bool key_of(const rd_kafka_conf_t *conf, uint64_t out[2]) {
        static const char *const names[] = {"bootstrap.servers", "security.protocol", "sasl.mechanisms", "sasl.username",
                                            "sasl.password", "sasl.oauthbearer.config", "ssl.ca.location", "ssl.ca.pem",
                                            "ssl.key.location", "ssl.certificate.location"};
        static const uint64_t salt[2] = {1, 2};
        struct siphash hash;
        char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);
        if (!file) return false;
        for (size_t i = 0; i < COUNT(names); i++) {
                char value[KEY_SIZE];
                size_t bytes = sizeof value;
                if (rd_kafka_conf_get(conf, names[i], value, &bytes) == RD_KAFKA_CONF_OK) fputs(value, file);
                fputc('\n', file);
        }
        bool done = fclose(file) == 0;
        if (done) {
                siphash_init(&hash, salt);
                siphash_add(&hash, text, size);
                siphash_end(&hash, out);
        }
        if (text) explicit_bzero(text, size);
        free(text);
        return done;
}

static bool key_of_client(const rd_kafka_t *client, uint64_t out[2]) {
        return client && key_of(rd_kafka_conf((rd_kafka_t *)(uintptr_t)client), out);
}

static bool same(const struct trouble *t, const uint64_t key[2]) { return t->key[0] == key[0] && t->key[1] == key[1]; }

/* A cause of more weight stays for a while, whatever follows from it. */
static void keep(const rd_kafka_t *client, const char *text, int weight) {
        uint64_t key[2];
        int64_t now_ms = clock_boot_ms();
        struct trouble *t = NULL;
        if (!key_of_client(client, key)) return;
        (void)pthread_mutex_lock(&table_lock); /* a default mutex: cannot fail */
        for (size_t i = 0; i < TABLE_MAX && !t; i++)
                if (same(&table[i], key)) t = &table[i];
        if (!t) { /* the oldest gives way */
                t = &table[0];
                for (size_t i = 1; i < TABLE_MAX; i++)
                        if (table[i].at_ms < t->at_ms) t = &table[i];
                *t = (struct trouble){.key = {key[0], key[1]}, .at_ms = now_ms - KEPT_MS};
        }
        if (weight >= t->weight || now_ms - t->at_ms > KEPT_MS / 4) {
                (void)snprintf(t->text, sizeof t->text, "%s", text);
                t->weight = weight;
                t->at_ms = now_ms;
        }
        (void)pthread_mutex_unlock(&table_lock);
}

void kafka_trouble_note(const rd_kafka_t *client, const char *facility, const char *line) {
        char text[KAFKA_TROUBLE_MAX];
        int weight = kafka_trouble_text(facility, line, text, sizeof text);
        if (weight) keep(client, text, weight);
}

static bool get(const uint64_t key[2], char *out, size_t size) {
        bool found = false;
        int64_t now_ms = clock_boot_ms();
        (void)pthread_mutex_lock(&table_lock);
        for (size_t i = 0; i < TABLE_MAX && !found; i++) {
                if (!same(&table[i], key) || now_ms - table[i].at_ms > KEPT_MS) continue;
                (void)snprintf(out, size, "%s", table[i].text);
                found = *out;
        }
        (void)pthread_mutex_unlock(&table_lock);
        return found;
}

bool kafka_trouble_get(const rd_kafka_t *client, char *out, size_t size) {
        uint64_t key[2];
        return key_of_client(client, key) && get(key, out, size);
}

/* have_key false: nothing is known. */
static const char *text_of(bool have_key, const uint64_t key[2], rd_kafka_resp_err_t error, char *out, size_t size) {
        char why[KAFKA_TROUBLE_MAX];
        bool local = error == RD_KAFKA_RESP_ERR__TRANSPORT || error == RD_KAFKA_RESP_ERR__TIMED_OUT ||
                     error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || error == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
                     error == RD_KAFKA_RESP_ERR__SSL || error == RD_KAFKA_RESP_ERR__RESOLVE ||
                     error == RD_KAFKA_RESP_ERR__WAIT_COORD;
        if (local && have_key && get(key, why, sizeof why))
                (void)snprintf(out, size, "%s (%s)", rd_kafka_err2str(error), why);
        else
                (void)snprintf(out, size, "%s", rd_kafka_err2str(error));
        return out;
}

const char *kafka_trouble_of(const rd_kafka_t *client, rd_kafka_resp_err_t error, char *out, size_t size) {
        uint64_t key[2] = {0};
        return text_of(key_of_client(client, key), key, error, out, size);
}

const char *kafka_trouble_at(const struct config *config, const char *alias, rd_kafka_resp_err_t error, char *out,
                             size_t size) {
        char err[CONFIG_ERROR_MAX];
        uint64_t key[2] = {0};
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        bool known = kafka_settings_fill(config, alias, NULL, CLIENT_CONSUMER, NULL, conf, err, sizeof err) == 0 &&
                     key_of(conf, key);
        rd_kafka_conf_destroy(conf);
        return text_of(known, key, error, out, size);
}

/* ---- certificates ---- */

/* "DNS:a, IP:10.0.0.1" */
static void names_of(X509 *certificate, char *out, size_t size) {
        GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
        size_t n = 0;
        out[0] = '\0';
        for (int i = 0; i < sk_GENERAL_NAME_num(names) && n < size; i++) {
                const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
                const char *comma = n ? ", " : "";
                if (name->type == GEN_DNS) {
                        n += (size_t)snprintf(out + n, size - n, "%s%.*s", comma, ASN1_STRING_length(name->d.dNSName),
                                              (const char *)ASN1_STRING_get0_data(name->d.dNSName));
                } else if (name->type == GEN_IPADD) {
                        char *address = i2s_ASN1_OCTET_STRING(NULL, name->d.iPAddress); /* "7F:00:00:01" */
                        n += (size_t)snprintf(out + n, size - n, "%sIP %s", comma, address ? address : "?");
                        OPENSSL_free(address);
                }
        }
        GENERAL_NAMES_free(names);
        if (!*out) (void)snprintf(out, size, "none");
        text_one_line(out);
}

static void explain(int error, int depth, const char *der, size_t bytes, char *out, size_t size) {
        const unsigned char *at = (const unsigned char *)der;
        X509 *certificate = d2i_X509(NULL, &at, (long)bytes);
        char subject[100] = "?", names[120], dates[KEY_STORE_ERROR_MAX] = "";

        if (certificate) (void)X509_NAME_oneline(X509_get_subject_name(certificate), subject, (int)sizeof subject);
        text_one_line(subject);
        const char *whose = depth == 0 ? "the broker's certificate" : "a certificate above the broker's";
        switch (error) {
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
                names_of(certificate, names, sizeof names);
                (void)snprintf(out, size, "%s (%s) is for another host; its names: %s", whose, subject, names);
                break;
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID:
                key_store_dates(certificate, dates, sizeof dates);
                (void)snprintf(out, size, "%s (%s) is out of date: %s", whose, subject, dates);
                break;
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
                (void)snprintf(out, size, "%s (%s) is signed by none that is trusted: ssl.truststore.location", whose, subject);
                break;
        default:
                (void)snprintf(out, size, "%s (%s): %s", whose, subject, X509_verify_cert_error_string(error));
        }
        X509_free(certificate);
        ERR_clear_error();
}

/* 1 goes on, 0 refuses; what OpenSSL has found decides. */
static int on_certificate(rd_kafka_t *client, const char *broker, int32_t broker_id, int *error, int depth, const char *der,
                          size_t bytes, char *err, size_t err_size, void *opaque) {
        char why[KAFKA_TROUBLE_MAX], text[KAFKA_TROUBLE_MAX];
        (void)broker_id;
        (void)opaque;
        if (*error == X509_V_OK) return 1;
        explain(*error, depth, der, bytes, why, sizeof why);
        (void)snprintf(text, sizeof text, "%.60s: %.170s", broker, why);
        keep(client, text, 3);
        (void)snprintf(err, err_size, "%s", why);
        return 0;
}

void kafka_trouble_prepare(rd_kafka_conf_t *conf) {
        (void)rd_kafka_conf_set_ssl_cert_verify_cb(conf, on_certificate); /* fails without TLS in the library */
}
