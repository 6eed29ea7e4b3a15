/* One loop around ppoll: the pipe from the child, and signals, which are blocked
 * but there.  Their handlers set a flag.  Rejected: signalfd, one more thing to
 * hold; PR_SET_PDEATHSIG in the child, for the supervisor's end must not be the
 * mirror's.
 *
 * The pipe carries messages of one size, below PIPE_BUF: each is written and
 * read as a whole.  A child whose pipe is full (a supervisor stopped for some
 * hundred reconnections) loses the message: its session then ends by timeout. */
#include "worker/supervisor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/config_shared.h"
#include "common/err.h"
#include "common/log.h"
#include "common/zk_end.h"
#include "worker/supervise.h"
#include "worker/worker.h"

#define END_LIMIT_MS 2000
#define END_STOPPING_LIMIT_MS 500 /* of the 10 s that a stop may take */

enum message_kind { MESSAGE_SESSION = 1, MESSAGE_RELEASED };

struct message {
        uint32_t kind;
        struct zk_ticket ticket; /* MESSAGE_SESSION */
};
_Static_assert(sizeof(struct message) <= PIPE_BUF, "written as a whole");

/* ---- the child's side ---- */

static void tell(int fd, const struct message *message) {
        if (fd < 0) return;
        ssize_t ignored = write(fd, message, sizeof *message); /* see the header */
        (void)ignored;
}

void supervisor_tell_session(int fd, const struct zk *zk) {
        struct message message;
        memset(&message, 0, sizeof message);
        message.kind = MESSAGE_SESSION;
        if (zk_session_ticket(zk, &message.ticket) == 0) tell(fd, &message);
}

void supervisor_tell_released(int fd) {
        struct message message;
        memset(&message, 0, sizeof message);
        message.kind = MESSAGE_RELEASED;
        tell(fd, &message);
}

/* ---- signals ---- */

static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
enum { SIGNAL_COUNT = sizeof signals / sizeof *signals };

static volatile sig_atomic_t came[SIGNAL_COUNT];

static void on_signal(int number) {
        for (int i = 0; i < SIGNAL_COUNT; i++)
                if (signals[i] == number) came[i] = 1;
}

struct supervisor {
        struct supervise core;
        const char *id;
        pid_t child;                          /* 0: none */
        int pipe_fd;                          /* its messages; -1: none will come */
        bool have_session;
        struct zk_ticket ticket;              /* have_session */
        char name[16];                        /* of the process, before ours */
        sigset_t mask;                        /* as found */
        sigset_t waiting_mask;                /* in ppoll */
        struct sigaction found[SIGNAL_COUNT]; /* the child gets them back */
};

static void signals_take(struct supervisor *supervisor) {
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_NOCLDSTOP};
        sigset_t ours;

        /* None of these calls can fail for valid signals. */
        (void)sigemptyset(&ours);
        (void)sigfillset(&action.sa_mask);
        for (int i = 0; i < SIGNAL_COUNT; i++) (void)sigaddset(&ours, signals[i]);
        (void)sigprocmask(SIG_BLOCK, &ours, &supervisor->mask);
        supervisor->waiting_mask = supervisor->mask;
        for (int i = 0; i < SIGNAL_COUNT; i++) {
                (void)sigdelset(&supervisor->waiting_mask, signals[i]);
                (void)sigaction(signals[i], NULL, &supervisor->found[i]);
                (void)sigaction(signals[i], &action, NULL);
        }
}

static void signals_give_back(const struct supervisor *supervisor) {
        for (int i = 0; i < SIGNAL_COUNT; i++)
                (void)sigaction(signals[i], &supervisor->found[i], NULL);
        (void)signal(SIGHUP, SIG_IGN); /* until it has a handler for it */
        (void)sigprocmask(SIG_SETMASK, &supervisor->mask, NULL);
}

static void signals_forward(struct supervisor *supervisor) {
        for (int i = 0; i < SIGNAL_COUNT; i++) {
                if (!came[i]) continue;
                came[i] = 0;
                if (signals[i] == SIGCHLD) continue; /* waitpid is asked in any case */
                /* Not reaped yet, so the pid is still its own. */
                if (supervisor->child) (void)kill(supervisor->child, signals[i]);
                supervise_told(&supervisor->core, signals[i]);
        }
}

