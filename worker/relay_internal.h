/* Shared by the files of a relay: relay.c (partitions, life), relay_source.c
 * (fetching), relay_destination.c (producing), relay_lookup.c (leaders, the
 * producer's id). */
#ifndef HELIOSTAT_WORKER_RELAY_INTERNAL_H
#define HELIOSTAT_WORKER_RELAY_INTERNAL_H

#include <string.h>

#include "worker/relay.h"
#include "worker/relay_conn.h"
#include "worker/relay_queue.h"
#include "worker/relay_wire.h"

enum relay_side { RELAY_SOURCE, RELAY_DESTINATION, RELAY_COORDINATOR };
#define RELAY_SIDES 2             /* that have leaders */

#define RELAY_BACKOFF_MS 100      /* doubles with each failure in a row */
#define RELAY_BACKOFF_MAX_MS 3000
#define RELAY_AWAY_MS 10000       /* a partition in trouble for so long is given back */
#define RELAY_REQUEST_MS 10000    /* bound of each request, beyond what the broker may wait */

struct relay_broker {
        struct relay *relay;
        struct relay_broker *next;
        enum relay_side side;
        int32_t id;
        char *host;
        uint16_t port;
        struct relay_conn *conn;  /* NULL: none; made when it is needed */
        bool closing;             /* the last one is not closed yet */
        struct wire_versions versions;
        uint64_t retry_ms;        /* the loop's clock: not before */
        unsigned failures;        /* in a row */
        bool fetching;            /* SOURCE: a fetch is under way */
        struct relay_part *ready, **ready_tail; /* DESTINATION: have batches to be sent */
        size_t rotation;          /* SOURCE: which partition a fetch begins with */
        bool acked;               /* SOURCE: something of its partitions was, since the last fetch */
        uint64_t joined_bytes;    /* SOURCE: of its last answer */
        uint64_t turn;            /* the last in which it was asked to send */
};

enum relay_part_state { RELAY_LOOKING, RELAY_FLOWING, RELAY_SETTLING };

struct relay_part {
        struct relay *relay;
        void *of;
        char *topic, *target;
        int32_t partition;
        enum relay_part_state state;
        struct relay_broker *source, *destination; /* leaders; NULL: not known */
        struct relay_queue queue;
        bool giving;              /* it is given back when nothing is under way */
        bool given;               /* it was; the memory goes with the last reference */
        enum relay_reason reason; /* REMOVED and REFUSED stand, others are found again after a failure */
        int64_t until;
        int64_t sent_next;        /* see relay_place */
        bool unjoined;            /* see relay_place */
        bool joins;               /* of its last answer with several batches some were joined */
        uint64_t incomplete_ms;   /* since when answers do not hold what was joined; 0: they do */
        uint64_t incomplete_again_ms; /* it is not fetched before */
        bool behind;              /* its last answer did not reach the end of the log */
        char why[160];
        unsigned refs;            /* requests that name it, but those of its batches */
        bool add_wanted;          /* to the transaction, before its next batch is sent */
        unsigned transaction;     /* the last it was added to */
        unsigned epoch;           /* grows when the queue is taken back: an answer of before is void */
        unsigned failures;        /* in a row */
        uint64_t trouble_ms;      /* since when nothing has come or gone; 0: it does */
        uint64_t retry_ms;        /* LOOKING: not before */
        unsigned unknown;         /* LOOKING: bits of the sides whose leader is asked for */
        bool packed;              /* its last batch is compressed */
        bool cut;                 /* its last answer had a part of a batch alone */
        uint64_t small_since_ms;  /* since when a backlog of small batches flows and stays one; 0: there is none */
        uint64_t acked_ms;        /* its last acknowledgement */
        struct relay_part *ready_next;
        bool ready;               /* in its destination's list */
        uint64_t ready_number;    /* and came into a list as so manieth of the relay */
};

/* Finds leaders, over a connection of its own: a fetch that waits for records
 * would keep it waiting. */
struct relay_lookup {
        struct relay *relay;
        enum relay_side side;
        bool wanted;
        struct relay_conn *conn;
        bool closing;
        uint64_t retry_ms;
        unsigned failures;
        size_t candidate;         /* the next server to be asked: of `servers`, then brokers */
        char **servers;           /* host:port */
        size_t server_count;
        struct relay_part **sorted; /* while an answer is read */
        bool ask_due;             /* when the last request is written */
};

