#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/test.h"
#include "worker/relay_queue.h"

#define BYTES 100

static void push_bytes(struct relay_queue *q, int64_t base, int32_t records, size_t bytes) {
        const struct relay_slot slot = {.base = base, .last = base + records - 1, .records = records, .bytes = bytes};
        assert_int_equal(relay_queue_push(q, slot), 0);
}

static void push(struct relay_queue *q, int64_t base, int32_t records) { push_bytes(q, base, records, BYTES); }

static void send(struct relay_queue *q, int64_t base, int32_t sequence) {
        const struct relay_slot *slot = relay_queue_unsent(q);
        assert_non_null(slot);
        assert_int_equal(slot->base, base);
        assert_int_equal(slot->sequence, sequence);
        relay_queue_sent(q);
}

static void acked(struct relay_queue *q, int64_t base, int64_t next) {
        struct relay_slot slot;
        assert_int_equal(relay_queue_answer(q, true, &slot), RELAY_ACKED);
        assert_int_equal(slot.base, base);
        assert_int_equal(slot.next, next);
}

static void answered(struct relay_queue *q, bool taken, enum relay_answer expected) {
        struct relay_slot slot = {.base = -7};
        assert_int_equal(relay_queue_answer(q, taken, &slot), expected);
        assert_int_equal(slot.base, -7); /* it is not told which */
}

static void taken_back(struct relay_queue *q, int64_t base, bool sent) {
        struct relay_slot slot;
        bool was_sent;
        assert_true(relay_queue_take_back(q, &slot, &was_sent));
        assert_int_equal(slot.base, base);
        assert_int_equal(was_sent, sent);
        assert_int_equal(q->fetch_offset, base);
}

static void nothing_to_take_back(struct relay_queue *q) {
        struct relay_slot slot;
        bool sent;
        assert_false(relay_queue_take_back(q, &slot, &sent));
}

static void batches_go_in_order_and_five_at_most_are_under_way(void **state) {
        (void)state;
        struct relay_queue q;
        relay_queue_init(&q, 10);
        assert_null(relay_queue_unsent(&q));
        for (int i = 0; i < 10; i++) push(&q, 10 + 3 * i, 3); /* it grows */
        assert_int_equal(q.fetch_offset, 40);
        assert_int_equal(q.waiting_bytes, 10 * BYTES);
        send(&q, 10, 0);
        assert_null(relay_queue_unsent(&q)); /* the broker does not know the producer yet */
        acked(&q, 10, 13);
        for (int i = 1; i <= RELAY_IN_FLIGHT_MAX; i++) send(&q, 10 + 3 * i, 3 * i);
        assert_null(relay_queue_unsent(&q));
        assert_int_equal(q.waiting_bytes, 4 * BYTES);
        acked(&q, 13, 16);
        send(&q, 28, 18);
        assert_null(relay_queue_unsent(&q));
        for (int i = 2; i <= 6; i++) acked(&q, 10 + 3 * i, 13 + 3 * i);
        assert_true(relay_queue_settled(&q));
        for (int i = 9; i >= 7; i--) taken_back(&q, 10 + 3 * i, false);
        nothing_to_take_back(&q);
        assert_int_equal(q.waiting_bytes, 0);
        assert_int_equal(q.sequence, 21);
        relay_queue_fini(&q);
}

static void one_goes_alone_again_behind_a_pause(void **state) {
        (void)state;
        struct relay_queue q;
        relay_queue_init(&q, 0);
        push(&q, 0, 1);
        send(&q, 0, 0);
        acked(&q, 0, 1);
        push(&q, 1, 1);
        push(&q, 2, 1);
        send(&q, 1, 1);
        assert_null(relay_queue_unsent(&q));
        acked(&q, 1, 2);
        send(&q, 2, 2);
        acked(&q, 2, 3);
        relay_queue_fini(&q);
}

/* Three are under way, the second fails, one waits. */
static struct relay_queue with_a_failure(void) {
        struct relay_queue q;
        relay_queue_init(&q, 0);
        for (int i = 0; i < 5; i++) push(&q, 10 * i, 10);
        send(&q, 0, 0);
        acked(&q, 0, 10);
        for (int i = 1; i <= 3; i++) send(&q, 10 * i, 10 * i);
        acked(&q, 10, 20);
        answered(&q, false, RELAY_FAILED);
        return q;
}

