/* Asks the clusters of a route what doctor_judge.h wants to know.  Blocks.
 * Changes nothing: topics are asked for with "validate only", positions are
 * committed for a topic that cannot exist, and transactions are begun under an id
 * that no lane has.  With probe_writes, each topic is sent a record that is
 * larger than it takes, which the broker refuses after it has looked at the
 * rights. */
#ifndef HELIOSTAT_CLI_DOCTOR_KAFKA_H
#define HELIOSTAT_CLI_DOCTOR_KAFKA_H

#include <librdkafka/rdkafka.h>

#include "cli/doctor_judge.h"
#include "cli/progress.h"
#include "common/config.h"
#include "coordinator/topics.h"

/* Of topics with more probes are left out. */
#define DOCTOR_PROBES_MAX 20

struct doctor_asked {
        const struct config *config;
        struct progress *progress;
        unsigned timeout_s; /* of each request */
        bool probe_writes;
};

/* Resolves and connects; not speaks. */
void doctor_address(struct doctor_address *address, unsigned timeout_s);

/* out: doctor_cluster_fini, whatever comes. */
void doctor_ask_cluster(const struct doctor_asked *asked, const char *alias, struct doctor_cluster *out);
void doctor_cluster_fini(struct doctor_cluster *cluster);

/* source, destination: asked, and reached.  found: the route's topics, borrowed by
 * out (doctor_route_fini). */
void doctor_ask_route(const struct doctor_asked *asked, const struct config_route *route, const struct doctor_cluster *source,
                      const struct doctor_cluster *destination, const struct topics_found *found, struct doctor_route *out);
void doctor_route_fini(struct doctor_route *route);

#endif
