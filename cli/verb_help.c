#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 96
#define MARGIN_MAX 30 /* of an option's text */

/* ---- plain text ---- */

/* Words of one paragraph, indented but for the first line, which has used `at` columns. */
static void add_wrapped(struct text *out, const char *words, size_t bytes, size_t indent, size_t at) {
        const char *end = words + bytes;
        bool first = true;
        while (words < end) {
                size_t length = strcspn(words, " \n");
                if (words + length > end) length = (size_t)(end - words);
                if (!length) {
                        words++;
                        continue;
                }
                size_t gap = first ? 0 : words[-1] == ' ' && words[-2] == ' ' ? 2 : 1;
                if (!first && at + gap + length > WIDTH) {
                        text_add(out, "\n%*s", (int)indent, "");
                        at = indent;
                        gap = 0;
                }
                text_add(out, "%*s%.*s", (int)gap, "", (int)length, words);
                at += gap + length;
                words += length;
                first = false;
        }
        text_add(out, "\n");
}

static void add_paragraphs(struct text *out, const char *text) {
        for (const char *at = text;; at += 2) {
                const char *end = strstr(at, "\n\n");
                size_t bytes = end ? (size_t)(end - at) : strlen(at);
                add_wrapped(out, at, bytes, 0, 0);
                text_add(out, "\n");
                if (!end) break;
                at = end;
        }
}

/* Each line of a text of lines, without its end. */
static bool next_line(const char **at, size_t *bytes) {
        if (!**at) return false;
        *bytes = strcspn(*at, "\n");
        return true;
}

static void pass_line(const char **at, size_t bytes) { *at += bytes + ((*at)[bytes] == '\n'); }

void verb_usage(const struct verb *verb, struct text *out) {
        const char *at = verb->synopsis;
        size_t bytes;
        for (bool first = true; next_line(&at, &bytes); first = false) {
                text_add(out, "%s heliostat %s %.*s\n", first ? "usage:" : "      ", verb->name, (int)bytes, at);
                pass_line(&at, bytes);
        }
}

static void option_left(const struct verb_option *o, char *out, size_t size) {
        char letter[8] = "    ";
        if (o->letter) (void)snprintf(letter, sizeof letter, "-%c, ", o->letter);
        (void)snprintf(out, size, "  %s--%s%s%s", letter, o->name, o->argument ? " " : "", o->argument ? o->argument : "");
}

static bool shown(const struct verb_option *o) { return o->kind != VERB_REFUSED; }

static void add_options(const struct verb *verb, struct text *out) {
        char left[128];
        size_t margin = 14;
        for (const struct verb_option *o = verb->options; o->text; o++) {
                if (!o->name || !shown(o)) continue;
                option_left(o, left, sizeof left);
                if (strlen(left) + 2 > margin && strlen(left) + 2 <= MARGIN_MAX) margin = strlen(left) + 2;
        }
        for (const struct verb_option *o = verb->options; o->text; o++) {
                if (!shown(o)) continue;
                if (!o->name) {
                        text_add(out, "%s\n", o->text);
                        continue;
                }
                option_left(o, left, sizeof left);
                if (strlen(left) + 2 > margin) text_add(out, "%s\n%*s", left, (int)margin, "");
                else text_add(out, "%-*s", (int)margin, left);
                add_wrapped(out, o->text, strlen(o->text), margin, margin);
        }
        text_add(out, "%-*sthis text\n", (int)margin, "  -h, --help");
}

void verb_help(const struct verb *verb, struct text *out) {
        const char *at = verb->exits;
        size_t bytes;
        verb_usage(verb, out);
        text_add(out, "\n");
        add_paragraphs(out, verb->about);
        add_options(verb, out);
        text_add(out, "\nExit code:\n");
        while (next_line(&at, &bytes)) {
                text_add(out, "  ");
                add_wrapped(out, at, bytes, 4, 2);
                pass_line(&at, bytes);
        }
        if (verb->page) text_add(out, "\ndocs/%s tells more.\n", verb->page);
}

void verb_overview(struct text *out) {
        text_add(out, "usage: heliostat VERB [ARGUMENTS]\n"
                      "\n"
                      "Mirrors Apache Kafka topics from cluster to cluster.\n"
                      "\n");
        for (size_t i = 0; i < verb_count; i++) text_add(out, "  %-12s  %s\n", verbs[i].name, verbs[i].text);
        text_add(out, "\n"
                      "  --version     versions of this program and of its libraries\n"
                      "  --help        this text; 'heliostat VERB --help' for a verb's arguments\n");
}

