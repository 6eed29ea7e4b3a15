/* Connect strings and znode paths of ZooKeeper.  PURE.
 *
 *     zk1:2181,10.0.0.7,[::1]:2182/heliostat
 *
 * A host without a port means 2181.  An IPv6 literal needs brackets. */
#ifndef HELIOSTAT_COMMON_ZK_CONNECT_H
#define HELIOSTAT_COMMON_ZK_CONNECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZK_SERVERS_MAX 64
#define ZK_DEFAULT_PORT 2181

struct zk_server {
        char *host;    /* name or address, brackets removed */
        uint16_t port;
        bool literal;  /* an IP address: nothing to resolve */
};

struct zk_connect {
        struct zk_server *servers;
        size_t server_count;
        char *chroot;  /* "/heliostat", or "" */
};

/* 0 (out is the caller's, zk_connect_fini), ERR_INVALID with the reason in
 * err, or ERR_NOMEM; out is untouched then. */
int zk_connect_parse(const char *text, struct zk_connect *out, char *err, size_t err_size);
void zk_connect_fini(struct zk_connect *connect);

/* True when no server needs a name service. */
bool zk_connect_all_literal(const struct zk_connect *connect);

/* Absolute, no empty, "." or ".." part, no control characters, shorter than
 * ZNODE_PATH_MAX.  Stricter than the client library, so that it never refuses
 * what passed here. */
bool zk_path_valid(const char *path);

#endif
