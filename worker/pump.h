/* The consume-produce path of one lane: one consumer with assigned partitions,
 * one idempotent producer, on a data loop.
 *
 * Order that the promises hang on, per partition:
 *   read the committed position -> commit it with our generation (the fence) ->
 *   [first start only: the caller marks the partition as started] -> fetch ->
 *   send -> acknowledged -> commit, after reading the committed generation back.
 *
 * Life
 *   OPENING -> READY -> RUNNING -> DRAINING -> STOPPING -> STOPPED
 *   RUNNING -> RECYCLING -> OPENING -> RUNNING   after a failed delivery
 *   any but STOPPED -> STOPPING                  fenced
 *
 *   OPENING    clients are made (off the loop), with back-off on failure
 *   READY      waits for pump_start
 *   RUNNING    partitions start, flow, halt and park one by one
 *   DRAINING   intake has ended; waits for acknowledgements, then the last commit
 *   RECYCLING  as DRAINING, but what is queued is purged; then the clients are
 *              replaced and all starts again at the committed positions
 *   STOPPING   waits for what the producer still holds, then clients are destroyed
 *
 * A partition
 *   NEW -> WAITING -> FLOWING            WAITING: for pump_recorded (as started)
 *   FLOWING, NEW -> PARKED -> NEW        PARKED: tried again after a while
 *   any -> HALTED -> NEW                 HALTED: until it is recorded with an answer
 *   A paused one is PARKED once its position is known, until it is paused no more.
 *
 * The functions below are for the control thread; each takes effect on the data
 * loop's thread.  Events come back on the control thread. */
#ifndef HELIOSTAT_WORKER_PUMP_H
#define HELIOSTAT_WORKER_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/flow_rules.h"
#include "common/mailbox.h"
#include "common/pause.h"
#include "common/start_from.h"
#include "common/topic_name.h"
#include "worker/data_loop.h"
#include "worker/lane_record.h"
#include "worker/pump_stats.h"

struct pump;
struct pump_snapshot;

struct pump_events {
        /* The clients are made: pump_start may follow.  Comes once. */
        void (*ready)(void *ctx);
        /* Write these into the lane's record, then pump_recorded.  All that are
         * not recorded yet, in the order to write them.  Borrowed for the call. */
        void (*facts)(void *ctx, const struct pump_fact *facts, size_t count);
        /* Records flow (after each (re)start of the clients). */
        void (*running)(void *ctx);
        /* Somebody committed this higher generation; the pump has stopped. */
        void (*fenced)(void *ctx, uint64_t generation);
        /* After pump_drain: nothing is under way any more.  clean: the last
         * commit holds everything that was acknowledged. */
        void (*drained)(void *ctx, bool clean);
        /* After pump_free: the last event, ctx may be freed. */
        void (*closed)(void *ctx);
        /* Just before `fenced` or `drained`: the last figures, which are the
         * callee's.  NULL: not wanted. */
        void (*last)(void *ctx, struct pump_snapshot *snapshot);
};

struct topic_looks;
struct pump_settings {
        const struct config *config;   /* borrowed for the pump's life */
        const char *route;             /* the strings are copied */
        const char *source, *destination;
        struct topic_naming naming;    /* borrowed for the call of pump_open */
        bool merge;                    /* topics may share a destination topic */
        bool provenance;               /* records say where they have been (provenance.h) */
        bool by_key;                   /* records choose their partitions (partitioner.h) */
        const char *group_id;
        uint32_t lane;
        uint64_t generation;           /* set by pump_start */
        bool exactly_once;
        bool relay;                    /* batches may pass unopened: pump_relay.c */
        bool offset_map;               /* keeps where each record has gone: pump_map.c */
        const char *gap_policy, *poison_record_policy; /* copied; see halt_policy */
        struct start_rules *start_rules; /* referenced; NULL: earliest */
        uint32_t transaction_interval_ms; /* exactly-once: between commits; earlier after so many: */
        uint64_t transaction_bytes;
        uint32_t transaction_records;
        uint32_t commit_interval_ms;
        uint32_t recommit_interval_ms; /* idle positions are committed again */
        uint32_t message_timeout_ms;
        uint64_t budget_bytes;         /* see budget.h: this lane's share */
        struct topic_looks *topic_looks; /* borrowed; NULL: the lane's clients ask for all topics */
};

