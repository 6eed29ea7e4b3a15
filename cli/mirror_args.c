/* getopt is not used: it writes its own messages, has no nearest name, and its
 * state is the process's. */
#include "cli/mirror_args.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/start_from.h"
#include "common/text.h"

enum flag {
        CONSUMER_CONFIG,
        PRODUCER_CONFIG,
        INCLUDE,
        EXCLUDE,
        STREAMS,
        COMMIT_INTERVAL,
        ABORT,
        NEW_CONSUMER,
        JAVA_CLASS,
        FROM,
        TO,
        CONFIG,
        GROUP,
        CONSUMER_PROPERTY,
        PRODUCER_PROPERTY,
        EXACTLY_ONCE,
        UNTIL_END,
        UNTIL,
        UNTIL_LAG,
        NO_VERIFY,
        COMPARE,
        DRY_RUN,
        OUTPUT,
        VERBOSE,
        VERSION,
        HELP,
};

static const struct {
        const char *name;
        enum flag flag;
        bool value; /* takes one */
} flags[] = {
        {"consumer.config", CONSUMER_CONFIG, true},
        {"producer.config", PRODUCER_CONFIG, true},
        {"whitelist", INCLUDE, true},
        {"include", INCLUDE, true},
        {"topics", INCLUDE, true},
        {"exclude", EXCLUDE, true},
        {"num.streams", STREAMS, true},
        {"offset.commit.interval.ms", COMMIT_INTERVAL, true},
        {"abort.on.send.failure", ABORT, true},
        {"new.consumer", NEW_CONSUMER, false},
        {"consumer.rebalance.listener", JAVA_CLASS, true},
        {"rebalance.listener", JAVA_CLASS, true},
        {"rebalance.listener.args", JAVA_CLASS, true},
        {"message.handler", JAVA_CLASS, true},
        {"message.handler.args", JAVA_CLASS, true},
        {"from", FROM, true},
        {"to", TO, true},
        {"config", CONFIG, true},
        {"group", GROUP, true},
        {"consumer.property", CONSUMER_PROPERTY, true},
        {"producer.property", PRODUCER_PROPERTY, true},
        {"exactly-once", EXACTLY_ONCE, false},
        {"until-end", UNTIL_END, false},
        {"until", UNTIL, true},
        {"until-lag", UNTIL_LAG, true},
        {"no-verify", NO_VERIFY, false},
        {"compare", COMPARE, false},
        {"dry-run", DRY_RUN, false},
        {"output", OUTPUT, true},
        {"verbose", VERBOSE, false},
        {"version", VERSION, false},
        {"help", HELP, false},
};
#define FLAG_COUNT (sizeof flags / sizeof *flags)

static const struct {
        char letter;
        enum flag flag;
} letters[] = {{'c', CONFIG}, {'o', OUTPUT}, {'v', VERBOSE}, {'V', VERSION}, {'h', HELP}};

