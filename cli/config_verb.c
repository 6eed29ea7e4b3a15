#include "cli/config_verb.h"

#include <string.h>

#include "cli/config_report.h"

static int print_text(char *data) {
        struct text text = {.data = data, .failed = !data};
        return cli_print(&text);
}

int cli_config(const struct verb_args *args) {
        const char *action = args->operands[0], *path = args->operands[1];
        bool check = strcmp(action, "check") == 0, show = strcmp(action, "show") == 0;
        if ((check || show) && !path) {
                cli_error("config %s: a file is missing", action);
                return CLI_USAGE;
        }
        if (!check && !show && path) {
                cli_error("config %s: unexpected argument '%.100s'", action, path);
                return CLI_USAGE;
        }
        bool json = verb_chose(args, "output", "json");
        if (check) return config_check(path, json);
        if (show) return config_show(path, json);
        return print_text(strcmp(action, "reference") == 0 ? config_reference_markdown() : config_sample());
}
