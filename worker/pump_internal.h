/* Shared by the files of the pump: pump.c (records), pump_request.c (what the
 * control thread asks for), pump_life.c (clients, states), pump_start.c
 * (positions, commits) and the others below. */
#ifndef HELIOSTAT_WORKER_PUMP_INTERNAL_H
#define HELIOSTAT_WORKER_PUMP_INTERNAL_H

#include <librdkafka/rdkafka.h>
#include <uv.h>

#include <stdatomic.h>

#include "common/floor.h"
#include "common/names.h"
#include "common/flow_rules.h"
#include "common/start_resolve.h"
#include "common/provenance.h"
#include "common/topic_name.h"
#include "common/offset_map.h"
#include "common/pause.h"
#include "worker/budget.h"
#include "worker/burst.h"
#include "worker/catch_up.h"
#include "worker/expedite.h"
#include "worker/fifo.h"
#include "worker/ledger.h"
#include "worker/limit.h"
#include "worker/own_queues.h"
#include "heliostat.pb-c.h"
#include "worker/pump.h"
#include "worker/relay.h"
#include "worker/short_thread.h"

#define PUMP_BATCH 500          /* records of one turn */
#define PUMP_GONE_MS 3000       /* for so long a group has to say that a position has gone */
#define PUMP_RECHECK_MS 200     /* after a check that did not work */
#define PUMP_PARK_MS 3000       /* until a parked partition is tried again */
/* The same where an attempt costs the whole lane new clients: it doubles. */
#define PUMP_REFUSED_MS 2000
#define PUMP_REFUSED_MAX_MS 30000
#define PUMP_REQUEST_MS 10000   /* bound of each request to a broker */
#define PUMP_MAP_STALE 4
#define PUMP_PAUSED_TEXT "paused by an operator"
#define PUMP_LIMITED_TEXT "LIMITED: its route or worker may take no more at present"
#define PUMP_ERROR_MS 60000     /* an error of the clients is shown for so long */
/* The first librdkafka whose fetcher need not be woken (see pump.c). */
#define PUMP_QUEUE_BACKOFF_VERSION 0x02020000

enum pump_state {
        PUMP_OPENING,
        PUMP_READY,
        PUMP_RUNNING,
        PUMP_DRAINING,
        PUMP_RECYCLING,
        PUMP_STOPPING,
        PUMP_STOPPED,
};

enum part_state { PART_NEW, PART_WAITING, PART_FLOWING, PART_PARKED, PART_HALTED };

struct dest_topic {
        char *name;                 /* at the source */
        char target[TOPIC_NAME_SIZE]; /* its name at the destination; "": it has none (target_error) */
        char target_error[TOPIC_NAME_ERROR_MAX];
        int32_t partitions;         /* at the destination, when a partition was started last */
        int32_t source_partitions;  /* the same at the source; 0: not known */
        struct flow_answer flow;    /* what it is allowed, over all lanes; this lane's part: */
        struct limit_bucket limit_records, limit_bytes;
        size_t parts;               /* of this lane */
        int64_t shut_us;            /* boot clock: when its limit kept something back last; 0: never */
        rd_kafka_topic_t *handle;   /* at the producer; NULL until it has heard of the topic */
        struct dest_topic *next;
};

/* See pump_txn.c. */
enum txn_state { TXN_NONE, TXN_OPEN, TXN_ENDING };

struct txn_job {
        struct short_job work;
        struct pump *pump;
        int rc;
        rd_kafka_resp_err_t code;
        char err[256];
};

/* Where a transaction's time went, for the log; microseconds of the boot clock.
 * The atomic ones are written by a broker's thread; 0: not yet. */
struct txn_times {
        int64_t opened_us;          /* the last one has ended */
        int64_t begun_us;           /* its first record was sent */
        int64_t acked_us;           /* the first acknowledgement came */
        int64_t ended_us;           /* its position record was sent */
        _Atomic int64_t end_sent_us;
        atomic_uint adds;           /* requests to add partitions */
};

/* Destination topics that were refused to a transaction, from librdkafka's
 * threads to the loop's.  More than these show at the next attempt. */
#define DENIED_MAX 16
struct denied_topics {
        uv_mutex_t lock;
        char names[DENIED_MAX][NAMES_TOPIC_SIZE];
        size_t count;
};

