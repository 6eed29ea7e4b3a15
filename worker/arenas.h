/* glibc's heaps: how they are set up, and how what is free in them is given back. */
#ifndef HELIOSTAT_WORKER_ARENAS_H
#define HELIOSTAT_WORKER_ARENAS_H

/* Before the first thread. */
void arenas_tune(void);
/* Walks through all heaps, for milliseconds.  In a thread that may block. */
void arenas_trim(void);

#endif
