/* What the control thread asks of a pump: each request travels as a letter to
 * the pump's data loop and is carried out there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"
#include "worker/pump_internal.h"

/* ---- partitions ---- */

static struct dest_topic *topic_for(struct pump *pump, const char *name) {
        for (struct dest_topic *t = pump->topics; t; t = t->next)
                if (strcmp(t->name, name) == 0) return t;
        struct dest_topic *topic = calloc(1, sizeof *topic);
        if (!topic || !(topic->name = strdup(name))) abort();
        if (pump->namer) (void)topic_name_destination(pump->namer, name, topic->target, topic->target_error);
        else (void)snprintf(topic->target_error, sizeof topic->target_error, "%s", pump->naming_error);
        topic->next = pump->topics;
        pump->topics = topic;
        limits_find_rules(pump, topic);
        return topic;
}

static struct part *find_part(const struct pump *pump, const char *topic, int32_t partition) {
        for (size_t i = 0; i < pump->part_count; i++)
                if (pump->parts[i]->partition == partition &&
                    strcmp(pump->parts[i]->topic->name, topic) == 0)
                        return pump->parts[i];
        return NULL;
}

/* One that is no longer listed has left before (pump_leave.c). */
static void add_parts(struct pump *pump, const struct pump_partition *partitions, size_t count) {
        size_t old = pump->part_count;
        bool unrecorded = false;
        if (count == 0) return;
        struct part **parts = realloc(pump->parts, (old + count) * sizeof *parts);
        if (!parts) abort();
        pump->parts = parts;
        for (size_t i = 0; i < count; i++) {
                struct part *there = old ? find_part(pump, partitions[i].topic, partitions[i].partition) : NULL;
                if (there) {
                        leave_update(pump, there, &partitions[i]);
                        unrecorded |= there->state == PART_HALTED && !there->halt_recorded;
                        continue;
                }
                struct part *part = calloc(1, sizeof *part);
                if (!part) abort();
                part->topic = topic_for(pump, partitions[i].topic);
                part->partition = partitions[i].partition;
                part->seat = SEAT_NONE;
                part->started = partitions[i].started;
                part->existed = partitions[i].existed;
                part->leaving = partitions[i].leaving;
                part->floor = partitions[i].floor;
                part->position = part->committed = part->record_ms = part->end_seen = -1;
                part->progress_ms = clock_boot_ms();
                part->txn_position = part->txn_next = part->poison = part->map_next = part->relay_until = part->relay_lost = -1;
                offset_map_init(&part->map);
                offset_map_init(&part->map_older);
                part->paused = pause_rules_match(pump->pauses, part->topic->name, part->partition);
                halt_from_record(pump, part, &partitions[i].halt, true);
                unrecorded |= part->state == PART_HALTED && !part->halt_recorded;
                pump->parts[pump->part_count++] = part;
        }
        limits_share_topics(pump);
        if (unrecorded) pump_tell(pump, PUMP_TELL_FACTS, 0);
}

/* ---- letters ---- */

struct request {
        struct pump *pump;
        struct pump_partition *partitions; /* topics are owned */
        struct pump_fact *facts;           /* so are theirs */
        size_t count;
        uint64_t value;
        double records, bytes;
        void (*snapshot_cb)(void *ctx, struct pump_snapshot *snapshot);
        struct pump_snapshot *snapshot;
};

static struct request *request_new(struct pump *pump, const struct pump_partition *partitions,
                                   size_t count, uint64_t value) {
        struct request *request = calloc(1, sizeof *request);
        if (!request) abort();
        *request = (struct request){.pump = pump, .value = value};
        if (count) {
                request->partitions = calloc(count, sizeof *request->partitions);
                if (!request->partitions) abort();
                for (size_t i = 0; i < count; i++) {
                        request->partitions[i] = partitions[i];
                        request->partitions[i].topic = strdup(partitions[i].topic);
                        if (!request->partitions[i].topic) abort();
                }
                request->count = count;
        }
        return request;
}

static void request_free(struct request *request) {
        for (size_t i = 0; request->partitions && i < request->count; i++)
                free((char *)request->partitions[i].topic);
        for (size_t i = 0; request->facts && i < request->count; i++) free((char *)request->facts[i].topic);
        free(request->partitions);
        free(request->facts);
        free(request);
}

/* ---- requests ---- */

static void handle_open(void *arg) {
        struct request *request = arg;
        struct pump *pump = request->pump;
        request_free(request);
        life_begin(pump);
}

