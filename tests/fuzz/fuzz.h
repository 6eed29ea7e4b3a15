/* What every fuzz target includes.  A target is one function over bytes: it
 * hands them to a decoder and checks laws on the answer.  libFuzzer calls it
 * (tests/fuzz/run), and so does slice.c in each test run. */
#ifndef HELIOSTAT_TESTS_FUZZ_FUZZ_H
#define HELIOSTAT_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The name is libFuzzer's; slice.c gets it under another name of its own. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* A law of the decoder.  Not assert: it holds under NDEBUG too. */
#define LAW(law) \
        do { \
                if (!(law)) fuzz_broken(#law, __FILE__, __LINE__); \
        } while (0)

/* Names the law and aborts. */
void fuzz_broken(const char *law, const char *file, int line) __attribute__((noreturn));

/* Copies in memory of exactly their size, so that a sanitizer sees every step
 * too far; fuzz_text puts a NUL behind.  Caller frees; never NULL. */
void *fuzz_copy(const void *data, size_t bytes);
char *fuzz_text(const uint8_t *data, size_t bytes);

/* Cuts the next '\n'-ended part off *rest; the last part is all that is left,
 * and *rest is NULL then. */
char *fuzz_part(char **rest);

/* Whether text stays one line of a terminal. */
int fuzz_one_line(const char *text);

/* Writes a key, or a value, so that properties_parse reads it back. */
void fuzz_put_key(FILE *out, const char *key);
void fuzz_put_value(FILE *out, const char *value);

#endif
