#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/test.h"
#include "worker/ledger.h"

static void position_is_the_oldest_record_under_way(void **state) {
        (void)state;
        struct ledger l;
        ledger_init(&l, 10);
        assert_int_equal(ledger_position(&l), 10);
        assert_int_equal(ledger_send(&l, 12), 0); /* 10, 11 were compacted away */
        assert_int_equal(ledger_send(&l, 13), 0);
        assert_int_equal(ledger_send(&l, 20), 0);
        assert_int_equal(ledger_position(&l), 12);
        assert_int_equal(ledger_ack(&l, 13), 0);
        assert_int_equal(ledger_position(&l), 12);
        assert_int_equal(ledger_ack(&l, 12), 0);
        assert_int_equal(ledger_position(&l), 20);
        assert_int_equal(ledger_ack(&l, 20), 0);
        assert_int_equal(ledger_position(&l), 21);
        ledger_fini(&l);
}

static void end_of_partition_moves_the_position_over_control_records(void **state) {
        (void)state;
        struct ledger l;
        ledger_init(&l, 0);
        assert_int_equal(ledger_send(&l, 0), 0);
        ledger_skip(&l, 7);
        assert_int_equal(ledger_position(&l), 0); /* 0 is still under way */
        assert_int_equal(ledger_ack(&l, 0), 0);
        assert_int_equal(ledger_position(&l), 7);
        ledger_skip(&l, 3); /* never backwards */
        assert_int_equal(ledger_position(&l), 7);
        ledger_fini(&l);
}

static void repeats_and_unknown_acknowledgements_are_told(void **state) {
        (void)state;
        struct ledger l;
        ledger_init(&l, 5);
        assert_int_equal(ledger_send(&l, 4), LEDGER_SEEN);
        assert_int_equal(ledger_ack(&l, 5), LEDGER_UNKNOWN);
        assert_int_equal(ledger_send(&l, 5), 0);
        assert_int_equal(ledger_send(&l, 6), 0);
        assert_int_equal(ledger_send(&l, 6), LEDGER_SEEN);
        assert_int_equal(ledger_ack(&l, 6), 0);
        assert_int_equal(ledger_ack(&l, 6), LEDGER_UNKNOWN);
        ledger_unsend(&l, 6); /* newest entry is 6: taken back */
        assert_int_equal(ledger_position(&l), 5);
        ledger_fini(&l);
}

/* Against a model: a plain array of flags. */
static void random_histories_agree_with_the_model(void **state) {
        (void)state;
        const char *env = getenv("HELIOSTAT_SEED");
        unsigned seed = env ? (unsigned)atoi(env) : 7;
        print_message("seed %u\n", seed);
        for (int round = 0; round < 2000; round++) {
                enum { N = 300 };
                static unsigned char sent[N + 1], acked[N + 1];
                for (int i = 0; i <= N; i++) sent[i] = acked[i] = 0;
                struct ledger l;
                ledger_init(&l, 0);
                int next = 0;
                for (int step = 0; step < 400; step++) {
                        if (rand_r(&seed) % 2 && next < N) {
                                int o = next + rand_r(&seed) % 3;
                                if (o >= N) o = N - 1;
                                if (o < next) continue;
                                assert_int_equal(ledger_send(&l, o), 0);
                                sent[o] = 1;
                                next = o + 1;
                        } else if (next > 0) {
                                int o = rand_r(&seed) % next;
                                int expect = sent[o] && !acked[o] ? 0 : LEDGER_UNKNOWN;
                                assert_int_equal(ledger_ack(&l, o), expect);
                                if (expect == 0) acked[o] = 1;
                        }
                        int position = next;
                        for (int i = 0; i < next; i++)
                                if (sent[i] && !acked[i]) {
                                        position = i;
                                        break;
                                }
                        assert_int_equal(ledger_position(&l), position);
                }
                ledger_fini(&l);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(position_is_the_oldest_record_under_way),
                cmocka_unit_test(end_of_partition_moves_the_position_over_control_records),
                cmocka_unit_test(repeats_and_unknown_acknowledgements_are_told),
                cmocka_unit_test(random_histories_agree_with_the_model),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
