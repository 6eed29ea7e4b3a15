/* A frame: length (4), xid (4), zxid (8), error (4), body.  The body of a
 * watch event: type (4), state (4), path length (4), path. */
#include "common/zk_frame.h"

#include <stdint.h>

enum { HEADER_BYTES = 16, WATCH_BYTES = HEADER_BYTES + 12 };

/* xids of frames that answer no request. */
enum { XID_WATCH = -1, XID_PING = -2, XID_AUTH = -4, XID_SET_WATCHES = -8 };

static int32_t big_endian(const unsigned char *p) {
        return (int32_t)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]);
}

struct zk_frame zk_frame_check(const unsigned char *head, size_t n, bool outstanding) {
        int32_t length = n >= 4 ? big_endian(head) : HEADER_BYTES;

        if (length < HEADER_BYTES || length > ZK_FRAME_BYTES_MAX)
                return (struct zk_frame){.bad = "impossible frame length"};
        if (n < 8) return (struct zk_frame){.want_bytes = 8};
        switch (big_endian(head + 4)) {
        case XID_WATCH:
                if (length < WATCH_BYTES) break;
                if (n < 4 + WATCH_BYTES) return (struct zk_frame){.want_bytes = 4 + WATCH_BYTES};
                if (big_endian(head + WATCH_BYTES) != length - WATCH_BYTES) break;
                return (struct zk_frame){0};
        case XID_PING:
        case XID_AUTH:
        case XID_SET_WATCHES: return (struct zk_frame){0};
        default:
                if (outstanding) return (struct zk_frame){0};
                return (struct zk_frame){.bad = "answer to no request"};
        }
        return (struct zk_frame){.bad = "impossible watch event"};
}
