/* Built with -Dfault_points=true only. */
#include "common/fault_point.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long passages;

void fault_point(const char *part, const char *when) {
        const char *wanted = getenv("HELIOSTAT_FAULT");
        char name[128];
        if (!wanted || (strncmp(wanted, "kill:", 5) != 0 && strncmp(wanted, "stop:", 5) != 0)) return;
        int length = snprintf(name, sizeof name, "%s.%s", part, when);
        if (length < 0 || strncmp(wanted + 5, name, (size_t)length) != 0) return;
        const char *rest = wanted + 5 + length;
        long number = *rest == ':' ? strtol(rest + 1, NULL, 10) : *rest ? 0 : 1;
        if (number < 1 || atomic_fetch_add(&passages, 1) + 1 != number) return;
        bool kills = *wanted == 'k';
        /* not the log: it may be of another thread, and has to be out before the end */
        (void)dprintf(STDERR_FILENO, "fault.point name=%s action=%s\n", name, kills ? "kill" : "stop");
        (void)kill(getpid(), kills ? SIGKILL : SIGSTOP);
        while (kills) pause();
        (void)dprintf(STDERR_FILENO, "fault.point.passed name=%s\n", name);
}