struct relay {
        uv_loop_t *loop;
        struct relay_events events;
        void *ctx;
        char *client_id;
        uint64_t budget_bytes;
        int codec;
        struct relay_pool pool;
        struct relay_broker *brokers;
        struct relay_lookup lookups[RELAY_SIDES];
        int64_t producer_id;      /* -1: none yet */
        int16_t producer_epoch;
        char *transactional_id;   /* NULL: no transactions */
        unsigned transaction;     /* counts from 1 */
        struct relay_broker coordinator; /* of transactions; host NULL: not known */
        bool add_wanted, adding;  /* some partition's; a request is under way */
        uint64_t add_retry_ms;
        struct relay_part **parts;
        size_t part_count, part_capacity;
        double room;              /* records: what a turn allowed last */
        uint64_t limited_ms;      /* when a limit held back what waits; 0: never */
        uint64_t turn, ready_count; /* counted: turns; partitions that became ready */
        struct wire_out out;
        bool failed, failed_told, fenced;
        char failure[200];
        bool purged;              /* nothing is sent any more */
        bool closing;
        unsigned open;            /* connections and handles that are not closed */
        uv_timer_t timer;         /* what was put off */
};

/* What a connection's request is for. */
enum relay_request_kind { RELAY_FETCH, RELAY_PRODUCE, RELAY_ADD, RELAY_METADATA, RELAY_PRODUCER_ID, RELAY_FIND };
struct relay_row {
        struct relay_part *part;
        unsigned epoch;           /* FETCH; ADD: the transaction */
        int64_t offset;
};
struct relay_request {
        enum relay_request_kind kind;
        int16_t version;
        size_t count, at;         /* at: where the next answer is expected */
        struct relay_row rows[];
};
/* abort on no memory */
struct relay_request *relay_request_new(enum relay_request_kind kind, int16_t version, size_t rows);

/* relay.c */
void relay_conn_gone(struct relay *relay); /* one is closed */
void relay_wake_in(struct relay *relay, uint64_t ms);
uint64_t relay_backoff_ms(unsigned failures);
void relay_tell_trouble(struct relay *relay, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* After a change of its queue: takes back what has failed, gives it back if it is to be.  It may be gone then. */
void relay_part_check(struct relay_part *part);
/* Gives it back when nothing is under way. */
void relay_part_give(struct relay_part *part, enum relay_reason reason, int64_t until, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
/* The same, without what waits to be sent. */
void relay_part_drop(struct relay_part *part, enum relay_reason reason, const char *why);
void relay_part_look(struct relay_part *part);   /* LOOKING, after a failure */
void relay_part_unref(struct relay_part *part);  /* a request names it no longer */
/* Nothing is sent any more; told soon. */
void relay_fail(struct relay *relay, bool fenced, const char *format, ...) __attribute__((format(printf, 3, 4)));
void relay_part_acked(struct relay_part *part);  /* one of its batches */
void relay_part_ready(struct relay_part *part);  /* has a batch to be sent */
struct relay_batch relay_batch_of(const struct relay_slot *slot);
void relay_broker_open(struct relay_broker *broker);
void relay_broker_close(struct relay_broker *broker);
/* The same after trouble: it is opened again later and later. */
void relay_broker_fail(struct relay_broker *broker, const char *why);
const char *relay_side_name(enum relay_side side);
/* Those of a destination's topic stand together, as requests want them. */
static inline int relay_part_by_target(const struct relay_part *x, const struct relay_part *y) {
        int order = strcmp(x->target, y->target);
        return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}
/* The same of rows. */
int relay_row_by_target(const void *a, const void *b);
/* The row of a request that an answer's partition belongs to; NULL: none. */
struct relay_row *relay_row_of(struct relay_request *request, struct wire_text topic, int32_t partition, bool target);

/* relay_source.c */
void relay_fetch(struct relay_broker *broker);
void relay_on_fetched(struct relay_broker *broker, struct relay_request *request, uint8_t *data, size_t bytes,
                      struct relay_buffer *buffer);

/* relay_destination.c */
/* Sends at most one request.  Returns how many records it has. */
double relay_produce(struct relay_broker *broker, double allowed);
void relay_on_produced(struct relay_broker *broker, struct relay_request *request, const uint8_t *data, size_t bytes);

/* relay_transaction.c */
void relay_add_partitions(struct relay *relay);
void relay_on_added(struct relay *relay, struct relay_request *request, const uint8_t *data, size_t bytes);
/* Somebody else is the coordinator, perhaps. */
void relay_forget_coordinator(struct relay *relay);

/* relay_lookup.c */
int relay_lookup_init(struct relay_lookup *lookup, const char *servers); /* 0 | ERR_NOMEM | ERR_INVALID */
void relay_lookup_fini(struct relay_lookup *lookup);
/* An answer is wanted, at that time of the loop's or earlier. */
void relay_look(struct relay *relay, enum relay_side side, uint64_t at_ms);
/* Those whose leaders are known flow, if it is time. */
void relay_flow_found(struct relay *relay);
void relay_lookup_go(struct relay_lookup *lookup);          /* if it is time */

#endif
