/* The format is walked once.  Its own bytes drive a small machine (between
 * fields, in a value, in a quoted value); what a conversion gives is only ever
 * added to the value at hand.  Rejected: calls with typed fields, which would say
 * the same in three times the space. */
#include "common/log_line.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/text.h"

#define KEY_MAX 48
#define RESERVED 48 /* for "truncated" and the end */

enum place { BETWEEN, BARE, QUOTED };

struct line {
        char *out;
        size_t n;
        enum log_format format;
        bool truncated, begun;

        enum place place;
        char key[KEY_MAX];
        size_t key_n;
        char value[LOG_VALUE_MAX + 8];
        size_t value_n;
        bool number, text; /* it has a number; it has anything else */
        char detail[LOG_VALUE_MAX + 8];
        size_t detail_n;
};

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const int priorities[] = {7, 6, 4, 3};

/* ---- bytes out ---- */

static bool put(struct line *l, const char *bytes, size_t count) {
        if (l->n + count > LOG_LINE_MAX - RESERVED) return false;
        memcpy(l->out + l->n, bytes, count);
        l->n += count;
        return true;
}

/* False, and nothing of it, when not even its beginning fits. */
static bool put_quoted(struct line *l, const char *text, size_t bytes) {
        static const char cut[] = "…";
        size_t from = l->n;
        bool short_of = false;
        if (!put(l, "\"", 1)) return false;
        for (size_t i = 0; i < bytes && !short_of;) {
                const unsigned char *s = (const unsigned char *)text + i;
                char escape[16];
                uint32_t c;
                size_t length = i < LOG_VALUE_MAX ? text_utf8(s, bytes - i, &c) : 0, room;
                if (i >= LOG_VALUE_MAX) {
                        short_of = true;
                        break;
                }
                const char *as = escape;
                if (!length) {
                        room = (size_t)snprintf(escape, sizeof escape, "\\ufffd");
                        length = 1;
                } else if (c == '"' || c == '\\') {
                        room = (size_t)snprintf(escape, sizeof escape, "\\%c", (char)c);
                } else if (c == '\n' || c == '\t' || c == '\r') {
                        room = (size_t)snprintf(escape, sizeof escape, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
                } else if (text_harmful(c)) {
                        room = (size_t)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c);
                } else {
                        as = (const char *)s;
                        room = length;
                }
                if (l->n + room + sizeof cut > LOG_LINE_MAX - RESERVED) short_of = true;
                else (void)put(l, as, room);
                i += length;
        }
        if (short_of && !put(l, cut, sizeof cut - 1)) goto none;
        if (put(l, "\"", 1)) return true;
none:
        l->n = from;
        return false;
}

static bool bare_fits(const char *text, size_t bytes) {
        if (bytes == 0 || bytes > LOG_VALUE_MAX) return false;
        for (size_t i = 0; i < bytes;) {
                uint32_t c;
                size_t length = text_utf8((const unsigned char *)text + i, bytes - i, &c);
                if (!length || text_harmful(c) || c == ' ' || c == '"' || c == '=' || c == '\\' || c == 0xa0) return false;
                i += length;
        }
        return true;
}

/* As JSON writes them: no sign but '-', no leading zeros. */
static bool is_number(const char *s, size_t bytes) {
        size_t i = 0;
        if (i < bytes && s[i] == '-') i++;
        size_t digits = i;
        while (i < bytes && s[i] >= '0' && s[i] <= '9') i++;
        if (i == digits || (s[digits] == '0' && i > digits + 1)) return false;
        if (i < bytes && s[i] == '.') {
                size_t fraction = ++i;
                while (i < bytes && s[i] >= '0' && s[i] <= '9') i++;
                if (i == fraction) return false;
        }
        return i == bytes;
}

static bool is_head(const char *key, size_t bytes) {
        static const char *const names[] = {"time", "level", "component", "msg", "detail", "suppressed", "truncated"};
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (strlen(names[i]) == bytes && memcmp(names[i], key, bytes) == 0) return true;
        return false;
}

static void put_field(struct line *l, const char *key, size_t key_n, const char *value, size_t value_n, bool number,
                      bool quoted) {
        size_t from = l->n;
        bool json = l->format == LOG_JSON, ok;
        ok = json ? put(l, &",\""[!l->begun], 1 + l->begun) : !l->begun || put(l, " ", 1);
        ok = ok && put(l, key, key_n);
        ok = ok && put(l, json ? "\":" : "=", json ? 2 : 1);
        if (json ? number && is_number(value, value_n) : !quoted && bare_fits(value, value_n))
                ok = ok && put(l, value, value_n);
        else
                ok = ok && put_quoted(l, value, value_n);
        if (ok) {
                l->begun = true;
                return;
        }
        l->n = from;
        l->truncated = true;
}

