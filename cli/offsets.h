/* `heliostat offsets`: the positions of a route, read and moved. */
#ifndef HELIOSTAT_CLI_OFFSETS_H
#define HELIOSTAT_CLI_OFFSETS_H

int cli_offsets(int argc, char **argv);

#endif
