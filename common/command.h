/* What a shell command prints.  Blocks: for threads that may wait. */
#ifndef HELIOSTAT_COMMON_COMMAND_H
#define HELIOSTAT_COMMON_COMMAND_H

#include <stddef.h>

/* Runs it by /bin/sh, without input; its standard error is ours.  It is over by
 * then, or it and all that it has started (but for what left its process group)
 * are killed after limit_ms or bytes_max bytes.
 * 0 (*out is malloc'd, and may be a secret) | ERR_INVALID (late, too much, ended
 * otherwise than by exit code 0, a NUL) | ERR_SYSTEM | ERR_NOMEM; why never holds
 * what was printed */
int command_output(const char *command, unsigned limit_ms, size_t bytes_max, char **out, char *why, size_t why_size);

#endif
