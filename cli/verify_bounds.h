/* What there is to compare: the topics of a route and the range of each
 * partition at both ends.  Blocks. */
#ifndef HELIOSTAT_CLI_VERIFY_BOUNDS_H
#define HELIOSTAT_CLI_VERIFY_BOUNDS_H

#include <stddef.h>
#include <librdkafka/rdkafka.h>

#include "cli/verify_route.h"

/* The clients that ask: of the source with the route's group; of the destination
 * with isolation.level=read_uncommitted, because what the mirror has committed
 * may for a moment lie behind an open transaction of another partition. */
struct verify_clients {
        rd_kafka_t *source, *destination;
};
/* 0 | as kafka_client_new */
int verify_clients_open(const struct verify_request *request, struct verify_clients *out, char *err, size_t err_size);
void verify_clients_close(struct verify_clients *clients);

/* Every partition of the route's topics, with its range.  In this order: the
 * mirror's positions, the destination's ends, the source's ends.  What lies
 * below a position is then below the destination's end, and what lies below the
 * destination's end came from below the source's.
 * 0 | ERR_KAFKA (unreachable) | ERR_INVALID | ERR_NOMEM; err: one line */
int verify_bounds(const struct verify_request *request, struct verify_clients *clients,
                  struct verify_partition **out, size_t *out_count, char *err, size_t err_size);
/* The same for one partition again, after its log's start has moved. */
int verify_bounds_again(const struct verify_request *request, struct verify_clients *clients,
                        struct verify_partition *partition, char *err, size_t err_size);

#endif
