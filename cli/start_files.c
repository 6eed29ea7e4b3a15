#include "cli/start_files.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/codec.h"
#include "common/err.h"
#include "common/offsets_file.h"
#include "common/start_from.h"
#include "common/start_offsets.h"

/* Of a route's znode, which ZooKeeper and every worker of the route hold. */
#define BYTES_MAX (400 * 1024)

void start_files_fini(struct start_files *files) {
        for (size_t i = 0; i < files->count; i++) codec_free(files->items[i]);
        free(files->items);
        *files = (struct start_files){0};
}

static int add(struct start_files *files, const struct config *config, const char *file, char *err, size_t err_size) {
        struct offset_rows rows = {0};
        int rc = offsets_file_read(file, config->path, &rows, err, err_size);
        if (rc) return rc;
        Heliostat__Pb__StartOffsets **items = reallocarray(files->items, files->count + 1, sizeof *items);
        if (items) files->items = items;
        Heliostat__Pb__StartOffsets *message = items ? start_offsets_message(file, &rows) : NULL;
        offset_rows_fini(&rows);
        if (!message) return ERR_NOMEM;
        files->items[files->count++] = message;
        return 0;
}

int start_files_load(const struct config *config, const struct config_route *route, struct start_files *out, char *err,
                     size_t err_size) {
        struct start_files files = {0};
        struct start_rules *rules = NULL;
        char why[CONFIG_ERROR_MAX] = "";
        const char *file;
        size_t bytes = 0;
        int rc = start_rules_new(route->start_from, route->start_from_topics, &rules, why, sizeof why);
        for (size_t i = 0; !rc && (file = start_rules_file(rules, i)); i++) {
                rc = add(&files, config, file, why, sizeof why);
                if (rc) break;
                bytes += protobuf_c_message_get_packed_size(&files.items[i]->base);
                if (bytes > BYTES_MAX) {
                        (void)snprintf(why, sizeof why, "%.255s: %zu partitions do not fit into ZooKeeper; leave the "
                                                        "route disabled and use 'heliostat offsets import'",
                                       file, start_offsets_count(files.items[i]));
                        rc = ERR_TOO_BIG;
                }
        }
        start_rules_unref(rules);
        if (rc) {
                (void)snprintf(err, err_size, "%s: %s.start.from: %s", config->path, route->name,
                               *why ? why : err_text(rc));
                start_files_fini(&files);
                return rc;
        }
        *out = files;
        return 0;
}
