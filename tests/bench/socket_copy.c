/* The floor of a mirror that does not open its batches: what the system takes to
 * pass bytes from one connection to another, with no Kafka at either end.
 *
 * A child sends a file with sendfile, as a broker does without TLS; this process passes
 * the bytes on; a second child reads them.  Ways: "copy", read and write with so many
 * KiB at a time, over as many buffers as hold 16 MiB, since what was sent is kept
 * until it is acknowledged, or over one; and "splice", which moves pages through a pipe
 * instead.  Printed, per way: user and system time of this process for 100 KB, the
 * median of the rounds, which go over all ways in turn. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KEPT_KIB 16384
#define FILE_MIB 256
#define BROKER_BUFFER 102400  /* socket.send.buffer.bytes, socket.receive.buffer.bytes */
#define ROUNDS_MAX 50

struct way {
        const char *name;
        bool splice, one_buffer;
        size_t kib;
};
static const struct way ways[] = {
        {"copy, one buffer", false, true, 256}, {"copy, one buffer", false, true, 1024},
        {"copy, 16 MiB kept", false, false, 256}, {"copy, 16 MiB kept", false, false, 1024},
        {"splice", true, true, 256},            {"splice", true, true, 1024},
};
#define WAYS (sizeof ways / sizeof ways[0])

static int or_end(int result, const char *what) {
        if (result >= 0) return result;
        perror(what);
        exit(2);
}

static void set(int fd, int level, int name, int value) {
        (void)or_end(setsockopt(fd, level, name, &value, sizeof value), "setsockopt");
}

/* A listener on loopback, with such a buffer for what it accepts. */
static int listener(int buffer, struct sockaddr_in *address) {
        socklen_t bytes = sizeof *address;
        int fd = or_end(socket(AF_INET, SOCK_STREAM, 0), "socket");
        *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        set(fd, SOL_SOCKET, buffer, BROKER_BUFFER);
        (void)or_end(bind(fd, (const struct sockaddr *)address, sizeof *address), "bind");
        (void)or_end(listen(fd, 1), "listen");
        (void)or_end(getsockname(fd, (struct sockaddr *)address, &bytes), "getsockname");
        return fd;
}

static int connected(const struct sockaddr_in *address) {
        int fd = or_end(socket(AF_INET, SOCK_STREAM, 0), "socket");
        (void)or_end(connect(fd, (const struct sockaddr *)address, sizeof *address), "connect");
        set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        return fd;
}

static void send_all(int fd, int file, size_t bytes) {
        const off_t size = (off_t)FILE_MIB << 20;
        for (off_t at = 0; bytes;) {
                if (at == size) at = 0;
                size_t some = bytes < (size_t)(size - at) ? bytes : (size_t)(size - at);
                ssize_t n = sendfile(fd, file, &at, some < (1 << 20) ? some : 1 << 20);
                if (n <= 0) exit(2);
                bytes -= (size_t)n;
        }
        exit(0);
}

static void read_all(int fd) {
        static char room[1 << 20];
        while (read(fd, room, sizeof room) > 0)
                ;
        exit(0);
}

/* Until the sender has closed. */
static void pass_copies(int from, int to, char *room, size_t chunk, size_t buffers) {
        for (size_t i = 0;; i++) {
                char *at = room + i % buffers * chunk;
                size_t have = 0, gone = 0;
                while (have < chunk) {
                        ssize_t n = or_end((int)read(from, at + have, chunk - have), "read");
                        if (n == 0) break;
                        have += (size_t)n;
                }
                if (have == 0) return;
                while (gone < have) gone += (size_t)or_end((int)write(to, at + gone, have - gone), "write");
        }
}

static void pass_pages(int from, int to, size_t chunk) {
        int ends[2];
        (void)or_end(pipe(ends), "pipe");
        (void)or_end(fcntl(ends[0], F_SETPIPE_SZ, 1 << 20), "F_SETPIPE_SZ");
        for (;;) {
                int have = or_end((int)splice(from, NULL, ends[1], NULL, chunk, SPLICE_F_MOVE), "splice");
                if (have == 0) break;
                while (have) have -= or_end((int)splice(ends[0], NULL, to, NULL, (size_t)have, SPLICE_F_MOVE), "splice");
        }
        close(ends[0]);
        close(ends[1]);
}

