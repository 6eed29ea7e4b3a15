#ifndef HELIOSTAT_CLI_DOCTOR_H
#define HELIOSTAT_CLI_DOCTOR_H

#include "cli/cli.h"

/* `heliostat doctor`: looks at the ground before a mirror is set on it. */
int cli_doctor(const struct verb_args *args);

#endif
