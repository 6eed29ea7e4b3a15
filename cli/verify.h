/* `heliostat verify`: is the destination the source? */
#ifndef HELIOSTAT_CLI_VERIFY_H
#define HELIOSTAT_CLI_VERIFY_H

int cli_verify(int argc, char **argv);

#endif
