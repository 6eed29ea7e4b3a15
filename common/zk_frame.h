/* Is the head of the next frame from a ZooKeeper server one that the client
 * library survives?  PURE.  The library takes lengths and request numbers as
 * they come: a length of -1 makes it spin, an answer to no request makes it
 * abort. */
#ifndef HELIOSTAT_COMMON_ZK_FRAME_H
#define HELIOSTAT_COMMON_ZK_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#define ZK_FRAME_HEAD_BYTES 32               /* as much as is ever looked at */
#define ZK_FRAME_BYTES_MAX (16 * 1024 * 1024) /* the server's own limit is 1 MiB by default */

struct zk_frame {
        size_t want_bytes;  /* 0, or: cannot tell before so many bytes are there */
        const char *bad;    /* NULL, or why the connection must go; static text */
};

/* head: the first n bytes that wait, n > 0, at the beginning of a frame.
 * outstanding: a request waits for its answer.
 * Both fields zero: the library may read it. */
struct zk_frame zk_frame_check(const unsigned char *head, size_t n, bool outstanding);

#endif
