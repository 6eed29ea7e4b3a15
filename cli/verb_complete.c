/* Each script is a table of its own, printed from ours, and a few lines that
 * walk it.  Names (routes, topics, workers, lanes) are asked of `heliostat list`
 * while the user waits, with a short timeout and without a word when it fails. */
#include "cli/verb.h"

#include <string.h>

static const char *const offer_names[] = {
        [VERB_OFFER_NOTHING] = "nothing", [VERB_OFFER_FILES] = "files",     [VERB_OFFER_DIRECTORIES] = "directories",
        [VERB_OFFER_ROUTES] = "routes",   [VERB_OFFER_TOPICS] = "topics",   [VERB_OFFER_WORKERS] = "workers",
        [VERB_OFFER_LANES] = "lanes",     [VERB_OFFER_VERBS] = "verbs",     [VERB_OFFER_SUBJECTS] = "subjects",
};

static bool shown(const struct verb_option *o) { return o->name && o->kind != VERB_REFUSED; }

/* Within single quotes of a shell; `also` are characters that the reader of the text wants escaped. */
static void add_quoted(struct text *out, const char *text, const char *also) {
        for (; *text; text++) {
                if (*text == '\'') text_add(out, "'\\''");
                else if (also && strchr(also, *text)) text_add(out, "\\%c", *text);
                else text_add(out, "%c", *text);
        }
}

static void add_words(struct text *out, const char *const *words) {
        for (int i = 0; i < VERB_CHOICES_MAX && words[i]; i++) text_add(out, "%s%s", i ? " " : "", words[i]);
}

static void add_verb_names(struct text *out) {
        for (size_t i = 0; i < verb_count; i++) text_add(out, "%s%s", i ? " " : "", verbs[i].name);
}

/* ---- bash ---- */

static const char bash_head[] =
        "# bash completion of heliostat: source <(heliostat completion bash)\n"
        "# Names are completed once --config FILE stands in the line, or HELIOSTAT_CONFIG is set.\n"
        "_heliostat_names() {\n"
        "    local config=${HELIOSTAT_CONFIG-} i\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        case ${COMP_WORDS[i]} in -c | --config) config=${COMP_WORDS[i + 1]-} ;; esac\n"
        "    done\n"
        "    [[ -n $config ]] && \"${COMP_WORDS[0]}\" list \"$1\" --config \"$config\" -o names --timeout 2 2>/dev/null\n"
        "}\n"
        "\n"
        "_heliostat_table() { # VERB PREVIOUS: sets options, values, operands and offer\n"
        "    case $1 in\n";

static const char bash_tail[] =
        "    esac\n"
        "}\n"
        "\n"
        "_heliostat() {\n"
        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]-}\n"
        "    local options='' values='' offer='' i at=0 name\n"
        "    local -a operands=()\n"
        "    COMPREPLY=()\n"
        "    if ((COMP_CWORD == 1)); then\n"
        "        offer=\"words $_heliostat_verbs --help --version\"\n"
        "    else\n"
        "        _heliostat_table \"$verb\" \"$prev\"\n"
        "        if [[ -z $offer && $cur == -* ]]; then\n"
        "            offer=\"words $options --help\"\n"
        "        elif [[ -z $offer ]]; then\n"
        "            for ((i = 2; i < COMP_CWORD; i++)); do\n"
        "                if [[ $values == *\" ${COMP_WORDS[i]} \"* ]]; then\n"
        "                    ((i++))\n"
        "                elif [[ ${COMP_WORDS[i]} != -* ]]; then\n"
        "                    ((at++))\n"
        "                fi\n"
        "            done\n"
        "            offer=${operands[at]-nothing}\n"
        "        fi\n"
        "    fi\n"
        "    case $offer in\n"
        "        words\\ *) COMPREPLY=($(compgen -W \"${offer#words }\" -- \"$cur\")) ;;\n"
        "        verbs) COMPREPLY=($(compgen -W \"$_heliostat_verbs\" -- \"$cur\")) ;;\n"
        "        files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
        "        directories) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
        "        routes | topics | workers | lanes | subjects)\n"
        "            cur=${cur//[\\\\\\'\\\"]/}\n"
        "            while IFS= read -r name; do\n"
        "                [[ $name == \"$cur\"* ]] && COMPREPLY+=(\"$(printf %q \"$name\")\")\n"
        "            done < <(_heliostat_names \"$offer\") ;;\n"
        "    esac\n"
        "}\n"
        "complete -F _heliostat heliostat\n";

