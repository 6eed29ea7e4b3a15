/* `heliostat promote`: the destination of a route takes over. */
#ifndef HELIOSTAT_CLI_PROMOTE_H
#define HELIOSTAT_CLI_PROMOTE_H

int cli_promote(int argc, char **argv);

#endif
