#include "worker/burst.h"

/* What a record takes in a batch besides its key and value, about. */
#define RECORD_OVERHEAD_BYTES 64
/* A record is handed over in less; a full burst is so within the linger. */
#define RECORDS_PER_MS 2000
/* A lane that gets so much between two looks at its source is not at rest. */
#define HURRIED_RECORDS 64
#define HURRIED_BYTES (64u << 10)

struct burst_limits burst_limits(double linger_ms, uint64_t batch_bytes, uint32_t batch_records) {
        struct burst_limits limits = {
                .window_us = (int64_t)(linger_ms * 750),
                .bytes = batch_bytes / 10 * 9,
                .records = batch_records,
                .sent_records = batch_records,
        };
        double records = linger_ms * RECORDS_PER_MS;
        if (records < 100) records = 100;
        if (records < limits.records) limits.records = (uint32_t)records;
        return limits;
}

static bool grows(const struct burst *burst, const struct burst_limits *limits, int64_t now_us, int64_t closed_us) {
        return burst->opened_us > closed_us && now_us - burst->opened_us <= limits->window_us;
}

bool burst_admit(struct burst *burst, const struct burst_limits *limits, uint64_t under_way,
                 uint64_t bytes, int64_t now_us, int64_t closed_us) {
        bytes += RECORD_OVERHEAD_BYTES;
        if (under_way == 0) {
                *burst = (struct burst){.opened_us = now_us, .bytes = bytes, .records = 1};
                return true;
        }
        if (burst->records >= limits->records || burst->bytes + bytes > limits->bytes) burst->full = true;
        if (burst->full || !grows(burst, limits, now_us, closed_us)) return false;
        burst->bytes += bytes;
        burst->records++;
        return true;
}

bool burst_is_due(const struct burst *burst, const struct burst_limits *limits, bool blocked, int64_t now_us, int64_t closed_us) {
        /* A larger one is a record by itself, and gone as well. */
        bool gone = burst->records >= limits->sent_records || burst->bytes > limits->bytes;
        return (burst->full || blocked) && !gone && grows(burst, limits, now_us, closed_us);
}

void burst_handed_add(struct burst_handed *handed, uint64_t bytes) {
        handed->records++;
        handed->bytes += bytes;
}

bool burst_hurries(struct burst_handed *handed) {
        bool hurries = handed->records > 0 && handed->records <= HURRIED_RECORDS && handed->bytes <= HURRIED_BYTES;
        *handed = (struct burst_handed){0};
        return hurries;
}