struct pump *pump_open(struct data_loop *loop, struct mailbox *home,
                       const struct pump_settings *settings, const struct pump_events *events,
                       void *ctx) {
        struct pump *pump = calloc(1, sizeof *pump);
        if (!pump) return NULL;
        pump->eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (pump->eventfd < 0) {
                free(pump);
                return NULL;
        }
        if (uv_mutex_init(&pump->denied.lock)) abort(); /* no memory */
        pump->loop = loop;
        pump->home = home;
        pump->events = *events;
        pump->ctx = ctx;
        pump->settings = *settings;
        pump->settings.route = strdup(settings->route);
        pump->settings.source = strdup(settings->source);
        pump->settings.destination = strdup(settings->destination);
        pump->settings.group_id = strdup(settings->group_id);
        pump->settings.gap_policy = strdup(settings->gap_policy);
        pump->settings.poison_record_policy = strdup(settings->poison_record_policy);
        if (!pump->settings.route || !pump->settings.source || !pump->settings.destination ||
            !pump->settings.group_id || !pump->settings.gap_policy || !pump->settings.poison_record_policy)
                abort();
        (void)start_rules_ref(settings->start_rules); /* the same pointer */
        /* Published by another version, if it cannot be read: the partitions park. */
        if (topic_namer_new(&settings->naming, &pump->namer, pump->naming_error) == ERR_NOMEM) abort();
        pump->settings.naming = (struct topic_naming){0};
        pump->shared = settings->merge || settings->by_key;
        pump->state = PUMP_OPENING;
        pump->producer_id = -1;
        pump->budget_bytes = settings->budget_bytes;
        pump->sizes = budget_sizes(pump->budget_bytes, pump->seen_mean);
        /* Before the first record nothing is known: few are taken at once. */
        pump->mean = (struct budget_mean){65536, 65536, 4};
        pump->mean_bytes = pump->relayed_bytes = 65536;
        pump->batch_seat = SEAT_NONE;
        pump_limit(pump);
        pump->member.turn = pump_turn;
        pump->snapshot_ms = clock_boot_ms();
        mailbox_post(&loop->mailbox, handle_open, request_new(pump, NULL, 0, 0));
        return pump;
}

static void handle_start(void *arg) {
        struct request *request = arg;
        struct pump *pump = request->pump;
        pump->settings.generation = request->value;
        pump->started = true;
        pump->map_state = pump->settings.offset_map ? MAP_WAITING : MAP_OFF; /* due at once */
        add_parts(pump, request->partitions, request->count);
        request_free(request);
        life_run(pump);
}

void pump_start(struct pump *pump, uint64_t generation, const struct pump_partition *partitions,
                size_t count) {
        mailbox_post(&pump->loop->mailbox, handle_start, request_new(pump, partitions, count, generation));
}

/* Under the generation that came with them: what one of these was committed with
 * by its last lane may be above ours. */
void request_take_update(struct pump *pump) {
        struct request *request = pump->update_waits;
        if (!request || pump->adopt_generation) return;
        pump->update_waits = NULL;
        add_parts(pump, request->partitions, request->count);
        pump_start_parts(pump);
        leave_look(pump);
        request_free(request);
}

void request_drop_update(struct pump *pump) {
        if (pump->update_waits) request_free(pump->update_waits);
        pump->update_waits = NULL;
}

static void handle_update(void *arg) {
        struct request *request = arg;
        struct pump *pump = request->pump;
        request_drop_update(pump); /* the newer one has all */
        pump->update_waits = request;
        request_take_update(pump);
}

void pump_update(struct pump *pump, const struct pump_partition *partitions, size_t count) {
        mailbox_post(&pump->loop->mailbox, handle_update, request_new(pump, partitions, count, 0));
}

static void handle_recorded(void *arg) {
        struct request *request = arg;
        struct pump *pump = request->pump;
        for (size_t i = 0; i < request->count; i++) {
                const struct pump_fact *fact = &request->facts[i];
                struct part *part = find_part(pump, fact->topic, fact->partition);
                if (part) halt_fact_recorded(pump, part, fact);
        }
        pump_flow_waiting(pump);
        pump_start_parts(pump);
        request_free(request);
}

void pump_recorded(struct pump *pump, const struct pump_fact *facts, size_t count) {
        struct request *request = request_new(pump, NULL, 0, 0);
        request->facts = calloc(count ? count : 1, sizeof *request->facts);
        if (!request->facts) abort();
        request->count = count;
        for (size_t i = 0; i < count; i++) {
                request->facts[i] = facts[i];
                request->facts[i].topic = strdup(facts[i].topic);
                if (!request->facts[i].topic) abort();
        }
        mailbox_post(&pump->loop->mailbox, handle_recorded, request);
}

/* What was read stays in the consumer's queue and in the backlog only until it is looked at; what
 * is under way is acknowledged and committed as ever. */
