#include "common/names.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "heliostat."
#define SUFFIX ".positions"

static bool in_topic_name(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
}

void names_positions_topic(char out[static NAMES_TOPIC_SIZE], const char *group_id) {
        size_t room = NAMES_TOPIC_SIZE - sizeof SUFFIX, n = 0;
        if (strncmp(group_id, PREFIX, sizeof PREFIX - 1) != 0) {
                memcpy(out, PREFIX, sizeof PREFIX - 1);
                n = sizeof PREFIX - 1;
        }
        for (const char *c = group_id; *c && n < room; c++) {
                if (strncmp(c, "->", 2) == 0 && n + 4 <= room) {
                        memcpy(out + n, "-to-", 4);
                        n += 4;
                        c++;
                } else {
                        out[n++] = in_topic_name(*c) ? *c : '-';
                }
        }
        memcpy(out + n, SUFFIX, sizeof SUFFIX);
}

bool names_is_positions_topic(const char *topic) {
        size_t n = strlen(topic);
        return n >= sizeof PREFIX + sizeof SUFFIX - 2 && strncmp(topic, PREFIX, sizeof PREFIX - 1) == 0 &&
               strcmp(topic + n - (sizeof SUFFIX - 1), SUFFIX) == 0;
}

void names_transactional_id(char out[static NAMES_TRANSACTIONAL_ID_SIZE], const char *group_id,
                            uint32_t lane) {
        (void)snprintf(out, NAMES_TRANSACTIONAL_ID_SIZE, "%.249s.%u", group_id, lane);
}
