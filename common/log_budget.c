#include "common/log_budget.h"

#include <stdio.h>
#include <string.h>

static struct log_kind *find(struct log_budget *budget, const char *name, int64_t now_ms) {
        struct log_kind *idle = &budget->kinds[0];
        for (int i = 0; i < LOG_KINDS_MAX; i++) {
                struct log_kind *kind = &budget->kinds[i];
                if (kind->burst && strncmp(kind->name, name, sizeof kind->name - 1) == 0) return kind;
                if (!kind->burst) {
                        if (idle->burst) idle = kind;
                } else if (idle->burst && kind->seen_ms < idle->seen_ms) {
                        idle = kind;
                }
        }
        *idle = (struct log_kind){.refilled_ms = now_ms};
        (void)snprintf(idle->name, sizeof idle->name, "%s", name); /* cut: as compared above */
        return idle;
}

bool log_budget_admit(struct log_budget *budget, const char *name, unsigned burst, unsigned interval_ms, int64_t now_ms,
                      uint64_t *suppressed) {
        struct log_kind *kind = find(budget, name, now_ms);
        if (!kind->burst) {
                kind->burst = kind->tokens = burst;
                kind->interval_ms = interval_ms;
        }
        int64_t earned = (now_ms - kind->refilled_ms) / kind->interval_ms;
        if (earned > 0) {
                kind->tokens = earned > burst - kind->tokens ? burst : kind->tokens + (unsigned)earned;
                kind->refilled_ms = kind->tokens == burst ? now_ms : kind->refilled_ms + earned * kind->interval_ms;
        }
        kind->seen_ms = now_ms;
        *suppressed = 0;
        if (kind->tokens == 0) {
                kind->suppressed++;
                return false;
        }
        /* the first of a full bucket: the interval begins here */
        if (kind->tokens == burst) kind->refilled_ms = now_ms;
        kind->tokens--;
        *suppressed = kind->suppressed;
        kind->suppressed = 0;
        return true;
}

bool log_budget_overdue(struct log_budget *budget, int64_t now_ms, char *name, uint64_t *suppressed) {
        for (int i = 0; i < LOG_KINDS_MAX; i++) {
                struct log_kind *kind = &budget->kinds[i];
                if (!kind->suppressed || now_ms - kind->seen_ms < LOG_OVERDUE_MS) continue;
                memcpy(name, kind->name, sizeof kind->name);
                *suppressed = kind->suppressed;
                kind->suppressed = 0;
                return true;
        }
        return false;
}
