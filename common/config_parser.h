/* A configuration being read, for the files that do so: config.c (keys),
 * config_routes.c (routes), config_parser.c (errors and what became of a key). */
#ifndef HELIOSTAT_COMMON_CONFIG_PARSER_H
#define HELIOSTAT_COMMON_CONFIG_PARSER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config_internal.h"
#include "common/properties.h"
#include "common/setting_value.h"

#define VALUE_SHOWN 100  /* bytes of a value in a message */

/* A route under construction. */
struct draft {
        char *name, *source, *destination;
        const struct property *given[SETTING_ROUTE_COUNT];
};

struct parser {
        const char *path;
        char *err;
        size_t err_size;
        struct properties properties;
        struct config config;
        struct property *clusters; /* the `clusters` property */
        const struct property *program[SETTING_PROGRAM_COUNT];
        const struct property *common[SETTING_ROUTE_COUNT]; /* defaults for all routes */
        const struct property **guarantees; /* `<alias>.exactly.once.source.support`, by cluster */
        struct draft *drafts;
        size_t draft_count;
        bool all;     /* errors, not only the first */
        bool lost;    /* the first error hides what the rest means */
};

/* What became of a property. */
struct config_fate *parser_fate_of(struct parser *p, const struct property *at);
/* A refusal stays.  format may be NULL: no reason. */
void parser_set_fate(struct parser *p, const struct property *at, enum config_fate_kind kind,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Writes the one line and returns ERR_INVALID.  at is NULL for the file as a whole. */
int parser_fail(struct parser *p, const struct property *at, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* 0 in place of ERR_INVALID where the reading goes on behind an error. */
int parser_go_on(const struct parser *p, int rc);
int parser_no_memory(struct parser *p);
/* Checks and stores a value; at is NULL for a default of the table. */
int parser_set_field(struct parser *p, void *owner, const struct setting *setting,
                     const struct property *at, const char *value);

/* From drafts to p->config.routes, with all that is checked of them. */
int parser_build_routes(struct parser *p);

#endif
