/* The verbs of the command line and what each takes: the one table from which
 * parsing, --help, shell completion and man pages derive.  PURE.
 *
 * A new verb is a row here (cli/verb_table.c) and a function in cli/main.c. */
#ifndef HELIOSTAT_CLI_VERB_H
#define HELIOSTAT_CLI_VERB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text_grow.h"

enum verb_kind {
        VERB_FLAG,    /* takes no value */
        VERB_TEXT,    /* any value */
        VERB_NUMBER,  /* digits, from min to max */
        VERB_CHOICE,  /* one of choices; the first is the default */
        VERB_REFUSED, /* known, and refused: text says why; value or not */
        VERB_HEADING, /* no option: a line of --help */
};

/* What a shell offers for a value. */
enum verb_completes {
        VERB_OFFER_NOTHING,
        VERB_OFFER_FILES,
        VERB_OFFER_DIRECTORIES,
        VERB_OFFER_ROUTES, /* this and the next three by `heliostat list` */
        VERB_OFFER_TOPICS,
        VERB_OFFER_WORKERS,
        VERB_OFFER_LANES,
        VERB_OFFER_VERBS,
        VERB_OFFER_SUBJECTS, /* routes, topics, workers, lanes */
};

#define VERB_CHOICES_MAX 10

struct verb_option {
        const char *name;     /* without dashes; NULL for a heading */
        char letter;          /* '\0': none */
        const char *argument; /* "FILE"; NULL for flags */
        enum verb_kind kind;
        enum verb_completes completes;
        const char *text;     /* one sentence without a stop */
        const char *choices[VERB_CHOICES_MAX];
        int64_t min, max;     /* of a number */
        const char *expects;  /* of a number: "an offset"; NULL: "a number from MIN to MAX" */
        bool required, repeats;
};

enum verb_operand_kind { VERB_ANY, VERB_ROUTE, VERB_WORKER, VERB_LANE, VERB_ACTION };

struct verb_operand {
        const char *name; /* "ROUTE", as in the synopsis */
        enum verb_operand_kind kind;
        enum verb_completes completes;
        bool optional;    /* the verb itself says which it needs */
        const char *missing; /* "a route": "a route is missing" */
        const char *choices[VERB_CHOICES_MAX]; /* of an action */
};
#define VERB_OPERANDS_MAX 3

/* What a verb is held to; a unit test looks. */
enum verb_traits {
        VERB_RUNS = 1,    /* goes on until it is stopped */
        VERB_PRINTS = 2,  /* prints data: takes -o json */
        VERB_CHANGES = 4, /* changes something: takes --dry-run */
        VERB_WRITES = 8,  /* prints a text of one kind: a page, a script, a file */
};

struct verb {
        const char *name;
        const char *text;     /* one line */
        unsigned traits;
        const char *synopsis; /* what follows the name, a line for each form */
        const char *about;    /* paragraphs, one empty line between */
        struct verb_operand operands[VERB_OPERANDS_MAX]; /* ends with name NULL */
        const struct verb_option *options;               /* ends with a row of zeros; --help is everywhere */
        const char *exits;    /* "0 done\n1 failed\n...": every code that it can end with */
        const char *page;     /* of docs/, that tells more; NULL */
};

extern const struct verb verbs[];
extern const size_t verb_count;

/* NULL: there is none. */
const struct verb *verb_find(const char *name);

/* "unknown verb 'x'; did you mean 'y'?" */
void verb_unknown(const char *word, char *err, size_t err_size);

/* ---- what was given ---- */

#define VERB_GIVEN_MAX 256

struct verb_given {
        const struct verb_option *option;
        const char *value; /* NULL for flags */
        int64_t number;    /* of a number: it; of a choice: which */
};

struct verb_args {
        const struct verb *verb;
        bool help;
        struct verb_given given[VERB_GIVEN_MAX]; /* in the order of the command line */
        size_t given_count;
        const char *operands[VERB_OPERANDS_MAX]; /* NULL: not given */
        size_t operand_count;
};

/* argv[0] is the verb.  Strings are borrowed from argv.  --name value, --name=value, -n value,
 * -nvalue, letters of flags together; operands anywhere, and all that follows "--".
 * 0 | ERR_INVALID, err then holds one line that begins with the verb's name.  With help set
 * nothing else is checked. */
int verb_parse(const struct verb *verb, int argc, const char *const *argv, struct verb_args *out, char *err,
               size_t err_size);

/* The option must be of the verb. */
bool verb_has(const struct verb_args *args, const char *name);
const char *verb_text(const struct verb_args *args, const char *name, const char *otherwise);
int64_t verb_number(const struct verb_args *args, const char *name, int64_t otherwise);
/* The index of the choice; 0 when it was not given. */
int verb_choice(const struct verb_args *args, const char *name);
bool verb_chose(const struct verb_args *args, const char *name, const char *choice);

/* ---- what derives from it ---- */

/* Lines "usage: heliostat VERB ..." alone. */
void verb_usage(const struct verb *verb, struct text *out);
/* `heliostat VERB --help`. */
void verb_help(const struct verb *verb, struct text *out);
/* `heliostat --help`. */
void verb_overview(struct text *out);
/* The man page heliostat-VERB(1); verb NULL: heliostat(1). */
void verb_man(const struct verb *verb, const char *version, struct text *out);
/* A script for shell "bash", "zsh" or "fish".  false: no such shell. */
bool verb_completion(const char *shell, struct text *out);

#endif
