/* The ring of events: what is kept, what goes, what a reader makes of it. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/events.h"

/* The znodes of the ring. */
struct store {
        void *data[EVENTS_CHUNKS];
        size_t bytes[EVENTS_CHUNKS];
};

static void store_fini(struct store *store) {
        for (int k = 0; k < EVENTS_CHUNKS; k++) free(store->data[k]);
}

static void load(struct events_ring *ring, const struct store *store) {
        Heliostat__Pb__Events *chunks[EVENTS_CHUNKS] = {0};
        bool exists[EVENTS_CHUNKS] = {0};
        for (int k = 0; k < EVENTS_CHUNKS; k++) {
                exists[k] = store->data[k] != NULL;
                if (exists[k]) (void)codec_unpack_events(store->data[k], store->bytes[k], &chunks[k]);
        }
        events_ring_load(ring, (const Heliostat__Pb__Events *const *)chunks, exists);
        for (int k = 0; k < EVENTS_CHUNKS; k++) codec_free(chunks[k]);
}

/* true: something was written. */
static bool store_write(struct events_ring *ring, struct store *store) {
        uint32_t chunk;
        void *data;
        size_t bytes;
        if (!events_ring_write(ring, &chunk, &data, &bytes)) return false;
        assert_true(chunk < EVENTS_CHUNKS);
        assert_true(bytes < 128 * 1024);
        assert_int_equal(ring->exists[chunk], store->data[chunk] != NULL);
        free(store->data[chunk]);
        store->data[chunk] = data;
        store->bytes[chunk] = bytes;
        return true;
}

static void add(struct events_ring *ring, unsigned number) {
        struct event event;
        char subject[32];
        (void)snprintf(subject, sizeof subject, "w%u", number);
        event_set(&event, EVENT_JOIN, "", subject, "r", "d", (int64_t)number);
        event.at_ms = number;
        events_ring_add(ring, &event);
}

static struct event *read_all(const struct store *store, size_t *count) {
        struct event *events = NULL;
        *count = 0;
        for (int k = EVENTS_CHUNKS; k-- > 0;) { /* in any order */
                Heliostat__Pb__Events *chunk;
                if (!store->data[k] || codec_unpack_events(store->data[k], store->bytes[k], &chunk)) continue;
                assert_int_equal(events_collect(chunk, &events, count), 0);
                codec_free(chunk);
        }
        events_sort(events, count);
        return events;
}

/* The newest stay, in order, none twice, whatever leader wrote them. */
static void test_goes_round(void **state) {
        static struct events_ring ring;
        struct store store = {0};
        unsigned next = 0;
        (void)state;
        srand(7);
        load(&ring, &store);
        while (next < 3000) {
                for (int n = rand() % 9; n >= 0; n--) add(&ring, next++);
                while (store_write(&ring, &store)) events_ring_written(&ring);
                assert_int_equal(ring.queued, 0);
                if (rand() % 5 == 0) { /* another leader */
                        memset(&ring, 0, sizeof ring);
                        load(&ring, &store);
                }
                size_t count;
                struct event *events = read_all(&store, &count);
                size_t least = (EVENTS_CHUNKS - 1) * EVENTS_PER_CHUNK;
                assert_true(count == next || count >= least);
                assert_true(count <= EVENTS_CHUNKS * EVENTS_PER_CHUNK);
                for (size_t i = 0; i < count; i++) {
                        assert_int_equal(events[i].number, next - count + i);
                        assert_int_equal(events[i].at_ms, next - count + i);
                        assert_int_equal(events[i].duration_ms, next - count + i);
                        assert_int_equal(events[i].kind, EVENT_JOIN);
                }
                free(events);
        }
        store_fini(&store);
}

/* A write whose answer was lost is neither repeated nor forgotten. */
static void test_unknown_result(void **state) {
        (void)state;
        for (int done = 0; done < 2; done++) {
                static struct events_ring ring;
                struct store store = {0}, lost = {0};
                memset(&ring, 0, sizeof ring);
                load(&ring, &store);
                add(&ring, 0);
                assert_true(store_write(&ring, &store));
                events_ring_written(&ring);
                add(&ring, 1);
                add(&ring, 2);
                memset(ring.exists, 0, sizeof ring.exists);
                assert_true(store_write(&ring, done ? (memset(ring.exists, 1, 1), &store) : &lost));
                assert_false(store_write(&ring, &store)); /* one at a time */
                add(&ring, 3);
                load(&ring, &store);
                assert_int_equal(ring.queued, done ? 1 : 3);
                while (store_write(&ring, &store)) events_ring_written(&ring);
                size_t count;
                struct event *events = read_all(&store, &count);
                assert_int_equal(count, 4);
                for (size_t i = 0; i < count; i++) assert_int_equal(events[i].at_ms, i);
                free(events);
                store_fini(&store);
                store_fini(&lost);
        }
}

static void test_bounded(void **state) {
        static struct events_ring ring;
        (void)state;
        for (unsigned i = 0; i < EVENTS_QUEUE_MAX + 10; i++) add(&ring, i);
        assert_int_equal(ring.queued, EVENTS_QUEUE_MAX);
        assert_int_equal(ring.dropped, 10);
        assert_int_equal(ring.queue[0].at_ms, 10);
}

static void test_garbage(void **state) {
        static struct events_ring ring;
        struct store store = {0};
        (void)state;
        load(&ring, &store);
        add(&ring, 0);
        assert_true(store_write(&ring, &store));
        events_ring_written(&ring);
        memset(store.data[0], 0xff, store.bytes[0]);
        memset(&ring, 0, sizeof ring);
        load(&ring, &store);
        assert_int_equal(ring.next, 0);
        add(&ring, 5);
        assert_true(store_write(&ring, &store)); /* over the garbage */
        size_t count;
        struct event *events = read_all(&store, &count);
        assert_int_equal(count, 1);
        free(events);
        store_fini(&store);
}

static void test_moves_join(void **state) {
        static struct events_ring ring;
        struct event event;
        char subject[64], text[600];
        (void)state;
        for (unsigned k = 0; k < 100; k++) {
                (void)snprintf(subject, sizeof subject, "a->b lane %u", k);
                event_set(&event, EVENT_MOVE, "a->b", subject, "lost", "w1 -> w2", k);
                events_ring_add(&ring, &event);
        }
        assert_int_equal(ring.queued, 1);
        assert_int_equal(ring.queue[0].count, 100);
        assert_int_equal(ring.queue[0].duration_ms, 99);
        assert_non_null(strstr(ring.queue[0].subject, "a->b lanes 0 1 2 3 "));
        assert_string_equal(ring.queue[0].subject + strlen(ring.queue[0].subject) - 4, " ...");
        event_set(&event, EVENT_MOVE, "a->b", "a->b lane 3", "drained", "w1 -> w2", 240);
        events_ring_add(&ring, &event);
        assert_int_equal(ring.queued, 2);
        event_text(&ring.queue[1], text, sizeof text);
        assert_string_equal(text, "a->b lane 3: w1 -> w2 (drained), 240 ms");
}

static void test_text(void **state) {
        struct event event;
        (void)state;
        for (enum event_kind k = EVENT_NONE; k <= EVENT_KINDS; k++) assert_true(*event_kind_name(k));
        event_set(&event, EVENT_HALT, NULL, "a\nb", NULL, NULL, -1);
        assert_string_equal(event.subject, "a?b");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_goes_round), cmocka_unit_test(test_unknown_result), cmocka_unit_test(test_bounded),
                cmocka_unit_test(test_garbage),    cmocka_unit_test(test_moves_join),     cmocka_unit_test(test_text),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
