#include "common/text_grow.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool text_room(struct text *text, size_t bytes) {
        if (text->failed) return false;
        if (text->bytes + bytes + 1 <= text->room) return true;
        size_t room = text->room ? text->room : 256;
        while (room < text->bytes + bytes + 1) room *= 2;
        char *data = realloc(text->data, room);
        if (!data) {
                text->failed = true;
                return false;
        }
        text->data = data;
        text->room = room;
        return true;
}

void text_add(struct text *text, const char *format, ...) {
        va_list ap, again;

        va_start(ap, format);
        va_copy(again, ap);
        int n = vsnprintf(NULL, 0, format, ap);
        va_end(ap);
        if (n >= 0 && text_room(text, (size_t)n)) {
                (void)vsnprintf(text->data + text->bytes, (size_t)n + 1, format, again);
                text->bytes += (size_t)n;
        }
        va_end(again);
}

static void text_add_bytes(struct text *text, const char *bytes, size_t count) {
        if (!text_room(text, count)) return;
        memcpy(text->data + text->bytes, bytes, count);
        text->bytes += count;
        text->data[text->bytes] = '\0';
}

static bool plain(char c) { return c >= 0x20 && c <= 0x7e; }

void text_add_peer(struct text *text, const char *peer) {
        while (*peer) {
                size_t run = 0;
                while (peer[run] && plain(peer[run])) run++;
                text_add_bytes(text, peer, run);
                peer += run;
                if (*peer) text_add(text, "\\x%02x", (unsigned char)*peer++);
        }
}
