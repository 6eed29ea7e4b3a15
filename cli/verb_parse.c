/* getopt is not used: it writes its own messages, has no nearest name, and its
 * state is the process's. */
#include "cli/verb.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/codec.h"
#include "common/err.h"
#include "common/text.h"
#include "common/znode_path.h"

#define OPTIONS_MAX 64

static const struct verb_option help_option = {.name = "help", .letter = 'h', .text = "this text"};

struct parser {
        struct verb_args args;
        char *err;
        size_t err_size;
};

static int fail(struct parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct parser *p, const char *format, ...) {
        va_list ap;
        int used = snprintf(p->err, p->err_size, "%s: ", p->args.verb->name);
        size_t at = used > 0 && (size_t)used < p->err_size ? (size_t)used : 0;
        va_start(ap, format);
        (void)vsnprintf(p->err + at, p->err_size - at, format, ap); /* cut */
        va_end(ap);
        text_one_line(p->err);
        return ERR_INVALID;
}

const struct verb *verb_find(const char *name) {
        for (size_t i = 0; i < verb_count; i++)
                if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
        return NULL;
}

void verb_unknown(const char *word, char *err, size_t err_size) {
        const char *names[OPTIONS_MAX];
        size_t count = verb_count < OPTIONS_MAX ? verb_count : OPTIONS_MAX;
        for (size_t i = 0; i < count; i++) names[i] = verbs[i].name;
        const char *nearest = text_nearest(word, names, count);
        if (nearest) (void)snprintf(err, err_size, "unknown verb '%.100s'; did you mean '%s'?", word, nearest);
        else (void)snprintf(err, err_size, "unknown verb '%.100s'; 'heliostat --help' lists them", word);
        text_one_line(err);
}

static const struct verb_option *option_named(const struct verb *verb, const char *name, size_t bytes) {
        for (const struct verb_option *o = verb->options; o->text; o++)
                if (o->name && strlen(o->name) == bytes && strncmp(o->name, name, bytes) == 0) return o;
        return bytes == 4 && strncmp(name, "help", 4) == 0 ? &help_option : NULL;
}

static const struct verb_option *option_lettered(const struct verb *verb, char letter) {
        for (const struct verb_option *o = verb->options; o->text; o++)
                if (o->name && o->letter == letter) return o;
        return letter == 'h' ? &help_option : NULL;
}

static int unknown_option(struct parser *p, const char *word, size_t bytes) {
        const char *names[OPTIONS_MAX];
        char bare[128];
        size_t count = 0;
        (void)snprintf(bare, sizeof bare, "%.*s", (int)(bytes < 100 ? bytes : 100), word);
        names[count++] = "help";
        for (const struct verb_option *o = p->args.verb->options; o->text && count < OPTIONS_MAX; o++)
                if (o->name && o->kind != VERB_REFUSED) names[count++] = o->name;
        const char *nearest = text_nearest(bare, names, count);
        if (nearest) return fail(p, "unknown option '--%s'; did you mean '--%s'?", bare, nearest);
        return fail(p, "unknown option '--%s'; 'heliostat %s --help' lists them", bare, p->args.verb->name);
}