/* Whether what was not committed below a halt is known.  SOUGHT: an answer goes elsewhere at once, and what was committed when
 * it was given tells it.  FOUND: what is committed from now on may be our own. */
enum below_state { BELOW_NONE, BELOW_SOUGHT, BELOW_FOUND };

struct part {
        struct dest_topic *topic;
        int32_t partition;
        enum part_state state;
        bool started;
        bool existed;               /* when the route was first looked at */
        bool paused;                /* by an operator: it is started, and does not flow */
        bool leaving;               /* for another lane: started, and does not flow */
        bool leave_recorded;        /* ... exactly-once: our last committed record has its last position */
        bool leave_in_txn;          /* ... and so has the one of the transaction that ends */
        bool leave_done;            /* ... its last commit is done, and it is told */
        bool left;                  /* the lane's record says so: no longer ours */
        struct floor floor;         /* where it has left its last lane */
        bool starting;              /* in the start operation under way */
        bool flowed;                /* the ledger is valid: the position is known exactly */
        bool returned_told;         /* that records of the destination's are passed over */
        bool eof;                   /* the reader has seen the end at its position */
        bool own_held;              /* own_queues.h; of this consumer */
        struct ledger ledger;
        int64_t position;           /* last known; -1: not known */
        uint64_t position_generation; /* that the committed one was found with */
        bool recorded;              /* exactly-once: a committed record has this partition */
        bool record_wanted;         /* the group's position only repeats a record at the destination */
        bool record_counts;         /* a record counts, if there is one: the group's is from an exactly-once lane */
        bool record_stale;          /* there is one, of before the route was at-least-once */
        /* Exactly-once: as the last committed transaction says (-1: not known,
         * or at-least-once), as the one under way says. */
        int64_t txn_position, txn_next;
        uint64_t txn_generation;
        int64_t committed;          /* -1: not by this pump's present generation */
        int64_t committed_ms;       /* boot clock */
        bool committed_once;        /* the group must have a position of ours */
        int64_t retry_ms;           /* PARKED, or a halt that is tried again: boot clock */
        unsigned retries;           /* of the same halt, in a row */
        int64_t gone_ms;            /* boot clock: since when the group has no position of it; 0: not so */
        unsigned refusals;          /* by the destination's authorizer, in a row */
        bool refused;               /* the present chain's answer: the source's topic is not for us */
        int64_t record_ms;          /* timestamp of the newest record read; -1 */
        int64_t end_seen;           /* of the source's log, when it was last known; -1 */
        int64_t progress_position, progress_ms;
        bool broker_away;           /* PARKED for that, not for what is missing or forbidden */
        struct catch_up_part apart; /* where it reads */
        int seat;                   /* SEAT_NONE: with the lane's consumer, or waiting for one */
        int64_t looked;             /* ledger_next at the last look */
        uint64_t under_way;         /* records at the producer */
        struct burst burst;         /* that these form */
        int64_t single_until;       /* records below go one at a time */
        struct fifo backlog;        /* messages read after it; they go when it is acknowledged */
        struct part *backlog_next;  /* of those in pump->backlogged */
        bool backlogged;
        uint64_t records, reported_records, bytes, reported_bytes;
        struct pump_latency latency; /* since the last snapshot */
        double latency_avg_ms;      /* of the last one that had records */
        char error[160];

        struct relay_part *relayed; /* its batches pass unopened; NULL: its records come by the consumer */
        int64_t relay_until;        /* not relayed: is so from this offset on; -1: not that soon */
        int64_t relay_again_ms;     /* boot clock: not before */
        unsigned opened, opened_small; /* how often it was given back; for its small batches */
        int64_t relayed_ms;         /* boot clock: when that began last */
        bool opened_told;           /* the log says that its records are opened */
        double relayed_records;     /* in a batch, of those that were relayed last */
        bool small;                 /* for its small batches, which came faster than they went */
        struct relay_place place;   /* of this producer's relay; unjoined: of all */
        /* Which of the two has sent under this producer's id: each counts its own sequences. */
        bool sent_opened, sent_relayed;
        int64_t relay_lost;         /* last of what was sent into this transaction and got no answer; -1: nothing was */
        int64_t relay_lost_ms;      /* boot clock: since when */

