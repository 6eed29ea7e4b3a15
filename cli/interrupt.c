/* Two buffers: the handler reads the one that is complete. */
#include "cli/interrupt.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char texts[2][INTERRUPT_MAX + 80];
static volatile sig_atomic_t lengths[2], current;

static void on_signal(int number) {
        struct sigaction usual = {.sa_handler = SIG_DFL};
        ssize_t ignored = write(STDERR_FILENO, texts[current], (size_t)lengths[current]);
        (void)ignored;
        (void)sigaction(number, &usual, NULL); /* cannot fail for these */
        (void)raise(number);                   /* comes when the handler returns */
}

void interrupt_say(const char *verb, const char *format, ...) {
        static const int signals[] = {SIGINT, SIGTERM};
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, found;
        int next = !current;
        char text[INTERRUPT_MAX];
        va_list args;

        va_start(args, format);
        (void)vsnprintf(text, sizeof text, format, args); /* cut at the bound */
        va_end(args);
        int n = snprintf(texts[next], sizeof texts[next], "\nheliostat: %s: interrupted; %s\n", verb, text);
        lengths[next] = n < (int)sizeof texts[next] ? n : (int)sizeof texts[next] - 1;
        current = next;
        (void)sigemptyset(&action.sa_mask); /* these cannot fail for valid signals */
        for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
                (void)sigaction(signals[i], NULL, &found);
                if (found.sa_handler == SIG_IGN) continue; /* nohup, a background job: as the shell wants it */
                (void)sigaction(signals[i], &action, NULL);
        }
}
