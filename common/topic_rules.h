/* Which topics a route mirrors.  Semantics of MirrorMaker: a rule is a list of
 * regular expressions, `,` means "or", blanks around it do not count, and an
 * expression has to match the whole name.  Names that begin with `__` (Kafka's
 * own topics) never match, nor do Heliostat's own and MirrorMaker 2's internal ones. */
#ifndef HELIOSTAT_COMMON_TOPIC_RULES_H
#define HELIOSTAT_COMMON_TOPIC_RULES_H

#include <stddef.h>

struct topic_rules;

#define TOPIC_RULE_BYTES_MAX 65536

/* include, exclude: rules as in the configuration; "" matches nothing.
 * Expressions are PCRE2's, which reads nearly all of Java's alike; what Java
 * and PCRE2 read differently (class intersection and union, \p{java...},
 * \p{Is...}, a quantifier broken by the list's comma) is refused.
 * 0 | ERR_INVALID (err holds one line: what and where) | ERR_TOO_BIG |
 * ERR_NOMEM; *out is the caller's on success (topic_rules_free). */
int topic_rules_new(const char *include, const char *exclude, struct topic_rules **out, char *err,
                    size_t err_size);
void topic_rules_free(struct topic_rules *rules);

/* Checks one rule without keeping it.  Codes as above. */
int topic_rule_check(const char *rule, char *err, size_t err_size);

/* What Java refuses or reads otherwise than PCRE2: static text, NULL when nothing. */
const char *topic_rule_java_difference(const char *expression);

enum { TOPIC_RULES_MATCH = 1 };
/* TOPIC_RULES_MATCH, 0 for no match, or ERR_TOO_MANY when an expression needs
 * more steps than the limit for this name: the topic must then be reported,
 * not silently left out.  Not for two threads at once on the same rules. */
int topic_rules_match(struct topic_rules *rules, const char *topic);

#endif