        struct offset_map map;      /* of what this pump has sent, or, joined with the older one, of all */
        struct offset_map map_older; /* an earlier owner's, until the partition flows */
        int64_t map_older_next;
        int64_t map_next;           /* the position as last written; -1: to be written */
        uint64_t map_generation;    /* of the key it was last written with; 0: none */
        uint64_t map_stale[PUMP_MAP_STALE]; /* generations whose keys are to be deleted; 0: none */

        struct halt halt;           /* HALTED, or on the way back (`resuming`) */
        bool halt_recorded;         /* the lane's record has it, with this answer */
        bool halt_probing;          /* the log's range is being asked for */
        bool resuming;              /* the answer is being carried out */
        bool approach;              /* at the committed position, not at a target */
        bool resumed;               /* what the answer led to is committed */
        int64_t resumed_at;         /* the target; of an approach, where it began (-1: not yet) */
        bool poison_met;            /* and was answered */
        bool letter_refused;        /* the topic of dead letters refused it too */
        enum below_state below_state;
        int64_t below;              /* see struct pump_fact; of this halt */
        struct halt passed;         /* an answered record, followed by another halt before it was told; HALT_NONE: none */
        int64_t poison;             /* the record at this offset is not sent, but answered; -1: none */
};

/* The source's range of a halted partition, in a short thread. */
struct halt_probe {
        struct short_job work;
        struct pump *pump;
        struct part *part;
        int64_t low, high;
        rd_kafka_resp_err_t err;
};

/* Reads an earlier owner's maps, in a short thread. */
enum map_state { MAP_OFF, MAP_LOADING, MAP_WAITING, MAP_READY };
struct map_job;

/* A request chain; at most one start and one commit exist at a time. */
enum pump_op_kind { PUMP_OP_START, PUMP_OP_COMMIT };
struct pump_op {
        enum pump_op_kind kind;
        struct pump *pump;
        rd_kafka_topic_partition_list_t *list;
        struct part **parts;        /* same order as list */
        bool *leaderless;           /* START: its destination partition; same order */
        size_t count;
        int pending;                /* answers that must come before the next step */
        bool committing;            /* the commit was asked for */
        bool apart;                 /* by topic, see commit_apart */
        bool refused;               /* some topic's was */
        bool commit_failed;         /* COMMIT: some partition's */
        int64_t begun_us;           /* COMMIT */
        uint64_t generation;        /* that the commit carries */
        bool checks_gap;            /* COMMIT: its success ends `held` */
        bool stale;                 /* the process stopped since it began: what it has read is old */
        uint64_t fenced;            /* a higher generation that was seen */
        char error[352];            /* first failure of the chain */
        bool destination_away;      /* START: its topics could not be asked for */
        /* the job in a short thread */
        struct short_job work;
        struct short_job read;      /* of the committed offsets */
        rd_kafka_topic_partition_list_t *committed;
        rd_kafka_resp_err_t committed_err;
        bool asks_apart;            /* START: all are to be relayed (pump_topics.c) */
        char *source_id, *destination_id; /* START: cluster ids */
        Heliostat__Pb__Positions *recorded; /* START: the position record, NULL for none */
        int recorded_rc;
        char recorded_err[320];
        enum { START_TOPICS, START_RECORD, START_BEGIN } stage; /* the job that runs, or ran last */
        bool record_wanted;
        struct { const struct dest_topic *of; int source_count, count; rd_kafka_resp_err_t err; rd_kafka_topic_t *handle; } *topics;
        size_t topic_count;
        struct start_query *queries; /* first starts: asked, then answered ... */
        struct part **beginners;     /* ... for these; same order */
        size_t query_count;
};

/* See pump_seats.c. */
#define SEAT_NONE (-1)
struct seat {
        rd_kafka_queue_t *queue;
        rd_kafka_topic_t *topic;
        struct part *part;          /* NULL: free */
        uint64_t drained_bytes;     /* of values, since its queue was empty */
        bool fetcher_stopped;       /* it may have found the queue full since */
        bool begun;                 /* its first records have come */
};
struct seats {
        rd_kafka_t *client;         /* NULL: not made, or not yet */
        bool opening;
        struct seat seat[CATCH_UP_SEATS];
        size_t taken;               /* seats */
        size_t apart;               /* partitions that are not with the lane's consumer */
        struct catch_up core;
        struct catch_up_turns turns;
        struct budget_sizes sizes;  /* of each seat; the answer's: of all together */
        uv_timer_t timer;
        int64_t pressed_us;         /* boot clock: when a queue was full last */
        int64_t used_us;            /* the same: when partitions were apart last */
        int64_t failed_us;          /* the same: when the client could not be made; 0: it could */
};

