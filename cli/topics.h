/* `heliostat topics ROUTE`: what a route makes of the source's topics. */
#ifndef HELIOSTAT_CLI_TOPICS_H
#define HELIOSTAT_CLI_TOPICS_H

/* Verb; see cli.h. */
int cli_topics(int argc, char **argv);

#endif
