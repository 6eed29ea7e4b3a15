#include "worker/halt.h"

#include <string.h>

#include "common/halt_text.h"

enum halt_answer halt_policy(enum halt_kind kind, const char *gap_policy, const char *poison_record_policy) {
        switch (kind) {
        case HALT_GAP:
        case HALT_ABOVE_END:
                if (strcmp(gap_policy, "skip-recorded") == 0) return ANSWER_SKIP;
                return strcmp(gap_policy, "restart") == 0 ? ANSWER_RESTART : ANSWER_NONE;
        case HALT_REFUSED:
                if (strcmp(poison_record_policy, "dead-letter") == 0) return ANSWER_DEAD_LETTER;
                return strcmp(poison_record_policy, "skip-recorded") == 0 ? ANSWER_SKIP : ANSWER_NONE;
        case HALT_CORRUPT: /* there is no record that could be sent elsewhere */
                return strcmp(poison_record_policy, "skip-recorded") == 0 ? ANSWER_SKIP : ANSWER_NONE;
        case HALT_NO_POSITION:
        case HALT_MOVED:
        case HALT_NONE: break;
        }
        return ANSWER_NONE;
}

static bool of_one_record(enum halt_kind kind) { return halt_of_one_record((Heliostat__Pb__HaltKind)kind); }

bool halt_needs_log(const struct halt *halt) {
        return halt->answer == ANSWER_RESTART || (halt->answer == ANSWER_SKIP && !of_one_record(halt->kind));
}

int64_t halt_target(const struct halt *halt, int64_t low, int64_t high) {
        switch (halt->answer) {
        case ANSWER_OFFSET: return halt->to;
        case ANSWER_RESTART: return low;
        case ANSWER_SKIP:
                if (of_one_record(halt->kind)) return halt->to;
                /* Where it stood may be of a log that is gone: what lies below would be passed as well, and not be told. */
                if (halt->kind == HALT_NO_POSITION || halt->from < 0 || halt->from > high) return high;
                return halt->from < low ? low : halt->from; /* the log may be another by now */
        case ANSWER_NONE:
        case ANSWER_RETRY:
        case ANSWER_DEAD_LETTER: break;
        }
        return -1;
}

bool halt_same(const struct halt *a, const struct halt *b) {
        return a->kind == b->kind && a->from == b->from && a->kind != HALT_NONE;
}
