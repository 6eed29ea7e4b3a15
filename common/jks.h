/* Java's own key stores (JKS): trusted certificates, which are plain, under a
 * digest that the password keys.  PURE but for SHA-1 from libcrypto.
 *
 *     magic u32 FEEDFEED  version u32 1|2  count u32
 *     entry: tag u32  alias UTF  date u64
 *       tag 1, a private key: bytes, chain: count u32, certificates
 *       tag 2, a certificate: [type UTF, version 2]  bytes
 *     SHA-1(password in UTF-16BE + "Mighty Aphrodite" + all of the above)
 */
#ifndef HELIOSTAT_COMMON_JKS_H
#define HELIOSTAT_COMMON_JKS_H

#include <stddef.h>
#include <stdint.h>

#define JKS_CERTIFICATES_MAX 4096

struct jks_certificate {
        const unsigned char *der; /* borrows the store's bytes */
        size_t bytes;
};

struct jks {
        struct jks_certificate *certificates; /* trusted ones; malloc'd */
        size_t certificate_count;
        size_t key_count; /* entries with a private key, which are passed over */
};

/* password NULL: the digest is not looked at, as in Java.  UTF-8.
 * 0 (*out is the caller's: jks_fini) | ERR_AUTH (wrong password, or damaged) |
 * ERR_INVALID (no JKS; why says where) | ERR_TOO_MANY | ERR_NOMEM */
int jks_parse(const unsigned char *bytes, size_t n, const char *password, struct jks *out, char *why, size_t why_size);
void jks_fini(struct jks *jks);

#endif
