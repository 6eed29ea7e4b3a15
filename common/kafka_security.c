/* What librdkafka 2.0.2 cannot: a chain of certificates given as text is cut to
 * its first one, so that a broker that knows only the root refuses the client.
 * From a file it takes all.  So chains become files in memory (memfd), which
 * are public, few and kept: the path must be good until the client is made. */
#include "common/kafka_security.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/jaas.h"
#include "common/kafka_token.h"
#include "common/key_store.h"
#include "common/secret.h"
#include "common/text.h"

enum item {
        TRUST_LOCATION,
        TRUST_PASSWORD,
        TRUST_TYPE,
        KEY_LOCATION,
        KEY_PASSWORD,
        KEY_TYPE,
        CHAIN_JAVA,
        CHAIN,
        JAAS,
        TOKEN_FILE,
        TOKEN_COMMAND,
};

static const char *const names[KAFKA_SECURITY_ITEMS] = {
        [TRUST_LOCATION] = "ssl.truststore.location",
        [TRUST_PASSWORD] = "ssl.truststore.password",
        [TRUST_TYPE] = "ssl.truststore.type",
        [KEY_LOCATION] = "ssl.keystore.location",
        [KEY_PASSWORD] = "ssl.keystore.password",
        [KEY_TYPE] = "ssl.keystore.type",
        [CHAIN_JAVA] = "ssl.keystore.certificate.chain",
        [CHAIN] = "ssl.certificate.pem",
        [JAAS] = "sasl.jaas.config",
        [TOKEN_FILE] = "sasl.oauthbearer.token.file",
        [TOKEN_COMMAND] = "sasl.oauthbearer.token.command",
};

int kafka_security_take(struct kafka_security *security, const struct config_property *at, const char *value) {
        for (size_t i = 0; i < KAFKA_SECURITY_ITEMS; i++) {
                if (!names[i] || strcmp(names[i], at->name) != 0) continue;
                secret_free(security->items[i].value);
                security->items[i].at = at;
                security->items[i].value = strdup(value);
                return security->items[i].value ? 0 : ERR_NOMEM;
        }
        return ERR_INVALID;
}

void kafka_security_fini(struct kafka_security *security) {
        for (size_t i = 0; i < KAFKA_SECURITY_ITEMS; i++) secret_free(security->items[i].value);
        memset(security, 0, sizeof *security);
}

/* ---- chains as files ---- */

#define CHAINS_MAX 64

static struct chain {
        int fd; /* set when bytes is */
        size_t bytes;
} chains[CHAINS_MAX];
static size_t chain_next; /* where the oldest is, once all are taken */
static pthread_mutex_t chain_lock = PTHREAD_MUTEX_INITIALIZER;

static bool same_bytes(int fd, const char *text, size_t bytes) {
        char piece[4096];
        for (size_t at = 0; at < bytes;) {
                size_t want = bytes - at < sizeof piece ? bytes - at : sizeof piece;
                ssize_t n = pread(fd, piece, want, (off_t)at);
                if (n <= 0 || memcmp(piece, text + at, (size_t)n) != 0) return false;
                at += (size_t)n;
        }
        return true;
}

static int chain_fd(const char *text, size_t bytes) {
        for (size_t i = 0; i < CHAINS_MAX; i++)
                if (chains[i].bytes == bytes && same_bytes(chains[i].fd, text, bytes)) return chains[i].fd;
        int fd = memfd_create("heliostat-certificates", MFD_CLOEXEC);
        if (fd < 0) return -1;
        for (size_t at = 0; at < bytes;) {
                ssize_t n = write(fd, text + at, bytes - at);
                if (n <= 0) {
                        (void)close(fd);
                        return -1;
                }
                at += (size_t)n;
        }
        struct chain *chain = &chains[chain_next++ % CHAINS_MAX];
        if (chain->bytes) (void)close(chain->fd);
        *chain = (struct chain){fd, bytes};
        return fd;
}

