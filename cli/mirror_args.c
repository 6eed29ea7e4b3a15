/* The table of verbs has what each option is called and takes; here is what it means. */
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
        LOG_FORMAT,
        VERSION,
};

static const struct {
        const char *name;
        enum flag flag;
} flags[] = {
        {"consumer.config", CONSUMER_CONFIG},
        {"producer.config", PRODUCER_CONFIG},
        {"whitelist", INCLUDE},
        {"include", INCLUDE},
        {"topics", INCLUDE},
        {"exclude", EXCLUDE},
        {"num.streams", STREAMS},
        {"offset.commit.interval.ms", COMMIT_INTERVAL},
        {"abort.on.send.failure", ABORT},
        {"new.consumer", NEW_CONSUMER},
        {"from", FROM},
        {"to", TO},
        {"config", CONFIG},
        {"group", GROUP},
        {"consumer.property", CONSUMER_PROPERTY},
        {"producer.property", PRODUCER_PROPERTY},
        {"exactly-once", EXACTLY_ONCE},
        {"until-end", UNTIL_END},
        {"until", UNTIL},
        {"until-lag", UNTIL_LAG},
        {"no-verify", NO_VERIFY},
        {"compare", COMPARE},
        {"dry-run", DRY_RUN},
        {"output", OUTPUT},
        {"verbose", VERBOSE},
        {"log-format", LOG_FORMAT},
        {"version", VERSION},
};
#define FLAG_COUNT (sizeof flags / sizeof *flags)

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
        case LOG_FORMAT:
                a->log_json = strcmp(value, "json") == 0;
                a->log_logfmt = !a->log_json;
                return 0;
        case VERSION: a->version = true; return 0;
        }
        return 0;
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

int mirror_args_take(const struct verb_args *from, struct mirror_args *out, char *err, size_t err_size) {
        struct mirror_args args = {.route = from->operands[0]};
        struct parser p = {.args = &args, .err = err, .err_size = err_size};
        for (size_t i = 0; i < from->given_count; i++) {
                const char *name = from->given[i].option->name, *value = from->given[i].value;
                size_t at = 0;
                while (strcmp(flags[at].name, name) != 0) at++; /* the table has the same; a unit test walks it */
                int rc = take(&p, flags[at].flag, name, value ? value : "");
                if (rc) return rc;
        }
        if (!args.version) {
                int rc = check(&p);
                if (rc) return rc;
        }
        *out = args;
        return 0;
}
