#include "worker/memory_trim.h"

/* What is taken until the next look, and until the walk is done, has to fit in as well. */
#define ROOM_BYTES ((uint64_t)16 << 20)
#define PAUSE_MS 50
/* What could not be given back then, maybe can be now. */
#define AGAIN_MS 10000

/* Others may follow it at once. */
#define SETTLE_MS 2000
/* What a lane asks for when it begins is done, and free, somewhat later. */
#define FOLLOW_MS 15000

void memory_trim_lanes_changed(struct memory_trim *trim, int64_t now_ms) { trim->changed_ms = now_ms; }

static bool lanes_have_changed(const struct memory_trim *trim, int64_t now_ms) {
        return trim->changed_ms && now_ms - trim->changed_ms >= SETTLE_MS;
}

static bool follows(const struct memory_trim *trim, int64_t now_ms) { return trim->follow_ms && now_ms >= trim->follow_ms; }

/* So much is near the budget.  The nearer, the rarer is what is given back taken again at once, page by page. */
static uint64_t near_bytes(uint64_t budget_bytes) {
        uint64_t least = budget_bytes / 8, most = budget_bytes / 8 * 3;
        return budget_bytes - (ROOM_BYTES < least ? least : ROOM_BYTES > most ? most : ROOM_BYTES);
}

bool memory_trim_due(const struct memory_trim *trim, uint64_t resident_bytes, uint64_t budget_bytes, int64_t now_ms) {
        if (lanes_have_changed(trim, now_ms) || follows(trim, now_ms)) return true;
        if (resident_bytes < near_bytes(budget_bytes)) return false;
        if (trim->kept_bytes == 0 || now_ms - trim->done_ms >= AGAIN_MS) return true;
        return now_ms - trim->done_ms >= PAUSE_MS && resident_bytes >= trim->kept_bytes + budget_bytes / 16;
}

void memory_trim_begun(struct memory_trim *trim, int64_t now_ms) {
        if (follows(trim, now_ms)) trim->follow_ms = 0;
        if (!lanes_have_changed(trim, now_ms)) return;
        trim->changed_ms = 0;
        trim->follow_ms = now_ms + FOLLOW_MS;
}

void memory_trim_done(struct memory_trim *trim, uint64_t resident_bytes, int64_t now_ms) {
        trim->kept_bytes = resident_bytes;
        trim->done_ms = now_ms;
}
