/* The header that says where a mirrored record has been.  With the route's
 * `provenance = header`, each hop adds one, last: the cluster id of its source. */
#ifndef HELIOSTAT_COMMON_PROVENANCE_H
#define HELIOSTAT_COMMON_PROVENANCE_H

#include <stdbool.h>

#include <librdkafka/rdkafka.h>

#define PROVENANCE_HEADER "heliostat.provenance"
#define PROVENANCE_ID_SIZE 128 /* of a cluster id, with the final NUL; Kafka's have 22 characters */

/* Whether one of the hops was this cluster.  headers: NULL for none. */
bool provenance_carries(const rd_kafka_headers_t *headers, const char *cluster_id);

/* Adds the hop, unless it is the last one already (a record that is sent again).
 * headers: changed, or NULL; then they are made.  Returns them, NULL on no memory. */
rd_kafka_headers_t *provenance_add(rd_kafka_headers_t *headers, const char *cluster_id);

#endif
