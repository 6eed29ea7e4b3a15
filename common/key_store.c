#include "common/key_store.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "common/jks.h"
#include "common/text.h"

#define CHAIN_MAX 32

enum key_store_kind key_store_sniff(const void *bytes, size_t n) {
        const unsigned char *b = bytes;
        static const unsigned char jks[] = {0xfe, 0xed, 0xfe, 0xed}, jceks[] = {0xce, 0xce, 0xce, 0xce};

        if (n >= 4 && memcmp(b, jks, 4) == 0) return KEY_STORE_JKS;
        if (n >= 4 && memcmp(b, jceks, 4) == 0) return KEY_STORE_JCEKS;
        /* A sequence with a long length; PEM may have text in front. */
        if (n >= 4 && b[0] == 0x30 && b[1] >= 0x80) return KEY_STORE_PKCS12;
        return memmem(b, n, "-----BEGIN ", 11) ? KEY_STORE_PEM : KEY_STORE_UNKNOWN;
}

const char *key_store_kind_name(enum key_store_kind kind) {
        static const char *const names[] = {"unknown", "PEM", "PKCS12", "JKS", "JCEKS"};
        return names[kind];
}

void key_store_conversion(const char *path, char *out, size_t size) {
        size_t n = strlen(path);
        /* "x.jks" becomes "x.p12" */
        if (n > 4 && strcmp(path + n - 4, ".jks") == 0) n -= 4;
        (void)snprintf(out, size, "keytool -importkeystore -srckeystore %s -destkeystore %.*s.p12 -deststoretype PKCS12", path,
                       (int)n, path);
}

/* ---- OpenSSL ---- */

static int say(int rc, char *why, size_t why_size, const char *text) {
        (void)snprintf(why, why_size, "%s", text);
        ERR_clear_error();
        return rc;
}

/* What OpenSSL last complained of. */
static int say_openssl(char *why, size_t why_size, const char *text) {
        char reason[160] = "unknown";
        unsigned long error = ERR_peek_last_error();
        if (error) ERR_error_string_n(error, reason, sizeof reason);
        (void)snprintf(why, why_size, "%s: %s", text, reason);
        text_one_line(why);
        ERR_clear_error();
        return ERR_INVALID;
}

/* keytool before 8u301 and 11.0.12 encrypts with RC2, which OpenSSL 3 keeps in a
 * provider of its own; the default one stays. */
static bool legacy_ciphers(void) {
        /* Kept until the end of the process; a race loads it twice, which is harmless. */
        static OSSL_PROVIDER *legacy;
        if (!legacy) legacy = OSSL_PROVIDER_try_load(NULL, "legacy", 1);
        return legacy != NULL;
}

struct contents {
        EVP_PKEY *key;
        X509 *leaf;
        STACK_OF(X509) *others;
};

static void contents_fini(struct contents *c) {
        EVP_PKEY_free(c->key);
        X509_free(c->leaf);
        sk_X509_pop_free(c->others, X509_free);
}

static int pkcs12_open(const void *bytes, size_t n, const char *password, struct contents *out, char *why, size_t why_size) {
        const unsigned char *at = bytes;
        struct contents c = {0};

        ERR_clear_error();
        PKCS12 *store = n <= LONG_MAX ? d2i_PKCS12(NULL, &at, (long)n) : NULL;
        if (!store) return say_openssl(why, why_size, "not a PKCS12 store");
        /* No password and an empty one are told apart in the file. */
        if (PKCS12_mac_present(store) && PKCS12_verify_mac(store, password, -1) != 1 &&
            (password || PKCS12_verify_mac(store, "", 0) != 1)) {
                PKCS12_free(store);
                return say(ERR_AUTH, why, why_size,
                           password ? "the password is wrong, or the store is damaged" : "the store has a password");
        }
        int done = PKCS12_parse(store, password, &c.key, &c.leaf, &c.others);
        if (done != 1 && legacy_ciphers()) {
                ERR_clear_error();
                done = PKCS12_parse(store, password, &c.key, &c.leaf, &c.others);
        }
        PKCS12_free(store);
        if (done != 1)
                return say_openssl(why, why_size, "cannot decrypt the store (has its key another password than the store? "
                                                  "librdkafka needs the same)");
        ERR_clear_error();
        *out = c;
        return 0;
}

