#include "worker/denied.h"

#include <string.h>

#define BEFORE "Failed to add partition \""
#define REASON "Topic authorization failed"

bool denied_topic(const char *line, char *out, size_t out_bytes) {
        const char *name = strstr(line, BEFORE);
        if (!name || !strstr(name, REASON)) return false;
        name += strlen(BEFORE);
        size_t length = strcspn(name, "\"");
        if (name[length] != '"' || length == 0 || length >= out_bytes) return false;
        memcpy(out, name, length);
        out[length] = '\0';
        return true;
}
