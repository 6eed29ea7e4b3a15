#include "common/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/err.h"

/* Its own process group, so that all of it can be ended; signals as a new
 * process expects them. */
static int spawn_shell(const char *command, int output, pid_t *out) {
        posix_spawn_file_actions_t files;
        posix_spawnattr_t attributes;
        sigset_t none, defaults;
        char *argv[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};

        if (posix_spawn_file_actions_init(&files) != 0) return ERR_NOMEM;
        if (posix_spawnattr_init(&attributes) != 0) {
                (void)posix_spawn_file_actions_destroy(&files);
                return ERR_NOMEM;
        }
        (void)sigemptyset(&none); /* these four cannot fail */
        (void)sigemptyset(&defaults);
        (void)sigaddset(&defaults, SIGPIPE);
        (void)sigaddset(&defaults, SIGTERM);
        int rc = posix_spawnattr_setsigmask(&attributes, &none) | posix_spawnattr_setsigdefault(&attributes, &defaults) |
                 posix_spawnattr_setpgroup(&attributes, 0) |
                 posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP) |
                 posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0) |
                 posix_spawn_file_actions_adddup2(&files, output, 1);
        if (!rc) rc = posix_spawn(out, "/bin/sh", &files, &attributes, argv, environ);
        (void)posix_spawnattr_destroy(&attributes);
        (void)posix_spawn_file_actions_destroy(&files);
        return rc ? ERR_SYSTEM : 0;
}

/* Up to the end, the limit of time or the limit of size. */
static size_t read_output(int fd, int64_t deadline_ms, char *out, size_t room, bool *late) {
        size_t bytes = 0;

        *late = false;
        while (bytes < room) {
                int64_t left_ms = deadline_ms - clock_boot_ms();
                struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
                int ready = left_ms > 0 ? poll(&poll_fd, 1, (int)left_ms) : 0;
                if (ready < 0 && errno == EINTR) continue;
                if (ready == 0) *late = true;
                if (ready <= 0) break;
                ssize_t n = read(fd, out + bytes, room - bytes);
                if (n < 0 && errno == EINTR) continue;
                if (n <= 0) break;
                bytes += (size_t)n;
        }
        return bytes;
}

/* A command may close its output and go on.  False: it has not ended in time. */
static bool ended_until(pid_t child, int64_t deadline_ms, int *status) {
        for (unsigned wait_ms = 1;; wait_ms = wait_ms < 50 ? 2 * wait_ms : 50) {
                pid_t done = waitpid(child, status, WNOHANG);
                if (done != 0 && !(done < 0 && errno == EINTR)) return true;
                if (clock_boot_ms() >= deadline_ms) return false;
                (void)usleep(wait_ms * 1000); /* mostly it ends with its output, and is over by now */
        }
}

int command_output(const char *command, unsigned limit_ms, size_t bytes_max, char **out, char *why, size_t why_size) {
        int64_t deadline_ms = clock_boot_ms() + limit_ms;
        int fds[2], status = 0;
        bool late;
        pid_t child;
        char *text = malloc(bytes_max + 1);

        if (!text || pipe2(fds, O_CLOEXEC) != 0) {
                free(text);
                (void)snprintf(why, why_size, "cannot start the command: %s", strerror(errno));
                return ERR_SYSTEM;
        }
        int rc = spawn_shell(command, fds[1], &child);
        (void)close(fds[1]);
        size_t bytes = rc ? 0 : read_output(fds[0], deadline_ms, text, bytes_max, &late);
        (void)close(fds[0]);
        if (rc) {
                free(text);
                (void)snprintf(why, why_size, "cannot start the command");
                return rc;
        }
        text[bytes] = '\0';
        if (!late && bytes < bytes_max) late = !ended_until(child, deadline_ms, &status);
        if (late || bytes == bytes_max) {
                (void)kill(-child, SIGKILL); /* it is ours: not yet waited for */
                while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
        }
        if (late)
                (void)snprintf(why, why_size, "the command was not done after %u s", limit_ms / 1000);
        else if (bytes == bytes_max)
                (void)snprintf(why, why_size, "the command prints more than %zu bytes", bytes_max);
        else if (WIFSIGNALED(status))
                (void)snprintf(why, why_size, "the command was ended by signal %d", WTERMSIG(status));
        else if (WEXITSTATUS(status) != 0)
                (void)snprintf(why, why_size, "the command ended with exit code %d", WEXITSTATUS(status));
        else if (strlen(text) == bytes) {
                *out = text;
                return 0;
        } else (void)snprintf(why, why_size, "the command prints a NUL character");
        explicit_bzero(text, bytes);
        free(text);
        return ERR_INVALID;
}
