/* What changes in the model, told as events.  A move is told once the new owner
 * has claimed the lane, with the time since the old one was told to go or was
 * missed: that is what mirroring of its partitions was interrupted at most. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/halt_text.h"
#include "coordinator/cluster_internal.h"

#define HALTS_TOLD 20 /* of one reading of a lane */

void cluster_event(struct cluster *cluster, const struct event *event) {
        struct note_event *note = malloc(sizeof *note);
        if (!note) return; /* a lost event is no reason to stop */
        note->next = NULL;
        note->event = *event;
        *cluster->event_tail = note;
        cluster->event_tail = &note->next;
}

bool cluster_next_event(struct cluster *cluster, struct event *out) {
        struct note_event *note = cluster->event_head;
        if (!note) return false;
        cluster->event_head = note->next;
        if (!cluster->event_head) cluster->event_tail = &cluster->event_head;
        if (out) *out = note->event;
        free(note);
        return true;
}

/* ---- lanes --------------------------------------------------------------- */

static void lane_leaves(struct lane *lane, const Heliostat__Pb__Lane *record, int64_t now_ms) {
        const struct worker *owner = lane->owner;
        (void)snprintf(lane->left, sizeof lane->left, "%s", lane->record->owner);
        lane->left_ms = owner && !owner->alive && owner->gone_ms ? owner->gone_ms : now_ms;
        if (record && record->state == (int)FREE) lane->why = owner && owner->draining ? "stopping" : "released";
        else if (record && record->state == (int)ASSIGNED && owner && !owner->alive) lane->why = "lost";
}

static void lane_moved(struct cluster *cluster, struct lane *lane, const Heliostat__Pb__Lane *record, int64_t now_ms) {
        char subject[300], detail[300];
        struct event event;
        (void)snprintf(subject, sizeof subject, "%s lane %u", lane->route->name, lane->number);
        (void)snprintf(detail, sizeof detail, "%s%s-> %s", lane->left, *lane->left ? " " : "", record->owner);
        event_set(&event, EVENT_MOVE, lane->route->name, subject, lane->why, detail,
                  *lane->left ? now_ms - lane->left_ms : -1);
        cluster_event(cluster, &event);
}

static void halt_event(struct cluster *cluster, const struct lane *lane, enum event_kind kind,
                       const Heliostat__Pb__Halt *halt, Heliostat__Pb__HaltAnswer answer) {
        char subject[560], detail[300];
        struct event event;
        (void)snprintf(subject, sizeof subject, "%s %s-%u", lane->route->name, halt->topic, halt->partition);
        int n = snprintf(detail, sizeof detail, "%s", halt_kind_name(halt->kind));
        if (halt->from >= 0 && halt->to > halt->from)
                n += snprintf(detail + n, sizeof detail - (size_t)n, " of [%" PRId64 ", %" PRId64 ")", halt->from, halt->to);
        if (answer) (void)snprintf(detail + n, sizeof detail - (size_t)n, ", answered by %s", halt_answer_name(answer));
        event_set(&event, kind, lane->route->name, subject, kind == EVENT_HALT ? halt->reason : "", detail, -1);
        if (kind == EVENT_HALT) event.at_ms = halt->since_ms;
        cluster_event(cluster, &event);
}

static void halts_compare(struct cluster *cluster, const struct lane *lane, const Heliostat__Pb__Lane *record) {
        const Heliostat__Pb__Lane *old = lane->record;
        size_t told = 0;
        for (size_t i = 0; i < record->n_halts && told < HALTS_TOLD; i++) {
                const Heliostat__Pb__Halt *halt = record->halts[i], *was = codec_lane_halt(old, halt->topic, halt->partition);
                if (halt->kind == HELIOSTAT__PB__HALT_KIND__HALT_MOVED) continue;
                if (!was) halt_event(cluster, lane, EVENT_HALT, halt, halt->answer);
                else if (!was->answer && halt->answer) halt_event(cluster, lane, EVENT_ANSWER, halt, halt->answer);
                else continue;
                told++;
        }
        for (size_t i = 0; i < old->n_halts && told < HALTS_TOLD; i++) {
                const Heliostat__Pb__Halt *was = old->halts[i];
                if (was->answer || was->kind == HELIOSTAT__PB__HALT_KIND__HALT_MOVED ||
                    codec_lane_halt(record, was->topic, was->partition))
                        continue;
                halt_event(cluster, lane, EVENT_ANSWER, was, HELIOSTAT__PB__HALT_ANSWER__ANSWER_NONE);
                told++;
        }
}

