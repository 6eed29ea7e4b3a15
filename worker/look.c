#include "worker/look.h"

void look_again(struct look *look) { look->due = true; }

void look_fired(struct look *look) {
        look->watched = false;
        look->due = true;
}

bool look_due(const struct look *look) { return look->due && !look->reading; }

bool look_begin(struct look *look) {
        look->due = false; /* what changes from now on makes another one follow */
        look->reading = true;
        look->sets = !look->watched;
        return look->sets;
}

void look_end(struct look *look, bool read, bool watch_set) {
        look->reading = false;
        if (look->sets && watch_set) look->watched = true;
        if (!read) look->due = true;
}

void look_watched(struct look *look) { look->watched = true; }
