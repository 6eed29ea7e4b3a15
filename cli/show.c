#include "cli/show.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/field.h"
#include "cli/view.h"
#include "common/clock.h"

#define TIMEOUT_S 10
#define FOLLOW_MS 1000

static enum view_format format_of(const struct verb_args *args) {
        return verb_chose(args, "output", "json") ? VIEW_JSON : verb_chose(args, "output", "names") ? VIEW_NAMES : VIEW_TABLE;
}

/* A route that was named has to be there. */
static int check_route(const struct verb_args *args, const struct field *field, const char *route) {
        struct view_subject subject;
        const char *nearest;
        if (!route || (view_find(&field->snapshot, route, -1, &subject, &nearest) && subject.kind == VIEW_ROUTES)) return CLI_OK;
        if (nearest) cli_error("%s: unknown route '%.140s'; did you mean '%.140s'?", args->verb->name, route, nearest);
        else cli_error("%s: unknown route '%.140s'; 'heliostat list routes' lists them", args->verb->name, route);
        return CLI_USAGE;
}

int cli_list(const struct verb_args *args) {
        struct field field;
        struct text text = {0};
        const char *route = verb_text(args, "route", NULL);
        enum view_kind kind = VIEW_ROUTES;
        int exit_code = field_open(args, TIMEOUT_S, &field);
        if (exit_code) return exit_code;
        while (strcmp(view_kind_name(kind), args->operands[0]) != 0) kind++; /* the table has the same */
        exit_code = field_read(&field);
        if (!exit_code) exit_code = check_route(args, &field, route);
        if (!exit_code) {
                view_list(&field.snapshot, kind, route, format_of(args), field_colours(), &text);
                exit_code = cli_print(&text);
        }
        field_close(&field);
        return exit_code;
}

int cli_lag(const struct verb_args *args) {
        const struct view_lag filter = {.route = args->operands[0],
                                        .topic = verb_text(args, "topic", NULL),
                                        .worker = verb_text(args, "worker", NULL),
                                        .min_lag = verb_number(args, "min-lag", 0),
                                        .top = (size_t)verb_number(args, "top", 0),
                                        .by_time = verb_chose(args, "sort", "time"),
                                        .by_name = verb_chose(args, "sort", "name"),
                                        .max_lag = verb_number(args, "max-lag", -1),
                                        .max_seconds = (double)verb_number(args, "max-seconds", -1)};
        struct field field;
        struct text text = {0};
        int exit_code = field_open(args, TIMEOUT_S, &field);
        if (exit_code) return exit_code;
        exit_code = field_read(&field);
        if (!exit_code) exit_code = check_route(args, &field, filter.route);
        if (!exit_code) {
                bool late = view_lag(&field.snapshot, &filter, format_of(args), field_colours(), &text);
                exit_code = cli_print(&text);
                if (!exit_code && late) exit_code = CLI_UNHEALTHY;
        }
        field_close(&field);
        return exit_code;
}

/* What the operands name; said why not. */
static int find_subject(const struct verb_args *args, const struct field *field, struct view_subject *out) {
        const char *name = args->operands[0], *nearest;
        int64_t lane = args->operands[1] ? strtol(args->operands[1], NULL, 10) : -1; /* checked by the table */
        if (view_find(&field->snapshot, name, lane, out, &nearest)) return CLI_OK;
        if (lane >= 0 && nearest && strcmp(nearest, name) == 0)
                cli_error("%s: %.140s has no lane %lld", args->verb->name, name, (long long)lane);
        else if (nearest)
                cli_error("%s: nothing is named '%.200s'; did you mean '%.200s'?", args->verb->name, name, nearest);
        else
                cli_error("%s: no route, topic or worker is named '%.200s'; 'heliostat list subjects' lists them", args->verb->name, name);
        return CLI_USAGE;
}

int cli_describe(const struct verb_args *args) {
        struct field field;
        struct view_subject subject;
        struct text text = {0};
        int exit_code = field_open(args, TIMEOUT_S, &field);
        if (exit_code) return exit_code;
        exit_code = field_read(&field);
        if (!exit_code) exit_code = find_subject(args, &field, &subject);
        if (!exit_code) {
                view_describe(&field.snapshot, &field.health, &subject, format_of(args), field_colours(), &text);
                exit_code = cli_print(&text);
        }
        field_close(&field);
        return exit_code;
}

/* ---- events ---- */

static volatile sig_atomic_t stopped;

static void on_signal(int number) {
        (void)number;
        stopped = 1;
}

static int print_events(const struct field *field, const struct view_subject *subject, enum view_format format, uint64_t from,
                        size_t last) {
        const struct snapshot *s = &field->snapshot;
        struct text text = {0};
        size_t first = s->event_count, matching = 0;
        while (first > 0 && matching < last) {
                if (s->events[first - 1].number < from) break;
                first--;
                if (!subject || view_event_matches(&s->events[first], subject)) matching++;
        }
        for (size_t i = first; i < s->event_count; i++)
                if (!subject || view_event_matches(&s->events[i], subject))
                        view_event(&s->events[i], format, field_colours(), &text);
        return cli_print(&text);
}

int cli_events(const struct verb_args *args) {
        struct field field;
        struct view_subject subject, *only = args->operands[0] ? &subject : NULL;
        bool follow = verb_has(args, "follow");
        int exit_code = field_open(args, TIMEOUT_S, &field);
        if (exit_code) return exit_code;
        const struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
        if (follow) {
                (void)sigaction(SIGINT, &action, NULL); /* cannot fail for these; the second ends at once */
                (void)sigaction(SIGTERM, &action, NULL);
        }
        exit_code = field_read(&field);
        if (!exit_code && only) exit_code = find_subject(args, &field, only);
        size_t last = (size_t)verb_number(args, "last", EVENTS_CHUNKS * EVENTS_PER_CHUNK);
        uint64_t next = 0;
        while (!exit_code) {
                exit_code = print_events(&field, only, format_of(args), next, last);
                last = SIZE_MAX;
                size_t count = field.snapshot.event_count;
                if (count) next = field.snapshot.events[count - 1].number + 1;
                if (!follow || exit_code) break;
                for (int waited = 0; waited < FOLLOW_MS && !stopped; waited += 100) (void)usleep(100 * 1000);
                if (stopped) break;
                /* away for a while: what happened meanwhile is still in the ring */
                int code = field_read(&field);
                while (code == CLI_UNREACHABLE && !stopped) code = field_read(&field);
                exit_code = stopped ? CLI_OK : code;
        }
        field_close(&field);
        return exit_code;
}
