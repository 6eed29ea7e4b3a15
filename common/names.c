#include "common/names.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "heliostat."
#define POSITIONS ".positions"
#define DEAD_LETTERS ".dead-letters"
#define OFFSETS ".offsets"

static bool in_topic_name(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
}

static void own_topic(char out[static NAMES_TOPIC_SIZE], const char *group_id, const char *suffix) {
        size_t room = NAMES_TOPIC_SIZE - strlen(suffix) - 1, n = 0;
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
        memcpy(out + n, suffix, strlen(suffix) + 1);
}

void names_positions_topic(char out[static NAMES_TOPIC_SIZE], const char *group_id) {
        own_topic(out, group_id, POSITIONS);
}

void names_dead_letters_topic(char out[static NAMES_TOPIC_SIZE], const char *group_id) {
        own_topic(out, group_id, DEAD_LETTERS);
}

void names_offsets_topic(char out[static NAMES_TOPIC_SIZE], const char *group_id) {
        own_topic(out, group_id, OFFSETS);
}

static bool has_suffix(const char *topic, const char *suffix) {
        size_t n = strlen(topic), m = strlen(suffix);
        return n >= sizeof PREFIX - 1 + m && strcmp(topic + n - m, suffix) == 0;
}

bool names_is_own_topic(const char *topic) {
        return strncmp(topic, PREFIX, sizeof PREFIX - 1) == 0 &&
               (has_suffix(topic, POSITIONS) || has_suffix(topic, DEAD_LETTERS) || has_suffix(topic, OFFSETS));
}

static bool ends_with(const char *topic, const char *suffix) {
        size_t n = strlen(topic), m = strlen(suffix);
        return n >= m && strcmp(topic + n - m, suffix) == 0;
}

bool names_is_mirrormaker_topic(const char *topic) {
        return (strncmp(topic, "mm2", 3) == 0 && ends_with(topic, ".internal")) ||
               ends_with(topic, ".checkpoints.internal");
}

void names_transactional_id(char out[static NAMES_TRANSACTIONAL_ID_SIZE], const char *group_id,
                            uint32_t lane) {
        (void)snprintf(out, NAMES_TRANSACTIONAL_ID_SIZE, "%.249s.%u", group_id, lane);
}