static void what_failed_and_all_behind_it_comes_again_under_its_sequence(void **state) {
        (void)state;
        struct relay_queue q = with_a_failure();
        assert_null(relay_queue_unsent(&q)); /* nothing may overtake it */
        assert_false(relay_queue_settled(&q));
        taken_back(&q, 40, false);
        nothing_to_take_back(&q); /* an answer is to come */
        answered(&q, true, RELAY_IGNORED);
        assert_true(relay_queue_settled(&q));
        assert_null(relay_queue_unsent(&q));
        taken_back(&q, 30, true);
        taken_back(&q, 20, true);
        nothing_to_take_back(&q);
        assert_int_equal(q.waiting_bytes, 0);
        for (int i = 2; i <= 4; i++) push(&q, 10 * i, 10);
        send(&q, 20, 20);
        assert_null(relay_queue_unsent(&q)); /* alone: who answers may be another broker */
        acked(&q, 20, 30);
        send(&q, 30, 30);
        send(&q, 40, 40);
        acked(&q, 30, 40);
        acked(&q, 40, 50);
        relay_queue_fini(&q);
}

static void a_lost_connection_is_a_failure_of_all_that_were_under_way(void **state) {
        (void)state;
        struct relay_queue q = with_a_failure();
        relay_queue_lost(&q);
        assert_true(relay_queue_settled(&q));
        taken_back(&q, 40, false);
        taken_back(&q, 30, true);
        taken_back(&q, 20, true);
        nothing_to_take_back(&q);

        relay_queue_lost(&q); /* nothing was under way: no failure */
        push(&q, 20, 10);
        push(&q, 30, 10);
        relay_queue_lost(&q);
        send(&q, 20, 20);
        relay_queue_lost(&q);
        assert_null(relay_queue_unsent(&q));
        taken_back(&q, 30, false);
        taken_back(&q, 20, true);
        nothing_to_take_back(&q);

        for (int i = 2; i <= 4; i++) push(&q, 10 * i, 10);
        send(&q, 20, 20);
        acked(&q, 20, 30);
        send(&q, 30, 30);
        relay_queue_lost(&q);
        taken_back(&q, 40, false);
        taken_back(&q, 30, true);
        nothing_to_take_back(&q);
        push(&q, 30, 10);
        push(&q, 40, 10);
        send(&q, 30, 30);
        assert_null(relay_queue_unsent(&q)); /* alone, over the new one */
        acked(&q, 30, 40);
        taken_back(&q, 40, false);
        assert_int_equal(q.waiting_bytes, 0);
        relay_queue_fini(&q);
}

static void what_holds_no_record_is_passed_with_the_batch_before_it(void **state) {
        (void)state;
        struct relay_queue q;
        relay_queue_init(&q, 5);
        assert_true(relay_queue_pass(&q, 8)); /* nothing is before it */
        push(&q, 12, 2);                      /* and a hole before the batch */
        push(&q, 14, 2);
        assert_false(relay_queue_pass(&q, 20));
        assert_int_equal(q.fetch_offset, 20);
        send(&q, 12, 0);
        acked(&q, 12, 14);
        send(&q, 14, 2);
        assert_false(relay_queue_pass(&q, 21)); /* also while it is under way */
        acked(&q, 14, 21);
        assert_true(relay_queue_pass(&q, 25));
        relay_queue_fini(&q);
}

static void sequences_go_on_at_zero_behind_the_largest(void **state) {
        (void)state;
        static const struct {
                int32_t first, records, then;
        } rows[] = {
                {INT32_MAX - 3, 3, INT32_MAX},
                {INT32_MAX - 3, 4, 0},
                {INT32_MAX - 3, 5, 1},
                {INT32_MAX, 1, 0},
                {INT32_MAX, 500, 499},
                {0, INT32_MAX, INT32_MAX},
        };
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                struct relay_queue q;
                relay_queue_init(&q, 0);
                q.sequence = rows[i].first;
                push(&q, 0, rows[i].records);
                push(&q, rows[i].records, 1);
                send(&q, 0, rows[i].first);
                acked(&q, 0, rows[i].records);
                send(&q, rows[i].records, rows[i].then);
                acked(&q, rows[i].records, (int64_t)rows[i].records + 1);
                relay_queue_fini(&q);
        }
}

/* ---- against a model ---- */

/* A log of batches; the queue carries them to a broker that checks sequences as Kafka's does: it takes the
 * one that follows, says that it has one of the last five, refuses others; one that has none takes any.
 * Connections break, with what was under way taken or not, and brokers refuse at random. */
#define LOG 400
struct model {
        int64_t base[LOG + 1];        /* of the n-th batch; [LOG]: the end */
        int32_t records[LOG];
        int32_t sequence[LOG];        /* that it must have */
        int pushed;                   /* the next one to be pushed */
        int under_way[RELAY_IN_FLIGHT_MAX], under_way_count; /* not seen by the broker yet */
        bool answers[RELAY_IN_FLIGHT_MAX];                   /* on their way back */
        int answer_count;
        int taken;                    /* the broker has all batches below this one */
        int acked;
};

static int index_of(const struct model *m, int64_t base) {
        int i = 0;
        while (m->base[i] < base) i++;
        assert_int_equal(m->base[i], base);
        return i;
}

