/* Clocks.  No decision uses the wall clock. */
#ifndef HELIOSTAT_COMMON_CLOCK_H
#define HELIOSTAT_COMMON_CLOCK_H

#include <stdint.h>

/* Milliseconds since boot, suspend included (CLOCK_BOOTTIME): a gap between
 * two readings shows a stopped process and a suspended machine alike. */
int64_t clock_boot_ms(void);
int64_t clock_boot_us(void);
/* Milliseconds since the epoch (CLOCK_REALTIME), for people only. */
int64_t clock_wall_ms(void);

#endif