/* The text of a memory BIO; malloc'd.  NULL without memory. */
static char *bio_text(BIO *bio) {
        char *data = NULL;
        long n = BIO_get_mem_data(bio, &data);
        char *text = n >= 0 ? malloc((size_t)n + 1) : NULL;
        if (!text) return NULL;
        memcpy(text, data, (size_t)n);
        text[n] = '\0';
        return text;
}

static int bio_give(BIO *bio, bool written, char **out, char *why, size_t why_size) {
        char *text = written ? bio_text(bio) : NULL;
        if (!text) return say(ERR_NOMEM, why, why_size, err_text(ERR_NOMEM));
        *out = text;
        return 0;
}

static int trust_pkcs12(const void *bytes, size_t n, const char *password, char **out, char *why, size_t why_size) {
        struct contents c;
        int rc = pkcs12_open(bytes, n, password, &c, why, why_size);
        if (rc) return rc;
        /* As in Java, an entry with a key is not trusted. */
        int count = c.key ? 0 : sk_X509_num(c.others);
        if (count <= 0) {
                contents_fini(&c);
                return say(ERR_INVALID, why, why_size,
                           c.key ? "holds a private key, not trusted certificates" : "holds no trusted certificate");
        }
        BIO *bio = BIO_new(BIO_s_mem());
        bool written = bio != NULL;
        for (int i = 0; written && i < count; i++)
                written = PEM_write_bio_X509(bio, sk_X509_value(c.others, i)) == 1;
        rc = bio_give(bio, written, out, why, why_size);
        BIO_free(bio);
        contents_fini(&c);
        return rc;
}

static int trust_jks(const void *bytes, size_t n, const char *password, char **out, char *why, size_t why_size) {
        struct jks jks;
        int rc = jks_parse(bytes, n, password, &jks, why, why_size);
        if (rc) return rc;
        if (jks.certificate_count == 0) {
                rc = say(ERR_INVALID, why, why_size,
                         jks.key_count ? "holds a private key, not trusted certificates" : "holds no trusted certificate");
                jks_fini(&jks);
                return rc;
        }
        BIO *bio = BIO_new(BIO_s_mem());
        bool written = bio != NULL;
        for (size_t i = 0; written && !rc && i < jks.certificate_count; i++) {
                const unsigned char *at = jks.certificates[i].der;
                X509 *certificate = d2i_X509(NULL, &at, (long)jks.certificates[i].bytes);
                if (!certificate) rc = say_openssl(why, why_size, "holds what is not an X.509 certificate");
                else written = PEM_write_bio_X509(bio, certificate) == 1;
                X509_free(certificate);
        }
        if (!rc) rc = bio_give(bio, written, out, why, why_size);
        BIO_free(bio);
        jks_fini(&jks);
        return rc;
}

int key_store_trust(const void *bytes, size_t n, const char *password, char **out, char *why, size_t why_size) {
        enum key_store_kind kind = key_store_sniff(bytes, n);
        if (kind == KEY_STORE_PKCS12) return trust_pkcs12(bytes, n, password, out, why, why_size);
        if (kind == KEY_STORE_JKS) return trust_jks(bytes, n, password, out, why, why_size);
        return say(ERR_INVALID, why, why_size, "expected a PKCS12, JKS or PEM store");
}

/* The issuers, in order, as far as the store has them; a root that signs itself
 * is not sent. */
static bool write_chain(BIO *bio, X509 *leaf, STACK_OF(X509) *others) {
        X509 *last = leaf;
        if (PEM_write_bio_X509(bio, leaf) != 1) return false;
        for (int length = 1; length < CHAIN_MAX; length++) {
                X509 *issuer = NULL;
                for (int i = 0; i < sk_X509_num(others) && !issuer; i++) {
                        X509 *other = sk_X509_value(others, i);
                        if (X509_check_issued(other, last) == X509_V_OK) issuer = other;
                }
                if (!issuer || X509_check_issued(issuer, issuer) == X509_V_OK) return true;
                if (PEM_write_bio_X509(bio, issuer) != 1) return false;
                last = issuer;
        }
        return true;
}