/* ---- man pages ---- */

/* Escapes what roff would read; hyphens become the ones that can be copied. */
static void add_roff(struct text *out, const char *text, size_t bytes) {
        bool line_start = true;
        for (size_t i = 0; i < bytes; i++) {
                char c = text[i];
                if (line_start && (c == '.' || c == '\'')) text_add(out, "\\&");
                line_start = c == '\n';
                if (c == '\\') text_add(out, "\\e");
                else if (c == '-') text_add(out, "\\-");
                else if (c == '\'') text_add(out, "\\(aq");
                else if (c == ' ' && i + 1 < bytes && text[i + 1] == ' ') text_add(out, "\n"), i++, line_start = true;
                else text_add(out, "%c", c);
        }
}

static void add_line(struct text *out, const char *text) {
        add_roff(out, text, strlen(text));
        text_add(out, "\n");
}

static void man_head(const char *name, const char *version, struct text *out) {
        text_add(out, ".TH ");
        for (const char *c = name; *c; c++) {
                if (*c == '-') text_add(out, "\\-");
                else text_add(out, "%c", *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
        }
        text_add(out, " 1 \"\" \"heliostat %s\" \"User Commands\"\n", version);
}

static void man_verb(const struct verb *verb, struct text *out) {
        const char *at = verb->synopsis;
        size_t bytes;
        text_add(out, ".SH NAME\nheliostat\\-%s \\- ", verb->name);
        add_line(out, verb->text);
        text_add(out, ".SH SYNOPSIS\n.nf\n");
        while (next_line(&at, &bytes)) {
                text_add(out, "\\fBheliostat %s\\fR ", verb->name);
                add_roff(out, at, bytes);
                text_add(out, "\n");
                pass_line(&at, bytes);
        }
        text_add(out, ".fi\n.SH DESCRIPTION\n");
        for (at = verb->about;; at += 2) {
                const char *end = strstr(at, "\n\n");
                add_roff(out, at, end ? (size_t)(end - at) : strlen(at));
                text_add(out, "\n");
                if (!end) break;
                text_add(out, ".PP\n");
                at = end;
        }
        text_add(out, ".SH OPTIONS\n");
        for (const struct verb_option *o = verb->options; o->text; o++) {
                if (!shown(o)) continue;
                if (!o->name) {
                        text_add(out, ".SS ");
                        add_line(out, o->text);
                        continue;
                }
                text_add(out, ".TP\n");
                if (o->letter) text_add(out, "\\fB\\-%c\\fR, ", o->letter);
                text_add(out, "\\fB\\-\\-");
                add_roff(out, o->name, strlen(o->name));
                text_add(out, "\\fR");
                if (o->argument) text_add(out, " \\fI%s\\fR", o->argument);
                text_add(out, "\n");
                add_line(out, o->text);
        }
        text_add(out, ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nprint a summary\n.SH EXIT STATUS\n");
        for (at = verb->exits; next_line(&at, &bytes); pass_line(&at, bytes)) {
                text_add(out, ".TP\n.B %c\n", *at);
                add_roff(out, at + 2, bytes - 2);
                text_add(out, "\n");
        }
        text_add(out, ".SH SEE ALSO\n.BR heliostat (1)");
        if (verb->page) text_add(out, ", docs/%s", verb->page);
        text_add(out, "\n");
}

void verb_man(const struct verb *verb, const char *version, struct text *out) {
        char name[64];
        if (verb) {
                (void)snprintf(name, sizeof name, "heliostat-%s", verb->name); /* names are short */
                man_head(name, version, out);
                man_verb(verb, out);
                return;
        }
        man_head("heliostat", version, out);
        text_add(out, ".SH NAME\nheliostat \\- mirror Apache Kafka topics from cluster to cluster\n"
                      ".SH SYNOPSIS\n\\fBheliostat\\fR \\fIVERB\\fR [\\fIARGUMENTS\\fR]\n"
                      ".SH VERBS\n");
        for (size_t i = 0; i < verb_count; i++) {
                text_add(out, ".TP\n.BR heliostat\\-%s (1)\n", verbs[i].name);
                add_line(out, verbs[i].text);
        }
        text_add(out, ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nno colours on a terminal\n"
                      ".TP\n.B HELIOSTAT_CONFIG\nthe configuration file that shell completion asks\n");
}