const char *mirror_args_usage(void) {
        return "usage: heliostat mirror --consumer.config FILE --producer.config FILE --whitelist RE [OPTIONS]\n"
               "       heliostat mirror --from SERVERS --to SERVERS --topics RE [OPTIONS]\n"
               "       heliostat mirror --config FILE [ROUTE] [OPTIONS]\n"
               "\n"
               "Mirrors in this one process, without ZooKeeper; see docs/mirror.md.\n"
               "\n"
               "What is mirrored, as MirrorMaker 1 is told:\n"
               "      --consumer.config FILE         how to reach the source; its group.id holds the positions\n"
               "      --producer.config FILE         how to reach the destination\n"
               "      --whitelist RE, --include RE   topics: a regular expression over the whole name, or several\n"
               "                                     with commas between them\n"
               "      --num.streams N                lanes, each with clients of its own (default: one per core)\n"
               "      --offset.commit.interval.ms N  how often positions are committed (default 1000)\n"
               "      --abort.on.send.failure BOOL   a record that the destination refuses: true ends the process,\n"
               "                                     false leaves the record out and says so; default: its partition\n"
               "                                     halts, the others go on\n"
               "      --new.consumer                 accepted, without a meaning\n"
               "Or:\n"
               "      --from SERVERS, --to SERVERS   host:port,host:port of source and destination\n"
               "      --topics RE, --exclude RE      topics to mirror, to leave out\n"
               "      --group NAME                   group that holds the positions; one for each mirror\n"
               "                                     (default: heliostat.mirror-to-<id of the destination>)\n"
               "      --consumer.property K=V        more for the source's clients, as in a consumer file\n"
               "      --producer.property K=V        more for the destination's\n"
               "  -c, --config FILE                  a route of a configuration file of ours\n"
               "How:\n"
               "      --exactly-once                 transactions at the destination; nothing is repeated\n"
               "When it ends:\n"
               "      --until-end                    copy what is there now, verify, report, exit\n"
               "      --until TIME                   copy what is older (2026-01-31T13:45:00Z), verify, report, exit\n"
               "      --until-lag N                  go on until no partition is more than N records behind\n"
               "      --compare                      then compare the contents of both ends, as 'heliostat verify' does\n"
               "      --no-verify                    report without looking at the destination again\n"
               "      --dry-run                      say what would be mirrored, and exit\n"
               "  -o, --output table|json            of the report (default table)\n"
               "  -v, --verbose                      log what the lanes do\n"
               "  -V, --version                      versions of this program and of its libraries\n"
               "  -h, --help                         this text\n"
               "\n"
               "Exit codes: 0 done, 1 something is missing or halted, 2 wrong use, 3 a cluster cannot be reached,\n"
               "4 another process mirrors with this group.\n";
}

struct parser {
        struct mirror_args *args;
        char *err;
        size_t err_size;
        const char *form_flags[3];   /* the first flag that asked for the form */
        const char *until_flag;
        unsigned given[FLAG_COUNT];  /* by enum flag */
};

static int fail(struct parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct parser *p, const char *format, ...) {
        va_list ap;
        va_start(ap, format);
        (void)vsnprintf(p->err, p->err_size, format, ap); /* cut */
        va_end(ap);
        text_one_line(p->err);
        return ERR_INVALID;
}

static int number(struct parser *p, const char *flag, const char *value, uint64_t low, uint64_t high,
                  uint64_t *out) {
        char *end;
        errno = 0;
        unsigned long long n = strtoull(value, &end, 10);
        if (value[0] < '0' || value[0] > '9' || *end || errno || n < low || n > high)
                return fail(p, "--%s: expected a number from %llu to %llu, not '%.60s'", flag,
                            (unsigned long long)low, (unsigned long long)high, value);
        *out = n;
        return 0;
}

static int text(struct parser *p, const char *flag, const char *value, const char **out) {
        if (!*value) return fail(p, "--%s: the value is empty", flag);
        *out = value;
        return 0;
}

static int property(struct parser *p, const char *flag, const char *value, const char **list, size_t *count) {
        const char *equals = strchr(value, '=');
        if (!equals || equals == value)
                return fail(p, "--%s: expected KEY=VALUE, not '%.60s'", flag, value);
        if (*count == MIRROR_PROPERTIES_MAX)
                return fail(p, "--%s: given more than %d times; use --config FILE", flag, MIRROR_PROPERTIES_MAX);
        list[(*count)++] = value;
        return 0;
}

static int until(struct parser *p, const char *flag, enum mirror_until kind) {
        if (p->until_flag)
                return fail(p, "--%s and --%s: one of them, not both", p->until_flag, flag);
        p->until_flag = flag;
        p->args->until = kind;
        return 0;
}

static void wants_form(struct parser *p, enum mirror_form form, const char *flag) {
        if (!p->form_flags[form]) p->form_flags[form] = flag;
}

static bool repeatable(enum flag flag) { return flag == CONSUMER_PROPERTY || flag == PRODUCER_PROPERTY || flag == VERBOSE; }

