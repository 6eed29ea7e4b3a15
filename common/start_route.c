#include "common/start_route.h"

#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"

int start_rules_of_route(const Heliostat__Pb__Route *route, struct start_rules **out, char *why, size_t why_size) {
        struct start_rules *rules = NULL;
        int rc = start_rules_new(route->start_from, route->start_from_topics, &rules, why, why_size);
        for (size_t i = 0; !rc && i < route->n_start_offsets; i++) {
                const Heliostat__Pb__StartOffsets *file = route->start_offsets[i];
                for (size_t t = 0; !rc && t < file->n_topics; t++) {
                        const Heliostat__Pb__PositionTopic *topic = file->topics[t];
                        for (size_t k = 0; !rc && k < topic->n_positions; k++)
                                rc = start_rules_give(rules, file->file, topic->topic,
                                                      (int32_t)topic->positions[k]->partition,
                                                      topic->positions[k]->next_offset);
                }
        }
        if (rc) start_rules_unref(rules);
        else *out = rules;
        return rc;
}