struct pump_slot { const rd_kafka_topic_t *topic; int32_t partition; struct part *part; };

struct pump {
        struct data_loop_member member;
        struct data_loop *loop;
        struct mailbox *home;
        struct pump_events events;
        void *ctx;
        struct pump_settings settings;

        enum pump_state state;
        bool opening;               /* the open job runs */
        bool started;               /* pump_start has come */
        bool free_wanted, clients_closing;
        bool drain_expired;         /* the limit of a drain has passed */
        bool drain_committed;       /* the last commit was tried */
        bool drain_failed;          /* its last transaction did not end well */
        int64_t recheck_ms;         /* boot clock: `held` is checked again not before */
        bool held;                  /* after a gap: no record before the generation is checked */
        int64_t unchecked_ms;       /* since when no check of the generation has worked; 0: it does */
        bool blocked;               /* back-pressure: no intake until there is room */
        bool shared;                /* a destination partition may get records of several partitions */
        bool single;                /* shared: after a refusal, records go one at a time in the whole pump */
        bool alone;                 /* shared: what is under way was sent so */
        bool running_told;
        bool facts_due;             /* halts that the control thread does not know */
        uint64_t fenced_generation;
        char error[300];
        int64_t error_ms;           /* boot clock: when it was last reported */
        unsigned failures;          /* in a row, for the back-off */

        rd_kafka_t *consumer, *producer;
        struct own_queues own_queues;
        rd_kafka_queue_t *consumer_queue, *producer_queue, *answers;
        int eventfd;
        uv_poll_t wake;
        uv_timer_t commit_timer, retry_timer, limit_timer, txn_timer;
        uv_timer_t flow_timer;      /* a limit opens again */
        int open_handles;
        int jobs;

        struct pause_rules *pauses; /* NULL: none */
        char source_id[PROVENANCE_ID_SIZE], destination_id[PROVENANCE_ID_SIZE]; /* cluster ids; "": not known */
        struct topic_namer *namer;  /* NULL: naming_error says why */
        char naming_error[TOPIC_NAME_ERROR_MAX];
        struct dest_topic *topics;
        rd_kafka_topic_t *dead_letters; /* made when the first is sent; NULL: not yet */
        struct part **parts;
        size_t part_count;
        struct pump_slot *slots;    /* open addressing by (topic handle, partition) */
        size_t slot_capacity, slot_count;

        rd_kafka_message_t *batch[PUMP_BATCH];
        size_t batch_count, batch_next;
        int batch_seat;             /* it came from there; SEAT_NONE: from the lane's consumer */
        struct seats seats;

