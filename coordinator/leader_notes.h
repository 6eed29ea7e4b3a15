/* The leader's notes on routes, as much of them as /leader holds.  PURE. */
#ifndef HELIOSTAT_COORDINATOR_LEADER_NOTES_H
#define HELIOSTAT_COORDINATOR_LEADER_NOTES_H

#include <stddef.h>

#include "heliostat.pb-c.h"

#define LEADER_NOTES_TOPICS_MAX 50 /* parked topics of a route that are named */

/* Packs with the first LEADER_NOTES_TOPICS_MAX parked topics of each route; where
 * that is over ZNODE_DATA_MAX with half as many, and so on down to none.  The
 * notes' n_parked and parked_more say what is named and what is not.
 * 0 and how many a route may name | ERR_NOMEM | ERR_TOO_BIG (over 220 routes with
 * names and texts as long as the codec takes them) */
int leader_notes_pack(Heliostat__Pb__Leader *leader, size_t *out_topics, void **out_data, size_t *out_bytes);

#endif
