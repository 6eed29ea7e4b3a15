#include "coordinator/topic_acls.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "coordinator/topic_plan.h"

void topic_acls_fini(struct topic_acls *acls) {
        for (size_t i = 0; i < acls->count; i++) {
                free(acls->items[i].name);
                free(acls->items[i].principal);
                free(acls->items[i].host);
        }
        free(acls->items);
        *acls = (struct topic_acls){0};
}

int topic_acls_add(struct topic_acls *acls, const char *name, const char *principal, const char *host, int pattern,
                   int operation, int permission) {
        /* Grows at the powers of two. */
        if ((acls->count & (acls->count - 1)) == 0) {
                size_t room = acls->count ? acls->count * 2 : 1;
                struct topic_acl *items = realloc(acls->items, room * sizeof *items);
                if (!items) return ERR_NOMEM;
                acls->items = items;
        }
        struct topic_acl *acl = &acls->items[acls->count++];
        *acl = (struct topic_acl){strdup(name), strdup(principal), strdup(host), pattern, operation, permission};
        return acl->name && acl->principal && acl->host ? 0 : ERR_NOMEM;
}

const char *topic_acl_operation_name(int operation) {
        static const char *const names[] = {"UNKNOWN", "ANY",   "ALL",      "READ",           "WRITE",
                                            "CREATE",  "DELETE", "ALTER",    "DESCRIBE",       "CLUSTER_ACTION",
                                            "DESCRIBE_CONFIGS", "ALTER_CONFIGS", "IDEMPOTENT_WRITE"};
        return operation >= 0 && (size_t)operation < sizeof names / sizeof *names ? names[operation] : "UNKNOWN";
}

const char *topic_acl_permission_name(int permission) {
        return permission == TOPIC_ACL_DENY ? "DENY" : permission == TOPIC_ACL_ALLOW ? "ALLOW" : "UNKNOWN";
}

/* The operation to have at the destination; 0: none. */
static int goes_along(const struct topic_acl *acl) {
        if (acl->permission == TOPIC_ACL_DENY) return acl->operation;
        if (acl->permission != TOPIC_ACL_ALLOW) return 0;
        switch (acl->operation) {
        case TOPIC_ACL_ALL:
                return TOPIC_ACL_READ;
        case TOPIC_ACL_READ:
        case TOPIC_ACL_DESCRIBE:
        case TOPIC_ACL_DESCRIBE_CONFIGS:
                return acl->operation;
        default:
                return 0;
        }
}

static bool holds_for(const struct topic_acl *acl, const char *topic) {
        if (acl->pattern == TOPIC_ACL_PREFIXED) return strncmp(topic, acl->name, strlen(acl->name)) == 0;
        return acl->pattern == TOPIC_ACL_LITERAL && (strcmp(acl->name, "*") == 0 || strcmp(acl->name, topic) == 0);
}

/* Order: by topic first. */
static int compare(const void *a_, const void *b_) {
        const struct topic_acl *a = a_, *b = b_;
        int order = strcmp(a->name, b->name);
        if (!order) order = a->pattern - b->pattern;
        if (!order) order = strcmp(a->principal, b->principal);
        if (!order) order = strcmp(a->host, b->host);
        if (!order) order = a->permission - b->permission;
        return order ? order : a->operation - b->operation;
}

/* Sorts; of equal ones the first stays. */
static void make_unique(struct topic_acls *acls) {
        size_t n = 0;
        if (acls->count) qsort(acls->items, acls->count, sizeof *acls->items, compare);
        for (size_t i = 0; i < acls->count; i++) {
                if (n && compare(&acls->items[n - 1], &acls->items[i]) == 0) {
                        free(acls->items[i].name);
                        free(acls->items[i].principal);
                        free(acls->items[i].host);
                        continue;
                }
                acls->items[n++] = acls->items[i];
        }
        acls->count = n;
}

static bool has(const struct topic_acls *there, const struct topic_acl *acl) {
        for (size_t i = 0; i < there->count; i++)
                if (compare(&there->items[i], acl) == 0) return true;
        return false;
}

int topic_acls_missing(const struct topics_found *found, const struct topic_acls *source,
                       const struct topic_acls *there, struct topic_acls *out) {
        struct topic_acls missing = {0};
        int rc = 0;
        for (size_t i = 0; !rc && i < found->count; i++) {
                const struct topic_found *topic = &found->topics[i];
                if (topic->step == TOPIC_PARKED || topic->step == TOPIC_PASSED) continue;
                for (size_t k = 0; !rc && k < source->count; k++) {
                        const struct topic_acl *acl = &source->items[k];
                        int operation = holds_for(acl, topic->name) ? goes_along(acl) : 0;
                        if (!operation) continue;
                        struct topic_acl wanted = *acl;
                        wanted.name = (char *)topic->target;
                        wanted.pattern = TOPIC_ACL_LITERAL;
                        wanted.operation = operation;
                        if (!has(there, &wanted))
                                rc = topic_acls_add(&missing, topic->target, acl->principal, acl->host,
                                                    TOPIC_ACL_LITERAL, operation, acl->permission);
                }
        }
        if (rc) {
                topic_acls_fini(&missing);
                return rc;
        }
        make_unique(&missing);
        *out = missing;
        return 0;
}
