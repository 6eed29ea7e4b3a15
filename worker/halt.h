/* Why a partition stands still, and what becomes of it.  PURE.
 *
 *   found -> written into the lane's znode -> answered -> carried out
 *         -> the new position is committed -> taken out of the znode
 *
 * The znode comes first: a gap is never passed that nobody could see.  An answer
 * comes from the route's policy with the halt itself, or later from a person
 * (`heliostat resume`).  Numbers are those of HaltKind and HaltAnswer. */
#ifndef HELIOSTAT_WORKER_HALT_H
#define HELIOSTAT_WORKER_HALT_H

#include <stdbool.h>
#include <stdint.h>

#define HALT_REASON_SIZE 161 /* with the NUL; the codec takes 160 */

enum halt_kind {
        HALT_NONE,        /* not halted */
        HALT_GAP,         /* the position lies below the log's start */
        HALT_ABOVE_END,   /* the position lies above the log's end */
        HALT_NO_POSITION, /* started before, and its position is nowhere */
        HALT_REFUSED,     /* the destination will never take the record at `from` */
        HALT_CORRUPT,     /* the record at `from` cannot be read */
        HALT_MOVED,       /* nothing is wrong: an operator moves the position, comes with its answer */
};

enum halt_answer { ANSWER_NONE, ANSWER_RETRY, ANSWER_SKIP, ANSWER_RESTART, ANSWER_DEAD_LETTER, ANSWER_OFFSET };

struct halt {
        enum halt_kind kind;
        enum halt_answer answer;
        int64_t from;                  /* first source offset concerned; -1: not known */
        int64_t to;                    /* first offset behind it; -1: not known */
        char reason[HALT_REASON_SIZE];
};

/* What the route's policies ("": "halt") say of a halt of this kind.  A
 * position that is nowhere is never made up by a policy. */
enum halt_answer halt_policy(enum halt_kind kind, const char *gap_policy, const char *poison_record_policy);

/* The answer needs to know where the source's log begins and ends. */
bool halt_needs_log(const struct halt *halt);

/* The offset to go on at, for a log that holds [low, high); -1: stay where the
 * partition is (try again).  low and high matter only if halt_needs_log. */
int64_t halt_target(const struct halt *halt, int64_t low, int64_t high);

/* The same event, whoever tells of it. */
bool halt_same(const struct halt *a, const struct halt *b);

#endif
