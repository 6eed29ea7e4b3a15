#include "cli/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/snapshot.h"

const char *word_grouped(char *buf, int64_t number) {
        char digits[WORD];
        size_t at = 0;
        int n = snprintf(digits, sizeof digits, "%lld", (long long)number);

        for (int i = 0; i < n; i++) {
                if (i > 0 && (n - i) % 3 == 0 && digits[i - 1] != '-') buf[at++] = ',';
                buf[at++] = digits[i];
        }
        buf[at] = '\0';
        return buf;
}

const char *word_offset(char *buf, int64_t offset) {
        if (offset == SNAPSHOT_UNKNOWN) return "-";
        (void)snprintf(buf, WORD, "%lld", (long long)offset);
        return buf;
}

const char *word_duration(char *buf, double seconds) {
        long long s = seconds < 4e18 ? (long long)seconds : 0;

        if (seconds < 0) return "-";
        if (seconds < 9.95) (void)snprintf(buf, WORD, "%.1f s", seconds);
        else if (s < 100) (void)snprintf(buf, WORD, "%lld s", s);
        else if (s < 3600) (void)snprintf(buf, WORD, "%lld min %02lld s", s / 60, s % 60);
        else if (s < 48 * 3600) (void)snprintf(buf, WORD, "%lld h %02lld min", s / 3600, s / 60 % 60);
        else (void)snprintf(buf, WORD, "%lld d %02lld h", s / 86400, s / 3600 % 24);
        return buf;
}

const char *word_duration_ms(char *buf, int64_t ms) {
        return ms == SNAPSHOT_UNKNOWN ? "-" : word_duration(buf, (double)ms / 1000);
}

const char *word_rate(char *buf, double rate) {
        if (rate >= 9.95 && rate < 9e18) return word_grouped(buf, llround(rate));
        (void)snprintf(buf, WORD, "%.1f", rate > 0 ? rate : 0);
        return strcmp(buf, "0.0") == 0 ? "0" : buf;
}

const char *word_time(char *buf, int64_t wall_ms) {
        time_t seconds = (time_t)(wall_ms / 1000);
        struct tm tm;
        if (wall_ms <= 0 || !gmtime_r(&seconds, &tm) || !strftime(buf, WORD, "%Y-%m-%dT%H:%M:%SZ", &tm)) return "-";
        return buf;
}
