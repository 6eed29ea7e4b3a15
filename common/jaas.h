/* `sasl.jaas.config` of Java's clients: one login module with its options, and
 * what they are in librdkafka's settings.  PURE.
 *
 *     org.apache.kafka.common.security.scram.ScramLoginModule required
 *         username="mirror" password="...";
 *
 * Read as Kafka reads it: words or quoted text ('' or "", with the escapes of
 * Java's StreamTokenizer), comments, a semicolon at the end.  Wider than Java:
 * a value without quotes may hold anything but blanks, quotes, '=' and ';'.
 *
 * No message shows a value. */
#ifndef HELIOSTAT_COMMON_JAAS_H
#define HELIOSTAT_COMMON_JAAS_H

#include <stddef.h>

#define JAAS_OPTIONS_MAX 64
#define JAAS_BYTES_MAX ((size_t)64 * 1024)

enum jaas_module { JAAS_PLAIN, JAAS_SCRAM, JAAS_KERBEROS, JAAS_OAUTHBEARER };

struct jaas_pair {
        char *name, *value;
};

struct jaas {
        enum jaas_module module;
        struct jaas_pair *options; /* each name once: the last counts */
        size_t option_count;
};

/* 0 (*out is the caller's: jaas_fini) | ERR_INVALID | ERR_TOO_BIG | ERR_NOMEM */
int jaas_parse(const char *text, struct jaas *out, char *why, size_t why_size);
void jaas_fini(struct jaas *jaas); /* wipes */

/* Static: "ScramLoginModule". */
const char *jaas_module_name(enum jaas_module module);

/* librdkafka's settings for it, under a sasl.mechanism.  An option that has no
 * counterpart and would matter is refused; those that matter to Java alone are
 * left out.  *out is malloc'd, as its texts: jaas_pairs_free.
 * 0 | ERR_INVALID | ERR_NOMEM */
int jaas_settings(const struct jaas *jaas, const char *mechanism, struct jaas_pair **out, size_t *out_count,
                  char *why, size_t why_size);
void jaas_pairs_free(struct jaas_pair *pairs, size_t count); /* wipes */

#endif
