#include "common/jks.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

enum { DIGEST_BYTES = 20, TAG_KEY = 1, TAG_CERTIFICATE = 2 };
#define MAGIC 0xfeedfeedu

/* What is left to read.  A read past the end sets `bad` and gives nothing. */
struct reader {
        const unsigned char *at;
        size_t left;
        bool bad;
};

static const unsigned char *take(struct reader *r, size_t n) {
        if (r->bad || n > r->left) {
                r->bad = true;
                return NULL;
        }
        const unsigned char *at = r->at;
        r->at += n;
        r->left -= n;
        return at;
}

static uint32_t take_u32(struct reader *r) {
        const unsigned char *p = take(r, 4);
        return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

static void skip_utf(struct reader *r) {
        const unsigned char *p = take(r, 2);
        if (p) (void)take(r, (size_t)p[0] << 8 | p[1]);
}

static struct jks_certificate take_certificate(struct reader *r, uint32_t version) {
        if (version == 2) skip_utf(r);
        size_t bytes = take_u32(r);
        const unsigned char *der = take(r, bytes);
        return (struct jks_certificate){der, bytes};
}

/* The next character of UTF-8, malformed bytes as they are; moves *text. */
static uint32_t next_character(const unsigned char **text) {
        const unsigned char *s = *text;
        size_t more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc0 ? 1 : 0;
        uint32_t c = more == 3 ? s[0] & 0x07u : more == 2 ? s[0] & 0x0fu : more == 1 ? s[0] & 0x1fu : s[0];
        *text = s + 1;
        for (size_t i = 0; i < more; i++) {
                if ((s[1 + i] & 0xc0) != 0x80) return s[0];
                c = c << 6 | (s[1 + i] & 0x3fu);
        }
        *text = s + 1 + more;
        return c;
}

static bool digest_update_u16(EVP_MD_CTX *digest, uint32_t unit) {
        unsigned char two[2] = {(unsigned char)(unit >> 8), (unsigned char)unit};
        return EVP_DigestUpdate(digest, two, sizeof two) == 1;
}

static int check_digest(const unsigned char *bytes, size_t n, const char *password) {
        static const char salt[] = "Mighty Aphrodite";
        unsigned char computed[EVP_MAX_MD_SIZE];
        EVP_MD_CTX *digest = EVP_MD_CTX_new();
        bool done = digest && EVP_DigestInit_ex(digest, EVP_sha1(), NULL) == 1;

        for (const unsigned char *s = (const unsigned char *)password; done && *s;) {
                uint32_t c = next_character(&s);
                if (c >= 0x10000) done = digest_update_u16(digest, 0xd800 + ((c - 0x10000) >> 10));
                if (done) done = digest_update_u16(digest, c >= 0x10000 ? 0xdc00 + ((c - 0x10000) & 0x3ff) : c);
        }
        done = done && EVP_DigestUpdate(digest, salt, sizeof salt - 1) == 1 &&
               EVP_DigestUpdate(digest, bytes, n - DIGEST_BYTES) == 1 &&
               EVP_DigestFinal_ex(digest, computed, NULL) == 1;
        EVP_MD_CTX_free(digest);
        if (!done) return ERR_NOMEM;
        return CRYPTO_memcmp(computed, bytes + n - DIGEST_BYTES, DIGEST_BYTES) == 0 ? 0 : ERR_AUTH;
}

static int parse_entry(struct reader *r, uint32_t version, struct jks *jks) {
        uint32_t tag = take_u32(r);

        skip_utf(r);
        (void)take(r, 8); /* the date */
        if (tag == TAG_KEY) {
                (void)take(r, take_u32(r));
                uint32_t chain = take_u32(r);
                for (uint32_t i = 0; i < chain && !r->bad; i++) (void)take_certificate(r, version);
                jks->key_count++;
                return 0;
        }
        if (tag != TAG_CERTIFICATE) {
                r->bad = true;
                return 0;
        }
        struct jks_certificate certificate = take_certificate(r, version);
        if (r->bad) return 0;
        if (jks->certificate_count == JKS_CERTIFICATES_MAX) return ERR_TOO_MANY;
        if ((jks->certificate_count & (jks->certificate_count - 1)) == 0) { /* grows at powers of two */
                size_t room = jks->certificate_count ? jks->certificate_count * 2 : 1;
                struct jks_certificate *more = realloc(jks->certificates, room * sizeof *more);
                if (!more) return ERR_NOMEM;
                jks->certificates = more;
        }
        jks->certificates[jks->certificate_count++] = certificate;
        return 0;
}

void jks_fini(struct jks *jks) {
        free(jks->certificates);
        memset(jks, 0, sizeof *jks);
}

int jks_parse(const unsigned char *bytes, size_t n, const char *password, struct jks *out, char *why, size_t why_size) {
        struct reader r = {bytes, n >= DIGEST_BYTES ? n - DIGEST_BYTES : 0, false};
        struct jks jks = {0};
        int rc = 0;

        uint32_t magic = take_u32(&r), version = take_u32(&r), count = take_u32(&r), i = 0;
        if (r.bad || magic != MAGIC || version < 1 || version > 2) {
                (void)snprintf(why, why_size, "not a JKS key store of version 1 or 2");
                return ERR_INVALID;
        }
        if (password) rc = check_digest(bytes, n, password);
        if (rc == ERR_AUTH)
                (void)snprintf(why, why_size, "the password is wrong, or the store is damaged");
        for (; !rc && i < count && !r.bad; i++) rc = parse_entry(&r, version, &jks);
        if (!rc && (r.bad || r.left)) {
                (void)snprintf(why, why_size, "a damaged JKS key store: entry %u of %u", (unsigned)i, (unsigned)count);
                rc = ERR_INVALID;
        }
        if (rc == ERR_NOMEM || rc == ERR_TOO_MANY) (void)snprintf(why, why_size, "%s", err_text(rc));
        if (rc) jks_fini(&jks);
        else *out = jks;
        return rc;
}
