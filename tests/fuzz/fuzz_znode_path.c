/* Input: a number in decimal (a lane, a chunk), '\n', a name. */
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/zk_connect.h"
#include "common/znode_path.h"

static char untouched[ZNODE_PATH_MAX];

/* The path is whole, and the library will take it; or nothing was written. */
static void check(int rc, bool valid, const char *buf, const char *parent, const char *name,
                  char mark, uint32_t number) {
        char expect[2 * ZNODE_PATH_MAX];
        if (!valid) {
                LAW(rc == ERR_INVALID);
                LAW(memcmp(buf, untouched, ZNODE_PATH_MAX) == 0);
                return;
        }
        LAW(rc == 0);
        LAW(memchr(buf, '\0', ZNODE_PATH_MAX));
        int n = mark ? snprintf(expect, sizeof expect, "%s/%s%c%u", parent, name, mark, number)
                     : snprintf(expect, sizeof expect, "%s/%s", parent, name);
        LAW(n > 0 && n < ZNODE_PATH_MAX);
        LAW(strcmp(buf, expect) == 0);
        LAW(zk_path_valid(buf));
        /* A name cannot leave its place, nor look like one with a number. */
        LAW(!strchr(name, '/') && !strchr(name, '~'));
}

static void check_name(const char *name, uint32_t number) {
        char buf[ZNODE_PATH_MAX];
        bool id = znode_id_valid(name), route = znode_route_valid(name);

        LAW(znode_alias_valid(name) == id);
        LAW(!(id && route));
#define CHECK(call, valid, parent, mark) \
        do { \
                memcpy(buf, untouched, sizeof buf); \
                int rc = call; \
                check(rc, valid, buf, parent, name, mark, number); \
        } while (0)
        CHECK(znode_path_route(buf, name), route, ZNODE_ROUTES, '\0');
        CHECK(znode_path_worker(buf, name), id, ZNODE_WORKERS, '\0');
        CHECK(znode_path_assign(buf, name), id, ZNODE_ASSIGNS, '\0');
        CHECK(znode_path_lanes(buf, name), route, ZNODE_LANES, '\0');
        CHECK(znode_path_lane(buf, name, number), route, ZNODE_LANES, '/');
        CHECK(znode_path_report(buf, name, number), id, ZNODE_REPORTS, number ? '~' : '\0');
#undef CHECK

        /* A route is two aliases in exactly one way. */
        size_t ways = 0;
        for (const char *arrow = name; (arrow = strstr(arrow, "->")); arrow++) {
                char *source = fuzz_text((const uint8_t *)name, (size_t)(arrow - name));
                ways += znode_alias_valid(source) && znode_alias_valid(arrow + 2);
                free(source);
        }
        LAW(ways == route);

        /* A path that the library takes begins with '/', and each of its
         * beginnings that ends before a '/' is such a path too. */
        if (zk_path_valid(name)) {
                LAW(name[0] == '/');
                char *copy = fuzz_text((const uint8_t *)name, strlen(name)), *slash;
                while ((slash = strrchr(copy, '/')) != copy) {
                        *slash = '\0';
                        LAW(zk_path_valid(copy));
                }
                free(copy);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
        char *text = fuzz_text(data, bytes), *rest = text;
        uint32_t number = (uint32_t)strtoul(fuzz_part(&rest), NULL, 10);
        /* in memory of its own size */
        const char *name = fuzz_part(&rest);
        memset(untouched, 'x', sizeof untouched);
        char *exact = fuzz_text((const uint8_t *)name, strlen(name));
        check_name(exact, number);
        free(exact);
        free(text);
        return 0;
}
