/* A long fat path between two network namespaces: a tun device here and one in
 * the other namespace, and whatever enters one leaves the other later, at no
 * more than a rate.  It stands in for `tc netem`, which many kernels lack.
 * Packets beyond 100 ms of the rate are dropped, as a router would.
 *
 *   long_path NAMESPACE_FILE DELAY_MS MBIT_PER_S
 *
 * Both devices are named `path`; addresses are the caller's.  Prints "up", and
 * is neither long nor narrow until it gets SIGUSR1, and again from SIGUSR2 on:
 * topics are filled then. */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define PACKET_MAX 9216
#define RING 16384 /* packets: more than delay and queue hold of the usual size */

struct packet {
        int64_t due_ns;
        int bytes;
        char data[PACKET_MAX];
};

struct direction {
        int from, to;
        struct packet *ring;
        unsigned head, tail; /* taken out, put in; modulo RING */
        int64_t free_ns;     /* when the line has sent what it took */
        uint64_t dropped;
};

static volatile sig_atomic_t is_long;

static void on_signal(int number) {
        is_long = number == SIGUSR1;
}

static int64_t now_ns(void) {
        struct timespec t;
        (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int open_tun(void) {
        int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
        struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
        (void)snprintf(request.ifr_name, sizeof request.ifr_name, "path"); /* fits */
        if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) {
                perror("long_path: tun");
                exit(1);
        }
        return fd;
}

static void take(struct direction *d, int64_t delay_ns, double ns_per_byte) {
        char spare[PACKET_MAX];
        for (;;) {
                bool room = d->tail - d->head < RING;
                struct packet *p = &d->ring[d->tail % RING];
                ssize_t n = read(d->from, room ? p->data : spare, PACKET_MAX);
                if (n <= 0) return; /* EAGAIN */
                int64_t now = now_ns();
                if (d->free_ns < now || !is_long) d->free_ns = now;
                if (!room || d->free_ns - now > 100000000) {
                        d->dropped++;
                        continue;
                }
                if (is_long) d->free_ns += (int64_t)((double)n * ns_per_byte);
                p->due_ns = is_long ? d->free_ns + delay_ns : now;
                p->bytes = (int)n;
                d->tail++;
        }
}

/* When the next is due; 0: none. */
static int64_t give(struct direction *d) {
        while (d->head != d->tail) {
                struct packet *p = &d->ring[d->head % RING];
                if (p->due_ns > now_ns()) return p->due_ns;
                if (write(d->to, p->data, (size_t)p->bytes) < 0) d->dropped++; /* the device is down */
                d->head++;
        }
        return 0;
}

int main(int argc, char **argv) {
        if (argc != 4) {
                fprintf(stderr, "usage: long_path NAMESPACE_FILE DELAY_MS MBIT_PER_S\n");
                return 2;
        }
        int64_t delay_ns = (int64_t)(atof(argv[2]) * 1e6);
        double ns_per_byte = 8e3 / atof(argv[3]);
        struct direction ways[2] = {0};
        int namespace = open(argv[1], O_RDONLY | O_CLOEXEC);
        int near = open_tun();
        if (namespace < 0 || setns(namespace, CLONE_NEWNET) < 0) {
                perror("long_path: namespace");
                return 1;
        }
        int far = open_tun();
        for (int i = 0; i < 2; i++) {
                ways[i].from = i ? far : near;
                ways[i].to = i ? near : far;
                ways[i].ring = calloc(RING, sizeof *ways[i].ring);
                if (!ways[i].ring) return 1;
        }
        (void)signal(SIGUSR1, on_signal); /* cannot fail for these signals */
        (void)signal(SIGUSR2, on_signal);
        (void)prctl(PR_SET_TIMERSLACK, 1); /* best effort */
        /* A line does not wait for a processor: what it may not send while others run here would be missing from its rate. */
        const struct sched_param first = {.sched_priority = 1};
        if (sched_setscheduler(0, SCHED_RR, &first) < 0 && nice(-20) == -1) perror("long_path: priority");
        printf("up\n");
        fflush(stdout);
        for (;;) {
                int64_t next = 0;
                for (int i = 0; i < 2; i++) {
                        take(&ways[i], delay_ns, ns_per_byte);
                        int64_t due = give(&ways[i]);
                        if (due && (!next || due < next)) next = due;
                }
                struct pollfd fds[2] = {{near, POLLIN, 0}, {far, POLLIN, 0}};
                int64_t wait = next ? next - now_ns() : 1000000000;
                /* Some packets together: a wake-up for each would cost more than it tells. */
                if (wait < 100000) wait = 100000;
                struct timespec t = {wait / 1000000000, wait % 1000000000};
                (void)ppoll(fds, 2, &t, NULL); /* errors show at the next read */
        }
}
