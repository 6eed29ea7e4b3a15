#include "worker/stall.h"

enum stall stall_of(const struct stall_facts *facts) {
        bool waits_for_source = facts->flowing && facts->at_readable_end && !facts->blocked && !facts->held;
        if (facts->wanted && facts->unstarted && !facts->flowing && facts->still_ms > STALL_START_MS)
                return facts->has_error ? STALL_ERROR : STALL_STARTING;
        if (!facts->wanted || !facts->behind || facts->still_ms <= STALL_MS) return STALL_NONE;
        /* With a broker away, a limit is no reason why nothing at all has come of it. */
        bool limit_is_why = facts->limited && (facts->waits || !facts->has_error || facts->still_ms <= STALL_LIMITED_MS);
        if (limit_is_why && facts->flowing && !facts->blocked && !facts->held) return STALL_NONE;
        if (waits_for_source) return facts->still_ms > STALL_TRANSACTION_MS ? STALL_TRANSACTION : STALL_NONE;
        if (facts->has_error) return STALL_ERROR;
        if (!facts->flowing) return STALL_STARTING;
        if (facts->blocked) return STALL_DESTINATION;
        if (facts->held) return STALL_GENERATION;
        return STALL_SOURCE;
}

enum stall stall_silent(int64_t silent_ms, int64_t asked_ms) {
        return silent_ms > STALL_SILENT_MS + asked_ms ? STALL_SILENT : STALL_NONE;
}

const char *stall_text(enum stall stall) {
        static const char *const texts[] = {
                [STALL_NONE] = "",
                [STALL_ERROR] = "",
                [STALL_STARTING] = "cannot be started",
                [STALL_DESTINATION] = "waits for the destination's acknowledgements",
                [STALL_GENERATION] = "waits for the check of its generation",
                [STALL_SOURCE] = "no record arrives from the source",
                [STALL_TRANSACTION] = ("a transaction at the source has been open for over 16 minutes: nothing behind "
                                       "its first record can be read (kafka-transactions.sh find-hanging)"),
                [STALL_SILENT] = "the worker's data loop does not answer",
        };
        return texts[stall];
}
