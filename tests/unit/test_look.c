#include <stdlib.h>

#include "tests/unit/test.h"
#include "worker/look.h"

/* A znode and its reader, one event at a time: the server answers and fires in
 * order, sessions end, connections are lost. */
struct world {
        struct look look;
        int version, seen;        /* of the znode; as it was read last, 0: never */
        int watches;              /* that are set */
        bool connected;
        bool under_way, with_watch;
        int reads;
};

static void send(struct world *w) {
        if (!look_due(&w->look)) return;
        bool watch = look_begin(&w->look);
        if (!w->connected) {
                look_end(&w->look, false, false);
                return;
        }
        assert_false(w->under_way);
        w->under_way = true;
        w->with_watch = watch;
}

static void answer(struct world *w) {
        if (!w->under_way) return;
        w->under_way = false;
        w->reads++;
        w->seen = w->version;
        w->watches += w->with_watch;
        look_end(&w->look, true, true);
        send(w);
}

static void fire(struct world *w) {
        for (; w->watches; w->watches--) {
                look_fired(&w->look);
                send(w);
        }
}

static void change(struct world *w) {
        w->version++;
        if (w->connected) fire(w);
}

static void lose(struct world *w, bool session) {
        w->connected = false;
        if (w->under_way) {
                w->under_way = false;
                look_end(&w->look, false, false);
        }
        if (session) fire(w); /* the watches are gone: told so, without a connection */
}

static void reconnect(struct world *w) {
        if (w->connected) return;
        w->connected = true;
        if (w->watches && w->seen != w->version) fire(w); /* kept by the client, compared by the server */
        send(w);
}

static void a_change_is_seen_and_one_watch_is_set(void **state) {
        (void)state;
        unsigned seed = 3;
        for (int round = 0; round < 2000; round++) {
                struct world w = {.version = 1, .connected = true};
                look_again(&w.look);
                for (int i = 0; i < 60; i++) {
                        switch (rand_r(&seed) % 8) {
                        case 0: change(&w); break;
                        case 1: lose(&w, rand_r(&seed) % 2); break;
                        case 2: reconnect(&w); break;
                        case 3: look_again(&w.look); break; /* to be on the safe side */
                        case 4: send(&w); break;
                        default: answer(&w); break;
                        }
                        assert_in_range(w.watches, 0, 1);
                }
                reconnect(&w);
                for (int i = 0; i < 3; i++) {
                        send(&w);
                        answer(&w);
                }
                assert_int_equal(w.seen, w.version);
                assert_int_equal(w.watches, 1);
                assert_false(look_due(&w.look));
                int reads = w.reads;
                send(&w);
                answer(&w);
                assert_int_equal(w.reads, reads); /* it comes to rest */
        }
}

static void what_changes_during_a_read_is_read_again(void **state) {
        (void)state;
        struct look look = {0};
        assert_false(look_due(&look));
        look_again(&look);
        assert_true(look_begin(&look));
        look_again(&look);
        assert_false(look_due(&look)); /* one at a time */
        look_end(&look, true, true);
        assert_true(look_due(&look));
        assert_false(look_begin(&look)); /* its watch is set */
        look_fired(&look);
        look_end(&look, true, true); /* without one: none is set by it */
        assert_true(look_due(&look));
        assert_true(look_begin(&look));
        look_end(&look, true, false); /* there is nothing, and such a read sets none */
        assert_false(look_due(&look));
        look_watched(&look);
        look_again(&look);
        assert_false(look_begin(&look));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_change_is_seen_and_one_watch_is_set),
                cmocka_unit_test(what_changes_during_a_read_is_read_again),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
