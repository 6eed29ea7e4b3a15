/* Placeholders for values that do not stand in the configuration file:
 *
 *     ${file:PATH:KEY}   the value of KEY in PATH, a .properties file
 *     ${dir:PATH:FILE}   the text of the file PATH/FILE
 *     ${env:NAME}        an environment variable
 *
 * As Kafka's config providers: any number may stand in one value, with text
 * around them, and what they stand for is not looked at again.  Differences:
 * a missing file, key or variable is an error (Java keeps the placeholder and
 * the broker refuses it as a password), and so is an unknown provider; one
 * newline at the end of a ${dir:} file does not count.
 *
 * No message of this file shows a value. */
#ifndef HELIOSTAT_COMMON_SECRET_H
#define HELIOSTAT_COMMON_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#define SECRET_FILE_BYTES_MAX ((size_t)1024 * 1024)
#define SECRET_ERROR_MAX 300

enum secret_source { SECRET_FILE = 1, SECRET_DIR = 2, SECRET_ENV = 4, SECRET_ANY = 7 };

/* The sources of the placeholders in a value, as bits; 0 when there is none.
 * ERR_INVALID, with the reason in why, when one is malformed.  PURE. */
int secret_sources(const char *value, char *why, size_t why_size);

/* The value with everything put in; secret_free it.  Reads files (regular ones
 * only, so that no FIFO blocks) and the environment.
 * 0 | ERR_INVALID | ERR_NOT_FOUND (file, key, variable) | ERR_IO | ERR_TOO_BIG |
 * ERR_NOMEM; why names the path and key. */
int secret_resolve(const char *value, char **out, char *why, size_t why_size);

/* All of a regular file of up to max_bytes, with a NUL behind; the caller wipes
 * and frees it.  0 | ERR_NOT_FOUND | ERR_IO | ERR_TOO_BIG | ERR_NOMEM */
int secret_read_file(const char *path, size_t max_bytes, char **out, size_t *out_bytes, char *why, size_t why_size);

/* Wipes and frees; NULL is fine. */
void secret_free(char *value);

/* Whether a message holds a value, or four bytes of it in a row.  Errs on the
 * side of yes.  PURE. */
bool secret_shown(const char *message, const char *value);

/* Whether the kernel may write this process's memory to a file when it dies,
 * and whether other processes of its user may look into it.  Inherited by
 * children.  PR_SET_DUMPABLE rather than RLIMIT_CORE: that one does not hold
 * where core_pattern is a program.  Single pages cannot be left out instead:
 * librdkafka has copies. */
void secret_core_dumps(bool allowed);

#endif
