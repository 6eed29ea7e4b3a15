#include "cli/placement_plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"
#include "common/text.h"

__attribute__((format(printf, 3, 4)))
static int say(char **out_text, int outcome, const char *format, ...) {
        va_list args;
        va_start(args, format);
        int rc = vasprintf(out_text, format, args);
        va_end(args);
        return rc < 0 ? ERR_NOMEM : outcome;
}

static bool lives(const struct placement_facts *facts, const char *id) {
        for (size_t i = 0; i < facts->worker_count; i++)
                if (strcmp(facts->workers[i], id) == 0) return true;
        return false;
}

static size_t drained_at(const Heliostat__Pb__Placement *placement, const char *id) {
        size_t i = 0;
        while (i < placement->n_drained && strcmp(placement->drained[i]->worker, id) != 0) i++;
        return i;
}

static bool drained(const Heliostat__Pb__Placement *placement, const char *id) {
        return drained_at(placement, id) < placement->n_drained;
}

static size_t pin_at(const Heliostat__Pb__Placement *placement, const char *route, uint32_t lane) {
        size_t i = 0;
        while (i < placement->n_pins && (placement->pins[i]->lane != lane ||
                                         strcmp(placement->pins[i]->route, route) != 0))
                i++;
        return i;
}

static int unknown_worker(const struct placement_facts *facts, const char *id, char **out_text) {
        const char *nearest = text_nearest(id, facts->workers, facts->worker_count);
        if (nearest)
                return say(out_text, PLACEMENT_REFUSED, "no worker '%s' lives; did you mean '%s'?", id, nearest);
        return say(out_text, PLACEMENT_REFUSED, "no worker '%s' lives; 'heliostat status' lists those that do", id);
}

bool placement_there(const Heliostat__Pb__Lane *lane, const char *worker) {
        return lane && lane->state == HELIOSTAT__PB__LANE_STATE__LANE_OWNED && strcmp(lane->owner, worker) == 0;
}

/* ---- pins ---------------------------------------------------------------- */

static int pin_set(Heliostat__Pb__Placement *placement, const struct placement_request *request) {
        size_t at = pin_at(placement, request->route, request->lane);
        char *worker = strdup(request->worker);
        if (!worker) return ERR_NOMEM;
        if (at < placement->n_pins) {
                if (placement->pins[at]->worker != protobuf_c_empty_string) free(placement->pins[at]->worker);
                placement->pins[at]->worker = worker;
                return 0;
        }
        Heliostat__Pb__Pin *pin = malloc(sizeof *pin);
        char *route = strdup(request->route);
        Heliostat__Pb__Pin **pins = reallocarray(placement->pins, placement->n_pins + 1, sizeof *pins);
        if (pins) placement->pins = pins;
        if (!pin || !route || !pins) {
                free(pin);
                free(route);
                free(worker);
                return ERR_NOMEM;
        }
        heliostat__pb__pin__init(pin);
        pin->route = route;
        pin->lane = request->lane;
        pin->worker = worker;
        pins[placement->n_pins++] = pin;
        return 0;
}

static int move_lane(Heliostat__Pb__Placement *placement, const struct placement_request *request,
                     const struct placement_facts *facts, char **out_text) {
        size_t at = pin_at(placement, request->route, request->lane);
        const char *route = request->route, *worker = request->worker;
        if (!lives(facts, worker)) return unknown_worker(facts, worker, out_text);
        if (drained(placement, worker))
                return say(out_text, PLACEMENT_REFUSED, "worker '%s' is drained; 'heliostat undrain %s' first",
                           worker, worker);
        bool same = at < placement->n_pins && strcmp(placement->pins[at]->worker, worker) == 0;
        if (!same && at == placement->n_pins && placement->n_pins >= CODEC_LANES_MAX)
                return say(out_text, PLACEMENT_REFUSED, "%d lanes are pinned, more are not possible", CODEC_LANES_MAX);
        int rc = same ? 0 : pin_set(placement, request);
        if (rc) return rc;
        int outcome = same ? PLACEMENT_SAME : PLACEMENT_CHANGED;
        if (placement_there(facts->lane, worker))
                return say(out_text, outcome, "lane %u of %s is at %s, and stays there%s", request->lane, route, worker,
                           same ? ", as said before" : "");
        const char *from = facts->lane && *facts->lane->owner ? facts->lane->owner : "nobody";
        return say(out_text, outcome, "lane %u of %s: %s -> %s%s", request->lane, route, from, worker,
                   same ? ", as said before" : "");
}

