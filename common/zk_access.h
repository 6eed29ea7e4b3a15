/* Who this process is to ZooKeeper, who may touch what it creates, and whether
 * nodes are open to everyone.  PURE.
 *
 *     zookeeper.auth = digest:mirror:PASSWORD
 *     zookeeper.acl.readers = watcher:u53OoA8hprX59uwFsvQBS3QuI00=
 *
 * With an identity, each node is created for it alone (all rights) and for the
 * readers (read).  Without, for everyone, as it was always. */
#ifndef HELIOSTAT_COMMON_ZK_ACCESS_H
#define HELIOSTAT_COMMON_ZK_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZK_READERS_MAX 15

/* ZooKeeper's bits. */
enum zk_right { ZK_READ = 1, ZK_WRITE = 2, ZK_CREATE = 4, ZK_DELETE = 8, ZK_ADMIN = 16, ZK_ALL_RIGHTS = 31 };

struct zk_acl_entry {
        int32_t rights;
        const char *scheme, *id; /* "world", "anyone" */
};

struct zk_access {
        char *secret; /* "user:password" for the scheme digest; NULL: no identity */
        char *name;   /* "digest:user", for messages; NULL: no identity */
        char *readers[ZK_READERS_MAX]; /* "user:base64 of SHA-1(user:password)" */
        size_t reader_count;
        bool allow_open; /* zookeeper.acl.open: nodes that everyone may write are no reason to refuse */
};

/* auth and readers may be NULL or "".  Messages show no password.
 * 0 (*out is the caller's: zk_access_fini) | ERR_INVALID (*out_key names the
 * setting, why says what was expected) | ERR_NOMEM */
int zk_access_parse(const char *auth, const char *readers, bool allow_open, struct zk_access *out, const char **out_key,
                    char *why, size_t why_size);
void zk_access_fini(struct zk_access *access); /* wipes */

/* Whether everyone may change a node with these entries. */
bool zk_access_open(const struct zk_acl_entry *entries, size_t count);
/* "digest:user cdrwa, world:anyone r"; digests are left out. */
void zk_access_text(const struct zk_acl_entry *entries, size_t count, char *out, size_t size);

struct sockaddr;
/* Whether an address is this host's loopback. */
bool zk_access_loopback(const struct sockaddr *address);

#endif