/* ---- settings ---- */

struct applier {
        const struct kafka_security *security;
        rd_kafka_conf_t *conf;
        const struct config_property *at; /* to blame */
        char *why;
        size_t why_size;
};

static int set(struct applier *a, const char *name, const char *value) {
        char why[256] = "";
        if (rd_kafka_conf_set(a->conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK) return 0;
        (void)snprintf(a->why, a->why_size, "%s: %s", name, secret_shown(why, value) ? "invalid value" : why);
        return ERR_INVALID;
}

static const char *given(struct applier *a, enum item item) {
        if (a->security->items[item].at) a->at = a->security->items[item].at;
        return a->security->items[item].value;
}

static int set_chain(struct applier *a, const char *pem) {
        char path[64];
        size_t bytes = strlen(pem);
        if (!bytes) return 0;
        (void)pthread_mutex_lock(&chain_lock); /* a default mutex: cannot fail */
        int fd = chain_fd(pem, bytes);
        (void)pthread_mutex_unlock(&chain_lock);
        if (fd < 0) {
                (void)snprintf(a->why, a->why_size, "no memory for the certificates");
                return ERR_NOMEM;
        }
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        return set(a, "ssl.certificate.location", path);
}

/* What cannot be read may be no path but a password, where a placeholder points
 * to the wrong key: the message then has the reason alone. */
static void hide_path(struct applier *a, const char *path) {
        char why[64];
        const char *reason = secret_sources(a->at->value, why, sizeof why) > 0 ? strstr(a->why, ": ") : NULL;
        if (!reason || !secret_shown(a->why, path)) return;
        for (const char *next = reason; (next = strstr(next + 1, ": "));) reason = next; /* the path may have some */
        char kept[128];
        (void)snprintf(kept, sizeof kept, "%s", secret_shown(reason, path) ? "" : reason);
        (void)snprintf(a->why, a->why_size, "cannot read what the placeholder stands for%s", kept);
}

/* Reads the store at the location that a->at has.  Message: "cannot read PATH: why". */
static int read_store(struct applier *a, const char *path, char **out, size_t *out_bytes, enum key_store_kind *kind) {
        int rc = secret_read_file(path, KEY_STORE_BYTES_MAX, out, out_bytes, a->why, a->why_size);
        if (!rc) *kind = key_store_sniff(*out, *out_bytes);
        else hide_path(a, path);
        return rc == ERR_NOMEM ? rc : rc ? ERR_INVALID : 0;
}

static int say(struct applier *a, int rc, const char *path, const char *why) {
        (void)snprintf(a->why, a->why_size, "%.200s: %s", path, why);
        return rc == ERR_NOMEM ? rc : ERR_INVALID;
}

static int apply_trust(struct applier *a) {
        const char *path = given(a, TRUST_LOCATION);
        char why[KEY_STORE_ERROR_MAX] = "", *store, *pem = NULL;
        enum key_store_kind kind;
        size_t bytes;

        if (!path || !*path) return 0;
        int rc = read_store(a, path, &store, &bytes, &kind);
        if (rc) return rc;
        if (kind == KEY_STORE_PEM) {
                free(store);
                return set(a, "ssl.ca.location", path);
        }
        rc = key_store_trust(store, bytes, a->security->items[TRUST_PASSWORD].value, &pem, why, sizeof why);
        free(store);
        if (rc == ERR_AUTH && a->security->items[TRUST_PASSWORD].at) a->at = a->security->items[TRUST_PASSWORD].at;
        if (rc) return say(a, rc, path, why);
        rc = set(a, "ssl.ca.pem", pem);
        free(pem);
        return rc;
}

static int apply_identity(struct applier *a) {
        const char *path = given(a, KEY_LOCATION);
        char why[KEY_STORE_ERROR_MAX] = "", *store, *key = NULL, *chain = NULL;
        enum key_store_kind kind;
        size_t bytes;

        if (!path || !*path) return 0;
        int rc = read_store(a, path, &store, &bytes, &kind);
        if (rc) return rc;
        if (kind == KEY_STORE_PEM) {
                explicit_bzero(store, bytes);
                free(store);
                rc = set(a, "ssl.key.location", path);
                return rc ? rc : set(a, "ssl.certificate.location", path);
        }
        if (kind == KEY_STORE_JKS || kind == KEY_STORE_JCEKS) {
                char command[KEY_STORE_ERROR_MAX];
                free(store);
                key_store_conversion(path, command, sizeof command);
                (void)snprintf(a->why, a->why_size, "a %s key store, whose keys only Java can read; convert it once: %s",
                               key_store_kind_name(kind), command);
                return ERR_INVALID;
        }
        rc = key_store_identity(store, bytes, a->security->items[KEY_PASSWORD].value, &key, &chain, why, sizeof why);
        explicit_bzero(store, bytes);
        free(store);
        if (rc == ERR_AUTH && a->security->items[KEY_PASSWORD].at) a->at = a->security->items[KEY_PASSWORD].at;
        if (rc) return say(a, rc, path, why);
        rc = set(a, "ssl.key.pem", key);
        if (!rc) rc = set_chain(a, chain);
        secret_free(key);
        free(chain);
        return rc;
}

/* ---- login ---- */

static void conf_get(const rd_kafka_conf_t *conf, const char *name, char *out, size_t size) {
        out[0] = '\0';
        (void)rd_kafka_conf_get(conf, name, out, &size); /* "" when there is none, or too long */
}

static int apply_jaas(struct applier *a) {
        const char *text = given(a, JAAS);
        char mechanism[64];
        struct jaas jaas;
        struct jaas_pair *pairs;
        size_t count;

        if (!text || !*text) return 0;
        conf_get(a->conf, "sasl.mechanisms", mechanism, sizeof mechanism);
        int rc = jaas_parse(text, &jaas, a->why, a->why_size);
        if (rc) return rc == ERR_NOMEM ? rc : ERR_INVALID;
        rc = jaas_settings(&jaas, mechanism, &pairs, &count, a->why, a->why_size);
        jaas_fini(&jaas);
        if (rc) return rc == ERR_NOMEM ? rc : ERR_INVALID;
        for (size_t i = 0; !rc && i < count; i++)
                if (strcmp(pairs[i].name, "sasl.oauthbearer.method") == 0 && !kafka_token_oidc()) {
                        (void)snprintf(a->why, a->why_size, "clientId and clientSecret: %s", KAFKA_TOKEN_NO_OIDC);
                        rc = ERR_INVALID;
                }
        for (size_t i = 0; !rc && i < count; i++) rc = set(a, pairs[i].name, pairs[i].value);
        jaas_pairs_free(pairs, count);
        return rc;
}

static int apply_token(struct applier *a) {
        const char *file = given(a, TOKEN_FILE), *command = given(a, TOKEN_COMMAND);
        char protocol[32], mechanism[64], method[32], unsecured[16];

        if (file && *file && command && *command) {
                (void)snprintf(a->why, a->why_size, "expected this or %s, not both", names[TOKEN_FILE]);
                return ERR_INVALID;
        }
        conf_get(a->conf, "security.protocol", protocol, sizeof protocol);
        conf_get(a->conf, "sasl.mechanisms", mechanism, sizeof mechanism);
        if (strncasecmp(protocol, "sasl_", 5) != 0 || strcmp(mechanism, "OAUTHBEARER") != 0) return 0;
        if (file && *file) return kafka_token_use(a->conf, KAFKA_TOKEN_FILE, file, a->why, a->why_size);
        if (command && *command) return kafka_token_use(a->conf, KAFKA_TOKEN_COMMAND, command, a->why, a->why_size);
        conf_get(a->conf, "sasl.oauthbearer.method", method, sizeof method);
        conf_get(a->conf, "enable.sasl.oauthbearer.unsecure.jwt", unsecured, sizeof unsecured);
        if (strcmp(method, "oidc") == 0 || strcmp(unsecured, "true") == 0) return 0;
        a->at = a->security->items[JAAS].at;
        (void)snprintf(a->why, a->why_size, "OAUTHBEARER needs %s, %s or, where librdkafka has it, "
                       "sasl.oauthbearer.method = oidc", names[TOKEN_FILE], names[TOKEN_COMMAND]);
        return ERR_INVALID;
}

int kafka_security_apply(const struct kafka_security *security, rd_kafka_conf_t *conf,
                         const struct config_property **out_at, char *why, size_t why_size) {
        struct applier a = {security, conf, NULL, why, why_size};
        int rc = apply_trust(&a);
        if (!rc) rc = apply_identity(&a);
        for (int i = CHAIN_JAVA; !rc && i <= CHAIN; i++) {
                const char *pem = given(&a, (enum item)i);
                if (pem) rc = set_chain(&a, pem);
        }
        if (!rc) rc = apply_jaas(&a);
        if (!rc) {
                a.at = NULL;
                rc = apply_token(&a);
        }
        if (!rc) return 0;
        *out_at = a.at;
        text_one_line(why);
        return rc;
}

/* ---- notices ---- */

static void check_dates(const rd_kafka_conf_t *conf, const char *of_path, const char *of_text, const char *what,
                        void (*tell)(void *ctx, const char *text), void *ctx) {
        char path[1024], *pem = NULL, why[KEY_STORE_ERROR_MAX], text[KEY_STORE_ERROR_MAX + 64];
        size_t bytes = 0;

        conf_get(conf, of_path, path, sizeof path);
        if (*path) {
                if (secret_read_file(path, KEY_STORE_BYTES_MAX, &pem, &bytes, why, sizeof why)) return; /* a folder */
        } else if (of_text && rd_kafka_conf_get(conf, of_text, NULL, &bytes) == RD_KAFKA_CONF_OK && bytes > 1) {
                if (!(pem = malloc(bytes))) return;
                if (rd_kafka_conf_get(conf, of_text, pem, &bytes) != RD_KAFKA_CONF_OK) bytes = 0;
                bytes = bytes ? strnlen(pem, bytes) : 0;
        }
        if (pem && key_store_out_of_date(pem, bytes, (long long)time(NULL), why, sizeof why)) {
                (void)snprintf(text, sizeof text, "%s: %s", what, why);
                tell(ctx, text);
        }
        if (pem) explicit_bzero(pem, bytes);
        free(pem);
}

void kafka_security_notices(const rd_kafka_conf_t *conf, void (*tell)(void *ctx, const char *text), void *ctx) {
        char protocol[32], mechanism[64], verify[16], name_check[16];

        conf_get(conf, "security.protocol", protocol, sizeof protocol);
        conf_get(conf, "sasl.mechanisms", mechanism, sizeof mechanism);
        conf_get(conf, "enable.ssl.certificate.verification", verify, sizeof verify);
        conf_get(conf, "ssl.endpoint.identification.algorithm", name_check, sizeof name_check);
        if (strcasecmp(protocol, "sasl_plaintext") == 0 &&
            (strcmp(mechanism, "PLAIN") == 0 || strcmp(mechanism, "OAUTHBEARER") == 0))
                tell(ctx, "the password or token goes over the network in the clear; use SASL_SSL");
        if (!strcasestr(protocol, "ssl")) return;
        if (strcmp(verify, "false") == 0)
                tell(ctx, "the brokers' certificates are not verified: anybody on the way may be the broker");
        else if (strcmp(name_check, "none") == 0)
                tell(ctx, "the host names in the brokers' certificates are not verified");
        check_dates(conf, "ssl.certificate.location", NULL, "the client's certificate", tell, ctx);
        check_dates(conf, "ssl.ca.location", "ssl.ca.pem", "the trust store", tell, ctx);
}
