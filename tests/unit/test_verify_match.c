#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/verify_match.h"
#include "tests/unit/test.h"

/* ---- streams ------------------------------------------------------------ */

#define MOST 20000

struct stream {
        struct verify_record records[MOST];
        size_t count;
};

static unsigned seed;
static unsigned dice(unsigned sides) { return (unsigned)rand_r(&seed) % sides; }

/* A number that stands for a record's content gives all its hashes. */
static uint64_t scramble(uint64_t x) {
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
        x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
        return x ^ x >> 31;
}

static void seal(struct verify_record *r) {
        r->content[0] = scramble(((uint64_t)r->key << 32 | r->value) ^ scramble((uint64_t)r->timestamp));
        r->content[1] = scramble(r->content[0] ^ r->headers);
}

/* Null keys, several records of one millisecond, gaps in the offsets. */
static void source_make(struct stream *s, size_t count) {
        s->count = count;
        int64_t offset = dice(50), timestamp = 1000000;
        for (size_t i = 0; i < count; i++) {
                struct verify_record *r = &s->records[i];
                timestamp += dice(3);
                *r = (struct verify_record){.offset = offset, .timestamp = timestamp, .value = (uint32_t)scramble(i + 1),
                                            .key = dice(3) ? 0 : dice(1000), .headers = dice(2)};
                seal(r);
                offset += 1 + (dice(20) == 0 ? dice(4) : 0);
        }
}

static void number(struct stream *d) {
        int64_t offset = dice(1000);
        for (size_t i = 0; i < d->count; i++) {
                d->records[i].offset = offset;
                offset += 1 + (dice(20) == 0 ? dice(4) : 0);
        }
}

static void insert(struct stream *d, size_t at, const struct verify_record *r, size_t count) {
        assert_true(d->count + count <= MOST);
        struct verify_record copy[64];
        assert_true(count <= 64);
        memcpy(copy, r, count * sizeof *r);
        memmove(d->records + at + count, d->records + at, (d->count - at) * sizeof *d->records);
        memcpy(d->records + at, copy, count * sizeof *r);
        d->count += count;
}

static void drop(struct stream *d, size_t at, size_t count) {
        memmove(d->records + at, d->records + at + count, (d->count - at - count) * sizeof *d->records);
        d->count -= count;
}

/* ---- findings as lines -------------------------------------------------- */

struct lines {
        char **text;
        size_t count, room;
        uint64_t unresolved[2];
};

static void lines_add(struct lines *lines, const char *text) {
        if (lines->count == lines->room) {
                lines->room = lines->room ? 2 * lines->room : 64;
                lines->text = realloc(lines->text, lines->room * sizeof *lines->text);
        }
        lines->text[lines->count++] = strdup(text);
}

static void lines_free(struct lines *lines) {
        for (size_t i = 0; i < lines->count; i++) free(lines->text[i]);
        free(lines->text);
        *lines = (struct lines){0};
}

static void line_add(struct lines *lines, enum verify_kind kind, int64_t source, int64_t destination, unsigned parts) {
        char text[128];
        (void)snprintf(text, sizeof text, "%s %lld %lld %u", verify_kind_name(kind), (long long)source,
                       (long long)destination, parts);
        lines_add(lines, text);
}

