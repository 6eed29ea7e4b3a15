#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "common/zk_frame.h"

/* The answer while the bytes come in one by one. */
static void check(const uint8_t *data, size_t bytes, bool outstanding) {
        struct zk_frame last = {.want_bytes = 1};
        unsigned char *room = malloc(ZK_FRAME_HEAD_BYTES), *end = room + ZK_FRAME_HEAD_BYTES;

        if (!room) abort();
        for (size_t n = 1; n <= bytes && n <= ZK_FRAME_HEAD_BYTES; n++) {
                /* at the end of its memory: ASan sees each step too far */
                memcpy(end - n, data, n);
                struct zk_frame frame = zk_frame_check(end - n, n, outstanding);
                LAW(!frame.bad || !frame.want_bytes);
                LAW(!frame.want_bytes ||
                    (frame.want_bytes > n && frame.want_bytes <= ZK_FRAME_HEAD_BYTES));
                /* more bytes never take an answer back, and what it waits for
                 * decides nothing before it is there, unless it is refused */
                if (!last.want_bytes) {
                        LAW(frame.bad == last.bad && !frame.want_bytes);
                } else if (n < last.want_bytes) {
                        LAW(frame.bad || frame.want_bytes == last.want_bytes);
                }
                last = frame;
        }
        free(room);
        /* with all there is to see, there is an answer */
        if (bytes >= ZK_FRAME_HEAD_BYTES) LAW(!last.want_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
        check(data, bytes, false);
        check(data, bytes, true);
        return 0;
}
