#include "worker/report_pace.h"

uint32_t report_pace_ms(const struct report_pace *pace) {
        uint64_t own = pace->own_znodes ? pace->own_znodes : 1;
        uint64_t znodes = pace->znodes > own ? pace->znodes : own;
        uint64_t by_writes = znodes * 1000 / REPORT_WRITES_PER_S;
        uint64_t by_bytes = znodes * pace->own_bytes / own * 1000 / REPORT_BYTES_PER_S; /* as if all were like this one */
        uint64_t ms = by_writes > by_bytes ? by_writes : by_bytes;
        if (ms > REPORT_INTERVAL_MAX_MS) ms = REPORT_INTERVAL_MAX_MS;
        return ms > pace->interval_ms ? (uint32_t)ms : pace->interval_ms;
}
