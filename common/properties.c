/* Two steps, as the syntax is defined: natural lines are joined to logical
 * lines, then a logical line is cut into key and value and unescaped.  One
 * pass over characters would be shorter, but a continuation inside an escape
 * or a comment sign at the start of a continued line then reads otherwise than
 * in Java. */
#include "common/properties.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

struct reader {
        const char *text;
        size_t bytes, at;
        int line; /* of the character at `at` */
};

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f'; }
static bool is_end(char c) { return c == '\n' || c == '\r'; }

/* Steps over one line end; \r\n is one. */
static void skip_end(struct reader *r) {
        if (r->text[r->at] == '\r' && r->at + 1 < r->bytes && r->text[r->at + 1] == '\n') r->at++;
        r->at++;
        r->line++;
}

static void skip_blanks(struct reader *r) {
        while (r->at < r->bytes && is_blank(r->text[r->at])) r->at++;
}

/* The next logical line into buf (which has room for the whole text).
 * false at the end of the text. */
static bool next_line(struct reader *r, char *buf, size_t *length, int *line) {
        size_t n = 0;

        for (;;) {
                if (n == 0) {
                        /* still at the start: blank lines and comments vanish */
                        skip_blanks(r);
                        if (r->at >= r->bytes) return false;
                        if (is_end(r->text[r->at])) {
                                skip_end(r);
                                continue;
                        }
                        if (r->text[r->at] == '#' || r->text[r->at] == '!') {
                                while (r->at < r->bytes && !is_end(r->text[r->at])) r->at++;
                                continue;
                        }
                        *line = r->line;
                }
                bool backslash = false;
                while (r->at < r->bytes && !is_end(r->text[r->at])) {
                        char c = r->text[r->at++];
                        backslash = c == '\\' && !backslash;
                        buf[n++] = c;
                }
                if (backslash) n--;
                if (r->at < r->bytes) skip_end(r);
                if (!backslash || r->at >= r->bytes) {
                        if (n == 0 && r->at >= r->bytes) return false;
                        *length = n;
                        return true;
                }
                skip_blanks(r);
        }
}

static int hex4(const char *s, size_t left) {
        int value = 0;
        if (left < 4) return -1;
        for (int i = 0; i < 4; i++) {
                char c = s[i];
                int digit = c >= '0' && c <= '9'   ? c - '0'
                            : c >= 'a' && c <= 'f' ? c - 'a' + 10
                            : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                   : -1;
                if (digit < 0) return -1;
                value = value * 16 + digit;
        }
        return value;
}

static size_t put_utf8(char *to, uint32_t c) {
        if (c < 0x80) {
                to[0] = (char)c;
                return 1;
        }
        if (c < 0x800) {
                to[0] = (char)(0xc0 | c >> 6);
                to[1] = (char)(0x80 | (c & 0x3f));
                return 2;
        }
        if (c < 0x10000) {
                to[0] = (char)(0xe0 | c >> 12);
                to[1] = (char)(0x80 | (c >> 6 & 0x3f));
                to[2] = (char)(0x80 | (c & 0x3f));
                return 3;
        }
        to[0] = (char)(0xf0 | c >> 18);
        to[1] = (char)(0x80 | (c >> 12 & 0x3f));
        to[2] = (char)(0x80 | (c >> 6 & 0x3f));
        to[3] = (char)(0x80 | (c & 0x3f));
        return 4;
}

/* A malloc'd copy without escapes.  An escape is never shorter than the UTF-8
 * that it stands for, so `length` bytes suffice. */
static int unescape(const char *s, size_t length, char **out, char *why, size_t why_size) {
        char *copy = malloc(length + 1);
        size_t n = 0;

        if (!copy) return ERR_NOMEM;
        for (size_t i = 0; i < length;) {
                char c = s[i++];
                if (c == '\0') {
                        (void)snprintf(why, why_size, "holds a NUL character");
                        goto invalid;
                }
                if (c != '\\' || i == length) {
                        if (c != '\\') copy[n++] = c;
                        continue;
                }
                c = s[i++];
                if (c == '\0') {
                        (void)snprintf(why, why_size, "holds a NUL character");
                        goto invalid;
                }
                if (c != 'u') {
                        copy[n++] = (char)(c == 't'   ? '\t'
                                           : c == 'n' ? '\n'
                                           : c == 'r' ? '\r'
                                           : c == 'f' ? '\f'
                                                      : c);
                        continue;
                }
                int unit = hex4(s + i, length - i);
                if (unit < 0) {
                        (void)snprintf(why, why_size, "\\u needs four hexadecimal digits");
                        goto invalid;
                }
                i += 4;
                uint32_t point = (uint32_t)unit;
                if (unit >= 0xd800 && unit <= 0xdbff && length - i >= 6 && s[i] == '\\' &&
                    s[i + 1] == 'u') {
                        int low = hex4(s + i + 2, length - i - 2);
                        if (low >= 0xdc00 && low <= 0xdfff) {
                                point = 0x10000 + (((uint32_t)unit - 0xd800) << 10) +
                                        ((uint32_t)low - 0xdc00);
                                i += 6;
                        }
                }
                if (point == 0 || (point >= 0xd800 && point <= 0xdfff)) {
                        (void)snprintf(why, why_size, "\\u%04x is not a character",
                                       (unsigned)unit);
                        goto invalid;
                }
                n += put_utf8(copy + n, point);
        }
        copy[n] = '\0';
        *out = copy;
        return 0;
invalid:
        free(copy);
        return ERR_INVALID;
}