/* ---- the child's life ---- */

enum { IN_PARENT = 0, IN_CHILD = 1 };

/* IN_PARENT (also when it failed: the core waits then) | IN_CHILD, *out_fd set */
static int child_start(struct supervisor *supervisor, int *out_fd) {
        int fds[2] = {-1, -1};
        pid_t pid = -1;

        if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0) pid = fork();
        if (pid == 0) {
                (void)prctl(PR_SET_NAME, supervisor->name);
                (void)close(fds[0]);
                signals_give_back(supervisor);
                *out_fd = fds[1];
                return IN_CHILD;
        }
        if (pid < 0) {
                int error = errno;
                if (fds[0] >= 0) (void)close(fds[0]);
                if (fds[1] >= 0) (void)close(fds[1]);
                supervise_not_started(&supervisor->core, clock_boot_ms());
                log_error("supervisor.fork", "errno=%d note=\"retrying in %d ms\"", error,
                          supervisor->core.pause_ms);
                return IN_PARENT;
        }
        (void)close(fds[1]);
        supervisor->pipe_fd = fds[0];
        supervisor->child = pid;
        supervisor->have_session = false;
        supervise_started(&supervisor->core, clock_boot_ms());
        log_info("supervisor.child", "worker=%s pid=%d start=%u", supervisor->id, (int)pid,
                 supervisor->core.starts);
        return IN_PARENT;
}

static void pipe_close(struct supervisor *supervisor) {
        if (supervisor->pipe_fd >= 0) (void)close(supervisor->pipe_fd);
        supervisor->pipe_fd = -1;
}

static void messages_take(struct supervisor *supervisor) {
        struct message message;
        while (supervisor->pipe_fd >= 0) {
                ssize_t n = read(supervisor->pipe_fd, &message, sizeof message);
                if (n < 0 && errno == EAGAIN) return;
                if (n <= 0) return pipe_close(supervisor); /* its end closes the pipe */
                if (n != sizeof message) continue;
                supervisor->have_session = message.kind == MESSAGE_SESSION;
                if (supervisor->have_session) supervisor->ticket = message.ticket;
        }
}

static void server_text(const struct zk_ticket *ticket, char *text, size_t size) {
        char address[INET6_ADDRSTRLEN] = "?";
        unsigned port = 0;

        if (ticket->server.ss_family == AF_INET) {
                const struct sockaddr_in *v4 = (const struct sockaddr_in *)&ticket->server;
                (void)inet_ntop(AF_INET, &v4->sin_addr, address, sizeof address);
                port = ntohs(v4->sin_port);
        } else if (ticket->server.ss_family == AF_INET6) {
                const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&ticket->server;
                (void)inet_ntop(AF_INET6, &v6->sin6_addr, address, sizeof address);
                port = ntohs(v6->sin6_port);
        }
        (void)snprintf(text, size, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, port);
}

static void session_end(struct supervisor *supervisor) {
        char server[64];
        if (!supervisor->have_session) return;
        supervisor->have_session = false;
        server_text(&supervisor->ticket, server, sizeof server);
        int64_t begin_ms = clock_boot_ms();
        int rc = zk_end(&supervisor->ticket,
                        supervisor->core.stopping ? END_STOPPING_LIMIT_MS : END_LIMIT_MS);
        int64_t spent_ms = clock_boot_ms() - begin_ms;
        if (rc == 0 || rc == ZK_END_GONE)
                log_info("supervisor.session.closed", "worker=%s session=0x%llx server=%s found=%s after_ms=%lld",
                         supervisor->id, (unsigned long long)supervisor->ticket.session_id, server,
                         rc == 0 ? "alive" : "gone", (long long)spent_ms);
        else
                log_warn("supervisor.session.left", "worker=%s session=0x%llx server=%s error=\"%s\" after_ms=%lld note=\"its lanes move within %d ms, when it times out\"",
                         supervisor->id, (unsigned long long)supervisor->ticket.session_id, server,
                         err_text(rc), (long long)spent_ms, supervisor->ticket.timeout_ms);
        memset(&supervisor->ticket, 0, sizeof supervisor->ticket);
}

