#include "worker/process_tune.h"

#include <signal.h>
#include <stdlib.h>

#include "worker/arenas.h"

void process_tune(void) {
        arenas_tune();
        /* The relay's connections look names up on the pool, in half of its
         * threads at once; libuv reads this at the first use of it.  What calls
         * librdkafka has threads of its own (short_thread.h). */
        (void)setenv("UV_THREADPOOL_SIZE", "32", 0);
        (void)signal(SIGPIPE, SIG_IGN); /* cannot fail for this signal */
}