/* The broker looks at the oldest request. */
static void broker_step(struct model *m, bool away) {
        const int batch = m->under_way[0];
        bool good = false;
        for (int i = 1; i < m->under_way_count; i++) m->under_way[i - 1] = m->under_way[i];
        m->under_way_count--;
        if (!away && batch == m->taken) {
                m->taken++;
                good = true;
        } else if (!away && batch < m->taken) {
                good = true; /* it has it */
        } else if (!away && m->taken == 0) {
                fail_msg("batch %d first: a broker that does not know the producer takes it", batch);
        }
        m->answers[m->answer_count++] = good;
}

static void model_take_back(struct model *m, struct relay_queue *q) {
        struct relay_slot slot;
        bool sent;
        while (relay_queue_take_back(q, &slot, &sent)) {
                assert_int_equal(slot.base, m->base[--m->pushed]);
                if (!sent) assert_true(m->pushed >= m->acked);
        }
        if (!q->failed) {
                assert_int_equal(m->pushed, m->acked + (int)q->sent);
                assert_int_equal(q->fetch_offset, m->base[m->pushed]);
        }
}

static void random_histories_agree_with_the_model(void **state) {
        (void)state;
        const char *env = getenv("HELIOSTAT_SEED");
        unsigned seed = env ? (unsigned)atoi(env) : 11;
        print_message("seed %u\n", seed);
        srand(seed);
        for (int round = 0; round < 300; round++) {
                struct model m = {0};
                struct relay_queue q;
                int32_t sequence = rand() % 2 ? 0 : INT32_MAX - rand() % 1000;
                int64_t offset = rand() % 1000;
                relay_queue_init(&q, offset);
                q.sequence = sequence;
                for (int i = 0; i < LOG; i++) {
                        offset += rand() % 4 ? 0 : rand() % 5;
                        m.base[i] = offset;
                        m.records[i] = 1 + rand() % 20;
                        m.sequence[i] = sequence;
                        offset += m.records[i];
                        sequence = (int32_t)(((int64_t)sequence + m.records[i]) & INT32_MAX);
                }
                m.base[LOG] = offset;
                for (int step = 0; m.acked < LOG; step++) {
                        struct relay_slot slot;
                        assert_true(step < 100 * LOG); /* it comes to its end */
                        switch (rand() % 8) {
                        case 0:
                        case 1: /* a fetch */
                                for (int n = rand() % 8; n > 0 && m.pushed < LOG && !q.failed; n--) {
                                        push(&q, m.base[m.pushed], m.records[m.pushed]);
                                        m.pushed++;
                                }
                                break;
                        case 2:
                        case 3:
                        case 4: { /* a turn */
                                const struct relay_slot *next = relay_queue_unsent(&q);
                                if (!next) break;
                                int batch = index_of(&m, next->base);
                                assert_int_equal(next->sequence, m.sequence[batch]);
                                assert_int_equal(batch, m.acked + (int)q.sent);
                                assert_true(m.under_way_count + m.answer_count < RELAY_IN_FLIGHT_MAX);
                                m.under_way[m.under_way_count++] = batch;
                                relay_queue_sent(&q);
                                break;
                        }
                        case 5: /* the broker, now and then one that is no leader */
                                if (m.under_way_count && m.answer_count < RELAY_IN_FLIGHT_MAX) broker_step(&m, rand() % 20 == 0);
                                break;
                        case 6: /* an answer */
                                if (m.answer_count == 0) break;
                                bool good = m.answers[0];
                                for (int i = 1; i < m.answer_count; i++) m.answers[i - 1] = m.answers[i];
                                m.answer_count--;
                                switch (relay_queue_answer(&q, good, &slot)) {
                                case RELAY_ACKED:
                                        assert_int_equal(slot.base, m.base[m.acked++]);
                                        assert_true(m.acked <= m.taken);
                                        break;
                                case RELAY_FAILED: assert_false(good); break;
                                case RELAY_IGNORED: assert_true(q.failed); break;
                                }
                                if (q.failed && relay_queue_settled(&q)) model_take_back(&m, &q);
                                break;
                        case 7: /* the connection breaks: the broker has seen some of it */
                                if (rand() % 10) break;
                                while (m.under_way_count && rand() % 2 && m.answer_count < RELAY_IN_FLIGHT_MAX) broker_step(&m, false);
                                m.under_way_count = m.answer_count = 0;
                                relay_queue_lost(&q);
                                if (q.failed) model_take_back(&m, &q);
                                assert_true(relay_queue_settled(&q));
                                break;
                        }
                        assert_int_equal(q.count, m.pushed - m.acked);
                        assert_int_equal(q.waiting_bytes, (size_t)(q.count - q.sent) * BYTES);
                        if (!q.failed) assert_int_equal(q.in_flight, q.sent);
                        assert_true(q.sent <= RELAY_IN_FLIGHT_MAX);
                }
                assert_int_equal(m.taken, LOG);
                relay_queue_fini(&q);
        }
}