static void handle_pause(void *arg) {
        struct request *request = arg;
        struct pump *pump = request->pump;
        size_t paused = 0;
        pause_rules_free(pump->pauses);
        pump->pauses = (struct pause_rules *)(uintptr_t)request->value;
        for (size_t i = 0; i < pump->part_count; i++) {
                struct part *part = pump->parts[i];
                bool was = part->paused;
                part->paused = pause_rules_match(pump->pauses, part->topic->name, part->partition);
                paused += part->paused;
                if (part->paused && !was && part->state == PART_FLOWING && pump->state == PUMP_RUNNING)
                        part_stop(pump, part, PART_PARKED, PUMP_PAUSED_TEXT);
                if (!part->paused && was && part->state == PART_PARKED) {
                        *part->error = '\0';
                        part->retry_ms = clock_boot_ms();
                        pump_retry_soon(pump, 1); /* what is under way may have to be waited for */
                }
        }
        if (pump->started && paused)
                log_info("lane.paused", "route=%s lane=%u partitions=%zu of=%zu", pump->settings.route, pump->settings.lane,
                         paused, pump->part_count);
        request_free(request);
}

void pump_pause(struct pump *pump, struct pause_rules *rules) {
        mailbox_post(&pump->loop->mailbox, handle_pause, request_new(pump, NULL, 0, (uint64_t)(uintptr_t)rules));
}

static void handle_adopt(void *arg) {
        struct request *request = arg;
        struct pump *pump = request->pump;
        /* Not between a position record and what the group is told of it: the
         * record has the old generation. */
        pump->adopt_generation = request->value;
        request_drop_update(pump); /* an older one */
        pump->update_waits = request;
        pump_take_generation(pump);
}

void pump_adopt(struct pump *pump, uint64_t generation, const struct pump_partition *partitions, size_t count) {
        mailbox_post(&pump->loop->mailbox, handle_adopt, request_new(pump, partitions, count, generation));
}

static void handle_budget(void *arg) {
        struct request *request = arg;
        struct pump *pump = request->pump;
        pump->budget_bytes = request->value;
        pump_limit(pump);
        if (pump->relay) relay_set_budget(pump->relay, pump->budget_bytes / 2);
        if (pump->state == PUMP_RUNNING) data_loop_ready(pump->loop, &pump->member);
        request_free(request);
}

void pump_set_budget(struct pump *pump, uint64_t budget_bytes) {
        mailbox_post(&pump->loop->mailbox, handle_budget, request_new(pump, NULL, 0, budget_bytes));
}

static void handle_flow_rules(void *arg) {
        struct request *request = arg;
        limits_set_rules(request->pump, (struct flow_rules *)(uintptr_t)request->value);
        request_free(request);
}

void pump_set_flow_rules(struct pump *pump, struct flow_rules *rules) {
        mailbox_post(&pump->loop->mailbox, handle_flow_rules, request_new(pump, NULL, 0, (uint64_t)(uintptr_t)rules));
}

static void handle_limits(void *arg) {
        struct request *request = arg;
        limits_set(request->pump, request->records, request->bytes);
        request_free(request);
}

void pump_set_limits(struct pump *pump, double records, double bytes) {
        struct request *request = request_new(pump, NULL, 0, 0);
        request->records = records;
        request->bytes = bytes;
        mailbox_post(&pump->loop->mailbox, handle_limits, request);
}

static void handle_drain(void *arg) {
        struct request *request = arg;
        struct pump *pump = request->pump;
        uint64_t limit_ms = request->value;
        request_free(request);
        life_drain(pump, limit_ms);
}

void pump_drain(struct pump *pump, uint32_t limit_ms) {
        mailbox_post(&pump->loop->mailbox, handle_drain, request_new(pump, NULL, 0, limit_ms));
}

static void handle_free(void *arg) {
        struct request *request = arg;
        struct pump *pump = request->pump;
        request_free(request);
        life_free(pump);
}

void pump_free(struct pump *pump) {
        mailbox_post(&pump->loop->mailbox, handle_free, request_new(pump, NULL, 0, 0));
}

static void deliver_snapshot(void *arg) {
        struct request *request = arg;
        request->snapshot_cb((void *)(uintptr_t)request->value, request->snapshot);
        request_free(request);
}

static void handle_snapshot(void *arg) {
        struct request *request = arg;
        struct pump *pump = request->pump;
        request->snapshot = snapshot_take(pump);
        request->value = (uint64_t)(uintptr_t)pump->ctx;
        mailbox_post(pump->home, deliver_snapshot, request);
}

void pump_snapshot(struct pump *pump, void (*cb)(void *ctx, struct pump_snapshot *snapshot)) {
        struct request *request = request_new(pump, NULL, 0, 0);
        request->snapshot_cb = cb;
        mailbox_post(&pump->loop->mailbox, handle_snapshot, request);
}
