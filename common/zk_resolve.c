#include "common/zk_resolve.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

#define ADDRESSES_MAX 256 /* of all servers; more are ignored */
#define ADDRESS_MAX 80    /* INET6_ADDRSTRLEN, scope, port */

struct lookup {
        uv_getaddrinfo_t request;
        struct zk_resolve *resolve;
        const struct zk_server *server;
};

struct zk_resolve {
        const struct zk_connect *connect;
        zk_resolve_cb cb;
        void *ctx;
        size_t pending;
        char (*addresses)[ADDRESS_MAX];
        size_t address_count;
        char error[256];
        struct lookup lookups[ZK_SERVERS_MAX];
};

static int compare(const void *a, const void *b) { return strcmp(a, b); }

/* Sorted and unique, so that a name server that rotates its answers does not
 * look like a change.  An even number of them gets the first one again: after a
 * failure the library (3.8) takes two steps in its list, and of an even number
 * it would try every other server for ever, without the pause that it makes at
 * the list's end. */
static char *join(char (*addresses)[ADDRESS_MAX], size_t count) {
        char *text = malloc((count + 1) * ADDRESS_MAX + 1);
        size_t n = 0, different = 0;

        if (!text) return NULL;
        if (count) qsort(addresses, count, sizeof *addresses, compare);
        for (size_t i = 0; i < count; i++) {
                if (i > 0 && strcmp(addresses[i], addresses[i - 1]) == 0) continue;
                n += (size_t)sprintf(text + n, "%s%s", n ? "," : "", addresses[i]);
                different++;
        }
        if (different && different % 2 == 0) n += (size_t)sprintf(text + n, ",%s", addresses[0]);
        text[n] = '\0';
        return text;
}

char *zk_resolve_literals(const struct zk_connect *connect) {
        char(*addresses)[ADDRESS_MAX] = calloc(connect->server_count, sizeof *addresses);

        if (!addresses) return NULL;
        for (size_t i = 0; i < connect->server_count; i++)
                (void)snprintf(addresses[i], ADDRESS_MAX, "%.*s:%u", ADDRESS_MAX - 8,
                               connect->servers[i].host, connect->servers[i].port);
        char *text = join(addresses, connect->server_count);
        free(addresses);
        return text;
}

static void finish(struct zk_resolve *resolve) {
        zk_resolve_cb cb = resolve->cb;
        void *ctx = resolve->ctx;
        char error[sizeof resolve->error];
        char *text = join(resolve->addresses, resolve->address_count);

        memcpy(error, resolve->error, sizeof error);
        free(resolve->addresses);
        free(resolve);
        cb(ctx, text ? text : "", text ? error : err_text(ERR_NOMEM));
        free(text);
}

static void add(struct zk_resolve *resolve, const struct zk_server *server,
                const struct sockaddr *address, socklen_t bytes) {
        char host[64];

        if (resolve->address_count == ADDRESSES_MAX) return;
        if (getnameinfo(address, bytes, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0) return;
        (void)snprintf(resolve->addresses[resolve->address_count++], ADDRESS_MAX, "%s:%u", host,
                       server->port);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list) {
        struct lookup *lookup = request->data;
        struct zk_resolve *resolve = lookup->resolve;

        if (status != 0)
                (void)snprintf(resolve->error, sizeof resolve->error, "%.200s: %s",
                               lookup->server->host, uv_strerror(status));
        for (struct addrinfo *a = list; a; a = a->ai_next)
                if (a->ai_family == AF_INET || a->ai_family == AF_INET6)
                        add(resolve, lookup->server, a->ai_addr, a->ai_addrlen);
        uv_freeaddrinfo(list);
        if (--resolve->pending == 0) finish(resolve);
}

int zk_resolve_start(uv_loop_t *loop, const struct zk_connect *connect, zk_resolve_cb cb,
                     void *ctx, struct zk_resolve **out) {
        struct zk_resolve *resolve = calloc(1, sizeof *resolve);

        if (!resolve) return ERR_NOMEM;
        resolve->connect = connect;
        resolve->cb = cb;
        resolve->ctx = ctx;
        resolve->addresses = calloc(ADDRESSES_MAX, sizeof *resolve->addresses);
        if (!resolve->addresses) {
                free(resolve);
                return ERR_NOMEM;
        }
        for (size_t i = 0; i < connect->server_count; i++) {
                const struct zk_server *server = &connect->servers[i];
                struct lookup *lookup = &resolve->lookups[i];
                /* Literals too: numeric, so no name service is asked. */
                struct addrinfo hints = {
                        .ai_family = AF_UNSPEC,
                        .ai_socktype = SOCK_STREAM,
                        .ai_flags = server->literal ? AI_NUMERICHOST : AI_ADDRCONFIG,
                };
                lookup->resolve = resolve;
                lookup->server = server;
                lookup->request.data = lookup;
                if (uv_getaddrinfo(loop, &lookup->request, on_resolved, server->host, NULL,
                                   &hints) == 0)
                        resolve->pending++;
        }
        if (resolve->pending == 0) {
                free(resolve->addresses);
                free(resolve);
                return ERR_SYSTEM;
        }
        *out = resolve;
        return 0;
}

void zk_resolve_cancel(struct zk_resolve *resolve) {
        for (size_t i = 0; i < resolve->connect->server_count; i++)
                if (resolve->lookups[i].resolve)
                        /* Refused when running or done: the callback comes anyway. */
                        (void)uv_cancel((uv_req_t *)&resolve->lookups[i].request);
}
