#include "common/znode_path.h"

#include <stdio.h>
#include <string.h>

#include "common/err.h"

const char *const znode_parents[] = {
        ZNODE_ROUTES, ZNODE_ELECTION, ZNODE_WORKERS, ZNODE_ASSIGNS,
        ZNODE_LANES,  ZNODE_REPORTS,  ZNODE_OPS, ZNODE_EVENTS,
};
const size_t znode_parent_count = sizeof znode_parents / sizeof *znode_parents;

#define ID_MAX 128

static bool id_valid(const char *id, size_t length) {
        if (length == 0 || length > ID_MAX) return false;
        if (id[0] == '.' && (length == 1 || (length == 2 && id[1] == '.'))) return false;
        for (size_t i = 0; i < length; i++) {
                char c = id[i];
                if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
                        return false;
        }
        return true;
}

bool znode_id_valid(const char *id) { return id && id_valid(id, strlen(id)); }

bool znode_alias_valid(const char *alias) { return znode_id_valid(alias); }

bool znode_route_valid(const char *route) {
        const char *arrow = route ? strstr(route, "->") : NULL;
        if (!arrow) return false;
        return id_valid(route, (size_t)(arrow - route)) && znode_id_valid(arrow + 2);
}

int znode_path_route(char *buf, const char *route) {
        if (!znode_route_valid(route)) return ERR_INVALID;
        (void)snprintf(buf, ZNODE_PATH_MAX, ZNODE_ROUTES "/%s", route);
        return 0;
}

int znode_path_promotion(char *buf, const char *route) {
        if (!znode_route_valid(route)) return ERR_INVALID;
        (void)snprintf(buf, ZNODE_PATH_MAX, ZNODE_PROMOTIONS "/%s", route);
        return 0;
}

int znode_path_worker(char *buf, const char *id) {
        if (!znode_id_valid(id)) return ERR_INVALID;
        (void)snprintf(buf, ZNODE_PATH_MAX, ZNODE_WORKERS "/%s", id);
        return 0;
}

int znode_path_assign(char *buf, const char *id) {
        if (!znode_id_valid(id)) return ERR_INVALID;
        (void)snprintf(buf, ZNODE_PATH_MAX, ZNODE_ASSIGNS "/%s", id);
        return 0;
}

int znode_path_lanes(char *buf, const char *route) {
        if (!znode_route_valid(route)) return ERR_INVALID;
        (void)snprintf(buf, ZNODE_PATH_MAX, ZNODE_LANES "/%s", route);
        return 0;
}

int znode_path_lane(char *buf, const char *route, uint32_t lane) {
        if (!znode_route_valid(route)) return ERR_INVALID;
        (void)snprintf(buf, ZNODE_PATH_MAX, ZNODE_LANES "/%s/%u", route, lane);
        return 0;
}

int znode_path_event(char *buf, uint32_t chunk) {
        (void)snprintf(buf, ZNODE_PATH_MAX, ZNODE_EVENTS "/%u", chunk);
        return 0;
}

int znode_path_report(char *buf, const char *id, uint32_t chunk) {
        if (!znode_id_valid(id)) return ERR_INVALID;
        if (chunk == 0)
                (void)snprintf(buf, ZNODE_PATH_MAX, ZNODE_REPORTS "/%s", id);
        else
                (void)snprintf(buf, ZNODE_PATH_MAX, ZNODE_REPORTS "/%s~%u", id, chunk);
        return 0;
}