static double used_us(void) {
        struct rusage used;
        (void)getrusage(RUSAGE_SELF, &used); /* cannot fail */
        return 1e6 * (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static double now_s(void) {
        struct timespec now;
        (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
        return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* us for 100 KB; MB/s to *out_speed. */
static double turn(const struct way *way, int file, char *room, size_t bytes, double *out_speed) {
        struct sockaddr_in source, destination;
        int sends = listener(SO_SNDBUF, &source), reads = listener(SO_RCVBUF, &destination);
        pid_t sender = or_end(fork(), "fork");
        if (sender == 0) send_all(or_end(accept(sends, NULL, NULL), "accept"), file, bytes);
        int from = connected(&source);
        pid_t reader = or_end(fork(), "fork");
        if (reader == 0) {
                close(from);
                read_all(or_end(accept(reads, NULL, NULL), "accept"));
        }
        int to = connected(&destination), status, failed = 0;
        set(from, SOL_SOCKET, SO_RCVLOWAT, 128 << 10); /* as a mirror's relay waits */
        double us = used_us(), began = now_s();
        size_t chunk = way->kib << 10;
        if (way->splice) pass_pages(from, to, chunk);
        else pass_copies(from, to, room, chunk, way->one_buffer ? 1 : KEPT_KIB / way->kib);
        us = used_us() - us;
        *out_speed = (double)bytes / 1e6 / (now_s() - began);
        close(from);
        close(to);
        close(sends);
        close(reads);
        for (int i = 0; i < 2; i++) {
                (void)or_end(waitpid(i ? reader : sender, &status, 0), "waitpid");
                failed |= status;
        }
        if (failed) {
                fprintf(stderr, "socket_copy: %s: an end failed\n", way->name);
                exit(2);
        }
        return us * 1e5 / (double)bytes;
}

static int ascending(const void *a, const void *b) {
        double x = *(const double *)a, y = *(const double *)b;
        return (x > y) - (x < y);
}

int main(int argc, char **argv) {
        size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 1024, rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 5;
        static double us[WAYS][ROUNDS_MAX], speed[WAYS][ROUNDS_MAX];
        if (argc > 3 || mib == 0 || mib > 1 << 20 || rounds == 0 || rounds > ROUNDS_MAX) {
                fprintf(stderr, "usage: socket_copy [MiB of a turn (1024) [rounds, at most %d (5)]]\n", ROUNDS_MAX);
                return 2;
        }
        int file = or_end(memfd_create("records", 0), "memfd_create");
        char *room = malloc((size_t)KEPT_KIB << 10);
        if (!room) return 2;
        for (size_t i = 0; i < (size_t)KEPT_KIB << 10; i++) room[i] = (char)rand();
        for (size_t left = FILE_MIB * 1024 / KEPT_KIB; left; left--)
                if (write(file, room, (size_t)KEPT_KIB << 10) != KEPT_KIB << 10) return 2;
        for (size_t round = 0; round < rounds; round++)
                for (size_t i = 0; i < WAYS; i++) {
                        size_t at = round % 2 ? WAYS - 1 - i : i;
                        us[at][round] = turn(&ways[at], file, room, mib << 20, &speed[at][round]);
                }
        printf("%-20s %10s %16s %10s %10s %8s\n", "way", "KiB each", "us for 100 KB", "least", "most", "MB/s");
        for (size_t i = 0; i < WAYS; i++) {
                qsort(us[i], rounds, sizeof us[i][0], ascending);
                qsort(speed[i], rounds, sizeof speed[i][0], ascending);
                printf("%-20s %10zu %16.1f %10.1f %10.1f %8.0f\n", ways[i].name, ways[i].kib, us[i][rounds / 2], us[i][0],
                       us[i][rounds - 1], speed[i][rounds / 2]);
        }
        free(room);
        return 0;
}
