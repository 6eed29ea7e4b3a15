#include "worker/producer_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool producer_id_acquired(const char *line, int64_t *out_id, int16_t *out_epoch) {
        const char *at = strstr(line, "Acquired PID{Id:");
        int64_t id;
        int16_t epoch;
        char brace;
        if (!at || sscanf(at, "Acquired PID{Id:%" SCNd64 ",Epoch:%" SCNd16 "%c", &id, &epoch, &brace) != 3 || brace != '}' ||
            id < 0 || epoch < 0)
                return false;
        *out_id = id;
        *out_epoch = epoch;
        return true;
}
