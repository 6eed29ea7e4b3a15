#include "common/halt_text.h"

#include <stdio.h>

#define NAME(names, number) \
        ((size_t)(number) < sizeof(names) / sizeof *(names) ? (names)[number] : "?")

const char *halt_kind_name(Heliostat__Pb__HaltKind kind) {
        static const char *const names[] = {"", "gap", "above-end", "no-position", "refused", "corrupt", "moved"};
        return NAME(names, kind);
}

const char *halt_kind_text(Heliostat__Pb__HaltKind kind) {
        static const char *const texts[] = {"",
                                            "the source no longer has what comes next",
                                            "the source's log ends before the position",
                                            "its position is nowhere",
                                            "the destination refuses the record",
                                            "the source's record cannot be read",
                                            "its position is being moved"};
        return NAME(texts, kind);
}

bool halt_of_one_record(Heliostat__Pb__HaltKind kind) {
        return kind == HELIOSTAT__PB__HALT_KIND__HALT_REFUSED || kind == HELIOSTAT__PB__HALT_KIND__HALT_CORRUPT;
}

const char *halt_answer_name(Heliostat__Pb__HaltAnswer answer) {
        static const char *const names[] = {"", "retry", "skip", "restart", "dead-letter", "offset"};
        return NAME(names, answer);
}

const char *halt_answered_text(Heliostat__Pb__HaltAnswer answer) {
        static const char *const texts[] = {"",
                                            "halt is answered: retry",
                                            "halt is answered: skip",
                                            "halt is answered: restart",
                                            "halt is answered: dead-letter",
                                            "halt is answered: offset"};
        return NAME(texts, answer);
}

const char *halt_range_text(char buf[static HALT_RANGE_SIZE], int64_t from, int64_t to) {
        buf[0] = '\0';
        if (from < 0) return buf;
        if (to < 0) (void)snprintf(buf, HALT_RANGE_SIZE, "from offset %lld", (long long)from);
        else if (to <= from)
                (void)snprintf(buf, HALT_RANGE_SIZE, "position %lld, end %lld", (long long)from, (long long)to);
        else if (to == from + 1) (void)snprintf(buf, HALT_RANGE_SIZE, "offset %lld", (long long)from);
        else
                (void)snprintf(buf, HALT_RANGE_SIZE, "offsets %lld to %lld", (long long)from, (long long)to - 1);
        return buf;
}