void cluster_lane_events(struct cluster *cluster, struct lane *lane, const Heliostat__Pb__Lane *record, int64_t now_ms) {
        const Heliostat__Pb__Lane *old = lane->record;
        bool owned = old && old->state == (int)OWNED;
        bool same = owned && record && record->state == (int)OWNED && (record->generation == old->generation || record->raised_from == old->generation);
        if (owned && !same && !*lane->left) lane_leaves(lane, record, now_ms);
        if (record && record->state == (int)OWNED && !same) {
                if (cluster->narrates && old) lane_moved(cluster, lane, record, now_ms);
                *lane->left = '\0';
                lane->why = NULL;
        }
        if (cluster->narrates && old && record && (old->n_halts || record->n_halts)) halts_compare(cluster, lane, record);
}

void cluster_partition_event(struct cluster *cluster, const struct cluster_decision *decision) {
        char subject[300], detail[64];
        struct event event;
        if (!cluster->narrates) return;
        (void)snprintf(subject, sizeof subject, "%.140s %.140s-%u", decision->ref.name, decision->topic, decision->partition);
        (void)snprintf(detail, sizeof detail, "lane %u -> lane %u", decision->from, decision->ref.lane);
        event_set(&event, EVENT_LANE, decision->ref.name, subject, "its lane was too hot", detail, -1);
        cluster_event(cluster, &event);
}

/* ---- routes, workers ----------------------------------------------------- */

static bool field_differs(const ProtobufCFieldDescriptor *field, const void *a, const void *b) {
        const char *x = (const char *)a + field->offset, *y = (const char *)b + field->offset;
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
                return *(const size_t *)(const void *)((const char *)a + field->quantifier_offset) !=
                       *(const size_t *)(const void *)((const char *)b + field->quantifier_offset);
        switch (field->type) {
        case PROTOBUF_C_TYPE_STRING: return strcmp(*(char *const *)(const void *)x, *(char *const *)(const void *)y) != 0;
        case PROTOBUF_C_TYPE_BOOL: return memcmp(x, y, sizeof(protobuf_c_boolean)) != 0;
        case PROTOBUF_C_TYPE_INT64:
        case PROTOBUF_C_TYPE_UINT64: return memcmp(x, y, 8) != 0;
        default: return memcmp(x, y, 4) != 0; /* the route has no others than 32-bit numbers */
        }
}

static bool rules_equal(const Heliostat__Pb__PauseRule *a, const Heliostat__Pb__PauseRule *b) {
        return a->resume == b->resume && a->one == b->one && a->partition == b->partition && strcmp(a->topics, b->topics) == 0;
}

/* The last word is the last rule; without rules it was a resume of everything. */
static void pauses_compare(struct cluster *cluster, const Heliostat__Pb__Route *old, const Heliostat__Pb__Route *new) {
        bool same = old->n_pauses == new->n_pauses;
        for (size_t i = 0; same && i < new->n_pauses; i++) same = rules_equal(old->pauses[i], new->pauses[i]);
        if (same) return;
        const Heliostat__Pb__PauseRule *last = new->n_pauses ? new->pauses[new->n_pauses - 1] : NULL;
        /* fewer rules than before, and the last one not new: what it was about is resumed */
        bool said = last && (!old->n_pauses || !rules_equal(last, old->pauses[old->n_pauses - 1]));
        char detail[300] = "all that was paused";
        struct event event;
        if (said) {
                int n = snprintf(detail, sizeof detail, "topics %.200s", *last->topics ? last->topics : "all");
                if (last->one) (void)snprintf(detail + n, sizeof detail - (size_t)n, ", partition %u", last->partition);
        } else if (last) {
                (void)snprintf(detail, sizeof detail, "some of what was paused");
        }
        event_set(&event, said && !last->resume ? EVENT_PAUSE : EVENT_RESUME, new->name, new->name, "", detail, -1);
        cluster_event(cluster, &event);
}