static void push_all(struct relay_queue *q, int batches, int32_t records, size_t bytes) {
        relay_queue_init(q, 0);
        for (int i = 0; i < batches; i++) push_bytes(q, (int64_t)i * records, records, bytes);
}

static void empty(struct relay_queue *q) {
        struct relay_slot out;
        bool sent;
        while (relay_queue_take_back(q, &out, &sent)) continue;
        relay_queue_fini(q);
}

static void many_small_batches_that_wait_are_told(void **state) {
        (void)state;
        static const struct { int batches; size_t bytes; bool small, crowded; } rows[] = {
                {99, 4000, false, true},   {100, 4000, true, true},   {100, 4096, false, true}, {9, 16000, false, false},
                {10, 16000, false, true}, {10, 32768, false, false}, {0, 1, false, false},
        };
        struct relay_queue q;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                push_all(&q, rows[i].batches, 16, rows[i].bytes);
                assert_true(relay_queue_small(&q) == rows[i].small);
                assert_true(relay_queue_crowded(&q) == rows[i].crowded);
                empty(&q);
        }
        /* What is under way does not wait. */
        struct relay_slot out;
        push_all(&q, 10, 16, 16000);
        relay_queue_sent(&q);
        assert_false(relay_queue_crowded(&q));
        assert_int_equal(relay_queue_oldest(&q)->base, 0);
        assert_int_equal(relay_queue_answer(&q, true, &out), RELAY_ACKED);
        assert_int_equal(relay_queue_oldest(&q)->base, 16);
        empty(&q);
        assert_null(relay_queue_oldest(&q));
}

static void ends_are(const struct relay_queue *q, const int64_t *last, uint32_t count) {
        assert_int_equal(q->ends.count, count);
        for (uint32_t i = 0; i < count; i++) assert_int_equal(q->ends.last[i], last[i]);
}

static void what_was_sent_and_has_no_answer_ends_where_it_ended(void **state) {
        (void)state;
        struct relay_queue q = with_a_failure(); /* of 20 to 49, of which 40 to 49 were not sent */
        relay_queue_lost(&q);
        assert_int_equal(relay_queue_end(&q, 0), -1);
        taken_back(&q, 40, false);
        taken_back(&q, 30, true);
        taken_back(&q, 20, true);
        nothing_to_take_back(&q);
        ends_are(&q, (const int64_t[]){29, 39}, 2);
        assert_int_equal(relay_queue_end(&q, 20), 29);
        assert_int_equal(relay_queue_end(&q, 29), 29);
        assert_int_equal(relay_queue_end(&q, 30), 39);
        assert_int_equal(relay_queue_end(&q, 40), -1);

        push(&q, 20, 10);
        send(&q, 20, 20);
        relay_queue_lost(&q); /* once more: it is known already */
        taken_back(&q, 20, true);
        nothing_to_take_back(&q);
        ends_are(&q, (const int64_t[]){29, 39}, 2);

        push(&q, 20, 10);
        send(&q, 20, 20);
        acked(&q, 20, 30);
        ends_are(&q, (const int64_t[]){39}, 1);
        push(&q, 30, 10);
        send(&q, 30, 30);
        acked(&q, 30, 40);
        ends_are(&q, NULL, 0);

        /* Of a log that is another one now: five are kept, the least. */
        for (int i = 0; i < 7; i++) {
                push(&q, 40, 100 - 10 * i);
                send(&q, 40, 40);
                relay_queue_lost(&q);
                taken_back(&q, 40, true);
                nothing_to_take_back(&q);
        }
        ends_are(&q, (const int64_t[]){79, 89, 99, 109, 119}, 5);
        push(&q, 40, 65);
        send(&q, 40, 40);
        acked(&q, 40, 105);
        ends_are(&q, (const int64_t[]){109, 119}, 2);
        relay_queue_fini(&q);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(batches_go_in_order_and_five_at_most_are_under_way),
                cmocka_unit_test(one_goes_alone_again_behind_a_pause),
                cmocka_unit_test(what_failed_and_all_behind_it_comes_again_under_its_sequence),
                cmocka_unit_test(a_lost_connection_is_a_failure_of_all_that_were_under_way),
                cmocka_unit_test(what_holds_no_record_is_passed_with_the_batch_before_it),
                cmocka_unit_test(sequences_go_on_at_zero_behind_the_largest),
                cmocka_unit_test(many_small_batches_that_wait_are_told),
                cmocka_unit_test(what_was_sent_and_has_no_answer_ends_where_it_ended),
                cmocka_unit_test(random_histories_agree_with_the_model),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
