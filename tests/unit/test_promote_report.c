#include <stdlib.h>
#include <string.h>

#include "cli/promote_report.h"
#include "common/codec.h"
#include "common/err.h"
#include "tests/unit/test.h"

static struct promote_report sample(void) {
        struct promote_report report = {.route = "a->b", .state = CODEC_INTAKE_STOPPED, .now_ms = 100000};
        promote_witness(promote_at(&report, "t", 10), 5, 9, 90000);
        promote_witness(promote_at(&report, "t", 2), 100, 140, 95000);
        promote_witness(promote_at(&report, "s", 0), -1, -1, 0);
        return report;
}

/* Later positions and younger ends count; what was committed or asked counts more. */
static void witnesses(void **state) {
        (void)state;
        struct promote_report report = sample();
        assert_int_equal(report.count, 3);
        assert_string_equal(report.partitions[0].topic, "s");
        assert_int_equal(report.partitions[1].partition, 2);
        struct promote_partition *p = promote_at(&report, "t", 10);
        assert_ptr_equal(p, &report.partitions[2]);
        promote_witness(p, 4, 12, 80000);
        assert_int_equal(p->position, 5);
        assert_int_equal(p->end_offset, 9);
        promote_witness(p, 7, 11, 91000);
        assert_int_equal(p->position, 7);
        assert_int_equal(p->end_offset, 11);
        p->committed = p->asked = true;
        promote_witness(p, 9, 30, 99000);
        assert_int_equal(p->position, 7);
        assert_int_equal(p->end_offset, 11);
        promote_report_fini(&report);
}

static void text_of_a_source_that_is_gone(void **state) {
        (void)state;
        struct promote_report report = sample();
        (void)strcpy(report.why, "the source cluster 'a': Local: Broker transport failure");
        char *text = promote_text(&report);
        assert_string_equal(text,
                "  s-0: unmirrored records unknown, position unknown, end of the source unknown\n"
                "  t-2: position 100 (as reported), source's end 140 (5.0 s old): about 40 unmirrored then\n"
                "  t-10: position 5 (as reported), source's end 9 (10.0 s old): about 4 unmirrored then\n"
                "a->b: source unreachable: unmirrored records unknown; last known end offsets, up to 10.0 s old, give 44; "
                "1 of 3 partitions have none\n"
                "  the source cluster 'a': Local: Broker transport failure\n"
                "a->b is stopped; heliostat promote 'a->b' --undo lets it mirror again\n");
        free(text);
        (void)strcpy(report.why, "SASL: \x1b[2J\xe6\x97"); /* a broker's words, cut */
        text = promote_text(&report);
        assert_non_null(strstr(text, "\n  SASL: ?[2J??\n"));
        free(text);
        json_t *json = promote_json(&report);
        assert_non_null(json);
        assert_string_equal(json_string_value(json_object_get(json, "source_error")), "SASL: \\x1b[2J\\xe6\\x97");
        json_decref(json);
        promote_report_fini(&report);
        report = (struct promote_report){.route = "a->b", .state = "", .dry_run = true};
        text = promote_text(&report);
        assert_non_null(strstr(text, "no end offset is known"));
        assert_non_null(strstr(text, "dry run: nothing was written"));
        free(text);
}

static void text_and_json_of_a_source_that_answers(void **state) {
        (void)state;
        struct promote_report report = sample();
        report.source_reachable = true;
        for (size_t i = 0; i < report.count; i++) {
                report.partitions[i].asked = report.partitions[i].committed = true;
                if (report.partitions[i].position < 0) report.partitions[i].position = report.partitions[i].end_offset = 3;
        }
        promote_at(&report, "t", 2)->records = 38; /* two of the offsets are markers */
        promote_at(&report, "t", 10)->records = 4;
        promote_at(&report, "s", 0)->records = 0;
        char *text = promote_text(&report);
        assert_string_equal(text,
                "  t-2: position 100, source's end 140: 38 unmirrored\n"
                "  t-10: position 5, source's end 9: 4 unmirrored\n"
                "a->b: 42 records of the source are not mirrored, of 3 partitions\n"
                "a->b is stopped; heliostat promote 'a->b' --undo lets it mirror again\n");
        free(text);
        json_t *json = promote_json(&report);
        assert_int_equal(json_integer_value(json_object_get(json, "unmirrored")), 42);
        assert_true(json_is_true(json_object_get(json, "unmirrored_exact")));
        json_decref(json);
        promote_at(&report, "t", 2)->records = -1;
        assert_false(promote_sum(&report).exact);
        assert_int_equal(promote_sum(&report).unmirrored, 44);
        promote_report_fini(&report);
}

