/* The map against what really lies in the destination. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/offset_map.h"

static void assert_translates(const struct offset_map *map, int64_t next, int64_t source,
                              enum offset_translation_kind kind, int64_t offset, int64_t by) {
        struct offset_translation t = offset_map_translate(map, next, source);
        if (t.kind != kind || t.offset != offset || t.by != by)
                fail_msg("%lld: kind %d at %lld by %lld", (long long)source, t.kind, (long long)t.offset, (long long)t.by);
}

static void add(struct offset_map *map, int64_t source, int64_t destination, int64_t count) {
        for (int64_t i = 0; i < count; i++) offset_map_add(map, source + i, destination + i);
}

static void runs_translate_exactly(void **state) {
        (void)state;
        struct offset_map m;
        offset_map_init(&m);
        assert_translates(&m, 0, 0, OFFSET_UNKNOWN, -1, 0);
        offset_map_restart(&m, 100);
        assert_translates(&m, 100, 100, OFFSET_UNKNOWN, -1, 0); /* nothing of it has a place yet */
        add(&m, 102, 7, 10);   /* 100, 101 do not exist */
        add(&m, 112, 20, 5);   /* others wrote in between */
        add(&m, 120, 25, 5);   /* compacted at the source */
        assert_int_equal(m.count, 3);
        assert_translates(&m, 130, 99, OFFSET_UNKNOWN, -1, 0);
        assert_translates(&m, 130, 100, OFFSET_EXACT, 7, 0);
        assert_translates(&m, 130, 102, OFFSET_EXACT, 7, 0);
        assert_translates(&m, 130, 111, OFFSET_EXACT, 16, 0);
        assert_translates(&m, 130, 112, OFFSET_EXACT, 20, 0);
        assert_translates(&m, 130, 118, OFFSET_EXACT, 25, 0);
        assert_translates(&m, 130, 124, OFFSET_EXACT, 29, 0);
        assert_translates(&m, 130, 125, OFFSET_EXACT, 30, 0); /* the end of what was mirrored */
        assert_translates(&m, 130, 130, OFFSET_EXACT, 30, 0);
        assert_translates(&m, 130, 142, OFFSET_BEYOND, 30, 12);
        offset_map_fini(&m);
}

static void a_partition_without_records_translates_from_0(void **state) {
        (void)state;
        struct offset_map m;
        offset_map_init(&m);
        offset_map_restart(&m, 0);
        assert_translates(&m, 0, 0, OFFSET_EXACT, 0, 0);
        assert_translates(&m, 3, 2, OFFSET_EXACT, 0, 0);
        assert_translates(&m, 3, 5, OFFSET_BEYOND, 0, 2);
        offset_map_fini(&m);
}

/* With a record before it that came from the destination, and lies anywhere there. */
static void nothing_passes_a_record_that_came_back(void **state) {
        (void)state;
        struct offset_map m, older;
        struct offset_map_name name = {"t", "t", 0, 1};
        Heliostat__Pb__OffsetMap *message;
        void *data;
        size_t bytes;
        offset_map_init(&m);
        offset_map_restart(&m, 0);
        add(&m, 0, 500, 10);
        offset_map_returned(&m, 10);
        add(&m, 11, 510, 4);
        assert_translates(&m, 15, 5, OFFSET_UNKNOWN, -1, 6);
        assert_translates(&m, 15, 10, OFFSET_UNKNOWN, -1, 1);
        assert_translates(&m, 15, 11, OFFSET_EXACT, 510, 0);

        /* The next owner knows it, also when it has read on before it reads the map. */
        assert_int_equal(offset_map_pack(&m, &name, 15, &data, &bytes), 0);
        assert_int_equal(codec_unpack_offset_map(data, bytes, &message), 0);
        assert_int_equal(offset_map_unpack(message, &older), 0);
        free(data);
        codec_free(message);
        offset_map_fini(&m);
        offset_map_restart(&m, 15);
        add(&m, 15, 514, 5);
        offset_map_continue(&m, &older, 15);
        assert_translates(&m, 20, 10, OFFSET_UNKNOWN, -1, 1);
        assert_translates(&m, 20, 11, OFFSET_EXACT, 510, 0);
        assert_translates(&m, 20, 20, OFFSET_EXACT, 519, 0);
        offset_map_fini(&m);
}

