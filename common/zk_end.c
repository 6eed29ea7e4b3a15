/* connect -> join the session -> close it -> answer or end of connection.
 * Rejected: zookeeper_init with the client id, which allocates, tries servers in
 * an order of its own and has no deadline. */
#include "common/zk_end.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/err.h"

/* 0: fd is ready for events, or broken. */
static int wait_for(int fd, short events, int64_t deadline_ms) {
        struct pollfd poll_fd = {.fd = fd, .events = events};
        for (;;) {
                int64_t left_ms = deadline_ms - clock_boot_ms();
                if (left_ms <= 0) return ERR_TIMEOUT;
                int n = poll(&poll_fd, 1, (int)left_ms);
                if (n > 0) return 0;
                if (n < 0 && errno != EINTR) return ERR_SYSTEM;
        }
}

static int connect_to(int fd, const struct zk_ticket *ticket, int64_t deadline_ms) {
        int error = 0;
        socklen_t bytes = sizeof error;

        if (connect(fd, (const struct sockaddr *)&ticket->server, ticket->server_bytes) == 0)
                return 0;
        if (errno != EINPROGRESS && errno != EINTR) return ERR_CONNECTION;
        int rc = wait_for(fd, POLLOUT, deadline_ms);
        if (rc) return rc;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0) return ERR_SYSTEM;
        return error ? ERR_CONNECTION : 0;
}

/* A few bytes into the empty buffer of a new connection: they fit, or it broke. */
static int send_all(int fd, const unsigned char *bytes, size_t n) {
        return send(fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n ? 0 : ERR_CONNECTION;
}

/* 0 | ERR_CONNECTION: the server ended the connection, *out_ended set */
static int receive(int fd, unsigned char *bytes, size_t *n, size_t want, int64_t deadline_ms,
                   bool *out_ended) {
        int rc = wait_for(fd, POLLIN, deadline_ms);
        if (rc) return rc;
        ssize_t got = recv(fd, bytes + *n, want - *n, 0);
        if (got > 0) *n += (size_t)got;
        if (got == 0) *out_ended = true;
        if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) return 0;
        return ERR_CONNECTION;
}

static int join(int fd, const struct zk_ticket *ticket, int64_t deadline_ms) {
        unsigned char request[ZK_WIRE_CONNECT_BYTES], answer[ZK_WIRE_ANSWER_MAX];
        size_t n = 0, want = 0;
        bool ended = false;

        zk_wire_connect(ticket, request);
        int rc = send_all(fd, request, sizeof request);
        while (rc == 0) {
                int said = zk_wire_connected(answer, n, ticket->session_id, &want);
                if (said == ZK_WIRE_GONE) return ZK_END_GONE;
                if (said != ZK_WIRE_MORE) return said;
                rc = receive(fd, answer, &n, want, deadline_ms, &ended);
        }
        return rc;
}

static int leave(int fd, int64_t deadline_ms) {
        unsigned char request[ZK_WIRE_CLOSE_BYTES], answer[ZK_WIRE_ANSWER_MAX];
        size_t n = 0, want = 0;
        bool ended = false;

        zk_wire_close(request);
        int rc = send_all(fd, request, sizeof request);
        while (rc == 0) {
                int said = zk_wire_closed(answer, n, &want);
                if (said != ZK_WIRE_MORE) return said;
                rc = receive(fd, answer, &n, want, deadline_ms, &ended);
        }
        return ended ? 0 : rc; /* it hangs up on a session that it has ended */
}

int zk_end(const struct zk_ticket *ticket, int limit_ms) {
        int64_t deadline_ms = clock_boot_ms() + limit_ms;
        int fd = socket(ticket->server.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0) return ERR_SYSTEM;
        int rc = connect_to(fd, ticket, deadline_ms);
        if (rc == 0) rc = join(fd, ticket, deadline_ms);
        if (rc == 0) rc = leave(fd, deadline_ms);
        (void)close(fd); /* nothing is left to be lost */
        return rc;
}
