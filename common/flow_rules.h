/* What some topics of a route are allowed, and how they are served beside others:
 * the values of `limit.topics.*` and `priority`.  PURE but for PCRE2. */
#ifndef HELIOSTAT_COMMON_FLOW_RULES_H
#define HELIOSTAT_COMMON_FLOW_RULES_H

#include <stddef.h>
#include <stdint.h>

#define FLOW_RULES_BYTES_MAX 16384

enum flow_priority { FLOW_LOW = -1, FLOW_NORMAL, FLOW_HIGH };

struct flow_answer {
        uint64_t bytes_per_second, records_per_second; /* of the topic, over all its partitions; 0: no limit */
        enum flow_priority priority;
};

/* Compiled, for one thread. */
struct flow_rules;
enum flow_kind { FLOW_LIMIT_BYTES, FLOW_LIMIT_RECORDS, FLOW_PRIORITY, FLOW_KINDS };
/* Values by kind: "REGEX=VALUE; REGEX=VALUE", the value a size, a number, or high, normal
 * or low; the first expression that matches a whole name counts.
 * 0 | ERR_INVALID (why: one line) | ERR_NOMEM */
int flow_rules_new(const char *const values[static FLOW_KINDS], struct flow_rules **out, char *why, size_t why_size);
/* Checks one of them.  Codes as above. */
int flow_rules_check(enum flow_kind kind, const char *value, char *why, size_t why_size);
void flow_rules_free(struct flow_rules *rules);
/* rules NULL: none.  An expression that needs too many steps for the name does
 * not match. */
struct flow_answer flow_rules_find(const struct flow_rules *rules, const char *topic);

#endif
