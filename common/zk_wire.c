/* Each frame is its length (4) and then, all numbers big-endian:
 *   connect  version (4) last zxid seen (8) timeout (4) session (8) password (4+16) read-only (1)
 *   answer   version (4) timeout (4) session (8) password (4+16), since 3.4 read-only (1)
 *   close    xid (4) operation (4)
 *   answer   xid (4) zxid (8) error (4)
 * Zero as the last zxid seen: a server never lags behind that. */
#include "common/zk_wire.h"

#include <string.h>

#include "common/err.h"

enum { OP_CLOSE_SESSION = -11, XID = 1, CONNECTED_BYTES = 36, CLOSED_BYTES = 16 };

static unsigned char *put32(unsigned char *p, int32_t value) {
        uint32_t bits = (uint32_t)value;
        for (int i = 0; i < 4; i++) *p++ = (unsigned char)(bits >> (24 - 8 * i));
        return p;
}

static unsigned char *put64(unsigned char *p, int64_t value) {
        uint64_t bits = (uint64_t)value;
        return put32(put32(p, (int32_t)(bits >> 32)), (int32_t)(bits & 0xffffffffu));
}

static int32_t get32(const unsigned char *p) {
        return (int32_t)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]);
}

static int64_t get64(const unsigned char *p) {
        return (int64_t)((uint64_t)(uint32_t)get32(p) << 32 | (uint32_t)get32(p + 4));
}

void zk_wire_connect(const struct zk_ticket *ticket, unsigned char out[ZK_WIRE_CONNECT_BYTES]) {
        unsigned char *p = put32(out, ZK_WIRE_CONNECT_BYTES - 4);
        p = put32(p, 0);
        p = put64(p, 0);
        p = put32(p, ticket->timeout_ms);
        p = put64(p, ticket->session_id);
        p = put32(p, sizeof ticket->password);
        memcpy(p, ticket->password, sizeof ticket->password);
        p[sizeof ticket->password] = 0; /* a read-only server could not end it */
}

void zk_wire_close(unsigned char out[ZK_WIRE_CLOSE_BYTES]) {
        (void)put32(put32(put32(out, ZK_WIRE_CLOSE_BYTES - 4), XID), OP_CLOSE_SESSION);
}

/* 0: the whole frame is there. */
static int frame(const unsigned char *bytes, size_t n, int32_t least, size_t *out_want) {
        if (n >= 4) {
                int32_t length = get32(bytes);
                if (length < least || length > ZK_WIRE_ANSWER_MAX - 4) return ERR_INVALID;
                if (n == 4 + (size_t)length) return 0;
                if (n > 4 + (size_t)length) return ERR_INVALID;
                *out_want = 4 + (size_t)length;
        } else {
                *out_want = 4;
        }
        return ZK_WIRE_MORE;
}

int zk_wire_connected(const unsigned char *bytes, size_t n, int64_t session_id, size_t *out_want) {
        int rc = frame(bytes, n, CONNECTED_BYTES, out_want);
        if (rc) return rc;
        int32_t timeout_ms = get32(bytes + 8);
        int64_t joined = get64(bytes + 12);
        /* A refusal has no timeout; old servers send the id along with it. */
        if (timeout_ms <= 0 || joined == 0) return ZK_WIRE_GONE;
        return joined == session_id ? 0 : ERR_INVALID;
}

int zk_wire_closed(const unsigned char *bytes, size_t n, size_t *out_want) {
        int rc = frame(bytes, n, CLOSED_BYTES, out_want);
        if (rc) return rc;
        return get32(bytes + 4) == XID && get32(bytes + 16) == 0 ? 0 : ERR_INVALID;
}
