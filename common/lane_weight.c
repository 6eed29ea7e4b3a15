/* Integers where planners compare: two that see the same figures get the same
 * weight.  Rejected: exact weights with a smoother measurement; however smooth,
 * some lane would always lie at the edge of a move. */
#include "common/lane_weight.h"

#define UNIT_BYTES 1024      /* per second */
#define RECORD_BYTES 300     /* cost of a record beside its bytes */
#define CATCH_UP_S 300
#define REST_BYTES 16        /* a rate below is none */

/* To four steps an octave: the leading three bits, rounded to the nearest. */
static uint64_t rounded(uint64_t value) {
        unsigned shift = 0;
        if (value < 8) return value;
        while (value >> shift >= 8) shift++;
        uint64_t half = UINT64_C(1) << (shift - 1);
        return value > UINT64_MAX - half ? value : (value + half) >> shift << shift;
}

void lane_rate_note(struct lane_rate *rate, int64_t now_ms, uint64_t records, uint64_t bytes) {
        int64_t step_ms = now_ms - rate->last_ms;
        if (!rate->since_ms || records < rate->last_records || bytes < rate->last_bytes) {
                *rate = (struct lane_rate){.since_ms = now_ms};
        } else if (step_ms > 0) {
                double part = (double)step_ms / (double)(RATE_SMOOTH_MS + step_ms), s = (double)step_ms / 1000;
                rate->bytes += part * ((double)(bytes - rate->last_bytes) / s - rate->bytes);
                rate->records += part * ((double)(records - rate->last_records) / s - rate->records);
                rate->mass += part * (1 - rate->mass);
        }
        rate->last_bytes = bytes;
        rate->last_records = records;
        rate->last_ms = now_ms;
}

/* While little was measured, the sums are that much too small. */
static uint64_t known(double sum, double mass) { return mass > 0 ? (uint64_t)(sum / mass + 0.5) : 0; }

uint64_t lane_rate_bytes(const struct lane_rate *rate) {
        uint64_t bytes = known(rate->bytes, rate->mass);
        return bytes < REST_BYTES ? 0 : rounded(bytes);
}

uint64_t lane_rate_records(const struct lane_rate *rate) { return rounded(known(rate->records, rate->mass)); }

bool lane_rate_measured(const struct lane_rate *rate) {
        return rate->since_ms && rate->last_ms - rate->since_ms >= RATE_MEASURED_MS;
}

uint32_t lane_weight(const struct lane_load *load) {
        double flow = (double)load->bytes_rate + (double)load->records_rate * RECORD_BYTES, behind = 0;
        if (load->records_rate)
                behind = (double)load->lag * (flow / (double)load->records_rate) / CATCH_UP_S;
        if (behind > flow) behind = flow;
        double weight = (flow + behind) / UNIT_BYTES + (double)load->partitions;
        if (weight < 1) return 1;
        return weight < (double)(UINT32_MAX / 4) ? (uint32_t)weight : UINT32_MAX / 4;
}

uint32_t lane_weight_keep(uint32_t kept, uint32_t fresh) {
        if (kept && (uint64_t)fresh * 3 <= (uint64_t)kept * 4 && (uint64_t)fresh * 4 >= (uint64_t)kept * 3) return kept;
        return (uint32_t)rounded(fresh);
}
