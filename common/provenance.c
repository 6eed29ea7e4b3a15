#include "common/provenance.h"

#include <string.h>

static bool is_hop(const char *name, const void *value, size_t bytes, const char *cluster_id) {
        return strcmp(name, PROVENANCE_HEADER) == 0 && value && bytes == strlen(cluster_id) &&
               memcmp(value, cluster_id, bytes) == 0;
}

bool provenance_carries(const rd_kafka_headers_t *headers, const char *cluster_id) {
        const char *name;
        const void *value;
        size_t bytes;
        for (size_t i = 0; headers && !rd_kafka_header_get_all(headers, i, &name, &value, &bytes); i++)
                if (is_hop(name, value, bytes, cluster_id)) return true;
        return false;
}

rd_kafka_headers_t *provenance_add(rd_kafka_headers_t *headers, const char *cluster_id) {
        const void *value;
        size_t bytes;
        if (headers && !rd_kafka_header_get_last(headers, PROVENANCE_HEADER, &value, &bytes) &&
            is_hop(PROVENANCE_HEADER, value, bytes, cluster_id))
                return headers;
        rd_kafka_headers_t *all = headers ? headers : rd_kafka_headers_new(1);
        if (!all) return NULL;
        if (rd_kafka_header_add(all, PROVENANCE_HEADER, sizeof PROVENANCE_HEADER - 1, cluster_id,
                                (ssize_t)strlen(cluster_id)) == RD_KAFKA_RESP_ERR_NO_ERROR)
                return all;
        if (!headers) rd_kafka_headers_destroy(all);
        return NULL;
}
