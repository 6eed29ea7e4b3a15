/* Shared by worker.c (session, start, stop), assign.c (lanes) and report.c. */
#ifndef HELIOSTAT_WORKER_WORKER_INTERNAL_H
#define HELIOSTAT_WORKER_WORKER_INTERNAL_H

#include <uv.h>

#include "common/codec.h"
#include "common/config.h"
#include "common/config_change.h"
#include "common/config_shared.h"
#include "common/http.h"
#include "common/lane_weight.h"
#include "common/mailbox.h"
#include "common/metrics_page.h"
#include "common/zk.h"
#include "worker/data_loop.h"
#include "worker/lane.h"
#include "worker/look.h"
#include "worker/memory_trim.h"
#include "worker/pump.h"
#include "worker/totals.h"

#define WORKER_INCARNATION_MAX 40

struct worker_route {
        char *name;
        Heliostat__Pb__Route *spec;  /* NULL: not read yet */
        struct start_rules *start_rules; /* of spec */
        uint32_t version;            /* of spec: the znode's, plus one */
        uint64_t print;              /* of its clients (kafka_print.h); 0: not known */
        bool print_asked;
        struct look look;
        int told;                    /* why it could not be read, as logged; 0: nothing */
        struct worker *worker;
        struct worker_route *next;
};

/* One lane as this worker sees it. */
struct worker_lane {
        struct worker *worker;
        char *route;
        uint32_t lane;
        struct lane core;
        Heliostat__Pb__Lane *record;       /* as last read or written; NULL: none */
        struct lane_pump_link *link;       /* the running pump, NULL: none */
        bool open_pending;                 /* waits for the route's spec */
        bool read_waits;                   /* a READ is due but not sent */
        int64_t read_after_ms;             /* and not before this time (boot clock) */
        uint32_t route_lanes;              /* of the route, that have partitions; 0: not told */
        bool seen;                         /* in the assignment being read */
        struct pump_fact *facts;           /* that the record must hold; topics owned */
        size_t fact_count;
        struct pump_snapshot *snapshot;    /* the latest; NULL: none */
        struct lane_rate rate;
        struct worker_lane *next;
};

/* Outlives the lane: the pump's events carry it until `closed`. */
struct lane_pump_link {
        struct worker *worker;
        struct worker_lane *lane;  /* NULL: detached */
        struct pump *pump;
        struct config_shared *shared; /* that the pump borrows */
        struct pump_flow flow;     /* as it was looked at last (worker_limits.c), and ... */
        double records_rate, bytes_rate; /* ... per second then */
        bool limited;
        double told_records, told_bytes; /* its limits; 0: none */
        uint32_t route_version;    /* that it was opened with, or that changed nothing for it */
};

struct worker {
        uv_loop_t loop;
        const struct config *config;  /* as it was at the start */
        struct config_shared *shared; /* as it was read last: what clients are made from */
        struct reload *reload;        /* under way, or NULL */
        bool reload_again;            /* SIGHUP came meanwhile */
        char config_version[CONFIG_VERSION_SIZE];
        int64_t config_read_ms;
        char config_error[CONFIG_ERROR_MAX]; /* of the last reading; "": none */
        const char *id;
        char incarnation[WORKER_INCARNATION_MAX];
        char host[256];
        int64_t started_ms;
        int supervisor_fd;         /* -1: none */
        struct zk *zk;
        struct mailbox home;
        struct http *http;         /* NULL: none */
        char http_told[320];       /* its URL as /worker/<id> has it */
        struct data_loop *data_loops;
        unsigned data_loop_count, next_loop;
        struct topic_looks *topic_looks;

        struct totals totals;
        struct loop_lag lag;       /* of the control loop */
        struct zk_counts zk_counts;
        int64_t session_seen;      /* 0: none yet */
        int64_t zk_lost_ms;        /* boot clock: when the connection was lost; at first, the start */
        bool lanes_ran;            /* once, all lanes at hand ran */

        /* session */
        bool connected;
        bool ever_connected;
        bool registered;           /* /worker/<id> is ours in this session */
        bool registered_once;
        bool registering;          /* its create is under way */
        bool rival_watched;
        int64_t rival_session;     /* of another worker with our id; 0: none */
        int64_t rival_since_ms;
        bool waiting_told;

        /* assignment */
        struct worker_lane *lanes;
        struct worker_route *routes;
        size_t pump_count;         /* links that are alive */
        uint64_t lane_budget_bytes; /* each lane's share of the memory budget */
        uint64_t budget_warned_lanes; /* that are too many for it; 0: they are not */
        struct look assign_look;
        int64_t limits_ms;         /* boot clock: when limits were divided last */
        struct {
                uv_timer_t timer;
                struct memory_trim trim;
                bool trimming;
        } memory;

        /* report */
        uv_timer_t report_timer, report_write_timer;
        uint64_t report_hash;
        int64_t report_written_ms;
        uint64_t report_state_hash;
        int64_t report_told_ms;    /* when a change of state was told out of turn */
        uint64_t report_znodes;    /* of all workers, as counted last */
        int64_t report_counted_ms;
        uint64_t report_own_znodes, report_own_bytes; /* of the last report */
        uint32_t report_pace_ms;
        uint64_t retired_records, retired_bytes, last_records, last_bytes;
        int64_t last_report_ms;

        /* life */
        uv_signal_t sigterm, sigint, sighup;
        uv_timer_t house_timer;    /* retries and time limits, every 500 ms */
        bool stopping, finishing, zk_closed;
        bool closed_connected;     /* finishing: the session ends with the close */
        int64_t stop_since_ms;
        int exit_code;
        int64_t assign_read_ms;
};

/* worker.c */
void worker_register(struct worker *worker);
void worker_maybe_finish(struct worker *worker);

/* assign.c */
void assign_read(struct worker *worker);
void assign_session(struct worker *worker, bool connected);
void assign_stop(struct worker *worker);
void assign_house(struct worker *worker, int64_t now_ms);
/* No lane needs ZooKeeper or a pump any more (or cannot have it). */
bool assign_idle(const struct worker *worker);
void assign_fini(struct worker *worker);

/* worker_http.c */
void worker_http_start(struct worker *worker);
/* To be called with each snapshot of a lane's pump, once. */
void worker_note_snapshot(struct worker_lane *lane, const struct pump_snapshot *snapshot);
void worker_note_lanes(struct worker *worker);
#define WORKER_HOUSE_MS 500

/* The clients of these routes have other settings now, or other spec: drains and
 * opens the lanes that run with the old ones. */
void assign_reopen(struct worker *worker, const struct worker_route *route);

/* worker_limits.c */
/* Every so often: divides the limits anew, by what the lanes use. */
void limits_house(struct worker *worker, int64_t now_ms);
/* A limit, a lane or their number has changed: the same, now. */
void limits_divide(struct worker *worker);

/* reload.c */
/* SIGHUP: reads the file again. */
void reload_begin(struct worker *worker);
/* A route is known that was not: its clients' print is taken. */
void reload_route_known(struct worker *worker);

/* memory_watch.c */
void memory_watch_start(struct worker *worker);

/* report.c */
void report_start(struct worker *worker);
/* Takes a snapshot of the lane's pump. */
void report_take(struct lane_pump_link *link, struct pump_snapshot *snapshot);
void report_session(struct worker *worker); /* a new session: ephemerals are gone */

#endif
