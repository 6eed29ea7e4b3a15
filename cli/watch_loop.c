/* The terminal is put back by one function, which is called at the end and by the handlers of
 * signals that end the process; after SIGTSTP it is taken again with SIGCONT.
 * Reading blocks for as long as ZooKeeper does not answer, so it happens in a thread. */
#include "cli/watch_loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <uv.h>

#include "cli/cli.h"
#include "cli/watch.h"
#include "common/clock.h"

static struct termios before;
static volatile sig_atomic_t taken, ended, resized;

static const char enter[] = "\033[?1049h\033[?25l\033[2J", leave[] = "\033[?25h\033[?1049l";

static void write_all(const char *text, size_t bytes) {
        while (bytes) {
                ssize_t n = write(STDOUT_FILENO, text, bytes);
                if (n < 0 && errno == EINTR) continue;
                if (n <= 0) return;
                text += n;
                bytes -= (size_t)n;
        }
}

/* Async-signal-safe, as is what it calls. */
static void terminal_leave(void) {
        if (!taken) return;
        taken = 0;
        write_all(leave, sizeof leave - 1);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &before); /* nobody is left to tell */
}

static bool terminal_take(void) {
        struct termios raw = before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0) return false;
        taken = 1;
        write_all(enter, sizeof enter - 1);
        return true;
}

static void on_end(int number) { ended = number; }

static void on_resize(int number) {
        (void)number;
        resized = 1;
}

/* What would end the process without a word. */
static void on_fatal(int number) {
        terminal_leave();
        (void)signal(number, SIG_DFL);
        (void)raise(number);
}

static void on_stop(int number) {
        int saved = errno;
        (void)number;
        terminal_leave();
        (void)raise(SIGSTOP);
        (void)terminal_take(); /* SIGCONT has come */
        resized = 1;
        errno = saved;
}

static void handle(int number, void (*handler)(int)) {
        const struct sigaction action = {.sa_handler = handler};
        (void)sigaction(number, &action, NULL); /* cannot fail for these */
}

/* ---- reading ---- */

struct reader {
        struct field *field;
        uv_thread_t thread;
        uv_mutex_t lock;
        int exit_code;
        bool done; /* under lock */
};

static void read_it(void *arg) {
        struct reader *reader = arg;
        int exit_code = field_read(reader->field);
        uv_mutex_lock(&reader->lock);
        reader->exit_code = exit_code;
        reader->done = true;
        uv_mutex_unlock(&reader->lock);
}

static bool reader_done(struct reader *reader) {
        uv_mutex_lock(&reader->lock);
        bool done = reader->done;
        uv_mutex_unlock(&reader->lock);
        return done;
}

/* ---- with a terminal ---- */

static void draw(const struct watch *watch, const struct field *shown, const char *trouble) {
        struct winsize size = {0};
        struct text text = {0};
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || !size.ws_row || !size.ws_col) size = (struct winsize){.ws_row = 24, .ws_col = 80};
        watch_screen(watch, shown->read ? &shown->snapshot : NULL, &shown->health, trouble, size.ws_row, size.ws_col, field_colours(), &text);
        if (text.data) write_all(text.data, text.bytes);
        free(text.data);
}

static void keys(struct watch *watch, bool *redraw) {
        char typed[64];
        ssize_t n = read(STDIN_FILENO, typed, sizeof typed);
        for (ssize_t i = 0; i < n && !watch->quit; i++) *redraw |= watch_key(watch, typed[i]);
        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) { /* the terminal has gone, or nothing was typed */
                struct pollfd gone = {.fd = STDIN_FILENO, .events = POLLIN};
                if (poll(&gone, 1, 0) > 0 && (gone.revents & (POLLHUP | POLLERR | POLLNVAL))) watch->quit = true;
        }
}

static int on_terminal(struct field *field, unsigned interval_s, unsigned rounds) {
        struct watch watch = {.interval_s = interval_s, .partitions = true};
        struct field shown = {0}, fresh = {0}; /* what was read last, complete; what is being read */
        struct reader reader = {.field = &fresh};
        char trouble[200] = "", said[200] = "";
        bool reading = false, redraw = true;
        int64_t next_ms = 0;
        unsigned read = 0;
        static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT}, fatals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
        if (uv_mutex_init(&reader.lock) != 0) return CLI_FAILED;
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) handle(ends[i], on_end);
        for (size_t i = 0; i < sizeof fatals / sizeof *fatals; i++) handle(fatals[i], on_fatal);
        handle(SIGTSTP, on_stop);
        handle(SIGWINCH, on_resize);
        if (!terminal_take()) {
                cli_error("status: the terminal cannot be used: %s", strerror(errno));
                uv_mutex_destroy(&reader.lock);
                return CLI_FAILED;
        }
        cli_errors_into(said, sizeof said);
        while (!ended && !watch.quit) {
                int64_t now = clock_boot_ms();
                if (!reading && (now >= next_ms || watch.now)) {
                        reader.done = false;
                        watch.now = false;
                        /* what is shown stays as it is until the new one is complete */
                        fresh = (struct field){.connect = field->connect, .report_interval_ms = field->report_interval_ms,
                                               .timeout_s = field->timeout_s};
                        reading = uv_thread_create(&reader.thread, read_it, &reader) == 0;
                        if (!reading) next_ms = now + 1000;
                }
                if (reading && reader_done(&reader)) {
                        (void)uv_thread_join(&reader.thread);
                        reading = false;
                        next_ms = clock_boot_ms() + (int64_t)watch.interval_s * 1000;
                        *trouble = '\0';
                        if (reader.exit_code) {
                                (void)snprintf(trouble, sizeof trouble, "%s", said);
                        } else {
                                field_close(&shown);
                                shown = fresh;
                                fresh = (struct field){0};
                                read++;
                        }
                        redraw = true;
                        if (rounds && read >= rounds) watch.quit = true;
                }
                if (redraw || resized) {
                        resized = 0;
                        redraw = false;
                        draw(&watch, &shown, trouble);
                }
                struct pollfd typed = {.fd = STDIN_FILENO, .events = POLLIN};
                if (poll(&typed, 1, 100) > 0) keys(&watch, &redraw);
        }
        terminal_leave();
        if (reading) (void)uv_thread_join(&reader.thread); /* its words are for nobody any more */
        cli_errors_into(NULL, 0);
        field_close(&fresh);
        field_close(&shown);
        uv_mutex_destroy(&reader.lock);
        return CLI_OK;
}

/* ---- without ---- */

static int as_lines(struct field *field, unsigned interval_s, unsigned rounds) {
        int exit_code = CLI_OK;
        handle(SIGINT, on_end);
        handle(SIGTERM, on_end);
        for (unsigned read = 0; !ended && !exit_code;) {
                int64_t begun = clock_boot_ms();
                int code = field_read(field); /* it has said why not, and the next may work */
                if (!code) {
                        struct text text = {0};
                        watch_line(&field->snapshot, &field->health, &text);
                        exit_code = cli_print(&text);
                } else if (code != CLI_UNREACHABLE) {
                        exit_code = code;
                }
                if (rounds && ++read >= rounds) return exit_code ? exit_code : code;
                while (!ended && !exit_code && clock_boot_ms() - begun < (int64_t)interval_s * 1000) (void)usleep(50 * 1000);
        }
        return exit_code;
}

int watch_loop(struct field *field, unsigned interval_s, unsigned rounds) {
        const char *term = getenv("TERM");
        bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0 &&
                        tcgetattr(STDIN_FILENO, &before) == 0;
        return terminal ? on_terminal(field, interval_s, rounds) : as_lines(field, interval_s, rounds);
}