        struct relay *relay;        /* NULL: all records are opened */
        uint64_t relayed_under_way; /* of in_flight_count */
        struct txn_job *txn_job;    /* the transaction ends when these are acknowledged; NULL: does not wait */
        bool txn_renewal;           /* after the transaction a new producer goes on: batches are opened, or are no longer */
        struct txn_job *txn_lost;   /* it cannot: to be dealt with in the next turn */
        int64_t producer_id;        /* exactly-once; -1: not known (under denied.lock, as the next) */
        int16_t producer_epoch;
        bool relay_returning;       /* a partition may be on the way back to it */
        int64_t small_over_ms;      /* boot clock: exactly-once: since when a backlog of small batches is gone; 0: none is */
        int64_t relay_there_ms;     /* boot clock: exactly-once: since when one has come as far, and waits for others; 0: none */
        struct burst_limits burst_limits;
        struct expedite *expedite;  /* of the producer; NULL: linger.ms decides */
        struct burst_handed handed;
        int64_t expedited_us;       /* boot clock */
        struct part *backlogged;    /* partitions that may have a backlog */
        uint64_t in_flight_count;   /* at the producer */
        uint64_t budget_bytes;      /* this lane's share */
        struct budget_sizes sizes;  /* of the consumer */
        struct budget_mean mean;    /* of the records that came last */
        struct budget_seen seen;    /* of this consumer's records */
        int64_t seen_ms;            /* boot clock: since when */
        struct budget_mean seen_mean; /* of those that were seen last, for the sizes */
        struct {                    /* counted by the consumer's threads */
                _Atomic uint64_t bytes, fetch_bytes;
                atomic_uint full;   /* answers of half of fetch_bytes and more */
        } answered;                 /* since seen_ms */
        int64_t resized_ms;         /* boot clock: when the consumer got other sizes; 0: never */
        bool resizing;              /* nothing more is sent, and the clients are made anew when nothing is under way */
        double mean_bytes;          /* of these, until they are acknowledged */
        double relayed_bytes;       /* of a relayed record, as it is stored; of those that were sent last */
        uint64_t held_bytes;        /* batch, backlogs and at the producer; the intake stops at the limit */
        uint64_t held_limit_bytes;
        uint64_t drained_bytes;     /* of values, since the consumer's queue was empty */
        bool fetcher_stopped;       /* it may have found the queue full since */
        struct limit_bucket limit_records, limit_bytes;
        struct catch_up_turns ways; /* under a limit: whether opened or relayed records are next */
        struct {                    /* for the control thread too */
                _Atomic uint64_t records, bytes; /* taken in */
                _Atomic int64_t limited_us; /* waited for a limit, in all */
                _Atomic int64_t since_us; /* boot clock: does so since; 0: does not */
                _Atomic bool by_bytes;    /* it was the limit in bytes that made it wait last */
        } flow;
        struct flow_rules *flow_rules; /* NULL: none */
        bool topic_limits;          /* some topic of the lane has one */
        bool priorities;            /* its topics differ in priority */
        int64_t told_limited_us;    /* in snapshots */
        int64_t limited_ms;         /* boot clock: when a limit last kept something back; 0: never */
        uint64_t records, bytes;
        struct pump_stats stats;    /* since the last snapshot */
        int64_t delivered_ms;       /* wall clock: when the reports at hand were taken */
        int64_t snapshot_ms;

        uint64_t adopt_generation;  /* to be taken when the transaction has ended; 0: none */
        struct request *update_waits; /* partitions that came with it, and start under it; NULL: none */
        enum txn_state txn;         /* NONE: at-least-once, or no producer */
        bool txn_first;             /* of this producer */
        uint64_t txn_records, txn_bytes;
        bool txn_answered;          /* a record in it was passed over: it ends before its partition goes on */
        atomic_uint txn_end_requests; /* EndTxn sent for the transaction that ends; by the broker's thread */
        struct txn_times times;
        struct denied_topics denied;
        bool eos_lines;             /* librdkafka's debug lines come for the producer's id alone */

        struct pump_op *start_op, *commit_op;
        bool commit_apart;          /* a topic's commit was refused: each topic in a request of its own */

        enum map_state map_state;   /* WAITING: to try again at map_due_ms */
        struct map_job *map_job;    /* NULL: none runs */
        int64_t map_due_ms;         /* boot clock: of the next writing, or reading */
        size_t map_at;              /* the partition to begin with */
        uint64_t map_under_way;     /* its records at the producer */
        bool map_in_txn;            /* the transaction that ends has some */
        unsigned map_failures;      /* in a row */
        bool map_drained;           /* written for the last time */
};

/* pump.c */
void pump_drain_deliveries(struct pump *pump);
bool pump_turn(struct data_loop_member *member);
void pump_drop_batch(struct pump *pump);
/* NULL: not one of ours (or no memory: the caller drops nothing, see there). */
struct part *pump_part_of(struct pump *pump, const rd_kafka_message_t *message);
/* Records that were fetched wait. */
bool pump_behind(const struct pump *pump);
/* Records that came by way of the clients, and are not sent yet but for backlogs. */
bool pump_opened_waits(const struct pump *pump);
/* A relayed one: its source has more, as far as is known. */
static inline bool part_relay_more(const struct part *part) { return part->end_seen > ledger_next(&part->ledger); }
/* An opened one's end_seen, by the last answer to a fetch: does not ask. */
void part_look_end(struct pump *pump, struct part *part);
/* What was read before a partition stopped must not meet its new ledger. */
void pump_drop_part(struct pump *pump, struct part *part);
void pump_drop_batch_part(struct pump *pump, struct part *part); /* of the batch alone */
/* A fetcher sleeps that has found its queue full (see there). */
void pump_wake_fetchers(rd_kafka_t *consumer, rd_kafka_topic_partition_list_t *list);
void pump_forget_slots(struct pump *pump);
/* Stops a partition until its halt is recorded with an answer. */
void part_halt(struct pump *pump, struct part *part, enum halt_kind kind, int64_t from, int64_t to,
               const char *format, ...) __attribute__((format(printf, 6, 7)));
