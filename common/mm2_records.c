#include "common/mm2_records.h"

#include <stdio.h>
#include <string.h>

#include "common/err.h"

static void number(unsigned char **at, uint64_t value, unsigned bytes) {
        while (bytes-- > 0) *(*at)++ = (unsigned char)(value >> (8 * bytes));
}

static void string(unsigned char **at, const char *text) {
        size_t bytes = strlen(text);
        number(at, bytes, 2);
        memcpy(*at, text, bytes);
        *at += bytes;
}

/* All strings of a record together: two of them at most are long. */
static int check(const char *const *strings) {
        size_t bytes = 0;
        for (; *strings; strings++) {
                size_t n = strlen(*strings);
                if (n > MM2_STRING_MAX) return ERR_TOO_BIG;
                bytes += n;
        }
        return bytes + 64 > MM2_RECORD_SIZE ? ERR_TOO_BIG : 0;
}

int mm2_checkpoint(unsigned char buffer[static MM2_RECORD_SIZE], const char *group, const char *topic,
                   int32_t partition, int64_t upstream, int64_t downstream, const char *metadata,
                   struct mm2_record *out) {
        const char *const strings[] = {group, topic, metadata, NULL};
        int rc = check(strings);
        if (rc) return rc;
        unsigned char *at = buffer;
        string(&at, group);
        string(&at, topic);
        number(&at, (uint32_t)partition, 4);
        unsigned char *value = at;
        number(&at, 0, 2);
        number(&at, (uint64_t)upstream, 8);
        number(&at, (uint64_t)downstream, 8);
        string(&at, metadata);
        *out = (struct mm2_record){(size_t)(value - buffer), (size_t)(at - value), buffer, value};
        return 0;
}

int mm2_heartbeat(unsigned char buffer[static MM2_RECORD_SIZE], const char *source, const char *target,
                  int64_t timestamp_ms, struct mm2_record *out) {
        const char *const strings[] = {source, target, NULL};
        int rc = check(strings);
        if (rc) return rc;
        unsigned char *at = buffer;
        string(&at, source);
        string(&at, target);
        unsigned char *value = at;
        number(&at, 0, 2);
        number(&at, (uint64_t)timestamp_ms, 8);
        *out = (struct mm2_record){(size_t)(value - buffer), (size_t)(at - value), buffer, value};
        return 0;
}

void mm2_checkpoints_topic(char *out, size_t size, const char *source, const char *separator) {
        (void)snprintf(out, size, "%s.checkpoints%sinternal", source, separator && *separator ? separator : ".");
}