void cluster_route_event(struct cluster *cluster, const struct route *route, const Heliostat__Pb__Route *spec) {
        char detail[300] = "";
        struct event event;
        if (!cluster->narrates) return;
        if (!spec) (void)snprintf(detail, sizeof detail, "removed");
        else if (!route->spec) (void)snprintf(detail, sizeof detail, "added");
        const ProtobufCMessageDescriptor *type = spec ? spec->base.descriptor : NULL;
        for (unsigned i = 0; spec && route->spec && i < type->n_fields; i++) {
                if (strcmp(type->fields[i].name, "pauses") == 0 || !field_differs(&type->fields[i], route->spec, spec)) continue;
                size_t at = strlen(detail);
                (void)snprintf(detail + at, sizeof detail - at, "%s%s", at ? ", " : "changed: ", type->fields[i].name); /* cut */
        }
        if (spec && route->spec) pauses_compare(cluster, route->spec, spec);
        if (!*detail) return;
        event_set(&event, EVENT_APPLY, route->name, route->name, "", detail, -1);
        cluster_event(cluster, &event);
}

void cluster_worker_event(struct cluster *cluster, const struct worker *worker, enum event_kind kind, const char *reason,
                          const char *detail) {
        struct event event;
        if (!cluster->narrates) return;
        event_set(&event, kind, "", worker->id, reason, detail, -1);
        cluster_event(cluster, &event);
}

/* ---- wishes -------------------------------------------------------------- */

static const Heliostat__Pb__Pin *pin_find(const Heliostat__Pb__Placement *p, const Heliostat__Pb__Pin *key) {
        for (size_t i = 0; p && i < p->n_pins; i++)
                if (p->pins[i]->lane == key->lane && strcmp(p->pins[i]->route, key->route) == 0) return p->pins[i];
        return NULL;
}

static bool drained_in(const Heliostat__Pb__Placement *p, const char *worker) {
        for (size_t i = 0; p && i < p->n_drained; i++)
                if (strcmp(p->drained[i]->worker, worker) == 0) return true;
        return false;
}

/* What of `a` is not in `b`. */
static void op_compare(struct cluster *cluster, const Heliostat__Pb__Placement *a, const Heliostat__Pb__Placement *b,
                       enum event_kind drain, enum event_kind pin) {
        struct event event;
        for (size_t i = 0; a && i < a->n_drained; i++) {
                if (drained_in(b, a->drained[i]->worker)) continue;
                event_set(&event, drain, "", a->drained[i]->worker, "", "", -1);
                cluster_event(cluster, &event);
        }
        for (size_t i = 0; a && i < a->n_pins; i++) {
                const Heliostat__Pb__Pin *p = a->pins[i], *other = pin_find(b, p);
                char subject[300];
                if (other && (pin == EVENT_UNPIN || strcmp(other->worker, p->worker) == 0)) continue;
                (void)snprintf(subject, sizeof subject, "%s lane %u", p->route, p->lane);
                event_set(&event, pin, p->route, subject, "", p->worker, -1);
                cluster_event(cluster, &event);
        }
}

void cluster_op_events(struct cluster *cluster, const Heliostat__Pb__Placement *placement) {
        if (!cluster->narrates) return;
        if (placement && placement->rebalance > (cluster->placement ? cluster->placement->rebalance : 0)) {
                struct event event;
                event_set(&event, EVENT_REBALANCE, "", "the field", "", "an operator asked for even loads", -1);
                cluster_event(cluster, &event);
        }
        op_compare(cluster, placement, cluster->placement, EVENT_DRAIN, EVENT_PIN);
        op_compare(cluster, cluster->placement, placement, EVENT_UNDRAIN, EVENT_UNPIN);
}
