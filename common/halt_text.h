/* Words for halts and for what was passed over.  PURE. */
#ifndef HELIOSTAT_COMMON_HALT_TEXT_H
#define HELIOSTAT_COMMON_HALT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heliostat.pb-c.h"

/* For programs: "gap", "above-end", "no-position", "refused", "corrupt", "moved". */
const char *halt_kind_name(Heliostat__Pb__HaltKind kind);
/* For people: a clause that says what is wrong. */
const char *halt_kind_text(Heliostat__Pb__HaltKind kind);
/* It is about the one record at `from`. */
bool halt_of_one_record(Heliostat__Pb__HaltKind kind);

/* For both: "retry", "skip", "restart", "dead-letter", "offset"; "" for none. */
const char *halt_answer_name(Heliostat__Pb__HaltAnswer answer);
/* For people: "halt is answered: skip"; "" for none. */
const char *halt_answered_text(Heliostat__Pb__HaltAnswer answer);

/* "offsets 100 to 119", "offset 7", "position 100, end 90"; "" when nothing is
 * known.  to: first offset behind the range.  Returns buf. */
#define HALT_RANGE_SIZE 64
const char *halt_range_text(char buf[static HALT_RANGE_SIZE], int64_t from, int64_t to);

#endif