/* Makes the clients and mirrors nothing yet.  NULL on no memory.  home is the
 * control loop's mailbox. */
struct pump *pump_open(struct data_loop *loop, struct mailbox *home,
                       const struct pump_settings *settings, const struct pump_events *events,
                       void *ctx);
/* The lane is ours at this generation: run these partitions.  Once, after `ready`. */
void pump_start(struct pump *pump, uint64_t generation, const struct pump_partition *partitions,
                size_t count);
/* The lane's partitions now; those that the pump has already go on, halted ones
 * with the answers that their halts have got. */
void pump_update(struct pump *pump, const struct pump_partition *partitions, size_t count);
/* The lane's record holds these facts: the partitions may go on. */
void pump_recorded(struct pump *pump, const struct pump_fact *facts, size_t count);
/* Pauses what the rules match, and lets the others flow.  Takes rules; NULL: none. */
void pump_pause(struct pump *pump, struct pause_rules *rules);
/* Commit this generation from now on, and run these partitions, as pump_update: both
 * at once, for one that comes from another lane, or comes back, may have been
 * committed by that with any generation below this one. */
void pump_adopt(struct pump *pump, uint64_t generation, const struct pump_partition *partitions, size_t count);
/* The lane's share of the memory budget from now on.  What the consumer's queue
 * may hold stays as it was when the clients were made. */
void pump_set_budget(struct pump *pump, uint64_t budget_bytes);
/* What the lane may mirror in a second from now on; 0: no limit. */
void pump_set_limits(struct pump *pump, double records, double bytes);
/* Limits and priorities of topics from now on.  Takes rules; NULL: none. */
void pump_set_flow_rules(struct pump *pump, struct flow_rules *rules);
/* What it has taken in since it was opened, at once. */
struct pump_flow {
        uint64_t records, bytes; /* of keys and values */
        int64_t limited_us;      /* that it waited for its limits, up to the last wait that has ended */
        bool limited;            /* waits at present */
        bool by_bytes;           /* waits, or waited last, for its limit in bytes, not in records */
};
struct pump_flow pump_flow(const struct pump *pump);
/* Whether it wanted more than its limits between these two: a twentieth of the time is no want. */
static inline bool pump_flow_limited(const struct pump_flow *before, const struct pump_flow *now, int64_t passed_ms) {
        return now->limited || now->limited_us - before->limited_us > passed_ms * 1000 / 20;
}
/* Ends with `drained` (or `fenced`), after at most limit_ms and a last commit. */
void pump_drain(struct pump *pump, uint32_t limit_ms);
/* Stops at once what still runs, destroys the clients, then `closed`. */
void pump_free(struct pump *pump);

/* What a pump tells for the report. */
struct pump_row {
        char *topic;
        char *target;          /* its name at the destination; "": not known */
        int32_t partition;
        int state;             /* Heliostat__Pb__PartitionState */
        int64_t position;      /* -1: not known */
        int64_t end_offset;    /* -1: not known */
        double lag_seconds;    /* -1: not known */
        double rate;           /* records per second since the last snapshot, as the next three */
        double bytes_rate;
        uint64_t new_records, new_bytes;
        struct pump_latency latency; /* count 0: of an earlier one */
        double latency_avg_ms;
        uint64_t records;      /* acknowledged, since it was given to the pump */
        uint64_t bytes;        /* of keys and values of these */
        char *error;           /* NULL: none */
};
struct pump_snapshot {
        struct pump_row *rows;
        size_t count;
        char error[300];       /* of the lane's clients, "" for none */
        const char *state;     /* static */
        uint64_t records;      /* acknowledged, since pump_open */
        uint64_t bytes;
        struct pump_stats stats; /* since the last snapshot: each comes once */
        uint64_t held_bytes, in_flight_records, queued_records;
        size_t relayed;        /* of the rows: their batches pass unopened */
        bool blocked;          /* reads nothing until there is room */
        bool limited;          /* waited for a limit lately */
        int64_t taken_ms;      /* boot clock */
};
/* cb comes on the control thread with a snapshot that it takes
 * (pump_snapshot_free), unless `closed` came before. */
void pump_snapshot(struct pump *pump, void (*cb)(void *ctx, struct pump_snapshot *snapshot));
void pump_snapshot_free(struct pump_snapshot *snapshot);

#endif