/* Written into the znode, and read again. */
static Heliostat__Pb__Promotion *kept(const struct promote_report *report) {
        Heliostat__Pb__Promotion *promotion = promote_save(report), *read = NULL;
        void *data;
        size_t bytes;
        assert_int_equal(codec_pack(&promotion->base, &data, &bytes), 0);
        codec_free(promotion);
        assert_int_equal(codec_unpack_promotion(data, bytes, &read), 0);
        free(data);
        return read;
}

/* Takes it. */
static void expect_refused(Heliostat__Pb__Promotion *promotion) {
        Heliostat__Pb__Promotion *read;
        void *data;
        size_t bytes;
        assert_int_equal(codec_pack(&promotion->base, &data, &bytes), 0);
        codec_free(promotion);
        assert_int_equal(codec_unpack_promotion(data, bytes, &read), ERR_INVALID);
        free(data);
}

static void what_was_known_is_kept(void **state) {
        (void)state;
        struct promote_report report = sample(), back = {.route = "a->b"};
        Heliostat__Pb__Promotion *read = kept(&report);
        assert_int_equal(promote_load(&back, read, true), 0);
        assert_int_equal(back.count, 3);
        for (size_t i = 0; i < 3; i++) {
                assert_int_equal(back.partitions[i].position, report.partitions[i].position);
                assert_int_equal(back.partitions[i].end_offset, report.partitions[i].end_offset);
        }
        read->topics[0]->partitions[0]->position = -2;
        expect_refused(read);
        promote_report_fini(&report);
        promote_report_fini(&back);
}

/* ---- workers that were not seen to stop ---- */

enum { FREE = HELIOSTAT__PB__LANE_STATE__LANE_FREE, ASSIGNED = HELIOSTAT__PB__LANE_STATE__LANE_ASSIGNED,
       OWNED = HELIOSTAT__PB__LANE_STATE__LANE_OWNED, REVOKING = HELIOSTAT__PB__LANE_STATE__LANE_REVOKING };

/* A look at lane 3: in which state it is, whose, and who has a session. */
struct look {
        int state;
        const char *owner, *alive[3];
        bool runs;
        const char *lost; /* afterwards */
};

static void who_was_not_seen_to_stop(void **state) {
        (void)state;
        static const struct {
                const char *what;
                struct look looks[4];
        } rows[] = {
                {"it ends as told",
                 {{OWNED, "w1", {"w1"}, true, NULL}, {REVOKING, "w1", {"w1"}, true, NULL}, {FREE, "", {"w1"}, false, NULL}}},
                {"it ends as told, and goes later",
                 {{OWNED, "w1", {"w1"}, true, NULL}, {FREE, "", {"w1"}, false, NULL}, {FREE, "", {0}, false, NULL}}},
                {"lost before", {{OWNED, "w1", {"w2"}, false, "w1"}, {FREE, "", {"w2"}, false, "w1"}}},
                {"lost while it drains",
                 {{REVOKING, "w1", {"w1"}, true, NULL}, {REVOKING, "w1", {0}, false, "w1"}, {FREE, "", {0}, false, "w1"}}},
                {"lost and freed between two looks",
                 {{REVOKING, "w1", {"w1"}, true, NULL}, {FREE, "", {0}, false, "w1"}}},
                {"it comes back",
                 {{OWNED, "w1", {0}, false, "w1"}, {FREE, "", {0}, false, "w1"}, {FREE, "", {"w1"}, false, NULL}}},
                {"another has claimed it",
                 {{OWNED, "w1", {"w2"}, false, "w1"}, {OWNED, "w2", {"w2"}, true, NULL}, {FREE, "", {"w2"}, false, NULL}}},
                {"another was to have it, and did not claim it",
                 {{OWNED, "w1", {"w2"}, false, "w1"}, {ASSIGNED, "w2", {"w2"}, true, "w1"},
                  {ASSIGNED, "w2", {0}, false, "w1"}, {FREE, "", {0}, false, "w1"}}},
                {"both are lost", {{OWNED, "w1", {"w2"}, false, "w1"}, {OWNED, "w2", {0}, false, "w2"}}},
                {"nobody had it", {{FREE, "", {0}, false, NULL}}},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct promote_report report = {.route = "a->b"};
                for (size_t k = 0; k < 4 && rows[i].looks[k].owner; k++) {
                        const struct look *look = &rows[i].looks[k];
                        Heliostat__Pb__Lane record = HELIOSTAT__PB__LANE__INIT;
                        record.state = (Heliostat__Pb__LaneState)look->state;
                        record.owner = (char *)look->owner;
                        char *alive[3] = {(char *)look->alive[0], (char *)look->alive[1]};
                        size_t count = (alive[0] != NULL) + (size_t)(alive[1] != NULL);
                        int rc = promote_lane_look(&report, 3, &record, alive, count);
                        const char *lost = report.lanes[0].lost;
                        if (rc == (look->runs ? PROMOTE_LANE_RUNS : 0) && strcmp(lost ? lost : "", look->lost ? look->lost : "") == 0)
                                continue;
                        fail_msg("%s: look %zu gives %d, lost %s", rows[i].what, k, rc, lost ? lost : "-");
                }
                assert_int_equal(report.lane_count, 1);
                promote_report_fini(&report);
        }
}

