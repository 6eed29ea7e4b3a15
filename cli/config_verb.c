#include "cli/config_verb.h"

#include <string.h>

#include "cli/config_report.h"
#include "cli/config_translate.h"

static int print_text(char *data) {
        struct text text = {.data = data, .failed = !data};
        return cli_print(&text);
}

static int translate(const struct verb_args *args, const char *path) {
        struct config_translation t = {.file = path, .zookeeper = verb_text(args, "zookeeper", NULL)};
        struct mirror_args *a = &t.mm1;
        const char *abort = verb_text(args, "abort.on.send.failure", NULL), *include = verb_text(args, "include", NULL);
        a->form = MIRROR_BY_FILES;
        a->consumer_config = verb_text(args, "consumer.config", NULL);
        a->producer_config = verb_text(args, "producer.config", NULL);
        a->topics = verb_text(args, "whitelist", include ? include : ".*");
        a->streams = (uint32_t)verb_number(args, "num.streams", 0);
        a->commit_interval_ms = (uint32_t)verb_number(args, "offset.commit.interval.ms", 0);
        if (abort) a->abort_on_send_failure = strcmp(abort, "true") == 0 ? MIRROR_TRUE : MIRROR_FALSE;
        if (path ? a->consumer_config || a->producer_config : !a->consumer_config || !a->producer_config) {
                cli_error("config translate: expected a file of MirrorMaker 2, or --consumer.config FILE and "
                          "--producer.config FILE of MirrorMaker 1");
                return CLI_USAGE;
        }
        return config_translate(&t);
}

int cli_config(const struct verb_args *args) {
        const char *action = args->operands[0], *path = args->operands[1];
        bool check = strcmp(action, "check") == 0, show = strcmp(action, "show") == 0;
        if ((check || show) && !path) {
                cli_error("config %s: a file is missing", action);
                return CLI_USAGE;
        }
        if (strcmp(action, "translate") == 0) return translate(args, path);
        if (!check && !show && path) {
                cli_error("config %s: unexpected argument '%.100s'", action, path);
                return CLI_USAGE;
        }
        bool json = verb_chose(args, "output", "json");
        if (check) return config_check(path, json);
        if (show) return config_show(path, json);
        return print_text(strcmp(action, "reference") == 0 ? config_reference_markdown() : config_sample());
}