/* After a change of the lane's share. */
void pump_limit(struct pump *pump);
/* Parks the partitions whose topics were refused to the transaction that failed. */
void pump_park_denied(struct pump *pump);
void pump_configure_producer(rd_kafka_conf_t *conf, void *ctx);
void pump_configure_consumer(rd_kafka_conf_t *conf, void *ctx);
/* Into or out of the lane's consumer; recycles where that does not work. */
/* pump_seats.c.  on_assigned: of one that was assigned in a list. */
void part_assign(struct pump *pump, struct part *part, bool in);
void part_on_assigned(struct pump *pump, struct part *part);
void part_stop(struct pump *pump, struct part *part, enum part_state state, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* pump_limit.c */
void limits_begin(struct pump *pump);        /* on the loop: its timer */
void limits_rest(struct pump *pump);         /* it does not run: nothing waits for a limit */
/* How many records the lane may take now; 0: none, and a turn comes when it may. */
double limits_room(struct pump *pump, bool relayed);
/* Whether opened records take of this room before relayed ones: under a limit each way has its partitions' part. */
bool limits_opened_first(struct pump *pump, double room);
void limits_note_taken(struct pump *pump, bool relayed, uint64_t records, uint64_t bytes);
void limits_set(struct pump *pump, double records, double bytes);
bool limits_wait(const struct pump *pump); /* hold something back, by limits_room's last word */
bool limits_waited(const struct pump *pump, const struct part *part); /* lately; part NULL: for the lane's */
/* Takes rules. */
void limits_set_rules(struct pump *pump, struct flow_rules *rules);
void limits_find_rules(struct pump *pump, struct dest_topic *topic); /* of a new one */
void limits_share_topics(struct pump *pump); /* the lane's partitions, or what is known of the topics, have changed */
/* The batch counts against the limits of its topics. */
void limits_charge_topics(struct pump *pump);
/* How many records of the topic may be taken; 0: none, and a turn comes when some may. */
double limits_topic_room(struct pump *pump, struct dest_topic *topic);
bool limits_topic_shut(const struct pump *pump, const struct dest_topic *topic); /* lately */

/* pump_seats.c */
void seats_begin(struct pump *pump);         /* on the loop: its timer */
/* A queue is full: partitions may be in each other's way. */
void seats_press(struct pump *pump);
void seats_look_now(struct pump *pump);      /* a topic has reached its limit */
/* The client that the partition reads with. */
rd_kafka_t *seats_client(const struct pump *pump, const struct part *part);
/* The partition stops.  false: it reads with the lane's consumer, or not at all. */
bool seats_stop(struct pump *pump, struct part *part);
/* Bytes that partitions which read apart hold. */
uint64_t seats_held(const struct pump *pump);
/* What the client and its queues take. */
uint64_t seats_bytes(const struct pump *pump);
size_t seats_queued(const struct pump *pump);
void seats_found_empty(struct pump *pump, struct seat *seat);
void seats_wake_empty(struct pump *pump); /* the same for each that is */
/* The clients go: these are the caller's to destroy.  Partitions read with the
 * lane's consumer from then on. */
struct seats_remains {
        rd_kafka_t *client;
        rd_kafka_queue_t *queues[CATCH_UP_SEATS];
        rd_kafka_topic_t *topics[CATCH_UP_SEATS];
};
struct seats_remains seats_leave(struct pump *pump);
void seats_destroy(struct seats_remains *remains); /* blocks: for a short thread */

/* pump_request.c */
void request_take_update(struct pump *pump); /* the one that waits, if it may come now */
void request_drop_update(struct pump *pump);

/* pump_leave.c */
/* Stops what leaves, and tells what may be taken out of the lane. */
void leave_look(struct pump *pump);
/* It does not flow, for it leaves. */
bool leave_rests(const struct part *part);
/* PARKED because it is to rest, and there is nothing to start it again for. */
bool part_rests(const struct pump *pump, const struct part *part);
/* Nothing of it is under way, and nothing is left to be said about it. */
bool leave_still(const struct pump *pump, const struct part *part);
/* Exactly-once: a transaction has to end for its sake. */
bool leave_due(const struct pump *pump);
/* The lane's record has it as before, or anew after it was elsewhere. */
void leave_update(struct pump *pump, struct part *part, const struct pump_partition *now);
void leave_on_reopen(struct part *part);

/* pump_start.c */
void pump_start_parts(struct pump *pump);
void pump_flow_waiting(struct pump *pump);
/* all: also what has not changed (the check after a gap, idle positions). */
bool pump_commit(struct pump *pump, bool all);
bool pump_dirty(const struct pump *pump);
int64_t part_position(const struct part *part);
void pump_on_answers(struct pump *pump);
void pump_abandon_ops(struct pump *pump);

/* Whether the group's word that it has no position of the partition counts by
 * now.  false: the op has failed, to be tried again. */
bool op_position_gone(struct pump_op *op, struct part *part);

/* pump_topics.c */
/* In a short thread. */
rd_kafka_resp_err_t topics_ask_source(struct pump_op *op);
rd_kafka_resp_err_t topics_ask_destination(struct pump_op *op);
/* A partition of it was assigned to the consumer: its records go by way of the clients. */
void topics_open(struct pump *pump, struct dest_topic *topic);

/* pump_begin.c */
/* Makes the questions of a START; partitions that were started before and have
 * no position halt.  false: there are none. */
bool begin_collect(struct pump_op *op);
void begin_job(struct pump_op *op);  /* asks them: in a short thread */
void begin_take(struct pump_op *op); /* positions, or parked, or halted */
void begin_free(struct pump_op *op);

/* pump_halt.c */
/* The position is out of the log's range, or nowhere: asks for the range, then halts or tries again. */
void halt_probe(struct pump *pump, struct part *part);
/* Carries out the answers of recorded halts, where nothing is under way any more. */
void halt_answers(struct pump *pump);
/* A commit has come that far: are answers done with? */
void halt_look_committed(struct pump *pump);
void halt_on_started(struct part *part);
/* What the group has, or the position record (the last of both), when an answer begins to be carried out. */
void halt_note_committed(struct part *part, int64_t offset, bool last);
/* With its halt. */
void halt_forget_below(struct part *part);
/* The clients go: an answer that is not committed is carried out again. */
void halt_on_reopen(struct part *part);
/* Its new position must be in the lane's record before records flow. */
bool halt_waits(const struct part *part);
/* The record at part->poison is next: stops there, unless the answer is recorded. */
enum halt_answer halt_at_poison(struct pump *pump, struct part *part);
/* What comes behind an answered record waits until that is committed. */
bool halt_holds_back(const struct pump *pump, const struct part *part);
/* What the lane's record says of the halt of a partition that was just added, or is there already. */
void halt_from_record(struct pump *pump, struct part *part, const struct halt *halt, bool added);
/* The facts that wait to be recorded.  Returns how many. */
#define HALT_FACTS_MAX 3
size_t halt_facts(const struct part *part, struct pump_fact out[static HALT_FACTS_MAX]);
void halt_fact_recorded(struct pump *pump, struct part *part, const struct pump_fact *fact);

/* pump_map.c */
/* The partition flows from its position on. */
void map_on_flow(struct pump *pump, struct part *part);
/* The opaque of the maps' records. */
#define MAP_OPAQUE(pump) ((void *)&(pump)->map_under_way)
void map_on_delivery(struct pump *pump, rd_kafka_resp_err_t err);
/* Reads what there was, or (at-least-once) writes, when it is time. */
void map_tick(struct pump *pump);
bool map_due(const struct pump *pump);      /* exactly-once: a transaction should carry it */
bool map_changed(const struct pump *pump);  /* something is not written, and could be */
/* Sends what has changed, at most so much. */
void map_write(struct pump *pump, uint64_t limit_bytes);
#define MAP_WRITE_BYTES ((uint64_t)128 << 10)
#define MAP_DRAIN_BYTES ((uint64_t)4 << 20)
/* What was not acknowledged is written again, and not soon. */
void map_failed(struct pump *pump);
void map_on_clients_close(struct pump *pump);
void map_stop(struct pump *pump);           /* the reading ends soon */
void map_part_fini(struct part *part);

/* pump_relay.c */
void pump_relay_open(struct pump *pump);                     /* the clients are made */
void pump_relay_close(struct pump *pump);                      /* they go */
bool pump_relay_take(struct pump *pump, struct part *part);   /* it flows from its position on; false: by the consumer */
bool pump_relay_wants(const struct pump *pump, const struct part *part); /* as far as is known before its start */
/* It was sent to by the other hand under this producer's id: only a new producer may go on. */
bool pump_relay_crosses(const struct pump *pump, const struct part *part, bool relayed);
/* A record that the consumer has read, but the relay sends. */
bool pump_relay_past(struct pump *pump, struct part *part, int64_t offset);
void pump_relay_return(struct pump *pump);
void pump_relay_rules(struct pump *pump);                     /* limits or priorities of topics have changed */
void pump_relay_tick(struct pump *pump);                      /* now and then: those that were given back try again */

/* pump_txn.c */
void txn_configure(struct pump *pump, rd_kafka_conf_t *conf);
/* Ends what a predecessor left open, and begins the first transaction.  Blocks:
 * for a short thread.  0 | ERR_KAFKA, err then holds one line */
int txn_init(rd_kafka_t *producer, char *err, size_t err_size);
bool txn_error_fences(rd_kafka_resp_err_t err);
/* At-least-once, where the lane was exactly-once: ends what an earlier owner has left
 * open, which nobody else would.  Blocks: for a short thread. */
void txn_settle(const struct pump_settings *settings);
bool txn_dirty(const struct pump *pump);    /* something is not committed */
bool txn_full(const struct pump *pump);
void txn_answered(struct pump *pump);
void txn_opened(struct pump *pump);         /* the producer has begun one */
void txn_note_sent(struct pump *pump, uint64_t records, uint64_t bytes);
void txn_note_acked(struct pump *pump);
void txn_relay_settled(struct pump *pump);  /* nothing of the relay's is under way */
void txn_relay_lost(struct pump *pump);     /* a batch of the transaction may not be there: the next turn looks */
void txn_look_lost(struct pump *pump);
void txn_renew(struct pump *pump);          /* a new producer, when the transaction has ended */
void txn_fini(struct pump *pump);           /* the clients go */
void txn_end(struct pump *pump);            /* state OPEN; comes back to pump_advance */
void txn_on_timer(uv_timer_t *timer);

/* pump_sizes.c */
void sizes_configure(struct pump *pump, rd_kafka_conf_t *conf);
/* For a consumer that is about to be made. */
struct budget_sizes sizes_open(struct pump *pump);
void sizes_note(struct pump *pump, uint64_t records, uint64_t value_bytes, uint64_t fetched_bytes);
/* With the queue empty: whether the lane is worth clients with other sizes. */
bool sizes_look(struct pump *pump);
/* With nothing under way. */
void sizes_change(struct pump *pump);

/* pump_life.c */
enum pump_tell { PUMP_TELL_READY, PUMP_TELL_FACTS, PUMP_TELL_RUNNING, PUMP_TELL_FENCED, PUMP_TELL_DRAINED, PUMP_TELL_CLOSED };
void pump_tell(struct pump *pump, enum pump_tell what, uint64_t value);
/* With nothing under way: both clients are made anew. */
void pump_renew(struct pump *pump);
void pump_recycle(struct pump *pump, const char *format, ...) __attribute__((format(printf, 2, 3)));
void pump_fence(struct pump *pump, uint64_t generation);
/* A generation that was adopted while a transaction ended. */
void pump_take_generation(struct pump *pump);
void pump_advance(struct pump *pump);  /* after anything that a state may wait for */
void pump_retry_soon(struct pump *pump, uint64_t delay_ms);
void pump_retry_parked(struct pump *pump); /* when the next parked partition is due */
void pump_set_error(struct pump *pump, const char *text);
const char *pump_state_name(const struct pump *pump);
void life_begin(struct pump *pump);    /* on the pump's loop: timers, clients */
void life_run(struct pump *pump);      /* READY -> RUNNING */
void life_drain(struct pump *pump, uint64_t limit_ms);
void life_free(struct pump *pump);

/* pump_snapshot.c */
struct pump_snapshot *snapshot_take(struct pump *pump); /* for pump_snapshot_free */

#endif
