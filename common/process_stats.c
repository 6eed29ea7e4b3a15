#include "common/process_stats.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/kafka.h"

static double open_fds(void) {
        DIR *dir = opendir("/proc/self/fd");
        double count = -1; /* its own */
        if (!dir) return -1;
        while (readdir(dir)) count++;
        (void)closedir(dir);
        return count - 2; /* "." and ".." */
}

/* Seconds since the epoch; 0: not known.  The start is told in ticks since boot. */
static double start_time(void) {
        char text[1024], *field;
        unsigned long long ticks = 0, boot = 0;
        FILE *file = fopen("/proc/self/stat", "re");
        size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
        if (file) (void)fclose(file);
        text[n] = '\0';
        field = strrchr(text, ')'); /* the name may hold anything */
        for (int i = 0; field && i < 20; i++) field = strchr(field + 1, ' ');
        if (!field || sscanf(field, "%llu", &ticks) != 1) return 0;
        file = fopen("/proc/stat", "re");
        while (file && fgets(text, sizeof text, file))
                if (sscanf(text, "btime %llu", &boot) == 1) break;
        if (file) (void)fclose(file);
        return boot ? (double)boot + (double)ticks / (double)sysconf(_SC_CLK_TCK) : 0;
}

static double seconds(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

static bool read_pages(unsigned long *pages_virtual, unsigned long *pages_resident) {
        FILE *file = fopen("/proc/self/statm", "re");
        bool read = file && fscanf(file, "%lu %lu", pages_virtual, pages_resident) == 2;
        if (file) (void)fclose(file);
        return read;
}

uint64_t process_resident_bytes(void) {
        unsigned long pages_virtual, pages_resident;
        return read_pages(&pages_virtual, &pages_resident) ? pages_resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

void process_metrics(struct metrics *metrics, const char *role, const char *id) {
        unsigned long pages_virtual, pages_resident;
        struct rusage usage;
        struct rlimit limit;
        double page = (double)sysconf(_SC_PAGESIZE), fds = open_fds(), start = start_time();

        metrics_add(metrics, METRIC_BUILD_INFO,
                    metrics_labels(metrics, "role", role, "id", id, "version", HELIOSTAT_VERSION, "librdkafka",
                                   kafka_library_version(), NULL), 1);
        if (getrusage(RUSAGE_SELF, &usage) == 0)
                metrics_add(metrics, METRIC_CPU, METRICS_NO_LABELS, seconds(usage.ru_utime) + seconds(usage.ru_stime));
        if (read_pages(&pages_virtual, &pages_resident)) {
                metrics_add(metrics, METRIC_VIRTUAL, METRICS_NO_LABELS, (double)pages_virtual * page);
                metrics_add(metrics, METRIC_RSS, METRICS_NO_LABELS, (double)pages_resident * page);
        }
        if (fds >= 0) metrics_add(metrics, METRIC_FDS, METRICS_NO_LABELS, fds);
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0) metrics_add(metrics, METRIC_MAX_FDS, METRICS_NO_LABELS, (double)limit.rlim_cur);
        if (start > 0) metrics_add(metrics, METRIC_START, METRICS_NO_LABELS, start);
}