static int take(struct parser *p, enum flag flag, const char *name, const char *value) {
        struct mirror_args *a = p->args;
        char why[256];
        uint64_t n = 0;
        int rc = 0;
        if (p->given[flag]++ && !repeatable(flag)) return fail(p, "--%s: given twice", name);
        switch (flag) {
        case CONSUMER_CONFIG:
                wants_form(p, MIRROR_BY_FILES, name);
                return text(p, name, value, &a->consumer_config);
        case PRODUCER_CONFIG:
                wants_form(p, MIRROR_BY_FILES, name);
                return text(p, name, value, &a->producer_config);
        case FROM:
                wants_form(p, MIRROR_BY_SERVERS, name);
                return text(p, name, value, &a->from);
        case TO:
                wants_form(p, MIRROR_BY_SERVERS, name);
                return text(p, name, value, &a->to);
        case CONFIG:
                wants_form(p, MIRROR_BY_CONFIG, name);
                return text(p, name, value, &a->config);
        case INCLUDE: return text(p, name, value, &a->topics);
        case EXCLUDE: return text(p, name, value, &a->exclude);
        case GROUP: return text(p, name, value, &a->group);
        case STREAMS:
                rc = number(p, name, value, 1, MIRROR_STREAMS_MAX, &n);
                a->streams = (uint32_t)n;
                return rc;
        case COMMIT_INTERVAL:
                rc = number(p, name, value, 100, 3600 * 1000, &n);
                a->commit_interval_ms = (uint32_t)n;
                return rc;
        case ABORT:
                if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
                        return fail(p, "--%s: expected true or false, not '%.60s'", name, value);
                a->abort_on_send_failure = *value == 't' ? MIRROR_TRUE : MIRROR_FALSE;
                return 0;
        case NEW_CONSUMER: a->new_consumer = true; return 0;
        case JAVA_CLASS:
                return fail(p, "--%s names a Java class, which cannot run here; records pass unchanged, and no "
                               "consumer group is rebalanced", name);
        case CONSUMER_PROPERTY:
                return property(p, name, value, a->consumer_properties, &a->consumer_property_count);
        case PRODUCER_PROPERTY:
                return property(p, name, value, a->producer_properties, &a->producer_property_count);
        case EXACTLY_ONCE: a->exactly_once = true; return 0;
        case UNTIL_END: return until(p, name, MIRROR_UNTIL_END);
        case UNTIL:
                rc = until(p, name, MIRROR_UNTIL_TIME);
                if (rc) return rc;
                if (start_time_parse(value, &a->until_ms, why, sizeof why)) return fail(p, "--%s: %s", name, why);
                return 0;
        case UNTIL_LAG:
                rc = until(p, name, MIRROR_UNTIL_LAG);
                return rc ? rc : number(p, name, value, 0, INT64_MAX, &a->until_lag);
        case NO_VERIFY: a->no_verify = true; return 0;
        case COMPARE: a->compare = true; return 0;
        case DRY_RUN: a->dry_run = true; return 0;
        case OUTPUT:
                if (strcmp(value, "table") != 0 && strcmp(value, "json") != 0)
                        return fail(p, "--%s: expected table or json, not '%.60s'", name, value);
                a->json = *value == 'j';
                return 0;
        case VERBOSE: a->verbose = true; return 0;
        case VERSION: a->version = true; return 0;
        case HELP: a->help = true; return 0;
        }
        return 0;
}

/* Finds "name" or "name=value" behind the dashes; -1: unknown. */
static int find(const char *word, size_t *length) {
        *length = strcspn(word, "=");
        for (size_t i = 0; i < FLAG_COUNT; i++)
                if (strlen(flags[i].name) == *length && strncmp(flags[i].name, word, *length) == 0)
                        return (int)i;
        return -1;
}

static int find_letter(const char *word) {
        if (!word[0] || word[1]) return -1;
        for (size_t k = 0; k < sizeof letters / sizeof *letters; k++)
                if (letters[k].letter == word[0])
                        for (size_t i = 0; i < FLAG_COUNT; i++)
                                if (flags[i].flag == letters[k].flag) return (int)i;
        return -1;
}

