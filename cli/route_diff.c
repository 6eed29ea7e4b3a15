/* The fields of struct config_route and of the message have the same names, so
 * that one pass over the table of settings fills, compares and prints: a new
 * row of the table that the message lacks does not compile. */
#include "cli/route_diff.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/settings.h"
#include "common/start_offsets.h"
#include "common/text.h"

void route_to_message(const struct config_route *route, Heliostat__Pb__Route *out) {
        heliostat__pb__route__init(out);
        out->name = route->name;
        out->source = route->source;
        out->destination = route->destination;
#define ROW(field, name, type, value, min, max, when, text) out->field = route->field;
        ROUTE_SETTINGS(ROW)
#undef ROW
}

/* Values come from a file and from ZooKeeper; a line stays a line. */
static void print_text(FILE *out, const char *value) {
        char *copy = strdup(*value ? value : "\"\"");
        if (copy) text_one_line(copy);
        fputs(copy ? copy : "...", out);
        free(copy);
}
static void print_bool(FILE *out, bool value) { fputs(value ? "true" : "false", out); }
static void print_number(FILE *out, long long value) { fprintf(out, "%lld", value); }
static bool same_text(const char *a, const char *b) { return strcmp(a, b) == 0; }

#define SAME_TEXT(a, b) same_text(a, b)
#define SAME_TOPICS(a, b) same_text(a, b)
#define SAME_CHOICE(a, b) same_text(a, b)
#define SAME_BOOL(a, b) (!(a) == !(b))
#define SAME_INT(a, b) ((a) == (b))
#define SAME_UINT(a, b) ((a) == (b))
#define SAME_BYTES(a, b) ((a) == (b))
#define PRINT_TEXT print_text
#define PRINT_TOPICS print_text
#define PRINT_CHOICE print_text
#define PRINT_BOOL print_bool
#define PRINT_INT print_number
#define PRINT_UINT print_number
#define PRINT_BYTES print_number

/* An older writer left the naming empty. */
static bool names_differ(const Heliostat__Pb__Route *old, const Heliostat__Pb__Route *new) {
        const char *before = *old->topic_naming ? old->topic_naming : "identity";
        if (!same_text(before, new->topic_naming)) return true;
        if (same_text(before, "prefix"))
                return !same_text(old->replication_policy_separator, new->replication_policy_separator);
        return !same_text(old->topic_map, new->topic_map) ||
               !same_text(old->topic_rename_regex, new->topic_rename_regex) ||
               !same_text(old->topic_rename_replacement, new->topic_rename_replacement);
}

/* The files of offsets, by content. */
static bool diff_offsets(FILE *out, const Heliostat__Pb__Route *old, const Heliostat__Pb__Route *new) {
        bool same = old->n_start_offsets == new->n_start_offsets;
        for (size_t i = 0; i < new->n_start_offsets; i++) {
                const Heliostat__Pb__StartOffsets *now = new->start_offsets[i], *before = NULL;
                for (size_t k = 0; k < old->n_start_offsets; k++)
                        if (same_text(old->start_offsets[k]->file, now->file)) before = old->start_offsets[k];
                if (before && start_offsets_same(before, now)) continue;
                same = false;
                fprintf(out, "~ %s start.from offsets:", new->name);
                print_text(out, now->file);
                if (before) fprintf(out, ": %zu partitions ->", start_offsets_count(before));
                else fputc(':', out);
                fprintf(out, " %zu partitions\n", start_offsets_count(now));
        }
        return !same;
}

int route_diff(const Heliostat__Pb__Route *old, const Heliostat__Pb__Route *new, char **out_text) {
        char *text = NULL;
        size_t size;
        int outcome = ROUTE_UNCHANGED;
        FILE *out = open_memstream(&text, &size);

        if (!out) return ERR_NOMEM;
        if (!old) {
                fprintf(out, "+ %s\n", new->name);
                outcome = ROUTE_ADDED;
        } else if (old->lanes != new->lanes) {
                /* A partition finds its lane, and its position record later on,
                 * by the lane's number. */
                fprintf(out,
                        "%s.lanes: the route has %u lanes and cannot change to %u; "
                        "set %s.lanes = %u\n",
                        new->name, old->lanes, new->lanes, new->name, old->lanes);
                outcome = ROUTE_REFUSED;
        } else if (!same_text(old->source, new->source) ||
                   !same_text(old->destination, new->destination)) {
                fprintf(out, "%s: in ZooKeeper the route leads from '%s' to '%s'\n", new->name,
                        old->source, old->destination);
                outcome = ROUTE_REFUSED;
        } else {
#define ROW(field, name_, type, value, min, max, when, text_) \
                if (!SAME_##type(old->field, new->field)) { \
                        fprintf(out, "~ %s " name_ ": ", new->name); \
                        PRINT_##type(out, old->field); \
                        fputs(" -> ", out); \
                        PRINT_##type(out, new->field); \
                        fputc('\n', out); \
                        outcome = ROUTE_CHANGED; \
                }
                ROUTE_SETTINGS(ROW)
#undef ROW
                if (!same_text(old->group_id, new->group_id))
                        fprintf(out,
                                "! %s: positions are not carried over from the old group; "
                                "partitions already started will halt unless the new group has them\n",
                                new->name);
                if (names_differ(old, new))
                        fprintf(out,
                                "! %s: the topics go on under their new names from where they are; what "
                                "was mirrored stays under the old ones\n",
                                new->name);
                bool starts = diff_offsets(out, old, new);
                if (starts) outcome = ROUTE_CHANGED;
                if (starts || !same_text(old->start_from, new->start_from) ||
                    !same_text(old->start_from_topics, new->start_from_topics))
                        fprintf(out,
                                "! %s: start.from holds for partitions that were never started; 'heliostat "
                                "offsets' moves the others\n",
                                new->name);
                if (outcome == ROUTE_UNCHANGED) fprintf(out, "= %s unchanged\n", new->name);
        }
        bool bad = ferror(out);
        if (fclose(out) != 0 || bad) {
                free(text);
                return ERR_NOMEM;
        }
        *out_text = text;
        return outcome;
}
