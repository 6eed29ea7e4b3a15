#include "coordinator/stuck.h"

bool stuck_look(struct stuck *stuck, const struct stuck_facts *facts, int64_t now_ms) {
        if (!facts->stalled) {
                stuck->since_ms = 0;
                if (!stuck->well_since_ms) stuck->well_since_ms = now_ms;
                if (now_ms - stuck->well_since_ms >= STUCK_FORGET_MS) stuck->tries = 0;
                return false;
        }
        stuck->well_since_ms = 0;
        /* while nobody moves on, it is not the owner's fault, and what comes after begins anew */
        if (!stuck->since_ms || !facts->others_move) stuck->since_ms = now_ms;
        if (stuck_given_up(stuck)) return false;
        if (now_ms - stuck->since_ms < (int64_t)STUCK_PATIENCE_MS << (2 * stuck->tries)) return false;
        stuck->tries++;
        stuck->since_ms = 0;
        return true;
}

bool stuck_given_up(const struct stuck *stuck) { return stuck->tries >= STUCK_TRIES_MAX; }

bool stuck_remembers(const struct stuck *stuck) { return stuck->tries > 0; }

int64_t stuck_ailing_ms(uint32_t count) {
        return (int64_t)STUCK_AILING_MS << (count < STUCK_AILINGS_MAX ? count : STUCK_AILINGS_MAX);
}
