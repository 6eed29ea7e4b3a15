/* How often a worker writes its report, so that the reports of all workers
 * together ask no more of ZooKeeper than it gives easily.  PURE. */
#ifndef HELIOSTAT_WORKER_REPORT_PACE_H
#define HELIOSTAT_WORKER_REPORT_PACE_H

#include <stddef.h>
#include <stdint.h>

/* Of all workers together. */
#define REPORT_WRITES_PER_S 100
#define REPORT_BYTES_PER_S (600 * 1000)
#define REPORT_INTERVAL_MAX_MS 60000 /* however many there are */

struct report_pace {
        uint32_t interval_ms; /* report.interval.ms */
        uint64_t znodes;      /* under /report, all workers'; 0: not known */
        uint64_t own_znodes;  /* of this worker's last report */
        uint64_t own_bytes;   /* of all of them */
};

/* Time from one report to the next, at least interval_ms.  Each worker takes the
 * same share of both limits, so those with large reports write less often. */
uint32_t report_pace_ms(const struct report_pace *pace);

#endif