static void on_found(void *ctx, const struct verify_finding *f) {
        struct lines *lines = ctx;
        if (f->kind == VERIFY_UNRESOLVED) {
                lines->unresolved[0] += f->source_count;
                lines->unresolved[1] += f->destination_count;
        }
        line_add(lines, f->kind, f->source, f->destination, f->parts);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void assert_same(struct lines *seen, struct lines *expected, const char *what) {
        if (seen->count) qsort(seen->text, seen->count, sizeof *seen->text, by_text);
        if (expected->count) qsort(expected->text, expected->count, sizeof *expected->text, by_text);
        size_t i = 0;
        while (i < seen->count && i < expected->count && strcmp(seen->text[i], expected->text[i]) == 0) i++;
        if (i < seen->count || i < expected->count)
                fail_msg("%s: seen '%s', expected '%s' (%zu and %zu lines)", what, i < seen->count ? seen->text[i] : "-",
                         i < expected->count ? expected->text[i] : "-", seen->count, expected->count);
}

/* ---- running ------------------------------------------------------------ */

/* Feeds both to the end.  save_odds: now and then the state goes through text. */
static uint64_t compare(const struct verify_match_setup *setup, const struct stream *s, const struct stream *d,
                        struct lines *lines, unsigned save_odds) {
        struct verify_match *match = verify_match_new(setup, on_found, lines);
        const struct stream *streams[] = {s, d};
        size_t at[2] = {0};
        bool ended[2] = {false};
        while (!ended[0] || !ended[1]) {
                enum verify_side side = verify_match_next(match);
                assert_false(ended[side]);
                if (at[side] < streams[side]->count) verify_match_feed(match, side, &streams[side]->records[at[side]++]);
                else verify_match_end(match, side), ended[side] = true;
                assert_true(verify_match_waiting(match, 0) + verify_match_waiting(match, 1) <= setup->entries + 1);
                char *text = save_odds && !ended[0] && !ended[1] && dice(save_odds) == 0 ? verify_match_save(match) : NULL;
                if (!text) continue;
                verify_match_free(match);
                match = verify_match_new(setup, on_found, lines);
                assert_int_equal(verify_match_load(match, text), 0);
                char *again = verify_match_save(match);
                free(text);
                free(again);
        }
        verify_match_finish(match);
        uint64_t matched = verify_match_matched(match);
        verify_match_free(match);
        return matched;
}

static void equal_streams_have_no_findings(void **state) {
        (void)state;
        static struct stream s, d;
        source_make(&s, 5000);
        d = s;
        number(&d);
        struct lines lines = {0}, none = {0};
        struct verify_match_setup setup = {.entries = 256};
        assert_int_equal(compare(&setup, &s, &d, &lines, 0), 5000);
        assert_same(&lines, &none, "equal");
}

/* One edit after another in streams of records, at a distance that leaves no
 * doubt which edit a finding is of. */
enum edit { DROP, INSERT, SWAP, MOVE_ON, MOVE_BACK, REPEAT, CHANGE_VALUE, CHANGE_TIME, CHANGE_KEY, CHANGE_HEADERS, EDITS };

struct edited {
        enum edit edit;
        size_t source;      /* index of the first record concerned */
        size_t destination; /* the same, in the finished destination */
        size_t length;
};

static size_t edit_apply(struct stream *d, size_t at, enum edit edit, size_t length, int64_t *shift) {
        struct verify_record *r = &d->records[at], copy = *r;
        switch (edit) {
        case DROP: drop(d, at, length); *shift = -(int64_t)length; break;
        case INSERT:
                for (size_t i = 0; i < length; i++) {
                        copy = d->records[at + i];
                        copy.value = (uint32_t)scramble(copy.value + 7777777);
                        copy.timestamp += 5000000;
                        seal(&copy);
                        insert(d, at + i, &copy, 1);
                }
                *shift = (int64_t)length;
                break;
        case SWAP: length = 1; r[0] = r[1]; r[1] = copy; break;
        case MOVE_ON: /* the record comes `length` places later */
                memmove(r, r + 1, length * sizeof *r);
                r[length] = copy;
                break;
        case MOVE_BACK:
                copy = r[length];
                memmove(r + 1, r, length * sizeof *r);
                *r = copy;
                break;
        case REPEAT: insert(d, at + length, r, length); *shift = (int64_t)length; break;
        case CHANGE_VALUE: r->value = (uint32_t)scramble(r->value + 1); seal(r); length = 1; break;
        case CHANGE_TIME: r->timestamp += 77; seal(r); length = 1; break;
        case CHANGE_KEY: r->key += 100000; seal(r); length = 1; break;
        case CHANGE_HEADERS: r->headers += 5; seal(r); length = 1; break;
        case EDITS: break;
        }
        return length;
}

static void expect(struct lines *lines, const struct edited *e, const struct stream *s, const struct stream *d) {
        const struct verify_record *rs = &s->records[e->source], *rd = &d->records[e->destination];
        size_t n = e->length;
        switch (e->edit) {
        case DROP: for (size_t i = 0; i < n; i++) line_add(lines, VERIFY_MISSING, rs[i].offset, -1, 0); break;
        case INSERT: for (size_t i = 0; i < n; i++) line_add(lines, VERIFY_EXTRA, -1, rd[i].offset, 0); break;
        case SWAP: line_add(lines, VERIFY_REORDERED, rs[0].offset, rd[1].offset, 0); break;
        case MOVE_ON: line_add(lines, VERIFY_REORDERED, rs[0].offset, rd[n].offset, 0); break;
        case MOVE_BACK: line_add(lines, VERIFY_REORDERED, rs[n].offset, rd[0].offset, 0); break;
        case REPEAT: for (size_t i = 0; i < n; i++) line_add(lines, VERIFY_DUPLICATED, rs[i].offset, rd[n + i].offset, 0); break;
        case CHANGE_VALUE: line_add(lines, VERIFY_CHANGED, rs->offset, rd->offset, VERIFY_VALUE); break;
        case CHANGE_TIME: line_add(lines, VERIFY_CHANGED, rs->offset, rd->offset, VERIFY_TIMESTAMP); break;
        case CHANGE_KEY: line_add(lines, VERIFY_CHANGED, rs->offset, rd->offset, VERIFY_KEY); break;
        case CHANGE_HEADERS: line_add(lines, VERIFY_CHANGED, rs->offset, rd->offset, VERIFY_HEADERS); break;
        case EDITS: break;
        }
}

static void edits_are_told(unsigned rounds, unsigned save_odds) {
        static struct stream s, d;
        for (unsigned round = 0; round < rounds; round++) {
                struct edited edits[64];
                size_t count = 0;
                int64_t moved = 0;
                unsigned first_seed = seed;
                source_make(&s, 3000);
                d = s;
                for (size_t at = 40 + dice(100); at + 60 < s.count && count < 64; at += 90 + dice(200)) {
                        struct edited *e = &edits[count++];
                        int64_t shift = 0;
                        *e = (struct edited){.edit = (enum edit)dice(EDITS), .source = at,
                                             .destination = (size_t)((int64_t)at + moved)};
                        e->length = e->edit == MOVE_ON || e->edit == MOVE_BACK ? 2 + dice(18) : 1 + dice(20);
                        if (e->edit == INSERT) e->length = 1;
                        e->length = edit_apply(&d, e->destination, e->edit, e->length, &shift);
                        moved += shift;
                }
                number(&d);
                struct lines seen = {0}, expected = {0};
                for (size_t i = 0; i < count; i++) expect(&expected, &edits[i], &s, &d);
                struct verify_match_setup setup = {.entries = 256};
                (void)compare(&setup, &s, &d, &seen, save_odds);
                char what[64];
                (void)snprintf(what, sizeof what, "round %u, seed %u", round, first_seed);
                assert_same(&seen, &expected, what);
                lines_free(&seen);
                lines_free(&expected);
        }
}

static void every_edit_is_told_and_nothing_else(void **state) {
        (void)state;
        edits_are_told(400, 0);
}

static void a_comparison_goes_on_from_its_text(void **state) {
        (void)state;
        edits_are_told(60, 50);
}

/* ---- in bulk ------------------------------------------------------------ */

/* A stretch larger than the memory is missing (or extra): it is told as not
 * resolved, within its bounds, and what comes long after is told exactly. */
static void bulk_is_unresolved_and_left_behind(void **state) {
        (void)state;
        static struct stream s, d;
        for (int way = 0; way < 2; way++) {
                source_make(&s, 18000);
                d = s;
                struct stream *cut = way ? &s : &d, *full = way ? &d : &s;
                size_t late = 15000, hole = 5000;
                drop(cut, 4000, hole);
                drop(&d, way ? late : late - hole, 1);
                number(&d);
                int64_t from = full->records[4000].offset, gone = s.records[way ? late - hole : late].offset;
                struct lines seen = {0};
                struct verify_match_setup setup = {.entries = 1024};
                uint64_t matched = compare(&setup, &s, &d, &seen, 0);
                bool late_told = false;
                for (size_t i = 0; i < seen.count; i++) {
                        char kind[32];
                        long long source, destination;
                        unsigned parts;
                        assert_int_equal(sscanf(seen.text[i], "%31s %lld %lld %u", kind, &source, &destination, &parts), 4);
                        if (strcmp(kind, "missing") == 0 && source == gone) late_told = true;
                        else if (strcmp(kind, "unresolved") == 0) assert_true((way ? destination : source) >= from);
                        else {
                                assert_string_equal(kind, way ? "extra" : "missing");
                                long long offset = way ? destination : source;
                                assert_true(offset >= from && offset < full->records[4000 + hole].offset);
                        }
                }
                assert_true(late_told);
                /* The hole, and as much again while the other side is caught up with. */
                assert_true(seen.unresolved[way] > 4000 && seen.unresolved[way] <= 2 * hole + 2048);
                assert_true(matched >= 18000 - 2 * hole - 2048);
                lines_free(&seen);
        }
}

/* What lies before the other side's log is not comparable, and costs nothing. */
static void logs_that_begin_late(void **state) {
        (void)state;
        static struct stream s, d;
        for (int way = 0; way < 3; way++) {
                source_make(&s, 9000);
                d = s;
                number(&d);
                struct lines seen = {0}, expected = {0};
                struct verify_match_setup setup = {.entries = 512, .begins_late = {way != 1, way != 0}};
                if (way == 0) {
                        for (size_t i = 0; i < 6000; i++) line_add(&expected, VERIFY_SOURCE_START, -1, d.records[i].offset, 0);
                        drop(&s, 0, 6000);
                } else {
                        for (size_t i = way == 2 ? 300 : 0; i < 6000; i++)
                                line_add(&expected, VERIFY_DESTINATION_START, s.records[i].offset, -1, 0);
                        drop(&d, 0, 6000);
                        if (way == 2) drop(&s, 0, 300);
                }
                uint64_t matched = compare(&setup, &s, &d, &seen, 0);
                assert_same(&seen, &expected, way == 0 ? "source" : way == 1 ? "destination" : "both");
                assert_int_equal(matched, 3000);
                lines_free(&seen);
                lines_free(&expected);
        }
}

static void compaction_and_the_position(void **state) {
        (void)state;
        static struct stream s, d;
        source_make(&s, 2000);
        d = s;
        for (size_t i = 1990; i < 2000; i++) s.records[i].optional = true;
        drop(&d, 1993, 7);
        drop(&d, 500, 40);
        struct lines seen = {0}, expected = {0};
        for (size_t i = 500; i < 540; i++) line_add(&expected, VERIFY_COMPACTED, s.records[i].offset, -1, 0);
        for (size_t i = 1993; i < 2000; i++) line_add(&expected, VERIFY_NOT_MIRRORED, s.records[i].offset, -1, 0);
        struct verify_match_setup setup = {.entries = 256, .compacted = {false, true}};
        (void)compare(&setup, &s, &d, &seen, 0);
        assert_same(&seen, &expected, "compacted destination");
        lines_free(&seen);
        lines_free(&expected);
        /* Compaction of the source explains nothing that the destination lacks. */
        for (size_t i = 500; i < 540; i++) line_add(&expected, VERIFY_MISSING, s.records[i].offset, -1, 0);
        for (size_t i = 1993; i < 2000; i++) line_add(&expected, VERIFY_NOT_MIRRORED, s.records[i].offset, -1, 0);
        setup = (struct verify_match_setup){.entries = 256, .compacted = {true, false}};
        (void)compare(&setup, &s, &d, &seen, 0);
        assert_same(&seen, &expected, "compacted source");
        lines_free(&seen);
        lines_free(&expected);
}

/* Records of one content, as a heartbeat may have. */
static void equal_records(void **state) {
        (void)state;
        static struct stream s, d;
        source_make(&s, 1000);
        for (size_t i = 300; i < 400; i++) {
                s.records[i].key = 1;
                s.records[i].value = 2;
                s.records[i].headers = 0;
                s.records[i].timestamp = 5;
                seal(&s.records[i]);
        }
        d = s;
        number(&d);
        struct lines seen = {0}, expected = {0};
        struct verify_match_setup setup = {.entries = 256};
        assert_int_equal(compare(&setup, &s, &d, &seen, 0), 1000);
        assert_same(&seen, &expected, "equal contents");
        drop(&d, 350, 3);
        (void)compare(&setup, &s, &d, &seen, 0);
        assert_int_equal(seen.count, 3);
        lines_free(&seen);
}

/* The same key and timestamp at another place is another record. */
static void a_changed_record_stands_in_its_place(void **state) {
        (void)state;
        static struct stream s, d;
        for (int apart = 0; apart < 2; apart++) {
                source_make(&s, 1000);
                for (size_t i = 200; i < 400; i++) {
                        s.records[i].key = 0;
                        s.records[i].timestamp = 9;
                        seal(&s.records[i]);
                }
                d = s;
                number(&d);
                struct verify_record *was = &s.records[300], *is = &d.records[300 + (apart ? 20 : 0)];
                if (apart) {
                        drop(&d, 300, 1);
                        insert(&d, 320, &d.records[319], 1);
                        number(&d);
                }
                is->value = 4711;
                seal(is);
                struct lines seen = {0}, expected = {0};
                if (apart) {
                        line_add(&expected, VERIFY_MISSING, was->offset, -1, 0);
                        line_add(&expected, VERIFY_EXTRA, -1, is->offset, 0);
                } else {
                        line_add(&expected, VERIFY_CHANGED, was->offset, is->offset, VERIFY_VALUE);
                }
                struct verify_match_setup setup = {.entries = 256};
                (void)compare(&setup, &s, &d, &seen, 0);
                assert_same(&seen, &expected, apart ? "apart" : "in place");
                lines_free(&seen);
                lines_free(&expected);
        }
}

/* A stretch of a sample: what the destination has around it is not told. */
static void a_stretch_in_the_middle(void **state) {
        (void)state;
        static struct stream s, d;
        source_make(&s, 3000);
        d = s;
        number(&d);
        drop(&d, 1500, 1);
        int64_t gone = s.records[1500].offset;
        drop(&s, 2000, 1000);
        drop(&s, 0, 1000);
        struct lines seen = {0}, expected = {0};
        line_add(&expected, VERIFY_MISSING, gone, -1, 0);
        struct verify_match_setup setup = {.entries = 256, .begins_late = {true, true}, .stretch = true};
        (void)compare(&setup, &s, &d, &seen, 0);
        assert_same(&seen, &expected, "stretch");
        lines_free(&seen);
        lines_free(&expected);
}

static void memory_follows_the_entries(void **state) {
        (void)state;
        for (size_t bytes = 100000; bytes < (size_t)1 << 30; bytes *= 3) {
                size_t entries = verify_match_entries(bytes);
                assert_true(verify_match_bytes(entries) <= bytes);
                assert_true(verify_match_bytes(2 * entries) > bytes);
        }
        static const char *const bad[] = {"x\n", "m 1\n", "n 0 1\n", "s 2 1 1 1\n", "n 5 1 1 1 1 1 1 1 0 1 0 1 1\n"};
        struct verify_match_setup setup = {.entries = 64};
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                struct verify_match *match = verify_match_new(&setup, on_found, NULL);
                assert_int_not_equal(verify_match_load(match, bad[i]), 0);
                verify_match_free(match);
        }
}

int main(void) {
        const char *env = getenv("HELIOSTAT_SEED");
        seed = env ? (unsigned)atoi(env) : 7;
        print_message("seed %u\n", seed);
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(equal_streams_have_no_findings),
                cmocka_unit_test(every_edit_is_told_and_nothing_else),
                cmocka_unit_test(a_comparison_goes_on_from_its_text),
                cmocka_unit_test(bulk_is_unresolved_and_left_behind),
                cmocka_unit_test(logs_that_begin_late),
                cmocka_unit_test(compaction_and_the_position),
                cmocka_unit_test(equal_records),
                cmocka_unit_test(a_changed_record_stands_in_its_place),
                cmocka_unit_test(a_stretch_in_the_middle),
                cmocka_unit_test(memory_follows_the_entries),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
