/* Znode paths, relative to the chroot.  PURE.
 *
 * Builders write into the caller's buffer of ZNODE_PATH_MAX bytes and return
 * 0, or ERR_INVALID when a name may not stand in a path. */
#ifndef HELIOSTAT_COMMON_ZNODE_PATH_H
#define HELIOSTAT_COMMON_ZNODE_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZNODE_PATH_MAX 512
#define ZNODE_DATA_MAX (512 * 1024)

#define ZNODE_META "/meta"
#define ZNODE_ROUTES "/route"
#define ZNODE_ELECTION "/election"
#define ZNODE_LEADER "/leader"
#define ZNODE_WORKERS "/worker"
#define ZNODE_ASSIGNS "/assign"
#define ZNODE_LANES "/lane"
#define ZNODE_REPORTS "/report"
#define ZNODE_OPS "/op"
#define ZNODE_EVENTS "/event"
#define ZNODE_PROMOTIONS "/promotion"

/* The persistent parents that `apply` and the coordinator create. */
extern const char *const znode_parents[];
extern const size_t znode_parent_count;

/* For workers, coordinators and aliases: letters, digits and ". _ -", 1 to 128 of them, not "." or "..". */
bool znode_id_valid(const char *id);
bool znode_alias_valid(const char *alias);
/* "east->west": two valid aliases. */
bool znode_route_valid(const char *route);

int znode_path_route(char *buf, const char *route);
int znode_path_promotion(char *buf, const char *route);
int znode_path_worker(char *buf, const char *id);
int znode_path_assign(char *buf, const char *id);
int znode_path_lanes(char *buf, const char *route);
int znode_path_lane(char *buf, const char *route, uint32_t lane);
int znode_path_event(char *buf, uint32_t chunk);
/* chunk 0 is /report/<id>, chunk n is /report/<id>~<n>. */
int znode_path_report(char *buf, const char *id, uint32_t chunk);

#endif
