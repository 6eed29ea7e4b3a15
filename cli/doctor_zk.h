/* Asks ZooKeeper what doctor_judge.h wants to know.  Blocks.  Changes nothing:
 * what could be written is found out with multis that also ask for a version
 * that no node has, and fail as a whole. */
#ifndef HELIOSTAT_CLI_DOCTOR_ZK_H
#define HELIOSTAT_CLI_DOCTOR_ZK_H

#include "cli/doctor_judge.h"
#include "cli/progress.h"
#include "common/config.h"

/* out: doctor_zookeeper_fini. */
void doctor_ask_zookeeper(const struct config *config, unsigned timeout_s, struct progress *progress, struct doctor_zookeeper *out);
void doctor_zookeeper_fini(struct doctor_zookeeper *zookeeper);

#endif
