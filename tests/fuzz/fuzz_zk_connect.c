#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/zk_connect.h"
#include "common/znode_path.h"

/* Written in full, with each port, it reads as before. */
static void check_round_trip(const struct zk_connect *c) {
        struct zk_connect back;
        char err[256], *text = NULL;
        size_t bytes = 0;
        FILE *out = open_memstream(&text, &bytes);

        if (!out) abort();
        for (size_t i = 0; i < c->server_count; i++) {
                const struct zk_server *s = &c->servers[i];
                const char *form = strchr(s->host, ':') ? "%s[%s]:%u" : "%s%s:%u";
                fprintf(out, form, i ? "," : "", s->host, (unsigned)s->port);
        }
        fputs(c->chroot, out);
        if (fclose(out) != 0) abort();
        LAW(zk_connect_parse(text, &back, err, sizeof err) == 0);
        LAW(back.server_count == c->server_count);
        for (size_t i = 0; i < c->server_count; i++) {
                LAW(strcmp(back.servers[i].host, c->servers[i].host) == 0);
                LAW(back.servers[i].port == c->servers[i].port);
                LAW(back.servers[i].literal == c->servers[i].literal);
        }
        LAW(strcmp(back.chroot, c->chroot) == 0);
        LAW(zk_connect_all_literal(&back) == zk_connect_all_literal(c));
        zk_connect_fini(&back);
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
        struct zk_connect c, untouched;
        char err[256], *text = fuzz_text(data, bytes);

        memset(err, 'x', sizeof err);
        memset(&c, 'x', sizeof c);
        memset(&untouched, 'x', sizeof untouched);
        int rc = zk_connect_parse(text, &c, err, sizeof err);
        if (rc) {
                LAW(rc == ERR_INVALID);
                LAW(memcmp(&c, &untouched, sizeof c) == 0);
                LAW(memchr(err, '\0', sizeof err) && err[0]);
        } else {
                LAW(c.server_count >= 1 && c.server_count <= ZK_SERVERS_MAX);
                for (size_t i = 0; i < c.server_count; i++)
                        LAW(*c.servers[i].host && c.servers[i].port);
                LAW(!*c.chroot || (zk_path_valid(c.chroot) && strcmp(c.chroot, "/") != 0));
                check_round_trip(&c);
                zk_connect_fini(&c);
        }
        free(text);
        return 0;
}