static void child_reap(struct supervisor *supervisor) {
        int status;
        if (!supervisor->child || waitpid(supervisor->child, &status, WNOHANG) != supervisor->child)
                return;
        int64_t now_ms = clock_boot_ms();
        long long lived_ms = now_ms - supervisor->core.started_ms;
        const char *cause = WIFEXITED(status) ? "exit" : "signal";
        int number = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
        messages_take(supervisor); /* its last words */
        pipe_close(supervisor);
        supervise_ended(&supervisor->core, now_ms, status);
        if (supervisor->core.state == SUPERVISE_WAITING)
                log_warn("supervisor.child.ended", "worker=%s pid=%d %s=%d lived_ms=%lld note=\"restarting in %d ms\"",
                         supervisor->id, (int)supervisor->child, cause, number, lived_ms,
                         supervisor->core.pause_ms);
        else
                log_info("supervisor.child.ended", "worker=%s pid=%d %s=%d lived_ms=%lld", supervisor->id,
                         (int)supervisor->child, cause, number, lived_ms);
        supervisor->child = 0;
        session_end(supervisor);
}

/* Of a child that is not the first: the file may have changed since ours was
 * read.  One with an error is told, and the old configuration goes on. */
static int child_again(const struct config *config, const char *id, int fd) {
        struct config_shared *fresh = NULL;
        char err[CONFIG_ERROR_MAX];
        int rc = config_reload(config, &fresh, err, sizeof err);
        if (rc)
                log_error("config.reload", "worker=%s error=\"%s\" note=\"the configuration stays as it was\"", id, err);
        else
                config_reload_took(NULL, config_shared_get(fresh));
        int exit_code = worker_main(fresh ? config_shared_get(fresh) : config, id, fd);
        config_shared_unref(fresh);
        return exit_code;
}

/* ---- the loop ---- */

static void wait_for_news(struct supervisor *supervisor) {
        struct pollfd poll_fd = {.fd = supervisor->pipe_fd, .events = POLLIN}; /* -1 is skipped */
        struct timespec left = {0}, *limit = NULL;

        if (supervisor->core.state == SUPERVISE_WAITING) {
                int64_t left_ms = supervisor->core.due_ms - clock_boot_ms();
                if (left_ms < 0) left_ms = 0;
                left.tv_sec = left_ms / 1000;
                left.tv_nsec = left_ms % 1000 * 1000000;
                limit = &left;
        }
        /* Interrupted or failed: everything is looked at again in any case. */
        (void)ppoll(&poll_fd, 1, limit, &supervisor->waiting_mask);
}

int supervisor_main(const struct config *config, const char *id) {
        struct supervisor supervisor = {.id = id, .pipe_fd = -1};
        int fd;

        (void)prctl(PR_GET_NAME, supervisor.name); /* 16 bytes by contract */
        (void)prctl(PR_SET_NAME, "heliostat-super");
        signals_take(&supervisor);
        /* The first line makes libc read the time zone: nothing is allocated later. */
        log_info("supervisor.start", "worker=%s pid=%d", id, (int)getpid());
        supervise_init(&supervisor.core, clock_boot_ms());
        while (supervisor.core.state != SUPERVISE_DONE) {
                wait_for_news(&supervisor);
                signals_forward(&supervisor);
                messages_take(&supervisor);
                child_reap(&supervisor);
                if (supervisor.core.state == SUPERVISE_WAITING &&
                    clock_boot_ms() >= supervisor.core.due_ms &&
                    child_start(&supervisor, &fd) == IN_CHILD)
                        return supervisor.core.starts ? child_again(config, id, fd) : worker_main(config, id, fd);
        }
        log_info("supervisor.end", "worker=%s exit=%d", id, supervisor.core.exit_code);
        return supervisor.core.exit_code;
}
