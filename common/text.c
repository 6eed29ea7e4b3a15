#include "common/text.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#define WORD_MAX 128

/* Damerau's distance by three rows of the usual table: a swap of neighbours is
 * the most frequent slip in a key, and costs one here instead of two. */
size_t text_distance(const char *a, const char *b) {
        size_t rows[3][WORD_MAX + 1];
        size_t *two_up = rows[0], *up = rows[1], *row = rows[2];
        size_t la = strlen(a), lb = strlen(b);

        if (la > WORD_MAX || lb > WORD_MAX) return SIZE_MAX;
        for (size_t k = 0; k <= lb; k++) up[k] = k;
        for (size_t i = 1; i <= la; i++) {
                int ca = tolower((unsigned char)a[i - 1]);
                row[0] = i;
                for (size_t k = 1; k <= lb; k++) {
                        int cb = tolower((unsigned char)b[k - 1]);
                        size_t best = up[k - 1] + (ca != cb);
                        if (up[k] + 1 < best) best = up[k] + 1;
                        if (row[k - 1] + 1 < best) best = row[k - 1] + 1;
                        if (i > 1 && k > 1 && ca == tolower((unsigned char)b[k - 2]) &&
                            cb == tolower((unsigned char)a[i - 2]) && two_up[k - 2] + 1 < best)
                                best = two_up[k - 2] + 1;
                        row[k] = best;
                }
                size_t *spare = two_up;
                two_up = up;
                up = row;
                row = spare;
        }
        return up[lb];
}

const char *text_nearest(const char *word, const char *const *names, size_t count) {
        const char *best = NULL;
        size_t limit = strlen(word) / 3, best_distance = (limit ? limit : 1) + 1;

        for (size_t i = 0; i < count; i++) {
                if (!names[i]) continue;
                size_t distance = text_distance(word, names[i]);
                if (distance < best_distance) {
                        best = names[i];
                        best_distance = distance;
                }
        }
        return best;
}

size_t text_utf8(const unsigned char *s, size_t left, uint32_t *out) {
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        size_t length = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
        if (length == 0 || length > left) return 0;
        uint32_t c = length == 1 ? s[0] : s[0] & (0x7fu >> length);
        for (size_t i = 1; i < length; i++) {
                if (s[i] >> 6 != 2) return 0;
                c = c << 6 | (s[i] & 0x3fu);
        }
        if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return 0;
        *out = c;
        return length;
}

bool text_harmful(uint32_t c) {
        return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
               (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

/* In place: a character of several bytes leaves one '?'. */
static void clean(char *text, bool lines) {
        size_t left = strlen(text);
        char *out = text;
        while (left) {
                uint32_t c = 0;
                size_t length = text_utf8((const unsigned char *)text, left, &c);
                if (length && (!text_harmful(c) || (lines && c == '\n'))) {
                        memmove(out, text, length);
                        out += length;
                } else {
                        *out++ = '?';
                }
                text += length ? length : 1;
                left -= length ? length : 1;
        }
        *out = '\0';
}

void text_one_line(char *text) { clean(text, false); }
void text_for_terminal(char *text) { clean(text, true); }

static int blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

char *text_trim(char *text) {
        size_t n = strlen(text), start = 0;
        while (n > 0 && blank(text[n - 1])) n--;
        while (start < n && blank(text[start])) start++;
        memmove(text, text + start, n - start);
        text[n - start] = '\0';
        return text;
}

bool text_number(const char *text, uint32_t max, uint32_t *out) {
        uint32_t number = 0;

        if (!*text || strlen(text) > 9 || (*text == '0' && text[1])) return false;
        for (; *text; text++) {
                if (*text < '0' || *text > '9') return false;
                number = number * 10 + (uint32_t)(*text - '0');
        }
        if (number > max) return false;
        *out = number;
        return true;
}