static void bash_verb(const struct verb *verb, struct text *out) {
        text_add(out, "        %s)\n            options='", verb->name);
        for (const struct verb_option *o = verb->options; o->text; o++)
                if (shown(o)) text_add(out, "--%s ", o->name);
        text_add(out, "'\n            values=' ");
        for (const struct verb_option *o = verb->options; o->text; o++) {
                if (!shown(o) || o->kind == VERB_FLAG) continue;
                text_add(out, "--%s ", o->name);
                if (o->letter) text_add(out, "-%c ", o->letter);
        }
        text_add(out, "'\n            operands=(");
        for (int i = 0; i < VERB_OPERANDS_MAX && verb->operands[i].name; i++) {
                const struct verb_operand *o = &verb->operands[i];
                text_add(out, "%s'%s", i ? " " : "", o->kind == VERB_ACTION ? "words " : offer_names[o->completes]);
                if (o->kind == VERB_ACTION) add_words(out, o->choices);
                text_add(out, "'");
        }
        text_add(out, ")\n            case $2 in\n");
        for (const struct verb_option *o = verb->options; o->text; o++) {
                if (!shown(o) || o->kind == VERB_FLAG) continue;
                text_add(out, "                --%s", o->name);
                if (o->letter) text_add(out, " | -%c", o->letter);
                text_add(out, ") offer='%s", o->kind == VERB_CHOICE ? "words " : offer_names[o->completes]);
                if (o->kind == VERB_CHOICE) add_words(out, o->choices);
                text_add(out, "' ;;\n");
        }
        text_add(out, "            esac ;;\n");
}

/* ---- zsh ---- */

static const char zsh_head[] =
        "#compdef heliostat\n"
        "# zsh completion of heliostat: a file _heliostat in a directory of fpath\n"
        "_heliostat_names() {\n"
        "    local config=$HELIOSTAT_CONFIG i\n"
        "    local -a names\n"
        "    for ((i = 2; i < $#words; i++)); do\n"
        "        case $words[i] in -c | --config) config=$words[i+1] ;; esac\n"
        "    done\n"
        "    [[ -n $config ]] || return 1\n"
        "    names=(${(f)\"$(_call_program names heliostat list $1 --config ${(q)config} -o names --timeout 2 2>/dev/null)\"})\n"
        "    compadd -a names\n"
        "}\n"
        "\n"
        "_heliostat() {\n"
        "    local -a verbs\n"
        "    verbs=(\n";

static void zsh_offer(struct text *out, enum verb_completes completes) {
        switch (completes) {
        case VERB_OFFER_FILES: text_add(out, "_files"); break;
        case VERB_OFFER_DIRECTORIES: text_add(out, "_files -/"); break;
        case VERB_OFFER_ROUTES:
        case VERB_OFFER_TOPICS:
        case VERB_OFFER_WORKERS:
        case VERB_OFFER_LANES:
        case VERB_OFFER_SUBJECTS: text_add(out, "_heliostat_names %s", offer_names[completes]); break;
        case VERB_OFFER_VERBS:
                text_add(out, "(");
                add_verb_names(out);
                text_add(out, ")");
                break;
        case VERB_OFFER_NOTHING: text_add(out, " "); break;
        }
}

static void zsh_option(const struct verb_option *o, struct text *out) {
        text_add(out, " \\\n                ");
        if (o->letter) text_add(out, "'(-%c --%s)'{-%c,--%s}'[", o->letter, o->name, o->letter, o->name);
        else text_add(out, "'%s--%s[", o->repeats ? "*" : "", o->name);
        add_quoted(out, o->text, "[]:\\");
        text_add(out, "]");
        if (o->kind != VERB_FLAG) {
                text_add(out, ":");
                add_quoted(out, o->argument, "[]:\\");
                text_add(out, ":");
                if (o->kind == VERB_CHOICE) {
                        text_add(out, "(");
                        add_words(out, o->choices);
                        text_add(out, ")");
                } else {
                        zsh_offer(out, o->completes);
                }
        }
        text_add(out, "'");
}

static void zsh(struct text *out) {
        text_add(out, "%s", zsh_head);
        for (size_t i = 0; i < verb_count; i++) {
                text_add(out, "        '%s:", verbs[i].name);
                add_quoted(out, verbs[i].text, ":\\");
                text_add(out, "'\n");
        }
        text_add(out, "    )\n"
                      "    if ((CURRENT == 2)); then\n"
                      "        _describe verb verbs\n"
                      "        return\n"
                      "    fi\n"
                      "    shift words\n"
                      "    ((CURRENT--))\n"
                      "    case $words[1] in\n");
        for (size_t i = 0; i < verb_count; i++) {
                text_add(out, "        %s)\n            _arguments '(- *)'{-h,--help}'[this text]'", verbs[i].name);
                for (const struct verb_option *o = verbs[i].options; o->text; o++)
                        if (shown(o)) zsh_option(o, out);
                for (int k = 0; k < VERB_OPERANDS_MAX && verbs[i].operands[k].name; k++) {
                        const struct verb_operand *o = &verbs[i].operands[k];
                        text_add(out, " \\\n                '%d:%s:", k + 1, o->name);
                        if (o->kind == VERB_ACTION) {
                                text_add(out, "(");
                                add_words(out, o->choices);
                                text_add(out, ")");
                        } else {
                                zsh_offer(out, o->completes);
                        }
                        text_add(out, "'");
                }
                text_add(out, " ;;\n");
        }
        text_add(out, "    esac\n}\n\n_heliostat \"$@\"\n");
}

