/* Names at the destination that follow from a route's group of positions.
 * PURE. */
#ifndef HELIOSTAT_COMMON_NAMES_H
#define HELIOSTAT_COMMON_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* With the final NUL.  Kafka allows 249 bytes in a topic's name. */
#define NAMES_TOPIC_SIZE 250
#define NAMES_TRANSACTIONAL_ID_SIZE 280

/* The topic of the lanes' position records: "heliostat.east->west" gives
 * "heliostat.east-to-west.positions".  What a topic's name cannot hold becomes
 * '-'; a name that would be too long is cut. */
void names_positions_topic(char out[static NAMES_TOPIC_SIZE], const char *group_id);
/* The topic of records that the destination refused: "heliostat.east-to-west.dead-letters". */
void names_dead_letters_topic(char out[static NAMES_TOPIC_SIZE], const char *group_id);
/* The topic of the lanes' offset maps: "heliostat.east-to-west.offsets". */
void names_offsets_topic(char out[static NAMES_TOPIC_SIZE], const char *group_id);
/* Whether it is the name of one of these topics, of whatever route: never mirrored. */
bool names_is_own_topic(const char *topic);
/* Whether it is one of MirrorMaker 2's internal topics (offset syncs, checkpoints,
 * its Connect workers' storage), which are of use to it alone: never mirrored. */
bool names_is_mirrormaker_topic(const char *topic);
/* It belongs to the lane, not to the worker: who initialises it later ends the
 * transactions of who did so earlier. */
void names_transactional_id(char out[static NAMES_TRANSACTIONAL_ID_SIZE], const char *group_id,
                            uint32_t lane);

#endif
