#include "common/zk_connect.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/znode_path.h"

bool zk_path_valid(const char *path) {
        size_t length = path ? strlen(path) : 0;

        if (length == 0 || length >= ZNODE_PATH_MAX || path[0] != '/') return false;
        if (length == 1) return true;
        for (const char *part = path + 1;;) {
                size_t n = strcspn(part, "/");
                if (n == 0) return false;
                if (part[0] == '.' && (n == 1 || (n == 2 && part[1] == '.'))) return false;
                for (size_t i = 0; i < n; i++) {
                        unsigned char c = (unsigned char)part[i];
                        if (c < 0x20 || c == 0x7f) return false;
                }
                if (!part[n]) return true;
                part += n + 1;
        }
}

void zk_connect_fini(struct zk_connect *connect) {
        for (size_t i = 0; i < connect->server_count; i++) free(connect->servers[i].host);
        free(connect->servers);
        free(connect->chroot);
        memset(connect, 0, sizeof *connect);
}

bool zk_connect_all_literal(const struct zk_connect *connect) {
        for (size_t i = 0; i < connect->server_count; i++)
                if (!connect->servers[i].literal) return false;
        return true;
}

static int invalid(char *err, size_t err_size, const char *why, const char *what, size_t length) {
        if (err && err_size)
                (void)snprintf(err, err_size, "%s: '%.*s'", why, length > 200 ? 200 : (int)length,
                               what);
        return ERR_INVALID;
}

static bool host_valid(const char *host, size_t length) {
        if (length == 0 || length > 253) return false;
        for (size_t i = 0; i < length; i++) {
                unsigned char c = (unsigned char)host[i];
                if (!isalnum(c) && c != '.' && c != '-' && c != '_') return false;
        }
        return true;
}

/* One "host", "host:port" or "[address]:port", blanks removed. */
static int server_parse(const char *text, size_t length, struct zk_server *out, char *err,
                        size_t err_size) {
        const char *host = text, *port = NULL;
        size_t host_length = length, port_length = 0;
        bool v6 = false;

        if (length == 0) return invalid(err, err_size, "empty server name", "", 0);
        if (text[0] == '[') {
                const char *end = memchr(text, ']', length);
                if (!end) return invalid(err, err_size, "missing ']'", text, length);
                v6 = true;
                host = text + 1;
                host_length = (size_t)(end - host);
                size_t rest = length - (size_t)(end + 1 - text);
                if (rest > 0 && end[1] != ':')
                        return invalid(err, err_size, "text after ']'", text, length);
                if (rest > 0) {
                        port = end + 2;
                        port_length = rest - 1;
                }
        } else {
                const char *colon = memchr(text, ':', length);
                if (colon) {
                        host_length = (size_t)(colon - text);
                        port = colon + 1;
                        port_length = length - host_length - 1;
                        if (memchr(port, ':', port_length))
                                return invalid(err, err_size, "an IPv6 address needs brackets",
                                               text, length);
                }
        }

        unsigned long number = ZK_DEFAULT_PORT;
        if (port) {
                number = 0;
                if (port_length == 0 || port_length > 5)
                        return invalid(err, err_size, "port is not a number from 1 to 65535", text,
                                       length);
                for (size_t i = 0; i < port_length; i++) {
                        if (!isdigit((unsigned char)port[i]))
                                return invalid(err, err_size,
                                               "port is not a number from 1 to 65535", text,
                                               length);
                        number = number * 10 + (unsigned long)(port[i] - '0');
                }
                if (number < 1 || number > 65535)
                        return invalid(err, err_size, "port is not a number from 1 to 65535", text,
                                       length);
        }

        struct in_addr a4;
        struct in6_addr a6;
        char *copy = strndup(host, host_length);
        if (!copy) return ERR_NOMEM;
        if (v6 ? inet_pton(AF_INET6, copy, &a6) != 1 : !host_valid(host, host_length)) {
                free(copy);
                return invalid(err, err_size,
                               v6 ? "not an IPv6 address" : "not a host name or address", text,
                               length);
        }
        out->host = copy;
        out->port = (uint16_t)number;
        out->literal = v6 || inet_pton(AF_INET, copy, &a4) == 1;
        return 0;
}

int zk_connect_parse(const char *text, struct zk_connect *out, char *err, size_t err_size) {
        struct zk_connect connect = {0};
        const char *slash, *end;
        int rc;

        if (!text) return invalid(err, err_size, "no connect string", "", 0);
        while (isspace((unsigned char)*text)) text++;
        end = text + strlen(text);
        while (end > text && isspace((unsigned char)end[-1])) end--;
        slash = memchr(text, '/', (size_t)(end - text));
        const char *hosts_end = slash ? slash : end;
        if (hosts_end == text)
                return invalid(err, err_size, "no server in connect string", text,
                               (size_t)(end - text));

        connect.servers = calloc(ZK_SERVERS_MAX, sizeof *connect.servers);
        connect.chroot = slash && end - slash > 1 ? strndup(slash, (size_t)(end - slash))
                                                  : strdup("");
        if (!connect.servers || !connect.chroot) {
                rc = ERR_NOMEM;
                goto fail;
        }
        if (connect.chroot[0] && !zk_path_valid(connect.chroot)) {
                rc = invalid(err, err_size, "bad chroot", connect.chroot, strlen(connect.chroot));
                goto fail;
        }
        if (strlen(connect.chroot) > ZNODE_PATH_MAX / 4) {
                rc = invalid(err, err_size, "chroot is too long", connect.chroot, 32);
                goto fail;
        }
        for (const char *item = text; item <= hosts_end;) {
                const char *comma = memchr(item, ',', (size_t)(hosts_end - item));
                const char *stop = comma ? comma : hosts_end, *a = item, *b = stop;
                while (a < b && isspace((unsigned char)*a)) a++;
                while (b > a && isspace((unsigned char)b[-1])) b--;
                if (connect.server_count == ZK_SERVERS_MAX) {
                        rc = invalid(err, err_size, "too many servers", text, 32);
                        goto fail;
                }
                rc = server_parse(a, (size_t)(b - a), &connect.servers[connect.server_count], err,
                                  err_size);
                if (rc) goto fail;
                connect.server_count++;
                item = stop + 1;
        }
        *out = connect;
        return 0;
fail:
        zk_connect_fini(&connect);
        return rc;
}
