#include "worker/txn_pace.h"

/* The golden ratio's multiples, modulo 1, fill an interval evenly however many
 * there are; in 2^32nds. */
#define GOLDEN 2654435769u

int64_t txn_pace_next(uint32_t interval_ms, uint32_t lane, int64_t now_ms) {
        int64_t interval = interval_ms ? interval_ms : 1;
        int64_t phase = (int64_t)(((uint64_t)(uint32_t)(lane * GOLDEN) * (uint64_t)interval) >> 32);
        int64_t since = (now_ms - phase) % interval;
        if (since < 0) since += interval;
        return now_ms + interval - since;
}

int64_t txn_pace_end(uint32_t interval_ms, int64_t begun_ms, enum txn_pace pace, bool first, int64_t now_ms) {
        int64_t longest = (int64_t)interval_ms * TXN_PACE_FAR;
        if (pace == TXN_LIVE || first || begun_ms < 0) return now_ms;
        if (longest > TXN_PACE_FAR_MS) longest = TXN_PACE_FAR_MS;
        if (pace == TXN_BEHIND || longest <= interval_ms) return begun_ms + interval_ms;
        return now_ms + interval_ms > begun_ms + longest ? now_ms : now_ms + interval_ms;
}
