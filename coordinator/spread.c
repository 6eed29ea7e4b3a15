#include "coordinator/spread.h"

bool spread_hot(uint64_t weight, uint64_t share, uint32_t tolerance_percent) {
        return share > 0 && weight > share + share * tolerance_percent / 100;
}

static const struct spread_lane *lightest(const struct spread_view *view) {
        const struct spread_lane *best = NULL;
        for (size_t i = 0; i < view->lane_count; i++) {
                const struct spread_lane *lane = &view->lanes[i];
                if (!best || lane->load < best->load || (lane->load == best->load && lane->weight < best->weight) ||
                    (lane->load == best->load && lane->weight == best->weight && lane->number < best->number))
                        best = lane;
        }
        return best;
}

bool spread_choose(const struct spread_view *view, struct spread_choice *out) {
        const struct spread_lane *to = lightest(view);
        double sum = 0;
        if (!to || !spread_hot(view->weight, view->share, view->tolerance_percent)) return false;
        for (size_t i = 0; i < view->rate_count; i++) sum += view->rates[i] > 0 ? view->rates[i] : 0;
        if (sum <= 0) return false;
        uint64_t least = view->share * view->tolerance_percent / 400, best_gain = least ? least - 1 : 0;
        bool found = false;
        for (size_t i = 0; i < view->rate_count; i++) {
                if (view->rates[i] <= 0) continue;
                uint64_t weight = (uint64_t)((double)view->weight * view->rates[i] / sum);
                uint64_t left = view->weight - weight, there = to->load + weight;
                uint64_t heavier = left > there ? left : there;
                if (heavier >= view->weight || view->weight - heavier <= best_gain) continue;
                best_gain = view->weight - heavier;
                *out = (struct spread_choice){i, to->number, weight};
                found = true;
        }
        return found;
}
