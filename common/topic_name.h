/* From the name of a topic at the source to its name at the destination, and
 * back where that can be told.  The only place that knows a route's naming.
 * PURE but for PCRE2. */
#ifndef HELIOSTAT_COMMON_TOPIC_NAME_H
#define HELIOSTAT_COMMON_TOPIC_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define TOPIC_NAME_BYTES_MAX 249 /* Kafka's limit */
#define TOPIC_NAME_SIZE (TOPIC_NAME_BYTES_MAX + 1)
#define TOPIC_MAP_BYTES_MAX 65536 /* of a regex too */
#define TOPIC_REPLACEMENT_BYTES_MAX 1024
#define TOPIC_NAME_ERROR_MAX 256

/* How a route names its topics; borrowed strings, NULL counts as "". */
struct topic_naming {
        const char *naming;              /* "identity" (also ""), "prefix", "map" or "regex" */
        const char *source, *destination; /* cluster aliases */
        const char *separator;           /* prefix: between alias and name; "" counts as "." */
        const char *map;                 /* map: "orders:orders.v2, payments:pay" */
        const char *regex, *replacement; /* regex: Java's, for the whole name; "$1-dr" */
};
/* Of a struct config_route or a Heliostat__Pb__Route: they have these fields alike. */
#define TOPIC_NAMING_OF(route) \
        ((struct topic_naming){(route)->topic_naming, (route)->source, (route)->destination, \
                               (route)->replication_policy_separator, (route)->topic_map, \
                               (route)->topic_rename_regex, (route)->topic_rename_replacement})

struct topic_namer;

/* 0 | ERR_INVALID (err: one line, the setting and what was expected) | ERR_TOO_BIG |
 * ERR_NOMEM; *out is the caller's (topic_namer_free). */
int topic_namer_new(const struct topic_naming *naming, struct topic_namer **out,
                    char err[static TOPIC_NAME_ERROR_MAX]);
void topic_namer_free(struct topic_namer *namer);

/* The destination's name of a source topic.  A name that a map or a regex does
 * not concern stays as it is.  0 | ERR_INVALID (no name that Kafka allows, or
 * one of a topic that is never a mirror's) | ERR_TOO_BIG (over 249 bytes) |
 * ERR_TOO_MANY (the regex needs too many steps): err then holds one line, and out ""
 * Not for two threads at once on the same namer. */
int topic_name_destination(struct topic_namer *namer, const char *topic,
                           char out[static TOPIC_NAME_SIZE], char err[static TOPIC_NAME_ERROR_MAX]);

enum topic_name_origin {
        TOPIC_NAME_FOREIGN = 0,   /* the route mirrors no topic into it */
        TOPIC_NAME_OURS = 1,      /* out: the only source topic that is named so */
        TOPIC_NAME_UNDECIDED = 2, /* a regex, or several: map the source's topics instead */
};
/* Whose mirror a topic at the destination would be, by its name alone: whether
 * the source has the topic and the rules match it is not looked at. */
enum topic_name_origin topic_name_source(const struct topic_namer *namer, const char *topic,
                                         char out[static TOPIC_NAME_SIZE]);

/* MirrorMaker 2's cycle rule: with prefixes, a topic whose name says that it came
 * from the destination ("west.orders", "north.west.orders" for a route to west)
 * is not mirrored back there.  Always false with another naming. */
bool topic_name_is_cycle(const struct topic_namer *namer, const char *topic);

/* Two names that a map makes one; false: there are none.  (Of other namings it
 * cannot be told without the source's topics.)  The names are the namer's. */
bool topic_name_merges(const struct topic_namer *namer, const char **out_first, const char **out_second);

/* Whether Kafka allows it as the name of a topic. */
bool topic_name_legal(const char *topic);

#endif
