#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"
#include "coordinator/leader_notes.h"

#define ROUTES_MAX 400
#define TOPICS_MAX 60

struct field {
        Heliostat__Pb__Leader leader;
        Heliostat__Pb__RouteNote notes[ROUTES_MAX], *list[ROUTES_MAX];
        Heliostat__Pb__ParkedTopic topic, *topics[TOPICS_MAX];
        char name[CODEC_TOPIC_MAX + 1], reason[1025], error[1025];
};

static char *repeat(char *buf, size_t bytes) {
        memset(buf, 'x', bytes);
        buf[bytes] = '\0';
        return buf;
}

/* So many routes, each with so many parked topics, an error and a warning. */
static struct field *made(size_t routes, size_t parked, size_t reason_bytes, size_t error_bytes) {
        static struct field f;
        static char route[] = "east->west";
        f.leader = (Heliostat__Pb__Leader)HELIOSTAT__PB__LEADER__INIT;
        heliostat__pb__parked_topic__init(&f.topic);
        f.topic.topic = repeat(f.name, CODEC_TOPIC_MAX);
        f.topic.partitions = 3;
        f.topic.reason = repeat(f.reason, reason_bytes);
        for (size_t i = 0; i < TOPICS_MAX; i++) f.topics[i] = &f.topic;
        for (size_t i = 0; i < routes; i++) {
                f.list[i] = &f.notes[i];
                heliostat__pb__route_note__init(&f.notes[i]);
                f.notes[i].route = route;
                f.notes[i].error = f.notes[i].warning = repeat(f.error, error_bytes);
                f.notes[i].discovered_ms = 1700000000000;
                f.notes[i].parked = f.topics;
                f.notes[i].n_parked = parked;
        }
        f.leader.notes = f.list;
        f.leader.n_notes = routes;
        return &f;
}

static void something_is_always_told(void **state) {
        (void)state;
        static const struct {
                size_t routes, parked, reason_bytes, error_bytes;
                size_t topics; /* that a route may name */
        } rows[] = {
                {1, 0, 0, 0, 50},
                {3, 7, 600, 0, 50},
                {1, 60, 600, 0, 50},
                {11, 50, 600, 0, 50},
                {13, 50, 640, 0, 25}, /* 45 KB each */
                {100, 50, 1024, 0, 3},
                {220, 50, 1024, 0, 1},
                {220, 50, 1024, 1024, 0},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct field *f = made(rows[i].routes, rows[i].parked, rows[i].reason_bytes, rows[i].error_bytes);
                Heliostat__Pb__Leader *told;
                void *data = NULL;
                size_t topics = 1000, bytes = 0, named = rows[i].parked < rows[i].topics ? rows[i].parked : rows[i].topics;
                assert_int_equal(leader_notes_pack(&f->leader, &topics, &data, &bytes), 0);
                assert_int_equal(topics, rows[i].topics);
                assert_int_equal(codec_unpack_leader(data, bytes, &told), 0);
                assert_int_equal(told->n_notes, rows[i].routes);
                for (size_t k = 0; k < told->n_notes; k++) {
                        assert_int_equal(told->notes[k]->n_parked, named);
                        assert_int_equal(told->notes[k]->parked_more, rows[i].parked - named);
                        assert_int_equal(strlen(told->notes[k]->error), rows[i].error_bytes);
                }
                codec_free(told);
                free(data);
        }
}

/* Those with few go on naming all that they have. */
static void routes_with_few_lose_nothing(void **state) {
        (void)state;
        struct field *f = made(40, 50, 640, 0);
        void *data = NULL;
        size_t topics = 0, bytes = 0;
        f->notes[7].n_parked = 2;
        assert_int_equal(leader_notes_pack(&f->leader, &topics, &data, &bytes), 0);
        assert_int_equal(topics, 12);
        assert_int_equal(f->notes[7].n_parked, 2);
        assert_int_equal(f->notes[7].parked_more, 0);
        assert_int_equal(f->notes[8].parked_more, 38);
        free(data);
}

static void what_cannot_be_told_is_an_error(void **state) {
        (void)state;
        struct field *f = made(ROUTES_MAX, 1, 10, 1024);
        void *data = NULL;
        size_t topics = 1000, bytes = 1000;
        assert_int_equal(leader_notes_pack(&f->leader, &topics, &data, &bytes), ERR_TOO_BIG);
        assert_null(data);
        assert_int_equal(topics, 1000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(something_is_always_told),
                cmocka_unit_test(routes_with_few_lose_nothing),
                cmocka_unit_test(what_cannot_be_told_is_an_error),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
