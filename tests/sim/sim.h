/* A cluster in one process: coordinators (the real core), model workers, a
 * ZooKeeper in memory, a network with delays, and a clock that only the queue
 * of events moves.  Everything follows from the seed.
 *
 * What must hold at each write is checked as it is written (sim_check.c):
 *   - a lane is taken from no live incarnation without its release
 *   - only the worker a lane is assigned to claims it
 *   - the generation never shrinks, and grows with each ASSIGNED
 *   - partitions never leave their lane and are never in two
 *   - /assign/<id> says in the same multi what the lane says, also of lanes
 *     that somebody else has changed (`heliostat resume`) */
#ifndef HELIOSTAT_TESTS_SIM_SIM_H
#define HELIOSTAT_TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/cluster.h"
#include "tests/sim/znodes.h"

#define SIM_COORDINATORS_MAX 4
#define SIM_WORKERS_MAX 8
#define SIM_ROUTE "east->west"

struct sim_client {
        struct sim *sim;
        char id[32];
        bool coordinator;
        bool up;          /* the process lives */
        bool paused;      /* SIGSTOP */
        bool linked;      /* reaches ZooKeeper */
        int64_t session;  /* 0: none */
        uint64_t link;    /* counts connections: answers of an older one are lost */
        uint64_t absence; /* counts absences: tells whether an expiry still holds */
        int64_t send_ms, receive_ms; /* the last in each direction: order is kept */
        struct sim_event *backlog, **backlog_tail; /* while paused */
        /* coordinator */
        struct cluster *cluster;
        int32_t leader_version;
        struct cluster_step step;
        bool stepping, suspended, electing;
        char candidate[128];
        int64_t timer_ms;
        /* worker */
        char incarnation[40];
        unsigned sessions;
        bool registered, draining, looking, look_again;
        uint32_t busy; /* lanes with something under way, as bits */
};

struct sim_event;

struct sim {
        int64_t now_ms;
        uint64_t rng;
        struct znodes zk;
        struct sim_client clients[SIM_COORDINATORS_MAX + SIM_WORKERS_MAX];
        size_t client_count;
        struct sim_event **events; /* heap */
        size_t event_count, event_room;
        uint64_t event_sequence;
        int64_t next_session;
        /* what discovery finds */
        struct cluster_topic topics[16];
        size_t topic_count;
        struct cluster_options options;
        int64_t delay_min_ms, delay_max_ms; /* one way */
        int64_t claim_ms, release_ms;       /* of model workers */
        bool jittery;                       /* claims and releases take up to ten times longer */
        char *trace;
        size_t trace_bytes;
        bool tracing;
        uint64_t executed_count;              /* requests that the server took */
        uint64_t fault_at;                    /* ... of which this one is followed by the fault */
        void (*fault)(struct sim *sim);
        char moved_topic[64];                 /* a partition has changed its lane in the multi under way; "": none */
        uint32_t moved_partition;
        uint64_t partition_moves;
        uint64_t assigned_count, moved_count; /* writes of ASSIGNED; planned revocations */
        char current_writer[32];              /* for the trace */
};

void sim_init(struct sim *sim, uint64_t seed);
void sim_fini(struct sim *sim);
uint64_t sim_random(struct sim *sim);

struct sim_client *sim_start(struct sim *sim, const char *id, bool coordinator);
void sim_kill(struct sim_client *client);    /* SIGKILL: the session lives on until it expires */
void sim_restart(struct sim_client *client); /* after kill or stop */
void sim_stop(struct sim_client *client);    /* SIGTERM */
void sim_pause(struct sim_client *client);
void sim_resume(struct sim_client *client);
void sim_cut(struct sim_client *client);
void sim_mend(struct sim_client *client);
/* Writes /leader under the leader's feet, as a standby would that believes the
 * leader gone. */
void sim_usurp(struct sim *sim);
/* `heliostat resume`: answers a halt of the lane, behind the leader's back. */
void sim_answer(struct sim *sim, uint32_t lane);
/* A partition of the lane is to move to another one, as a leader says that sees a hot lane. */
void sim_leave(struct sim *sim, uint32_t lane, uint32_t to);
/* Creates or changes the route; lanes and topics as given before. */
void sim_route(struct sim *sim, uint32_t lanes, bool enabled);
/* Partitions of a topic become ready; reaches the leaders some time later. */
void sim_topic(struct sim *sim, const char *topic, uint32_t partitions);

void sim_run_until(struct sim *sim, int64_t at_ms);
/* Runs until everything is as it should be, at most until at_ms: every lane
 * with partitions OWNED by a live worker, loads even, assign nodes true.
 * NULL, or what is wrong (static text). */
const char *sim_run_until_settled(struct sim *sim, int64_t at_ms);
const char *sim_unsettled(struct sim *sim);

/* One line into the trace, "%5lld text". */
__attribute__((format(printf, 2, 3))) void sim_trace(struct sim *sim, const char *format, ...);

/* sim_check.c: aborts with the trace and the seed when a law is broken. */
void sim_on_written(void *ctx, int64_t session, const struct znode *before, const char *path,
                    const void *data, size_t bytes);
void sim_check_multi(struct sim *sim, const struct znode_write *writes, size_t count);
__attribute__((noreturn, format(printf, 2, 3))) void sim_fail(struct sim *sim, const char *format, ...);

/* Owner of a lane that is OWNED, or "" */
const char *sim_owner(struct sim *sim, uint32_t lane);
uint64_t sim_generation(struct sim *sim, uint32_t lane);

#endif
