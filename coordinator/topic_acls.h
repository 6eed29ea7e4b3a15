/* Which ACLs of the source's topics go along to the destination.  PURE.
 *
 * For each mirrored topic, every ACL of the source that holds for it, whether by
 * its name, by a prefix or by '*', stands for one on the destination's topic by
 * its name.  DENY goes along as it is.  Of what is allowed only reading does:
 * READ, DESCRIBE, DESCRIBE_CONFIGS; ALL becomes READ, as in MirrorMaker 2; WRITE
 * and what changes a topic never do. */
#ifndef HELIOSTAT_COORDINATOR_TOPIC_ACLS_H
#define HELIOSTAT_COORDINATOR_TOPIC_ACLS_H

#include <stdbool.h>
#include <stddef.h>


/* As Kafka's protocol numbers them, and librdkafka with it. */
enum topic_acl_pattern { TOPIC_ACL_LITERAL = 3, TOPIC_ACL_PREFIXED = 4 };
enum topic_acl_operation {
        TOPIC_ACL_ALL = 2,
        TOPIC_ACL_READ = 3,
        TOPIC_ACL_WRITE = 4,
        TOPIC_ACL_DESCRIBE = 8,
        TOPIC_ACL_DESCRIBE_CONFIGS = 10,
};
enum topic_acl_permission { TOPIC_ACL_DENY = 2, TOPIC_ACL_ALLOW = 3 };

struct topics_found;

struct topic_acl {
        char *name; /* of the topic, or what the pattern is */
        char *principal, *host;
        int pattern, operation, permission;
};
struct topic_acls {
        struct topic_acl *items;
        size_t count;
};
void topic_acls_fini(struct topic_acls *acls);
/* Copies.  0 | ERR_NOMEM */
int topic_acls_add(struct topic_acls *acls, const char *name, const char *principal, const char *host, int pattern,
                   int operation, int permission);

/* What is missing at the destination: for the rows that are mirrored (READY, and
 * those that will be), sorted, each once.  Nothing there is ever taken away.
 * 0 | ERR_NOMEM */
int topic_acls_missing(const struct topics_found *found, const struct topic_acls *source,
                       const struct topic_acls *there, struct topic_acls *out);

/* "ALLOW READ", static parts. */
const char *topic_acl_operation_name(int operation);
const char *topic_acl_permission_name(int permission);

#endif
