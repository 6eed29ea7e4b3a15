/* What a process that runs pumps sets up for itself. */
#ifndef HELIOSTAT_WORKER_PROCESS_TUNE_H
#define HELIOSTAT_WORKER_PROCESS_TUNE_H

/* The allocator, the size of libuv's thread pool, SIGPIPE.  Call it before the
 * first thread. */
void process_tune(void);

#endif