/* "table, wide or json" */
static void choices_text(const char *const *choices, char *out, size_t size) {
        size_t count = 0, at = 0;
        while (count < VERB_CHOICES_MAX && choices[count]) count++;
        *out = '\0';
        for (size_t i = 0; i < count && at < size; i++) {
                int n = snprintf(out + at, size - at, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", choices[i]);
                at += n > 0 ? (size_t)n : 0;
        }
}

static int choice_of(const char *const *choices, const char *value) {
        for (int i = 0; i < VERB_CHOICES_MAX && choices[i]; i++)
                if (strcmp(choices[i], value) == 0) return i;
        return -1;
}

/* Digits only. */
static bool number_parse(const char *text, int64_t *out) {
        int64_t number = 0;
        if (!*text) return false;
        for (; *text; text++)
                if (*text < '0' || *text > '9' || __builtin_mul_overflow(number, 10, &number) ||
                    __builtin_add_overflow(number, *text - '0', &number))
                        return false;
        *out = number;
        return true;
}

static int take(struct parser *p, const struct verb_option *o, const char *value) {
        struct verb_given given = {.option = o, .value = value};
        char words[200];
        if (o == &help_option) {
                p->args.help = true;
                return 0;
        }
        if (o->kind == VERB_REFUSED) return fail(p, "--%s %s", o->name, o->text);
        if (o->kind != VERB_FLAG && !o->repeats && verb_has(&p->args, o->name)) return fail(p, "--%s: given twice", o->name);
        if (p->args.given_count == VERB_GIVEN_MAX) return fail(p, "more than %d options", VERB_GIVEN_MAX);
        if (o->kind == VERB_NUMBER) {
                if (!number_parse(value, &given.number) || given.number < o->min || given.number > o->max) {
                        if (o->expects) return fail(p, "--%s: expected %s, not '%.100s'", o->name, o->expects, value);
                        return fail(p, "--%s: expected a number from %lld to %lld, not '%.100s'", o->name,
                                    (long long)o->min, (long long)o->max, value);
                }
        } else if (o->kind == VERB_CHOICE) {
                given.number = choice_of(o->choices, value);
                if (given.number < 0) {
                        choices_text(o->choices, words, sizeof words);
                        return fail(p, "--%s: expected %s, not '%.100s'", o->name, words, value);
                }
        }
        p->args.given[p->args.given_count++] = given;
        return 0;
}

static int operand(struct parser *p, const char *word) {
        struct verb_args *a = &p->args;
        const struct verb_operand *o = a->operand_count < VERB_OPERANDS_MAX ? &a->verb->operands[a->operand_count] : NULL;
        char words[200];
        int64_t lane;
        if (!o || !o->name) return fail(p, "unexpected argument '%.100s'", word);
        switch (o->kind) {
        case VERB_ROUTE:
                if (znode_route_valid(word)) break;
                return fail(p, "'%.140s' is no route; expected '<source>-><destination>', quoted for the shell", word);
        case VERB_WORKER:
                if (znode_id_valid(word)) break;
                return fail(p, "'%.140s' is no worker's id", word);
        case VERB_LANE:
                if (number_parse(word, &lane) && lane < ROUTE_LANES_MAX) break;
                return fail(p, "expected a lane's number, not '%.100s'", word);
        case VERB_ACTION: {
                if (choice_of(o->choices, word) >= 0) break;
                const char *nearest = text_nearest(word, o->choices, VERB_CHOICES_MAX);
                choices_text(o->choices, words, sizeof words);
                if (nearest) return fail(p, "expected %s, not '%.100s'; did you mean '%s'?", words, word, nearest);
                return fail(p, "expected %s, not '%.100s'", words, word);
        }
        case VERB_ANY: break;
        }
        a->operands[a->operand_count++] = word;
        return 0;
}

/* Letters behind one dash; *i moves when the value is the next word. */
static int letters(struct parser *p, int argc, const char *const *argv, int *i) {
        for (const char *at = argv[*i] + 1; *at; at++) {
                const struct verb_option *o = option_lettered(p->args.verb, *at);
                if (!o)
                        return fail(p, "unknown option '-%c'; 'heliostat %s --help' lists them", *at, p->args.verb->name);
                if (o->kind == VERB_FLAG) {
                        int rc = take(p, o, NULL);
                        if (rc) return rc;
                        continue;
                }
                const char *value = at[1] ? at + 1 : *i + 1 < argc ? argv[++*i] : NULL;
                if (!value) return fail(p, "--%s: its value is missing", o->name);
                return take(p, o, value);
        }
        return 0;
}

static int word_of(struct parser *p, int argc, const char *const *argv, int *i) {
        const char *name = argv[*i] + 2;
        size_t bytes = strcspn(name, "=");
        const char *value = name[bytes] ? name + bytes + 1 : NULL;
        const struct verb_option *o = option_named(p->args.verb, name, bytes);
        if (!o) return unknown_option(p, name, bytes);
        if (o->kind == VERB_FLAG && value) return fail(p, "--%s takes no value", o->name);
        if (o->kind != VERB_FLAG && o->kind != VERB_REFUSED && !value) {
                if (*i + 1 >= argc) return fail(p, "--%s: its value is missing", o->name);
                value = argv[++*i];
        }
        return take(p, o, value);
}

static int complete(struct parser *p) {
        const struct verb_args *a = &p->args;
        char words[200];
        for (size_t i = a->operand_count; i < VERB_OPERANDS_MAX && a->verb->operands[i].name; i++) {
                const struct verb_operand *o = &a->verb->operands[i];
                if (o->optional) continue;
                if (o->kind != VERB_ACTION) return fail(p, "%s is missing", o->missing);
                choices_text(o->choices, words, sizeof words);
                return fail(p, "expected %s", words);
        }
        for (const struct verb_option *o = a->verb->options; o->text; o++)
                if (o->required && !verb_has(a, o->name)) return fail(p, "--%s %s is missing", o->name, o->argument);
        return 0;
}

int verb_parse(const struct verb *verb, int argc, const char *const *argv, struct verb_args *out, char *err, size_t err_size) {
        struct parser p = {.args.verb = verb, .err = err, .err_size = err_size};
        bool only_operands = false;
        int rc = 0;
        for (int i = 1; i < argc && !rc; i++) {
                const char *word = argv[i];
                if (only_operands || word[0] != '-' || !word[1]) rc = operand(&p, word);
                else if (strcmp(word, "--") == 0) only_operands = true;
                else rc = word[1] == '-' ? word_of(&p, argc, argv, &i) : letters(&p, argc, argv, &i);
                if (p.args.help) break; /* asked for, whatever else is wrong */
        }
        if (!rc && !p.args.help) rc = complete(&p);
        if (!rc) *out = p.args;
        return rc;
}

/* ---- access ---- */

static const struct verb_given *given(const struct verb_args *args, const char *name) {
        for (size_t i = args->given_count; i-- > 0;)
                if (strcmp(args->given[i].option->name, name) == 0) return &args->given[i];
        assert(option_named(args->verb, name, strlen(name)));
        return NULL;
}

bool verb_has(const struct verb_args *args, const char *name) { return given(args, name) != NULL; }

const char *verb_text(const struct verb_args *args, const char *name, const char *otherwise) {
        const struct verb_given *g = given(args, name);
        return g ? g->value : otherwise;
}

int64_t verb_number(const struct verb_args *args, const char *name, int64_t otherwise) {
        const struct verb_given *g = given(args, name);
        return g ? g->number : otherwise;
}

int verb_choice(const struct verb_args *args, const char *name) { return (int)verb_number(args, name, 0); }

bool verb_chose(const struct verb_args *args, const char *name, const char *choice) {
        const struct verb_given *g = given(args, name);
        const struct verb_option *o = option_named(args->verb, name, strlen(name));
        return strcmp(g ? g->value : o->choices[0], choice) == 0;
}
