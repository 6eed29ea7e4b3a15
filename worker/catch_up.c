#include "worker/catch_up.h"

#define LIVE_US 10000000  /* a partition that got records since, and keeps up, is live */
#define MISSED_US 1000000 /* that others take all answers meanwhile */
#define SLICE_US 3000000  /* of a seat that others wait for */
#define LOOKS 2           /* one alone may have met a burst */

/* It could fill the queue by itself; it is behind until little is left. */
static void judge(struct catch_up_part *part, uint64_t queue_records, int64_t now_us) {
        if (part->taken) part->taken_us = now_us;
        if (part->lag <= 0 || part->taken) part->missed_us = 0;
        else if (!part->missed_us) part->missed_us = now_us;
        if (part->lag < 0) return;
        part->rests = part->lag == 0 && !part->taken ? part->rests + 1 : 0;
        uint64_t lag = (uint64_t)part->lag;
        part->looks = lag > queue_records ? part->looks + 1 : 0;
        if (part->looks >= LOOKS) part->behind = true;
        if (lag <= queue_records / 8) part->behind = false;
}

static bool missed(const struct catch_up_part *part, int64_t now_us) {
        return part->missed_us && now_us - part->missed_us >= MISSED_US;
}

/* One that has nothing to give would make the others' requests wait at the broker. */
static bool capped(const struct catch_up_part *part) { return part->shut && part->rests < LOOKS; }

/* Something would have to wait for those that are behind. */
static bool needed(const struct catch_up *all, int64_t now_us) {
        /* Once apart they stay so: nobody could say who would be missed otherwise. */
        bool behind = false, live = all->on;
        int priority = 0;
        for (size_t i = 0; i < all->count; i++) {
                const struct catch_up_part *part = all->parts[i];
                live |= part->behind && behind && part->priority != priority;
                if (part->behind) priority = part->priority;
                behind |= part->behind;
                live |= missed(part, now_us);
                if (!part->behind) live |= part->lag > 0 || (part->taken_us && now_us - part->taken_us < LIVE_US);
        }
        return behind && live;
}

static void move(struct catch_up_part *part, enum catch_up_place to, int64_t now_us) {
        part->place = to;
        part->since_us = now_us;
        part->missed_us = 0;
}

/* The one that is longest in this place; NULL: none. */
static struct catch_up_part *oldest(const struct catch_up *all, enum catch_up_place place) {
        struct catch_up_part *best = NULL;
        for (size_t i = 0; i < all->count; i++) {
                struct catch_up_part *part = all->parts[i];
                if (part->place == place && (!best || part->since_us < best->since_us)) best = part;
        }
        return best;
}

size_t catch_up_look(struct catch_up *all, int64_t now_us) {
        size_t changes = 0, seated = 0, waiting = 0;
        for (size_t i = 0; i < all->count; i++) judge(all->parts[i], all->queue_records, now_us);
        all->on = needed(all, now_us);
        for (size_t i = 0; i < all->count; i++) {
                struct catch_up_part *part = all->parts[i];
                bool apart = capped(part) || (all->on && part->behind);
                if (apart != (part->place != PLACE_MAIN)) {
                        move(part, apart ? PLACE_WAITING : PLACE_MAIN, now_us);
                        changes++;
                }
                seated += part->place == PLACE_SEAT;
                waiting += part->place == PLACE_WAITING;
        }
        /* Who leaves a seat for others waits behind them. */
        size_t due = seated + waiting > CATCH_UP_SEATS ? seated + waiting - CATCH_UP_SEATS : 0;
        for (struct catch_up_part *part; due > 0 && seated > 0; due--) {
                part = oldest(all, PLACE_SEAT);
                if (now_us - part->since_us < SLICE_US) break;
                move(part, PLACE_WAITING, now_us);
                changes++;
                seated--;
                waiting++;
        }
        for (; seated < CATCH_UP_SEATS && waiting > 0; seated++, waiting--) {
                move(oldest(all, PLACE_WAITING), PLACE_SEAT, now_us);
                changes++;
        }
        return changes;
}

/* `now` is the clock of the last turn: who comes back after a rest begins there,
 * and makes up for nothing. */
unsigned catch_up_next(struct catch_up_turns *turns, unsigned has) {
        unsigned best = CATCH_UP_QUEUES;
        for (unsigned i = 0; i < CATCH_UP_QUEUES; i++) {
                if (!(has & 1u << i)) continue;
                if (turns->clock[i] < turns->now) turns->clock[i] = turns->now;
                if (best == CATCH_UP_QUEUES || turns->clock[i] < turns->clock[best]) best = i;
        }
        turns->now = turns->clock[best];
        return best;
}

void catch_up_took(struct catch_up_turns *turns, unsigned queue, uint64_t bytes, double weight) {
        turns->clock[queue] += (double)bytes / weight;
}

void catch_up_bound(struct catch_up_turns *turns, unsigned queue, double behind) {
        double least = turns->clock[queue] - behind;
        for (unsigned i = 0; i < CATCH_UP_QUEUES; i++)
                if (turns->clock[i] < least) turns->clock[i] = least;
}