static void lost(struct promote_report *report, uint32_t lane, const char *worker) {
        Heliostat__Pb__Lane record = HELIOSTAT__PB__LANE__INIT;
        record.state = HELIOSTAT__PB__LANE_STATE__LANE_OWNED;
        record.owner = (char *)worker;
        assert_int_equal(promote_lane_look(report, lane, &record, NULL, 0), 0);
}

static void who_was_not_seen_to_stop_is_named(void **state) {
        (void)state;
        struct promote_report report = {.route = "a->b", .state = CODEC_INTAKE_STOPPED, .source_reachable = true}, back = {.route = "a->b"};
        lost(&report, 11, "w1");
        lost(&report, 2, "w2");
        lost(&report, 0, "w1");
        char *text = promote_text(&report);
        assert_string_equal(text,
                "a->b: 0 records of the source are not mirrored, of 0 partitions\n"
                "not seen to stop: worker w1, whose session has ended: lane 0, lane 11\n"
                "not seen to stop: worker w2, whose session has ended: lane 2\n"
                "  if it lives without ZooKeeper it mirrors on: make sure that its process or host is down, or that it reaches "
                "ZooKeeper again, then run promote again\n"
                "a->b is stopped, but for what is named above; heliostat promote 'a->b' --undo lets it mirror again\n");
        free(text);
        json_t *json = promote_json(&report), *lanes = json_object_get(json, "lost_lanes");
        assert_int_equal(json_array_size(lanes), 3);
        assert_int_equal(json_integer_value(json_object_get(json_array_get(lanes, 1), "lane")), 2);
        assert_string_equal(json_string_value(json_object_get(json_array_get(lanes, 1), "worker")), "w2");
        json_decref(json);

        /* The next run knows it, when the leader has long freed them; not after the route has mirrored again. */
        Heliostat__Pb__Promotion *read = kept(&report);
        assert_int_equal(promote_load(&back, read, false), 0);
        assert_int_equal(promote_lost_count(&back), 0);
        assert_int_equal(promote_load(&back, read, true), 0);
        assert_int_equal(promote_lost_count(&back), 3);
        assert_string_equal(back.lanes[2].lost, "w1");
        read->lost[0]->lane = ROUTE_LANES_MAX;
        expect_refused(read);
        promote_report_fini(&report);
        promote_report_fini(&back);
}

/* A stopped route is one that does not run, whatever else it says. */
static void intake(void **state) {
        (void)state;
        static const struct {
                const char *intake;
                bool enabled, runs;
                int code;
        } rows[] = {{"", true, true, 0}, {"", false, false, 0}, {"stopping", true, false, 0}, {"stopped", true, false, 0},
                    {"paused", true, false, ERR_INVALID}};
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                Heliostat__Pb__Route route = HELIOSTAT__PB__ROUTE__INIT, *read = NULL;
                char name[] = "a->b", source[] = "a", destination[] = "b", group[] = "g", guarantee[] = "at-least-once",
                     topics[] = ".*", word[16];
                (void)strcpy(word, rows[i].intake);
                route.name = name, route.source = source, route.destination = destination, route.group_id = group;
                route.delivery_guarantee = guarantee, route.topics = topics, route.intake = word;
                route.enabled = rows[i].enabled;
                route.lanes = 1, route.offset_commit_interval_ms = 100, route.refresh_topics_interval_s = 1;
                route.replication_factor = -1;
                void *data;
                size_t bytes;
                assert_int_equal(codec_pack(&route.base, &data, &bytes), 0);
                assert_int_equal(codec_unpack_route(data, bytes, &read), rows[i].code);
                free(data);
                if (rows[i].code) continue;
                assert_int_equal(codec_route_runs(read), rows[i].runs);
                codec_free(read);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(witnesses),
                cmocka_unit_test(text_of_a_source_that_is_gone),
                cmocka_unit_test(text_and_json_of_a_source_that_answers),
                cmocka_unit_test(what_was_known_is_kept),
                cmocka_unit_test(who_was_not_seen_to_stop),
                cmocka_unit_test(who_was_not_seen_to_stop_is_named),
                cmocka_unit_test(intake),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
