/* Java's trust and key stores, by their content whatever their names: PEM,
 * PKCS12 (through OpenSSL) and, of JKS, trusted certificates.  Gives PEM text,
 * which librdkafka takes.  No I/O. */
#ifndef HELIOSTAT_COMMON_KEY_STORE_H
#define HELIOSTAT_COMMON_KEY_STORE_H

#include <stddef.h>

#define KEY_STORE_BYTES_MAX ((size_t)4 * 1024 * 1024)
#define KEY_STORE_ERROR_MAX 400

enum key_store_kind { KEY_STORE_UNKNOWN, KEY_STORE_PEM, KEY_STORE_PKCS12, KEY_STORE_JKS, KEY_STORE_JCEKS };

/* PURE. */
enum key_store_kind key_store_sniff(const void *bytes, size_t n);
const char *key_store_kind_name(enum key_store_kind kind); /* "PKCS12"; static */

/* All trusted certificates of a PKCS12 or JKS store.  password may be NULL.
 * 0 (*out is malloc'd) | ERR_AUTH (password) | ERR_INVALID | ERR_TOO_MANY | ERR_NOMEM */
int key_store_trust(const void *bytes, size_t n, const char *password, char **out, char *why, size_t why_size);

/* The private key of a PKCS12 store, in the clear (secret_free it), and its
 * certificate with those of its issuers behind it, leaf first.  A JKS store is
 * ERR_INVALID: key_store_conversion says what to do. */
int key_store_identity(const void *bytes, size_t n, const char *password, char **out_key, char **out_chain, char *why,
                       size_t why_size);

/* "keytool -importkeystore ..." that turns the JKS store of this path into a
 * PKCS12 store beside it. */
void key_store_conversion(const char *path, char *out, size_t size);

/* Of a PEM text with certificates: the first that is not valid at this time
 * (seconds since 1970), as "CN=x: expired on 2026-01-31 10:00:00 UTC".
 * 1: there is one, in why | 0: none, or no certificate at all */
int key_store_out_of_date(const char *pem, size_t bytes, long long now_s, char *why, size_t why_size);

/* Of an X509 of OpenSSL: "valid from 2026-01-30 10:00:00 UTC to ...". */
void key_store_dates(const void *certificate, char *out, size_t size);

#endif