int key_store_identity(const void *bytes, size_t n, const char *password, char **out_key, char **out_chain, char *why,
                       size_t why_size) {
        struct contents c;
        enum key_store_kind kind = key_store_sniff(bytes, n);
        if (kind == KEY_STORE_JKS || kind == KEY_STORE_JCEKS)
                return say(ERR_INVALID, why, why_size, "the private keys of such a store cannot be read");
        if (kind != KEY_STORE_PKCS12) return say(ERR_INVALID, why, why_size, "expected a PKCS12 or PEM store");
        int rc = pkcs12_open(bytes, n, password, &c, why, why_size);
        if (rc) return rc;
        char *key = NULL, *chain = NULL;
        if (!c.key || !c.leaf) {
                contents_fini(&c);
                return say(ERR_INVALID, why, why_size, "holds no private key with its certificate");
        }
        BIO *key_bio = BIO_new(BIO_s_secmem()), *chain_bio = BIO_new(BIO_s_mem());
        rc = bio_give(key_bio, key_bio && PEM_write_bio_PKCS8PrivateKey(key_bio, c.key, NULL, NULL, 0, NULL, NULL) == 1, &key,
                      why, why_size);
        if (!rc) {
                rc = bio_give(chain_bio, chain_bio && write_chain(chain_bio, c.leaf, c.others), &chain, why, why_size);
                if (rc) explicit_bzero(key, strlen(key));
        }
        BIO_free(key_bio); /* wipes */
        BIO_free(chain_bio);
        contents_fini(&c);
        ERR_clear_error();
        if (rc) {
                free(key);
                return rc;
        }
        *out_key = key;
        *out_chain = chain;
        return 0;
}

/* ---- dates ---- */

static void name_of(X509 *certificate, char *out, size_t size) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *text = NULL;
        if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0) text = bio_text(bio);
        (void)snprintf(out, size, "%.120s", text ? text : "?");
        text_one_line(out);
        free(text);
        BIO_free(bio);
}

static void date_text(const ASN1_TIME *time, char *out, size_t size) {
        struct tm tm;
        if (ASN1_TIME_to_tm(time, &tm) != 1 || !strftime(out, size, "%Y-%m-%d %H:%M:%S UTC", &tm)) (void)snprintf(out, size, "?");
}

int key_store_out_of_date(const char *pem, size_t bytes, long long now_s, char *why, size_t why_size) {
        BIO *bio = bytes <= INT_MAX ? BIO_new_mem_buf(pem, (int)bytes) : NULL;
        time_t now = (time_t)now_s;
        X509 *certificate;
        int found = 0;

        while (bio && !found && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
                const ASN1_TIME *from = X509_get0_notBefore(certificate), *until = X509_get0_notAfter(certificate);
                bool early = X509_cmp_time(from, &now) > 0, late = X509_cmp_time(until, &now) < 0;
                if (early || late) {
                        char name[200], when[32];
                        name_of(certificate, name, sizeof name);
                        date_text(early ? from : until, when, sizeof when);
                        (void)snprintf(why, why_size, "%s: %s %s", name, early ? "not valid before" : "expired on", when);
                        found = 1;
                }
                X509_free(certificate);
        }
        BIO_free(bio);
        ERR_clear_error(); /* the end of the text is one */
        return found;
}

void key_store_dates(const void *certificate, char *out, size_t size) {
        char from[32] = "?", until[32] = "?";
        if (certificate) {
                date_text(X509_get0_notBefore(certificate), from, sizeof from);
                date_text(X509_get0_notAfter(certificate), until, sizeof until);
        }
        (void)snprintf(out, size, "valid from %s to %s", from, until);
}