/* ---- the machine ---- */

static void add(char *buffer, size_t *n, const char *bytes, size_t count) {
        size_t room = LOG_VALUE_MAX + 4 - *n;
        if (count > room) count = room;
        memcpy(buffer + *n, bytes, count);
        *n += count;
}

static void field_end(struct line *l) {
        bool quoted = l->place == QUOTED;
        if (is_head(l->key, l->key_n) && l->key_n < KEY_MAX) l->key[l->key_n++] = '_';
        put_field(l, l->key, l->key_n, l->value, l->value_n, l->number && !l->text && !quoted, quoted);
        l->place = BETWEEN;
        l->key_n = l->value_n = 0;
        l->number = l->text = false;
}

/* A word that turned out to be no key. */
static void word_end(struct line *l) {
        if (l->value_n == 0) return;
        if (l->detail_n) add(l->detail, &l->detail_n, " ", 1);
        if (!(l->detail_n == 0 && l->value_n == 1 && (l->value[0] == ';' || l->value[0] == ',')))
                add(l->detail, &l->detail_n, l->value, l->value_n);
        l->value_n = 0;
}

static bool key_byte(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

/* Whether a quote ends the value: in ready text others may stand in it. */
static bool ends_value(const char *behind) {
        if (*behind != ' ') return *behind == '\0' || *behind == ';' || *behind == ',' || *behind == '%';
        size_t n = 0;
        while (key_byte(behind[1 + n])) n++;
        return (n > 0 && behind[1 + n] == '=') || behind[1 + n] == '%';
}

/* One byte of the format; behind is what follows it. */
static void own_byte(struct line *l, char c, const char *behind) {
        switch (l->place) {
        case BETWEEN:
                if (c == ' ') return word_end(l);
                if (c != '=' || l->value_n == 0 || l->value_n >= KEY_MAX) return add(l->value, &l->value_n, &c, 1);
                for (size_t i = 0; i < l->value_n; i++) l->key[i] = key_byte(l->value[i]) ? l->value[i] : '_';
                l->key_n = l->value_n;
                l->value_n = 0;
                l->number = l->text = false;
                l->place = BARE;
                return;
        case BARE:
                if (c == '"' && l->value_n == 0 && !l->text) {
                        l->place = QUOTED;
                        l->text = true;
                        return;
                }
                if (c == ' ' || ((c == ';' || c == ',') && *behind == ' ')) return field_end(l);
                l->number = l->number || (c >= '0' && c <= '9');
                l->text = l->text || !(c >= '0' && c <= '9');
                return add(l->value, &l->value_n, &c, 1);
        case QUOTED:
                if (c == '"' && ends_value(behind)) return field_end(l);
                return add(l->value, &l->value_n, &c, 1);
        }
}

static void given(struct line *l, const char *text, size_t bytes, bool number) {
        if (l->place != BETWEEN) {
                l->number = l->number || number;
                l->text = l->text || !number;
        }
        add(l->value, &l->value_n, text, bytes);
}

/* The conversion at format, behind its '%'.  Returns the byte behind it, or NULL
 * for one that is not known here. */
static const char *convert(struct line *l, const char *format, va_list *args) {
        char spec[32] = "%", text[LOG_VALUE_MAX + 8];
        const char *s = format;
        size_t n = 1;
        int length = 0, precision = -1, written = 0;

        while (*s && strchr("-+ #0", *s) && n < 8) spec[n++] = *s++;
        while (*s >= '0' && *s <= '9' && n < 12) spec[n++] = *s++;
        if (*s == '.') {
                s++;
                if (*s == '*') {
                        precision = va_arg(*args, int);
                        s++;
                } else {
                        precision = 0;
                        while (*s >= '0' && *s <= '9' && precision < 10000) precision = precision * 10 + (*s++ - '0');
                }
                if (precision >= 0) n += (size_t)snprintf(spec + n, sizeof spec - n, ".%d", precision);
        }
        while (*s == 'l' || *s == 'h' || *s == 'z' || *s == 'j' || *s == 't') {
                length = *s == 'l' && length == 'l' ? 'q' : *s;
                if (n > sizeof spec - 4) return NULL;
                spec[n++] = *s++;
        }
        spec[n++] = *s;
        spec[n] = '\0';
        switch (*s) {
        case 'd':
        case 'i':
        case 'u':
        case 'x':
        case 'X':
        case 'o':
                /* as wide as the specification says; the sign is its own matter */
                if (length == 'q') written = snprintf(text, sizeof text, spec, va_arg(*args, unsigned long long));
                else if (length == 'l') written = snprintf(text, sizeof text, spec, va_arg(*args, unsigned long));
                else if (length == 'z') written = snprintf(text, sizeof text, spec, va_arg(*args, size_t));
                else if (length == 'j') written = snprintf(text, sizeof text, spec, va_arg(*args, uintmax_t));
                else if (length == 't') written = snprintf(text, sizeof text, spec, va_arg(*args, ptrdiff_t));
                else written = snprintf(text, sizeof text, spec, va_arg(*args, unsigned));
                break;
        case 'f':
        case 'F':
        case 'g':
        case 'G':
        case 'e':
        case 'E':
                written = snprintf(text, sizeof text, spec, va_arg(*args, double));
                break;
        case 'c':
                written = snprintf(text, sizeof text, spec, va_arg(*args, int));
                break;
        case 'p':
                written = snprintf(text, sizeof text, spec, va_arg(*args, void *));
                break;
        case 's': {
                const char *value = va_arg(*args, const char *);
                written = snprintf(text, sizeof text, spec, value ? value : "(null)");
                break;
        }
        default:
                return NULL;
        }
        if (written < 0) written = 0;
        if ((size_t)written >= sizeof text) written = (int)sizeof text - 1;
        given(l, text, (size_t)written, strchr("diufFgG", *s) != NULL);
        return s + 1;
}

/* ---- a line ---- */

static void line_begin(struct line *l, char *out, const struct log_head *head) {
        char stamp[48];
        struct tm tm;
        time_t seconds = (time_t)(head->wall_ms / 1000);

        l->out = out;
        l->format = head->format;
        l->n = l->key_n = l->value_n = l->detail_n = 0;
        l->place = BETWEEN;
        l->truncated = l->begun = l->number = l->text = false;
        if (head->journal) l->n = (size_t)sprintf(out, "<%d>", priorities[head->level]);
        if (head->format == LOG_JSON) (void)put(l, "{", 1);
        (void)gmtime_r(&seconds, &tm);
        size_t n = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
        n += (size_t)snprintf(stamp + n, sizeof stamp - n, ".%03dZ", (int)(head->wall_ms % 1000));
        put_field(l, "time", 4, stamp, n, false, false);
        put_field(l, "level", 5, level_names[head->level], strlen(level_names[head->level]), false, false);
        put_field(l, "component", 9, head->event, strcspn(head->event, "."), false, false);
        put_field(l, "msg", 3, head->event, strlen(head->event), false, false);
}

static size_t line_end(struct line *l, uint64_t suppressed) {
        char number[24];
        if (l->place == BETWEEN) word_end(l);
        else field_end(l);
        if (l->detail_n) {
                size_t skip = l->detail[0] == ';' || l->detail[0] == ' ' ? 1 : 0;
                put_field(l, "detail", 6, l->detail + skip, l->detail_n - skip, false, true);
        }
        if (suppressed) {
                int n = snprintf(number, sizeof number, "%llu", (unsigned long long)suppressed);
                put_field(l, "suppressed", 10, number, (size_t)n, true, false);
        }
        /* RESERVED holds these */
        if (l->truncated) {
                const char *text = l->format == LOG_JSON ? ",\"truncated\":true" : " truncated=true";
                memcpy(l->out + l->n, text, strlen(text));
                l->n += strlen(text);
        }
        if (l->format == LOG_JSON) l->out[l->n++] = '}';
        l->out[l->n++] = '\n';
        return l->n;
}

size_t log_line(char out[static LOG_LINE_MAX], const struct log_head *head, const char *format, va_list args) {
        struct line line;
        va_list copy; /* its address is taken: an argument of this type may be an array */

        line_begin(&line, out, head);
        va_copy(copy, args);
        for (const char *s = format; s && *s;) {
                if (*s != '%' || s[1] == '%') {
                        const char *behind = s + (*s == '%' ? 2 : 1);
                        own_byte(&line, *s, behind);
                        s = behind;
                } else {
                        s = convert(&line, s + 1, &copy);
                }
        }
        va_end(copy);
        return line_end(&line, head->suppressed);
}

size_t log_line_text(char out[static LOG_LINE_MAX], const struct log_head *head, const char *text) {
        struct line line;

        line_begin(&line, out, head);
        for (const char *s = text; *s; s++) own_byte(&line, *s, s + 1);
        return line_end(&line, head->suppressed);
}
