/* A short slice of fuzzing for every test run, without libFuzzer: each target
 * gets its corpus, then a fixed number of mutated corpus files.  Nothing guides
 * the mutations; the search is tests/fuzz/run, this keeps what it found found,
 * and sees a decoder that a change has broken broadly.
 *
 * usage: fuzz_slice CORPUS [SEED [TARGET]]
 * Each target's inputs depend on the seed and its name alone. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_BYTES_MAX 4096
#define FILES_MAX 256

#define X(name, runs) int fuzz_##name(const uint8_t *data, size_t bytes);
FUZZ_TARGETS(X)
#undef X

static const struct target {
        const char *name;
        int (*run)(const uint8_t *data, size_t bytes);
        unsigned runs;
} targets[] = {
#define X(name, runs) {#name, fuzz_##name, runs},
        FUZZ_TARGETS(X)
#undef X
};

struct input {
        uint8_t data[INPUT_BYTES_MAX];
        size_t bytes;
};

static struct {
        struct input files[FILES_MAX];
        size_t count;
} corpus;

/* The input under way, for on_death. */
static struct input now;
static char reproducer[4096 + 64];

static uint64_t state; /* of the random numbers: splitmix64 */

static uint64_t random_bits(void) {
        uint64_t z = state += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return z ^ z >> 31;
}

static size_t random_below(size_t limit) { return limit ? (size_t)(random_bits() % limit) : 0; }

/* ---- what a failure leaves behind --------------------------------------- */

static void say(const char *text) {
        if (write(STDERR_FILENO, text, strlen(text)) < 0) return; /* nowhere left to tell it */
}

/* Calls what a signal handler may. */
static void on_death(void) {
        int fd = open(reproducer, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
        if (fd >= 0 && write(fd, now.data, now.bytes) == (ssize_t)now.bytes) {
                say("fuzz_slice: the input is in ");
                say(reproducer);
                say("\n");
        }
        if (fd >= 0) (void)close(fd); /* written or not, it ends here */
}

static void on_signal(int number) {
        on_death();
        (void)signal(number, SIG_DFL); /* cannot fail for these numbers */
        (void)raise(number);
}

/* There when a sanitizer is. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void watch_death(void) {
        if (__sanitizer_set_death_callback) {
                __sanitizer_set_death_callback(on_death);
                (void)signal(SIGABRT, on_signal);
                return;
        }
        static const int numbers[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
                (void)signal(numbers[i], on_signal);
}

/* ---- inputs ------------------------------------------------------------- */

static int by_name(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name); /* alphasort asks the locale */
}

static int load(const char *folder, const char *name) {
        char path[4096];
        struct dirent **entries;

        corpus.count = 0;
        (void)snprintf(path, sizeof path, "%s/%s", folder, name);
        int count = scandir(path, &entries, NULL, by_name);
        if (count < 0) {
                fprintf(stderr, "fuzz_slice: %s: no corpus\n", path);
                return -1;
        }
        for (int i = 0; i < count; i++) {
                (void)snprintf(path, sizeof path, "%s/%s/%s", folder, name, entries[i]->d_name);
                FILE *file = entries[i]->d_name[0] == '.' ? NULL : fopen(path, "re");
                free(entries[i]);
                if (!file) continue;
                struct input *input = &corpus.files[corpus.count];
                if (corpus.count < FILES_MAX) {
                        input->bytes = fread(input->data, 1, sizeof input->data, file);
                        corpus.count++;
                }
                (void)fclose(file); /* only read from */
        }
        free(entries);
        if (corpus.count) return 0;
        fprintf(stderr, "fuzz_slice: %s/%s: the corpus is empty\n", folder, name);
        return -1;
}

static void run(const struct target *target, const struct input *input) {
        now = *input;
        uint8_t *exact = fuzz_copy(now.data, now.bytes);
        (void)target->run(exact, now.bytes); /* always 0 */
        free(exact);
}

static void insert(struct input *input, size_t at, const uint8_t *data, size_t bytes) {
        if (bytes > sizeof input->data - input->bytes) bytes = sizeof input->data - input->bytes;
        memmove(input->data + at + bytes, input->data + at, input->bytes - at);
        memcpy(input->data + at, data, bytes);
        input->bytes += bytes;
}

static void mutate(struct input *input) {
        static const uint8_t odd[] = {0, 1, 0x7f, 0x80, 0xff, '\n', ' ', '\\', ',', '.', '9', '-'};
        size_t at = random_below(input->bytes + 1), left = input->bytes - at;
        const struct input *other = &corpus.files[random_below(corpus.count)];
        size_t from = random_below(other->bytes + 1), count;
        uint8_t byte = (uint8_t)random_bits();

        switch (random_bits() % 6) {
        case 0: /* a bit */
                if (left) input->data[at] ^= (uint8_t)(1u << byte % 8);
                break;
        case 1: /* a byte */
                if (left) input->data[at] = odd[byte % sizeof odd];
                break;
        case 2: /* a byte more */
                if (byte & 1) byte = odd[byte % sizeof odd];
                insert(input, at, &byte, 1);
                break;
        case 3: /* some bytes less */
                count = random_below(left < 16 ? left + 1 : 16);
                memmove(input->data + at, input->data + at + count, left - count);
                input->bytes -= count;
                break;
        case 4: /* a piece of another file */
                insert(input, at, other->data + from, random_below(other->bytes - from + 1));
                break;
        default: /* ends early */
                if (byte < 32) input->bytes = at;
        }
}

static int run_target(const char *folder, const struct target *target, uint64_t seed) {
        struct timespec from, to;
        static struct input input;

        if (load(folder, target->name) != 0) return -1;
        printf("[ RUN      ] %s\n", target->name);
        if (fflush(stdout) != 0) return -1;
        char here[4096];
        if (!getcwd(here, sizeof here)) return -1;
        (void)snprintf(reproducer, sizeof reproducer, "%s/fuzz_slice-%s-input", here, target->name);
        state = seed;
        for (const char *c = target->name; *c; c++) state = state * 31 + (uint8_t)*c;
        (void)clock_gettime(CLOCK_MONOTONIC, &from); /* cannot fail */
        for (size_t i = 0; i < corpus.count; i++) run(target, &corpus.files[i]);
        for (unsigned i = 0; i < target->runs; i++) {
                input = corpus.files[random_below(corpus.count)];
                for (size_t k = random_below(4) + 1; k > 0; k--) mutate(&input);
                run(target, &input);
        }
        (void)clock_gettime(CLOCK_MONOTONIC, &to); /* cannot fail */
        double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
        printf("[       OK ] %s: %zu files, %u mutations, %.2f s\n", target->name, corpus.count,
               target->runs, seconds);
        return 0;
}

int main(int argc, char **argv) {
        const char *only = argc > 3 ? argv[3] : NULL;
        size_t ran = 0;

        if (argc < 2 || argc > 4) {
                fprintf(stderr, "usage: fuzz_slice CORPUS [SEED [TARGET]]\n");
                return 2;
        }
        uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 20;
        watch_death();
        printf("seed %llu\n", (unsigned long long)seed);
        for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
                if (only && strcmp(only, targets[i].name) != 0) continue;
                if (run_target(argv[1], &targets[i], seed) != 0) return 1;
                ran++;
        }
        if (!ran) fprintf(stderr, "fuzz_slice: no target '%s'\n", only ? only : "");
        return ran ? 0 : 1;
}
