#include "cli/doctor_zk.h"

#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/doctor_kafka.h"
#include "cli/zk_sync.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/zk_connect.h"
#include "common/znode_path.h"

#define SRVR_S 2

/* "srvr", one of the four-letter words, which a server answers unless told
 * otherwise: version and mode.  Without an answer nothing is known. */
static void ask_server(struct doctor_address *server) {
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
        struct timeval limit = {.tv_sec = SRVR_S};
        char port[8], text[2048];
        size_t n = 0;
        (void)snprintf(port, sizeof port, "%u", server->port);
        if (getaddrinfo(server->host, port, &hints, &list) != 0) return;
        int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0) {
                (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
                (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
                if (connect(fd, list->ai_addr, list->ai_addrlen) == 0 && send(fd, "srvr", 4, MSG_NOSIGNAL) == 4)
                        while (n + 1 < sizeof text) {
                                ssize_t got = recv(fd, text + n, sizeof text - 1 - n, 0);
                                if (got <= 0) break;
                                n += (size_t)got;
                        }
                (void)close(fd);
        }
        freeaddrinfo(list);
        text[n] = '\0';
        const char *version = strstr(text, "Zookeeper version: "), *mode = strstr(text, "Mode: ");
        if (!version || !mode) return;
        version += strlen("Zookeeper version: ");
        mode += strlen("Mode: ");
        (void)snprintf(server->note, sizeof server->note, "%.*s %.*s", (int)strcspn(version, "-,\n"), version, (int)strcspn(mode, "\n"), mode);
        server->standalone = strncmp(mode, "standalone", 10) == 0;
}

/* Whether a node of so many bytes could be created. */
static void ask_create(struct zk_sync *sync, size_t bytes, struct doctor_probe *probe) {
        struct zk_multi *multi = zk_multi_new();
        void *data = calloc(1, bytes ? bytes : 1);
        if (!multi || !data) abort();
        int rc = zk_multi_create(multi, ZNODE_ROUTES "/heliostat-doctor", data, bytes, ZK_PERSISTENT);
        if (!rc) rc = zk_multi_check(multi, ZNODE_ROUTES, INT_MAX);
        free(data);
        if (rc) abort(); /* constants */
        rc = zk_sync_multi(sync, multi);
        switch (rc) {
        case ERR_VERSION: probe->answer = DOCTOR_YES; break;
        case ERR_NOT_FOUND: break; /* nothing was applied yet: not asked */
        case ERR_AUTH:
                probe->answer = DOCTOR_NO;
                (void)snprintf(probe->why, sizeof probe->why, "%s", err_text(rc));
                break;
        case ERR_CONNECTION:
        case ERR_TIMEOUT:
                probe->answer = bytes ? DOCTOR_NO : DOCTOR_UNCLEAR;
                (void)snprintf(probe->why, sizeof probe->why, "%s", bytes ? "the server ends the connection" : err_text(rc));
                break;
        default:
                probe->answer = DOCTOR_UNCLEAR;
                (void)snprintf(probe->why, sizeof probe->why, "%s", err_text(rc));
        }
}

/* Nodes are stamped with ZooKeeper's clock: none can be younger than now. */
static void ask_clock(struct zk_sync *sync, struct doctor_zookeeper *out) {
        char **names = NULL;
        size_t count = 0;
        if (zk_sync_children(sync, ZNODE_REPORTS, &names, &count)) return;
        for (size_t i = 0; i < count && i < 100; i++) {
                char path[ZNODE_PATH_MAX];
                struct zk_stat stat;
                void *data = NULL;
                size_t bytes;
                (void)snprintf(path, sizeof path, ZNODE_REPORTS "/%.200s", names[i]);
                if (zk_sync_get(sync, path, &data, &bytes, &stat)) continue;
                free(data);
                int64_t ahead_ms = stat.modified_ms - clock_wall_ms();
                if (ahead_ms > out->ahead_ms) out->ahead_ms = ahead_ms;
        }
        zk_sync_names_free(names, count);
}

void doctor_ask_zookeeper(const struct config *config, unsigned timeout_s, struct progress *progress, struct doctor_zookeeper *out) {
        struct zk_connect connect;
        struct zk_sync *sync = NULL;
        char err[256] = "";
        void *data = NULL;
        size_t bytes;

        *out = (struct doctor_zookeeper){.connect = config->zookeeper_connect, .asked_ms = config->zookeeper_session_timeout_ms,
                                         .identity = config->zookeeper_auth && *config->zookeeper_auth};
        if (zk_connect_parse(config->zookeeper_connect, &connect, err, sizeof err)) abort(); /* was checked */
        out->servers = calloc(connect.server_count ? connect.server_count : 1, sizeof *out->servers);
        if (!out->servers) abort();
        for (size_t i = 0; i < connect.server_count; i++) {
                struct doctor_address *server = &out->servers[out->server_count++];
                server->id = -1;
                server->port = connect.servers[i].port;
                (void)snprintf(server->host, sizeof server->host, "%s", connect.servers[i].host);
                progress_tell(progress, "zookeeper: %s:%u", server->host, server->port);
                doctor_address(server, timeout_s);
                if (server->connects.answer == DOCTOR_YES) ask_server(server);
        }
        zk_connect_fini(&connect);
        progress_tell(progress, "zookeeper: a session");
        int rc = zk_sync_open(config, "doctor", timeout_s, &sync);
        if (!rc) rc = zk_sync_get(sync, ZNODE_META, &data, &bytes, NULL);
        if (rc == 0 || rc == ERR_NOT_FOUND) {
                out->session.answer = DOCTOR_YES;
                out->made.answer = rc ? DOCTOR_NO : DOCTOR_YES;
                out->given_ms = zk_sync_session_timeout_ms(sync);
                ask_create(sync, 0, &out->create);
                if (out->create.answer == DOCTOR_YES) ask_create(sync, ZNODE_DATA_MAX, &out->large);
                ask_clock(sync, out);
        } else {
                const char *why = sync ? zk_sync_trouble(sync) : "";
                out->session.answer = DOCTOR_NO;
                out->refused = rc == ERR_AUTH;
                (void)snprintf(out->session.why, sizeof out->session.why, "%.250s", *why ? why : err_text(rc));
        }
        free(data);
        zk_sync_close(sync);
}

void doctor_zookeeper_fini(struct doctor_zookeeper *zookeeper) {
        free(zookeeper->servers);
        *zookeeper = (struct doctor_zookeeper){0};
}
