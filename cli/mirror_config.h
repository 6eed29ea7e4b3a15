/* From the command line of `heliostat mirror` to a configuration in the one
 * notation that the rest of the program reads.  PURE.
 *
 * MirrorMaker 1's two files hold Java's names without an alias in front.  They
 * are written anew as a route `source->destination`; each line remembers where
 * it comes from, so that a message names the user's file, line and key. */
#ifndef HELIOSTAT_CLI_MIRROR_CONFIG_H
#define HELIOSTAT_CLI_MIRROR_CONFIG_H

#include <stddef.h>

#include "cli/mirror_args.h"

#define MIRROR_ROUTE "source->destination"
/* In place of a path, in messages about the text as a whole. */
#define MIRROR_CONFIG_PATH "mirror"
/* offset.commit.interval.ms of a route goes no higher. */
#define MIRROR_COMMIT_INTERVAL_MAX_MS 60000

struct mirror_where {
        char *file; /* or a flag */
        int line;   /* 0: a flag */
        char *key;  /* as written there */
};

struct mirror_note {
        struct mirror_where where;
        char *text; /* one line */
};

struct mirror_config {
        char *text;                 /* properties; may hold secrets */
        size_t bytes, room;
        struct mirror_where *lines; /* of line i + 1 of the text */
        size_t line_count;
        struct mirror_note *notes;  /* what was given and has no effect, or another one than there */
        size_t note_count;
        bool has_group;             /* else the caller chooses one */
        bool has_start;             /* said where partitions without a position begin */
};

struct mirror_file {
        const char *name;
        const char *text; /* NULL: none */
        size_t bytes;
};

/* Of args BY_FILES and BY_SERVERS.  consumer and producer: the files' contents.
 * 0 | ERR_INVALID | ERR_NOMEM | as properties_parse; err then holds one line.
 * *out is the caller's on success (mirror_config_fini). */
int mirror_config_build(const struct mirror_args *args, const struct mirror_file *consumer,
                        const struct mirror_file *producer, struct mirror_config *out, char *err,
                        size_t err_size);
void mirror_config_fini(struct mirror_config *config);

/* A message about the text, told of what the user has written: line numbers of
 * the text become the file's. */
void mirror_config_explain(const struct mirror_config *config, const char *message, char *out,
                           size_t out_size);
/* Where a line of the text comes from; NULL: nowhere. */
const struct mirror_where *mirror_config_where(const struct mirror_config *config, int line);

#endif
