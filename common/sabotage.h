/* Builds that break a promise on purpose, to see that the tests notice:
 * meson's -Dsabotage=NAME, tests/chaos/check-the-checker.  SABOTAGE(NAME) is
 * the constant 0 in every other build, and the compiler drops what hangs on it.
 * The version of such a build ends in SABOTAGED, also in status and in logs.
 *
 *   FENCE_OFF          generations in committed positions are ignored, and a
 *                      producer's transactional.id is its own, not the lane's
 *   CLAIM_SKIPPED      an assigned lane runs before its claim is written
 *   COMMIT_BEFORE_ACK  the position is what was sent, not what was acknowledged
 *   RECYCLE_OFF        after a failed delivery, or a failed end of a
 *                      transaction, the same producer goes on behind it
 *   RESET_TO_LATEST    a missing position, or one out of range: the end
 *   GAP_CHECK_OFF      a process that was stopped goes on without a check
 *   POSITION_NOT_READ  exactly-once: new clients start at the position that is
 *                      remembered, which a transaction of unknown end may have
 *                      passed */
#ifndef HELIOSTAT_COMMON_SABOTAGE_H
#define HELIOSTAT_COMMON_SABOTAGE_H

enum sabotage {
        SABOTAGE_NONE,
        SABOTAGE_FENCE_OFF,
        SABOTAGE_CLAIM_SKIPPED,
        SABOTAGE_COMMIT_BEFORE_ACK,
        SABOTAGE_RECYCLE_OFF,
        SABOTAGE_RESET_TO_LATEST,
        SABOTAGE_GAP_CHECK_OFF,
        SABOTAGE_POSITION_NOT_READ,
};

#ifndef HELIOSTAT_SABOTAGE
#define HELIOSTAT_SABOTAGE NONE
#endif
#define SABOTAGE_PASTE(name) SABOTAGE_##name
#define SABOTAGE_NAMED(name) SABOTAGE_PASTE(name)

#define SABOTAGE(name) (SABOTAGE_NAMED(HELIOSTAT_SABOTAGE) == SABOTAGE_##name)

#endif