static void the_newest_copy_counts(void **state) {
        (void)state;
        struct offset_map m;
        offset_map_init(&m);
        offset_map_restart(&m, 0);
        add(&m, 0, 0, 150);
        offset_map_restart(&m, 120); /* the records from there are sent again */
        assert_translates(&m, 120, 119, OFFSET_EXACT, 119, 0);
        assert_translates(&m, 120, 130, OFFSET_BEYOND, 120, 10);
        add(&m, 120, 150, 31);
        assert_translates(&m, 151, 119, OFFSET_EXACT, 119, 0);
        assert_translates(&m, 151, 120, OFFSET_EXACT, 150, 0);
        assert_translates(&m, 151, 151, OFFSET_EXACT, 181, 0);
        offset_map_restart(&m, 500); /* nothing lay in between */
        add(&m, 500, 181, 2);
        assert_translates(&m, 502, 300, OFFSET_EXACT, 181, 0);
        offset_map_fini(&m);
}

static void a_destination_that_begins_anew_is_known_from_there(void **state) {
        (void)state;
        struct offset_map m;
        offset_map_init(&m);
        offset_map_restart(&m, 0);
        add(&m, 0, 1000, 10);
        add(&m, 10, 0, 5);
        assert_translates(&m, 15, 9, OFFSET_UNKNOWN, -1, 0);
        assert_translates(&m, 15, 12, OFFSET_EXACT, 2, 0);
        offset_map_fini(&m);
}

/* An owner died before it had written what it knew of [100, 150). */
static void what_a_dead_owner_did_not_write_is_not_passed(void **state) {
        (void)state;
        struct offset_map older, m;
        offset_map_init(&older);
        offset_map_init(&m);
        offset_map_restart(&older, 0);
        add(&older, 0, 0, 100);
        offset_map_restart(&m, 150);
        offset_map_continue(&m, &older, 100);
        assert_translates(&m, 150, 100, OFFSET_EARLIER, 100, -1);
        assert_translates(&m, 150, 150, OFFSET_EARLIER, 100, -1);
        add(&m, 150, 160, 10); /* 150..159 there: ten are another writer's, or repeats */
        assert_translates(&m, 160, 99, OFFSET_EXACT, 99, 0);
        assert_translates(&m, 160, 100, OFFSET_EARLIER, 100, 60);
        assert_translates(&m, 160, 149, OFFSET_EARLIER, 100, 60);
        assert_translates(&m, 160, 150, OFFSET_EXACT, 160, 0);
        offset_map_fini(&m);

        /* It had written more than the next one began at. */
        offset_map_restart(&older, 0);
        add(&older, 0, 0, 100);
        offset_map_restart(&m, 80);
        add(&m, 80, 100, 30);
        offset_map_continue(&m, &older, 100);
        assert_int_equal(m.count, 2);
        assert_translates(&m, 110, 79, OFFSET_EXACT, 79, 0);
        assert_translates(&m, 110, 80, OFFSET_EXACT, 100, 0);
        offset_map_fini(&m);
}

/* A broker that has forgotten a batch that it has answers without an offset. */
static void an_unknown_place_is_not_passed(void **state) {
        (void)state;
        struct offset_map m;
        offset_map_init(&m);
        offset_map_restart(&m, 0);
        add(&m, 0, 0, 10);
        offset_map_add(&m, 10, -1001);
        offset_map_add(&m, 11, -1001);
        assert_translates(&m, 12, 11, OFFSET_EARLIER, 10, -1);
        assert_translates(&m, 12, 12, OFFSET_EARLIER, 10, -1);
        add(&m, 12, 14, 3);
        assert_translates(&m, 15, 11, OFFSET_EARLIER, 10, 4);
        assert_translates(&m, 15, 12, OFFSET_EXACT, 14, 0);
        offset_map_fini(&m);
        offset_map_restart(&m, 0);
        offset_map_add(&m, 0, -1);
        add(&m, 1, 5, 1);
        assert_translates(&m, 2, 0, OFFSET_UNKNOWN, -1, 0);
        assert_translates(&m, 2, 1, OFFSET_EXACT, 5, 0);
        offset_map_fini(&m);
}

