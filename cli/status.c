/* Options in, ZooKeeper read once, facts handed to the pure parts, text out. */
#include "cli/status.h"

#include <stdlib.h>

#include "cli/cli.h"
#include "cli/field.h"
#include "cli/render.h"
#include "cli/watch_loop.h"
#include "common/text_grow.h"

#define TIMEOUT_S 10
#define WATCH_INTERVAL_S 2

static int watch(const struct verb_args *args, struct field *field) {
        if (verb_has(args, "check") || verb_has(args, "output")) {
                cli_error("status: --watch goes with neither --check nor --output");
                return CLI_USAGE;
        }
        return watch_loop(field, (unsigned)verb_number(args, "interval", WATCH_INTERVAL_S), (unsigned)verb_number(args, "rounds", 0));
}

int cli_status(const struct verb_args *args) {
        struct field field;
        int exit_code = field_open(args, TIMEOUT_S, &field);
        if (exit_code) return exit_code;
        if (verb_has(args, "watch")) {
                exit_code = watch(args, &field);
                field_close(&field);
                return exit_code;
        }
        exit_code = field_read(&field);
        if (!exit_code) {
                struct text text = {.data = render(&field.snapshot, &field.health,
                                                   (enum render_format)verb_choice(args, "output"), field_colours())};
                text.failed = !text.data;
                exit_code = cli_print(&text);
                if (!exit_code && verb_has(args, "check") && field.health.level != HEALTH_OK) exit_code = CLI_UNHEALTHY;
        }
        field_close(&field);
        return exit_code;
}