/* ---- fish ---- */

static const char fish_head[] =
        "# fish completion of heliostat: heliostat completion fish | source\n"
        "function __heliostat_names\n"
        "    set -l config $HELIOSTAT_CONFIG\n"
        "    set -l words (commandline -opc)\n"
        "    for i in (seq (count $words))\n"
        "        contains -- $words[$i] -c --config; and set config $words[(math $i + 1)]\n"
        "    end\n"
        "    test -n \"$config\"; and heliostat list $argv[1] --config $config -o names --timeout 2 2>/dev/null\n"
        "end\n"
        "function __heliostat_operand # VERB NUMBER: whether that operand is next; values of options count as none\n"
        "    set -l words (commandline -opc)\n"
        "    test (count $words) -gt 1; and test $words[2] = $argv[1]; or return 1\n"
        "    set -l at 0\n"
        "    set -l skip 0\n"
        "    for word in $words[3..-1]\n"
        "        if test $skip = 1\n"
        "            set skip 0\n"
        "        else if contains -- $word $argv[3..-1]\n"
        "            set skip 1\n"
        "        else if not string match -q -- '-*' $word\n"
        "            set at (math $at + 1)\n"
        "        end\n"
        "    end\n"
        "    test $at = $argv[2]\n"
        "end\n"
        "complete -c heliostat -f\n";

static void fish_offer(struct text *out, enum verb_completes completes) {
        switch (completes) {
        case VERB_OFFER_FILES: text_add(out, " -F"); break;
        case VERB_OFFER_DIRECTORIES: text_add(out, " -a '(__fish_complete_directories)'"); break;
        case VERB_OFFER_ROUTES:
        case VERB_OFFER_TOPICS:
        case VERB_OFFER_WORKERS:
        case VERB_OFFER_LANES:
        case VERB_OFFER_SUBJECTS: text_add(out, " -a '(__heliostat_names %s)'", offer_names[completes]); break;
        case VERB_OFFER_VERBS:
                text_add(out, " -a '");
                add_verb_names(out);
                text_add(out, "'");
                break;
        case VERB_OFFER_NOTHING: break;
        }
}

static void fish_verb(const struct verb *verb, struct text *out) {
        text_add(out, "complete -c heliostat -n __fish_use_subcommand -a %s -d '", verb->name);
        add_quoted(out, verb->text, NULL);
        text_add(out, "'\ncomplete -c heliostat -n '__fish_seen_subcommand_from %s' -s h -l help -d 'this text'\n", verb->name);
        for (const struct verb_option *o = verb->options; o->text; o++) {
                if (!shown(o)) continue;
                text_add(out, "complete -c heliostat -n '__fish_seen_subcommand_from %s' -l %s", verb->name, o->name);
                if (o->letter) text_add(out, " -s %c", o->letter);
                if (o->kind != VERB_FLAG) text_add(out, " -r");
                if (o->kind == VERB_CHOICE) {
                        text_add(out, " -a '");
                        add_words(out, o->choices);
                        text_add(out, "'");
                } else {
                        fish_offer(out, o->completes);
                }
                text_add(out, " -d '");
                add_quoted(out, o->text, "\\");
                text_add(out, "'\n");
        }
        for (int k = 0; k < VERB_OPERANDS_MAX && verb->operands[k].name; k++) {
                const struct verb_operand *operand = &verb->operands[k];
                if (operand->kind != VERB_ACTION && operand->completes == VERB_OFFER_NOTHING) continue;
                text_add(out, "complete -c heliostat -n '__heliostat_operand %s %d", verb->name, k);
                for (const struct verb_option *o = verb->options; o->text; o++) {
                        if (!shown(o) || o->kind == VERB_FLAG) continue;
                        text_add(out, " --%s", o->name);
                        if (o->letter) text_add(out, " -%c", o->letter);
                }
                text_add(out, "'");
                if (operand->kind == VERB_ACTION) {
                        text_add(out, " -a '");
                        add_words(out, operand->choices);
                        text_add(out, "'");
                } else {
                        fish_offer(out, operand->completes);
                }
                text_add(out, "\n");
        }
}

bool verb_completion(const char *shell, struct text *out) {
        if (strcmp(shell, "bash") == 0) {
                text_add(out, "_heliostat_verbs='");
                add_verb_names(out);
                text_add(out, "'\n%s", bash_head);
                for (size_t i = 0; i < verb_count; i++) bash_verb(&verbs[i], out);
                text_add(out, "%s", bash_tail);
        } else if (strcmp(shell, "zsh") == 0) {
                zsh(out);
        } else if (strcmp(shell, "fish") == 0) {
                text_add(out, "%s", fish_head);
                for (size_t i = 0; i < verb_count; i++) fish_verb(&verbs[i], out);
        } else {
                return false;
        }
        return true;
}
