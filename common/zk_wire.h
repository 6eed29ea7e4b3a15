/* The frames by which a ZooKeeper session is ended from outside the process
 * that has it.  PURE.  Whoever shows a session's id and password may join it
 * and close it. */
#ifndef HELIOSTAT_COMMON_ZK_WIRE_H
#define HELIOSTAT_COMMON_ZK_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* What it takes to end a session.  The password is a secret: never logged. */
struct zk_ticket {
        int64_t session_id;
        unsigned char password[16];
        int32_t timeout_ms;             /* as negotiated */
        uint32_t server_bytes;          /* of server */
        struct sockaddr_storage server; /* the one that the session is connected to */
};

enum { ZK_WIRE_CONNECT_BYTES = 49, ZK_WIRE_CLOSE_BYTES = 12, ZK_WIRE_ANSWER_MAX = 128 };

/* Asks to join the session. */
void zk_wire_connect(const struct zk_ticket *ticket, unsigned char out[ZK_WIRE_CONNECT_BYTES]);
/* Asks to end it. */
void zk_wire_close(unsigned char out[ZK_WIRE_CLOSE_BYTES]);

/* What the n bytes of an answer mean that have come so far.
 * 0: yes; the frame ends at n | ERR_INVALID (no answer to our request, or over
 * ZK_WIRE_ANSWER_MAX bytes) | two outcomes: */
enum {
        ZK_WIRE_MORE = 1, /* read on, up to *out_want bytes in all */
        ZK_WIRE_GONE = 2, /* the server knows no such session, or not with this password */
};
int zk_wire_connected(const unsigned char *bytes, size_t n, int64_t session_id, size_t *out_want);
int zk_wire_closed(const unsigned char *bytes, size_t n, size_t *out_want);

#endif