static int cut(const char *s, size_t length, int line, struct property *out, char *why,
               size_t why_size) {
        size_t key_end = 0, value;
        bool backslash = false, separated = false;
        struct property p = {.line = line};

        while (key_end < length) {
                char c = s[key_end];
                if (!backslash && (c == '=' || c == ':' || is_blank(c))) break;
                backslash = c == '\\' && !backslash;
                key_end++;
        }
        /* blanks, then at most one '=' or ':', then blanks */
        for (value = key_end; value < length; value++) {
                if (is_blank(s[value])) continue;
                if (separated || (s[value] != '=' && s[value] != ':')) break;
                separated = true;
        }
        int rc = unescape(s, key_end, &p.key, why, why_size);
        if (!rc) rc = unescape(s + value, length - value, &p.value, why, why_size);
        if (rc) {
                free(p.key);
                return rc;
        }
        *out = p;
        return 0;
}

static int by_key(const void *a, const void *b) {
        const struct property *pa = *(const struct property *const *)a;
        const struct property *pb = *(const struct property *const *)b;
        int order = strcmp(pa->key, pb->key);
        return order ? order : (pa->line > pb->line) - (pa->line < pb->line);
}

/* Sorting keeps a file of many keys from costing the square of their number. */
static int check_twice(const struct properties *p, struct properties_error *error) {
        const struct property *first = NULL, *second = NULL;

        if (p->count < 2) return 0;
        const struct property **sorted = malloc(p->count * sizeof *sorted);
        if (!sorted) return ERR_NOMEM;
        for (size_t i = 0; i < p->count; i++) sorted[i] = &p->items[i];
        qsort(sorted, p->count, sizeof *sorted, by_key);
        for (size_t i = 1; i < p->count; i++)
                if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0 &&
                    (!second || sorted[i]->line < second->line)) {
                        first = sorted[i - 1];
                        second = sorted[i];
                }
        free(sorted);
        if (!second) return 0;
        error->line = second->line;
        (void)snprintf(error->text, sizeof error->text,
                       "%.120s: given twice, the first time in line %d", second->key,
                       first->line);
        return ERR_EXISTS;
}

int properties_parse(const char *text, size_t bytes, struct properties *out,
                     struct properties_error *error) {
        struct properties p = {NULL, 0};
        struct reader r = {text, bytes, 0, 1};
        size_t room = 0, length;
        int line = 1, rc = ERR_NOMEM;
        char *buf = NULL, why[128] = "";

        error->line = 0;
        error->text[0] = '\0';
        if (bytes > PROPERTIES_BYTES_MAX) {
                rc = ERR_TOO_BIG;
                goto fail;
        }
        buf = malloc(bytes + 1);
        if (!buf) goto fail;
        /* a byte order mark, which Windows editors put in front */
        if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) r.at = 3;
        while (next_line(&r, buf, &length, &line)) {
                if (p.count == room) {
                        room = room ? room * 2 : 32;
                        struct property *items = realloc(p.items, room * sizeof *items);
                        rc = ERR_NOMEM;
                        if (!items) goto fail;
                        p.items = items;
                }
                rc = cut(buf, length, line, &p.items[p.count], why, sizeof why);
                if (rc) {
                        error->line = line;
                        goto fail;
                }
                p.count++;
        }
        rc = check_twice(&p, error);
        if (rc) goto fail;
        free(buf);
        *out = p;
        return 0;
fail:
        if (!error->text[0])
                (void)snprintf(error->text, sizeof error->text, "%s",
                               why[0] ? why : err_text(rc));
        free(buf);
        properties_fini(&p);
        return rc;
}

void properties_fini(struct properties *properties) {
        for (size_t i = 0; i < properties->count; i++) {
                free(properties->items[i].key);
                char *value = properties->items[i].value;
                /* not left in freed memory */
                if (value) explicit_bzero(value, strlen(value));
                free(value);
        }
        free(properties->items);
        properties->items = NULL;
        properties->count = 0;
}
