/* `heliostat mirror`: MirrorMaker 1's command line, one process, no ZooKeeper. */
#ifndef HELIOSTAT_CLI_MIRROR_H
#define HELIOSTAT_CLI_MIRROR_H

int cli_mirror(int argc, char **argv);

#endif