/* ---- laws over random histories ---- */

#define SOURCES 40000

struct truth {
        int64_t at[SOURCES];  /* of the newest copy; -1: none */
        int64_t end;          /* of the destination's log */
        int64_t next;         /* of the source */
};

static void check_laws(const struct offset_map *m, const struct truth *truth) {
        int64_t after = -1; /* where the first mirrored record at or above s lies */
        assert_true(m->count <= OFFSET_MAP_RUNS_MAX);
        int64_t last = INT64_MAX;
        for (int64_t s = truth->next; s >= 0; s--) {
                if (s < SOURCES && truth->at[s] >= 0) after = truth->at[s];
                struct offset_translation t = offset_map_translate(m, truth->next, s);
                if (t.kind == OFFSET_UNKNOWN) {
                        assert_true(s < m->begin || m->count == 0);
                        continue;
                }
                assert_true(t.kind != OFFSET_BEYOND);
                assert_true(t.offset >= 0 && t.offset <= last); /* never turns back */
                last = t.offset;
                if (after >= 0) {
                        if (t.offset > after) fail_msg("%lld: ahead", (long long)s);
                        if (t.kind == OFFSET_EXACT) assert_int_equal(t.offset, after);
                        if (t.kind == OFFSET_EARLIER && t.by >= 0 && after - t.offset > t.by)
                                fail_msg("%lld: at %lld, is at %lld, said by %lld", (long long)s, (long long)t.offset, (long long)after, (long long)t.by);
                } else {
                        assert_true(t.offset <= truth->end);
                }
        }
}

/* Packed and unpacked, it says the same. */
static void through_the_message(struct offset_map *m, int64_t next) {
        struct offset_map_name name = {"t", "e.t", 3, 9};
        Heliostat__Pb__OffsetMap *message = NULL;
        struct offset_map copy;
        void *data = NULL;
        size_t bytes = 0;
        assert_int_equal(offset_map_pack(m, &name, next, &data, &bytes), 0);
        assert_true(bytes < 16384);
        assert_int_equal(codec_unpack_offset_map(data, bytes, &message), 0);
        assert_int_equal(message->next, next);
        assert_int_equal(offset_map_unpack(message, &copy), 0);
        for (int64_t s = 0; s <= next + 1; s++) {
                struct offset_translation a = offset_map_translate(m, next, s), b = offset_map_translate(&copy, next, s);
                assert_int_equal(a.kind, b.kind);
                assert_int_equal(a.offset, b.offset);
                assert_int_equal(a.by, b.by);
        }
        codec_free(message);
        free(data);
        offset_map_fini(m);
        *m = copy;
}

/* kind 0: long runs, some gaps; 1: each second offset is missing; 2: a marker
 * behind each few records (transactions). */
