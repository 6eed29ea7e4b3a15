/* What is right and wrong with the ground that a mirror is to stand on.  PURE:
 * facts in, findings out; each finding that is not well names the promise of
 * docs/promises.md that it voids, and what to do. */
#ifndef HELIOSTAT_CLI_DOCTOR_JUDGE_H
#define HELIOSTAT_CLI_DOCTOR_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/topic_configs.h"

#define DOCTOR_WHY_MAX 300

/* What a question ended with. */
enum doctor_answer {
        DOCTOR_UNASKED, /* was not asked, for a reason (why), or because something before it failed ("") */
        DOCTOR_YES,
        DOCTOR_NO,
        DOCTOR_UNCLEAR, /* asked, and the answer says nothing: why */
};
struct doctor_probe {
        enum doctor_answer answer;
        char why[DOCTOR_WHY_MAX];
};

/* An address: of the file (id -1), or that a broker advertises. */
struct doctor_address {
        char host[256];
        uint16_t port;
        int32_t id;
        struct doctor_probe resolves, connects, speaks; /* speaks: TLS, login and protocol */
        char note[DOCTOR_WHY_MAX];   /* of a ZooKeeper server: "3.9.3 standalone"; "" */
        bool standalone;
};

#define DOCTOR_APIS_MAX 128
struct doctor_api {
        int16_t key, min, max;
};

struct doctor_cluster {
        const char *alias;
        struct doctor_address *addresses;
        size_t address_count;
        struct doctor_probe reached;     /* any broker gave metadata */
        char cluster_id[64];             /* "": not known */
        size_t brokers;
        struct topic_settings settings;  /* of a broker; error when they cannot be read */
        struct doctor_api apis[DOCTOR_APIS_MAX];
        size_t api_count;                /* 0: not known */
};

struct doctor_topic {
        const char *name, *target;
        uint32_t partitions, partitions_there; /* there 0: not there yet */
        uint32_t copies, copies_there;         /* replication factors; 0: not known */
        const char *parked;                    /* why it would not be mirrored, or NULL */
        struct topic_settings here, there;
        struct doctor_probe read, write, create;
        int64_t gone;      /* records that retention took before they were mirrored, of all partitions looked at */
        double left;       /* of the partition that is nearest to that: share of its log that is already mirrored and
                            * still kept, 0 to 1; below 0: not known */
};

struct doctor_route {
        const char *name, *group_id;
        const struct doctor_cluster *source, *destination;
        bool exactly_once, identity; /* identity: topics keep their names */
        bool provenance;
        int replication_factor;      /* -1: the broker's */
        uint32_t recommit_ms, transaction_timeout_ms, lanes;
        const char *poison_policy;
        struct doctor_topic *topics;
        size_t topic_count;
        struct doctor_probe commit, transaction; /* rights */
        size_t members;              /* of the group: others that consume */
        size_t unread;               /* topics beyond the bound of probes */
};

struct doctor_zookeeper {
        const char *connect;
        struct doctor_address *servers;
        size_t server_count;
        struct doctor_probe session; /* connected; NO: why */
        bool refused;                /* the session was refused: rights, or nodes that are open to everyone */
        bool identity;               /* zookeeper.auth is set */
        int asked_ms, given_ms;      /* session timeout; given 0: not known */
        struct doctor_probe made;    /* `apply` was run */
        struct doctor_probe create;  /* a node could be created */
        struct doctor_probe large;   /* one of 512 KiB could be */
        int64_t ahead_ms;            /* its clock is at least so much ahead of ours; 0: not seen */
};

struct doctor_host {
        uint64_t files, files_needed; /* descriptors; files_needed 0: not known */
};

enum doctor_level { DOCTOR_OK, DOCTOR_UNKNOWN, DOCTOR_WARN, DOCTOR_FAIL };
const char *doctor_level_name(enum doctor_level level);

struct doctor_finding {
        enum doctor_level level;
        const char *check;   /* its name: "address", "read" ... */
        char *subject;       /* "east", "east->west", "zookeeper", "here" */
        char *text;          /* one line; may hold text of peers */
        const char *voids;   /* what is not held while it is so; NULL for OK */
        const char *advice;  /* NULL for OK */
};
struct doctor_findings {
        struct doctor_finding *items;
        size_t count, room;
        bool failed; /* no memory, once and for all */
};
void doctor_findings_fini(struct doctor_findings *findings);

void doctor_judge_cluster(const struct doctor_cluster *cluster, struct doctor_findings *out);
void doctor_judge_route(const struct doctor_route *route, struct doctor_findings *out);
void doctor_judge_zookeeper(const struct doctor_zookeeper *zookeeper, struct doctor_findings *out);
void doctor_judge_host(const struct doctor_host *host, struct doctor_findings *out);

enum doctor_level doctor_worst(const struct doctor_findings *findings);

#endif