static int unknown(struct parser *p, const char *word) {
        const char *names[FLAG_COUNT];
        char bare[128];
        (void)snprintf(bare, sizeof bare, "%.*s", (int)strcspn(word, "="), word); /* cut: then nothing is near */
        for (size_t i = 0; i < FLAG_COUNT; i++) names[i] = flags[i].name;
        if (strcmp(bare, "blacklist") == 0)
                return fail(p, "--blacklist: MirrorMaker has dropped it with its old consumer; use --exclude");
        const char *nearest = text_nearest(bare, names, FLAG_COUNT);
        return nearest ? fail(p, "unknown flag '--%.100s'; did you mean '--%s'?", bare, nearest)
                       : fail(p, "unknown flag '--%.100s'; 'heliostat mirror --help' lists them", bare);
}

/* Exactly one form, and all of it. */
static int check(struct parser *p) {
        struct mirror_args *a = p->args;
        static const char *const forms[] = {"--consumer.config FILE --producer.config FILE --whitelist RE",
                                            "--from SERVERS --to SERVERS --topics RE", "--config FILE [ROUTE]"};
        int form = -1;
        for (int i = 0; i < 3; i++) {
                if (!p->form_flags[i]) continue;
                if (form >= 0)
                        return fail(p, "--%s and --%s do not go together; give either '%s' or '%s'",
                                    p->form_flags[form], p->form_flags[i], forms[form], forms[i]);
                form = i;
        }
        if (form < 0)
                return fail(p, "what is to be mirrored is missing: '%s', '%s' or '%s'", forms[0], forms[1], forms[2]);
        a->form = (enum mirror_form)form;
        const char *missing = NULL;
        if (form == MIRROR_BY_FILES)
                missing = !a->consumer_config ? "consumer.config FILE" : !a->producer_config ? "producer.config FILE" : NULL;
        if (form == MIRROR_BY_SERVERS) missing = !a->from ? "from SERVERS" : !a->to ? "to SERVERS" : NULL;
        if (!missing && form != MIRROR_BY_CONFIG && !a->topics)
                missing = form == MIRROR_BY_FILES ? "whitelist RE" : "topics RE";
        if (missing) return fail(p, "--%s is missing", missing);
        if (form != MIRROR_BY_CONFIG && a->route) return fail(p, "unexpected argument '%.100s'", a->route);
        if (a->compare && a->until == MIRROR_FOREVER)
                return fail(p, "--compare goes with --until-end, --until or --until-lag: else see 'heliostat verify'");
        if (a->compare && a->no_verify) return fail(p, "--compare and --no-verify: one of them, not both");
        if (form == MIRROR_BY_CONFIG) {
                const char *both = a->consumer_property_count ? "consumer.property"
                                   : a->producer_property_count ? "producer.property"
                                   : a->group                   ? "group"
                                                                : NULL;
                if (both) return fail(p, "--%s does not go with --config: write it into the file", both);
        }
        return 0;
}

int mirror_args_parse(int argc, const char *const *argv, struct mirror_args *out, char *err, size_t err_size) {
        struct mirror_args args = {0};
        struct parser p = {.args = &args, .err = err, .err_size = err_size};
        for (int i = 1; i < argc; i++) {
                const char *word = argv[i];
                size_t length = 0;
                int at = -1;
                if (word[0] != '-' || !word[1]) {
                        if (args.route) return fail(&p, "unexpected argument '%.100s'", word);
                        args.route = word;
                        continue;
                }
                const char *bare = word[1] == '-' ? word + 2 : word + 1;
                at = word[1] == '-' ? find(bare, &length) : find_letter(bare);
                if (at < 0) return unknown(&p, bare);
                const char *value = word[1] == '-' && bare[length] == '=' ? bare + length + 1 : NULL;
                if (value && !flags[at].value) return fail(&p, "--%s takes no value", flags[at].name);
                /* Refused whether or not the value follows. */
                if (!value && flags[at].value && flags[at].flag != JAVA_CLASS) {
                        if (i + 1 >= argc) return fail(&p, "--%s: its value is missing", flags[at].name);
                        value = argv[++i];
                }
                int rc = take(&p, flags[at].flag, flags[at].name, value ? value : "");
                if (rc) return rc;
        }
        if (!args.help && !args.version) {
                int rc = check(&p);
                if (rc) return rc;
        }
        *out = args;
        return 0;
}