static int unpin(Heliostat__Pb__Placement *placement, const struct placement_request *request, char **out_text) {
        size_t at = pin_at(placement, request->route, request->lane);
        if (at == placement->n_pins)
                return say(out_text, PLACEMENT_SAME, "lane %u of %s is not pinned", request->lane, request->route);
        Heliostat__Pb__Pin *pin = placement->pins[at];
        int outcome = say(out_text, PLACEMENT_CHANGED, "lane %u of %s is no longer pinned to %s", request->lane,
                          request->route, pin->worker);
        if (outcome < 0) return outcome;
        memmove(placement->pins + at, placement->pins + at + 1,
                (placement->n_pins - at - 1) * sizeof *placement->pins);
        placement->n_pins--;
        codec_free(pin);
        return outcome;
}

/* ---- drained workers ----------------------------------------------------- */

static int drain(Heliostat__Pb__Placement *placement, const char *worker, const struct placement_facts *facts,
                 char **out_text) {
        bool others = false;
        if (drained(placement, worker))
                return say(out_text, PLACEMENT_SAME, "worker %s is drained, as said before", worker);
        if (!lives(facts, worker)) return unknown_worker(facts, worker, out_text);
        for (size_t i = 0; i < facts->worker_count; i++)
                others = others || (strcmp(facts->workers[i], worker) != 0 && !drained(placement, facts->workers[i]));
        if (!others)
                return say(out_text, PLACEMENT_REFUSED, "no other worker is left to take the lanes of '%s'", worker);
        if (placement->n_drained >= CODEC_DRAINED_MAX)
                return say(out_text, PLACEMENT_REFUSED, "%d workers are drained, more are not possible",
                           CODEC_DRAINED_MAX);
        Heliostat__Pb__DrainedWorker *entry = malloc(sizeof *entry);
        char *id = strdup(worker);
        Heliostat__Pb__DrainedWorker **list =
                reallocarray(placement->drained, placement->n_drained + 1, sizeof *list);
        if (list) placement->drained = list;
        if (!entry || !id || !list) {
                free(entry);
                free(id);
                return ERR_NOMEM;
        }
        heliostat__pb__drained_worker__init(entry);
        entry->worker = id;
        list[placement->n_drained++] = entry;
        return say(out_text, PLACEMENT_CHANGED, "worker %s is drained: its lanes move, and it gets no more", worker);
}

static int undrain(Heliostat__Pb__Placement *placement, const char *worker, const struct placement_facts *facts,
                   char **out_text) {
        size_t at = drained_at(placement, worker);
        if (at == placement->n_drained) {
                if (!lives(facts, worker)) return unknown_worker(facts, worker, out_text);
                return say(out_text, PLACEMENT_SAME, "worker %s is not drained", worker);
        }
        int outcome = say(out_text, PLACEMENT_CHANGED, "worker %s is no longer drained", worker);
        if (outcome < 0) return outcome;
        codec_free(placement->drained[at]);
        memmove(placement->drained + at, placement->drained + at + 1,
                (placement->n_drained - at - 1) * sizeof *placement->drained);
        placement->n_drained--;
        return outcome;
}

int placement_plan(Heliostat__Pb__Placement *placement, const struct placement_request *request,
                   const struct placement_facts *facts, char **out_text) {
        switch (request->verb) {
        case PLACEMENT_MOVE:
        case PLACEMENT_UNPIN:
                if (request->lane >= facts->route_lanes)
                        return say(out_text, PLACEMENT_REFUSED, "%s has no lane %u; it has the lanes 0 to %u",
                                   request->route, request->lane, facts->route_lanes - 1);
                return request->verb == PLACEMENT_UNPIN ? unpin(placement, request, out_text)
                                                        : move_lane(placement, request, facts, out_text);
        case PLACEMENT_DRAIN: return drain(placement, request->worker, facts, out_text);
        case PLACEMENT_UNDRAIN: return undrain(placement, request->worker, facts, out_text);
        }
        return ERR_INVALID;
}
