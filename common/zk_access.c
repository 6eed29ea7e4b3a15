#include "common/zk_access.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/text.h"

static int invalid(const char *key, const char **out_key, char *why, size_t why_size, const char *text) {
        *out_key = key;
        (void)snprintf(why, why_size, "%s", text);
        return ERR_INVALID;
}

/* The base64 text of 20 bytes. */
static bool is_digest(const char *text) {
        return strlen(text) == 28 && text[27] == '=' &&
               strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == 27;
}

static bool is_user(const char *text, size_t length) {
        if (length == 0 || length > 128) return false;
        for (size_t i = 0; i < length; i++)
                if ((unsigned char)text[i] <= ' ' || text[i] == ',' || text[i] == 0x7f) return false;
        return true;
}

static int parse_auth(const char *auth, struct zk_access *out, const char **out_key, char *why, size_t why_size) {
        static const char prefix[] = "digest:", key[] = "zookeeper.auth";
        const char *pair = auth + sizeof prefix - 1, *colon = NULL;
        if (strncmp(auth, prefix, sizeof prefix - 1) == 0) colon = strchr(pair, ':');
        if (!colon || !is_user(pair, (size_t)(colon - pair)) || !colon[1])
                return invalid(key, out_key, why, why_size, "expected 'digest:USER:PASSWORD'");
        out->secret = strdup(pair);
        out->name = strndup(auth, (size_t)(colon - auth));
        return out->secret && out->name ? 0 : ERR_NOMEM;
}

static int parse_readers(const char *readers, struct zk_access *out, const char **out_key, char *why, size_t why_size) {
        static const char key[] = "zookeeper.acl.readers";
        char *list = strdup(readers), *rest = list, *word;
        int rc = list ? 0 : ERR_NOMEM;
        while (!rc && (word = strsep(&rest, ","))) {
                word = text_trim(word);
                const char *colon = strchr(word, ':');
                if (!colon || !is_user(word, (size_t)(colon - word)) || !is_digest(colon + 1))
                        rc = invalid(key, out_key, why, why_size,
                                     "expected 'USER:DIGEST, ...', DIGEST as of: printf USER:PASSWORD | openssl dgst -binary "
                                     "-sha1 | base64");
                else if (out->reader_count == ZK_READERS_MAX)
                        rc = invalid(key, out_key, why, why_size, "expected at most 15 readers");
                else if (!(out->readers[out->reader_count] = strdup(word)))
                        rc = ERR_NOMEM;
                else
                        out->reader_count++;
        }
        free(list);
        return rc;
}

void zk_access_fini(struct zk_access *access) {
        if (access->secret) explicit_bzero(access->secret, strlen(access->secret));
        free(access->secret);
        free(access->name);
        for (size_t i = 0; i < access->reader_count; i++) free(access->readers[i]);
        memset(access, 0, sizeof *access);
}

int zk_access_parse(const char *auth, const char *readers, bool allow_open, struct zk_access *out, const char **out_key,
                    char *why, size_t why_size) {
        struct zk_access access = {.allow_open = allow_open};
        bool has_auth = auth && *auth, has_readers = readers && *readers;
        int rc = has_auth ? parse_auth(auth, &access, out_key, why, why_size) : 0;
        if (!rc && has_readers && !has_auth)
                rc = invalid("zookeeper.acl.readers", out_key, why, why_size,
                             "has a meaning only with zookeeper.auth: without it everyone may do all");
        if (!rc && has_readers) rc = parse_readers(readers, &access, out_key, why, why_size);
        if (rc) zk_access_fini(&access);
        else *out = access;
        return rc;
}

bool zk_access_open(const struct zk_acl_entry *entries, size_t count) {
        for (size_t i = 0; i < count; i++)
                if (strcmp(entries[i].scheme, "world") == 0 && (entries[i].rights & ~ZK_READ & ZK_ALL_RIGHTS)) return true;
        return false;
}

void zk_access_text(const struct zk_acl_entry *entries, size_t count, char *out, size_t size) {
        static const struct {
                int32_t right;
                char letter;
        } letters[] = {{ZK_CREATE, 'c'}, {ZK_DELETE, 'd'}, {ZK_READ, 'r'}, {ZK_WRITE, 'w'}, {ZK_ADMIN, 'a'}};
        size_t n = 0;
        if (size) out[0] = '\0';
        for (size_t i = 0; i < count && n < size; i++) {
                char rights[6] = "", *r = rights;
                for (size_t k = 0; k < sizeof letters / sizeof *letters; k++)
                        if (entries[i].rights & letters[k].right) *r++ = letters[k].letter;
                *r = '\0';
                /* what follows the user is its digest */
                bool digest = strcmp(entries[i].scheme, "digest") == 0;
                int length = (int)(digest ? strcspn(entries[i].id, ":") : strlen(entries[i].id));
                n += (size_t)snprintf(out + n, size - n, "%s%s:%.*s %s", i ? ", " : "", entries[i].scheme, length,
                                      entries[i].id, rights);
        }
        text_one_line(out);
}

bool zk_access_loopback(const struct sockaddr *address) {
        if (address->sa_family == AF_INET)
                return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
        if (address->sa_family != AF_INET6) return false;
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}