static void random_history(unsigned seed, int kind, bool takeovers) {
        static struct truth truth;
        struct offset_map m, loaded;
        int64_t loaded_next = 0;
        bool has_loaded = false;
        offset_map_init(&m);
        offset_map_init(&loaded);
        truth = (struct truth){.next = 0};
        for (int i = 0; i < SOURCES; i++) truth.at[i] = -1;
        offset_map_restart(&m, 0);
        void *data = NULL;
        size_t bytes;
        srand(seed);
        while (truth.next < SOURCES - 300) {
                int records = kind == 1 ? 1 : kind == 2 ? 1 + rand() % 5 : 1 + rand() % 300;
                for (int i = 0; i < records; i++) {
                        truth.at[truth.next] = truth.end;
                        offset_map_add(&m, truth.next++, rand() % 5000 == 0 && kind != 2 ? -1001 : truth.end);
                        truth.end++;
                }
                if (kind == 2 || rand() % 10 == 0) truth.end += 1 + rand() % 2;
                if (kind == 1 || rand() % 10 == 0) truth.next += 1 + rand() % (kind == 1 ? 2 : 50);
                if (!takeovers || rand() % (kind ? 25 : 1)) continue;
                if (rand() % 10 == 0) { /* written, now and then */
                        struct offset_map_name name = {"t", "t", 0, 1};
                        free(data);
                        assert_int_equal(offset_map_pack(&m, &name, truth.next, &data, &bytes), 0);
                        loaded_next = truth.next;
                        has_loaded = true;
                }
                if (rand() % 40 == 0) { /* the same owner repeats something */
                        int64_t from = truth.next - rand() % 200;
                        if (from < 0) from = 0;
                        for (int64_t s = from; s < truth.next; s++) truth.at[s] = -1;
                        truth.next = from;
                        offset_map_restart(&m, from);
                        if (loaded_next > from) loaded_next = from, has_loaded = false;
                } else if (rand() % 20 == 0 && has_loaded) { /* another owner, who repeats or not */
                        Heliostat__Pb__OffsetMap *message;
                        int64_t from = rand() % 2 ? truth.next : truth.next - rand() % 200;
                        if (from < 0) from = 0;
                        for (int64_t s = from; s < truth.next; s++) truth.at[s] = -1;
                        truth.next = from;
                        offset_map_fini(&m);
                        offset_map_restart(&m, from);
                        for (int i = rand() % 20; i > 0; i--) { /* before the older map is there */
                                truth.at[truth.next] = truth.end;
                                offset_map_add(&m, truth.next++, truth.end++);
                        }
                        assert_int_equal(codec_unpack_offset_map(data, bytes, &message), 0);
                        assert_int_equal(offset_map_unpack(message, &loaded), 0);
                        codec_free(message);
                        offset_map_continue(&m, &loaded, loaded_next);
                        has_loaded = false;
                }
                if (rand() % 50 == 0) check_laws(&m, &truth);
        }
        check_laws(&m, &truth);
        through_the_message(&m, truth.next);
        check_laws(&m, &truth);
        free(data);
        offset_map_fini(&m);
}

static void random_histories_are_never_ahead(void **state) {
        (void)state;
        const char *env = getenv("HELIOSTAT_SEED");
        unsigned seed = env ? (unsigned)atoi(env) : 11;
        print_message("seed %u\n", seed);
        for (unsigned i = 0; i < 24; i++) random_history(seed + i, (int)(i % 3), i >= 6);
}

/* A hundred thousand transactions of three records and a marker: the newest
 * are exact, and an old offset is early by a part of its distance. */
static void the_window_is_exact_and_the_rest_close(void **state) {
        (void)state;
        struct offset_map m;
        const int64_t transactions = 100000;
        offset_map_init(&m);
        offset_map_restart(&m, 0);
        for (int64_t t = 0; t < transactions; t++) add(&m, 3 * t, 4 * t, 3);
        assert_true(m.count <= OFFSET_MAP_RUNS_MAX);
        for (int64_t t = 0; t < transactions; t++) {
                struct offset_translation x = offset_map_translate(&m, 3 * transactions, 3 * t + 1);
                int64_t truth = 4 * t + 1, age = transactions - t;
                if (age <= OFFSET_MAP_EXACT) assert_int_equal(x.kind, OFFSET_EXACT);
                assert_true(x.offset <= truth);
                if (x.kind == OFFSET_EXACT) assert_int_equal(x.offset, truth);
                assert_true(truth - x.offset <= x.by);
                assert_true(truth - x.offset <= age / 4);
        }
        offset_map_fini(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(runs_translate_exactly),
                cmocka_unit_test(a_partition_without_records_translates_from_0),
                cmocka_unit_test(nothing_passes_a_record_that_came_back),
                cmocka_unit_test(the_newest_copy_counts),
                cmocka_unit_test(a_destination_that_begins_anew_is_known_from_there),
                cmocka_unit_test(what_a_dead_owner_did_not_write_is_not_passed),
                cmocka_unit_test(an_unknown_place_is_not_passed),
                cmocka_unit_test(random_histories_are_never_ahead),
                cmocka_unit_test(the_window_is_exact_and_the_rest_close),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
