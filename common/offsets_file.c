#include "common/offsets_file.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/text.h"

#define TOPIC_MAX 249 /* Kafka's limit */
#define SHOWN 80

static bool topic_valid(const char *topic) {
        size_t n = strspn(topic, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
        return n > 0 && n <= TOPIC_MAX && !topic[n];
}

void offset_rows_fini(struct offset_rows *rows) {
        for (size_t i = 0; i < rows->count; i++) free(rows->items[i].topic);
        free(rows->items);
        *rows = (struct offset_rows){0};
}

int offset_rows_add(struct offset_rows *rows, const char *topic, int32_t partition, int64_t offset) {
        /* grows at powers of two */
        if ((rows->count & (rows->count - 1)) == 0) {
                struct offset_row *more =
                        reallocarray(rows->items, rows->count ? 2 * rows->count : 1, sizeof *more);
                if (!more) return ERR_NOMEM;
                rows->items = more;
        }
        struct offset_row row = {strdup(topic), partition, offset};
        if (!row.topic) return ERR_NOMEM;
        rows->items[rows->count++] = row;
        return 0;
}

static int by_partition(const void *a, const void *b) {
        const struct offset_row *x = a, *y = b;
        int order = strcmp(x->topic, y->topic);
        return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

void offset_rows_sort(struct offset_rows *rows) {
        if (rows->count) qsort(rows->items, rows->count, sizeof *rows->items, by_partition);
}

const struct offset_row *offset_rows_find(const struct offset_rows *rows, const char *topic, int32_t partition) {
        struct offset_row key = {(char *)topic, partition, 0};
        return rows->count ? bsearch(&key, rows->items, rows->count, sizeof key, by_partition) : NULL;
}

/* ---- CSV ---------------------------------------------------------------- */

/* Cuts the next field off, without quotes and blanks around it. */
static char *field(char **line) {
        char *value = strsep(line, ",");
        if (!value) return NULL;
        value = text_trim(value);
        size_t n = strlen(value);
        if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
                value[n - 1] = '\0';
                value++;
        }
        return value;
}

static bool number(const char *text, int64_t max, int64_t *out) {
        char *end;
        if (!text || *text < '0' || *text > '9') return false;
        errno = 0;
        long long value = strtoll(text, &end, 10);
        if (*end || errno || value > max) return false;
        *out = value;
        return true;
}

static int csv_line(char *line, size_t at, struct offset_rows *rows, char *err, size_t err_size) {
        char shown[SHOWN + 1], *rest = line;
        int64_t partition, offset;
        (void)snprintf(shown, sizeof shown, "%s", line); /* cut */
        const char *topic = field(&rest), *second = field(&rest), *third = field(&rest);
        if (topic && second && third && !rest && at == 1 && strcmp(topic, "topic") == 0 &&
            strcmp(second, "partition") == 0 && strcmp(third, "offset") == 0)
                return 0;
        if (!third || rest || !topic_valid(topic) || !number(second, INT32_MAX, &partition) ||
            !number(third, INT64_MAX - 1, &offset)) {
                (void)snprintf(err, err_size, "line %zu: expected 'topic,partition,offset', not '%s'", at, shown);
                return ERR_INVALID;
        }
        return offset_rows_add(rows, topic, (int32_t)partition, offset);
}

static int parse_csv(const char *text, size_t bytes, struct offset_rows *rows, char *err, size_t err_size) {
        char *copy = strndup(text, bytes), *rest = copy, *line;
        int rc = copy ? 0 : ERR_NOMEM;
        for (size_t at = 1; !rc && (line = strsep(&rest, "\n")); at++) {
                line = text_trim(line);
                if (!*line || *line == '#') continue;
                if (rows->count >= OFFSETS_ROWS_MAX) rc = ERR_TOO_MANY;
                else rc = csv_line(line, at, rows, err, err_size);
        }
        free(copy);
        return rc;
}

/* ---- JSON --------------------------------------------------------------- */

static int json_row(const json_t *entry, size_t at, struct offset_rows *rows, char *err, size_t err_size) {
        const char *topic = json_string_value(json_object_get(entry, "topic"));
        const json_t *partition = json_object_get(entry, "partition"), *offset = json_object_get(entry, "offset");
        if (!topic || !topic_valid(topic) || !json_is_integer(partition) || !json_is_integer(offset) ||
            json_integer_value(partition) < 0 || json_integer_value(partition) > INT32_MAX ||
            json_integer_value(offset) < 0 || json_integer_value(offset) == INT64_MAX) {
                (void)snprintf(err, err_size,
                               "entry %zu: expected {\"topic\": NAME, \"partition\": N, \"offset\": N}", at + 1);
                return ERR_INVALID;
        }
        return offset_rows_add(rows, topic, (int32_t)json_integer_value(partition), json_integer_value(offset));
}

static int parse_json(const char *text, size_t bytes, struct offset_rows *rows, char *err, size_t err_size) {
        json_error_t error;
        json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
        const json_t *list = json_is_array(root) ? root : json_object_get(root, "partitions");
        int rc = 0;
        if (!root) {
                (void)snprintf(err, err_size, "line %d: %.120s", error.line, error.text);
                rc = ERR_INVALID;
        } else if (!json_is_array(list)) {
                (void)snprintf(err, err_size, "expected an array \"partitions\"");
                rc = ERR_INVALID;
        } else if (json_array_size(list) > OFFSETS_ROWS_MAX) {
                rc = ERR_TOO_MANY;
        }
        for (size_t i = 0; !rc && i < json_array_size(list); i++)
                rc = json_row(json_array_get(list, i), i, rows, err, err_size);
        json_decref(root);
        return rc;
}

/* ---- both --------------------------------------------------------------- */

int offsets_parse(const char *text, size_t bytes, struct offset_rows *out, char *err, size_t err_size) {
        struct offset_rows rows = {0};
        size_t first = 0;
        int rc;
        err[0] = '\0';
        while (first < bytes && strchr(" \t\r\n", text[first])) first++;
        if (memchr(text, '\0', bytes)) {
                (void)snprintf(err, err_size, "is no text");
                return ERR_INVALID;
        }
        if (first < bytes && (text[first] == '{' || text[first] == '['))
                rc = parse_json(text, bytes, &rows, err, err_size);
        else rc = parse_csv(text, bytes, &rows, err, err_size);
        if (rc == ERR_TOO_MANY) (void)snprintf(err, err_size, "holds more than %d partitions", OFFSETS_ROWS_MAX);
        if (rc == ERR_NOMEM) (void)snprintf(err, err_size, "%s", err_text(rc));
        offset_rows_sort(&rows);
        for (size_t i = 1; !rc && i < rows.count; i++)
                if (by_partition(&rows.items[i - 1], &rows.items[i]) == 0) {
                        (void)snprintf(err, err_size, "partition %d of %.249s is there twice", rows.items[i].partition,
                                       rows.items[i].topic);
                        rc = ERR_INVALID;
                }
        text_one_line(err);
        if (rc) offset_rows_fini(&rows);
        else *out = rows;
        return rc;
}

static int parse_stream(FILE *file, struct offset_rows *out, char *err, size_t err_size) {
        char *text = NULL;
        size_t bytes = 0, room = 0;
        int rc = 0;
        for (;;) {
                if (bytes == room) {
                        room = room ? room * 2 : 16384;
                        char *more = room > 2 * OFFSETS_FILE_BYTES_MAX ? NULL : realloc(text, room);
                        if (!more) {
                                rc = room > 2 * OFFSETS_FILE_BYTES_MAX ? ERR_TOO_BIG : ERR_NOMEM;
                                (void)snprintf(err, err_size, "%s", err_text(rc));
                                break;
                        }
                        text = more;
                }
                size_t n = fread(text + bytes, 1, room - bytes, file);
                bytes += n;
                if (n) continue;
                if (ferror(file)) {
                        (void)snprintf(err, err_size, "cannot read the file: %s", strerror(errno));
                        rc = ERR_IO;
                } else {
                        rc = offsets_parse(text, bytes, out, err, err_size);
                }
                break;
        }
        free(text);
        return rc;
}

int offsets_file_read(const char *path, const char *beside, struct offset_rows *out, char *err, size_t err_size) {
        char *full = NULL, why[256] = "";
        const char *slash = beside ? strrchr(beside, '/') : NULL;
        if (asprintf(&full, "%.*s%s", *path != '/' && slash ? (int)(slash - beside + 1) : 0, beside ? beside : "",
                     path) < 0)
                return ERR_NOMEM;
        FILE *file = fopen(full, "re");
        int rc = file ? parse_stream(file, out, why, sizeof why) : ERR_IO;
        if (!file) (void)snprintf(why, sizeof why, "cannot open the file: %s", strerror(errno));
        if (rc) (void)snprintf(err, err_size, "%s: %s", full, why);
        if (file) (void)fclose(file); /* only read from */
        free(full);
        return rc;
}

char *offsets_csv(const struct offset_rows *rows) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        if (!out) return NULL;
        fputs("topic,partition,offset\n", out);
        for (size_t i = 0; i < rows->count; i++)
                fprintf(out, "%s,%d,%lld\n", rows->items[i].topic, rows->items[i].partition,
                        (long long)rows->items[i].offset);
        bool bad = ferror(out);
        if (fclose(out) != 0 || bad) {
                free(text);
                return NULL;
        }
        return text;
}

char *offsets_json(const struct offset_rows *rows, const char *route) {
        json_t *list = json_array();
        for (size_t i = 0; i < rows->count; i++)
                (void)json_array_append_new(list, json_pack("{s:s, s:i, s:I}", "topic", rows->items[i].topic,
                                                            "partition", (int)rows->items[i].partition, "offset",
                                                            (json_int_t)rows->items[i].offset));
        /* json_array_append_new takes NULL as a failure, so count instead */
        bool whole = json_array_size(list) == rows->count;
        json_t *root = json_pack("{s:s, s:o}", "route", route, "partitions", list);
        char *text = root && whole ? json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER) : NULL;
        char *line = NULL;
        if (text && asprintf(&line, "%s\n", text) < 0) line = NULL;
        free(text);
        json_decref(root);
        return line;
}
