/* Text for people, made from the tables that the program itself uses. */
#include "common/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/foreign.h"
#include "common/kafka_tables.h"
#include "common/settings.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct row {
        const char *name;
        enum setting_type type;
        const char *value;
        int64_t min, max;
        const char *when, *text;
};

#define ROW(field, name, type, value, min, max, when, text) \
        {name, SETTING_##type, value, min, max, #when, text},
static const struct row program_rows[] = {PROGRAM_SETTINGS(ROW)};
static const struct row route_rows[] = {ROUTE_SETTINGS(ROW)};
#undef ROW

static const struct {
        const char *name, *words;
} choice_rows[] = {
#define ROW(name, words, known_word, answer) {name, words},
        SETTING_CHOICES(ROW)
#undef ROW
};

static const char *role_text(int roles) {
        return roles == KAFKA_CONSUMER   ? "consumer"
               : roles == KAFKA_PRODUCER ? "producer"
               : roles == KAFKA_ADMIN    ? "admin"
                                         : "all";
}

static void print_size(FILE *out, int64_t bytes) {
        if (bytes % SETTING_GIB == 0) fprintf(out, "%lldGiB", (long long)(bytes / SETTING_GIB));
        else fprintf(out, "%lldMiB", (long long)(bytes / SETTING_MIB));
}

/* What a value may be, "1000 to 120000".  separator stands between words. */
static void print_range(FILE *out, const struct row *row, const char *separator) {
        switch (row->type) {
        case SETTING_BOOL:
                fputs("true, false", out);
                break;
        case SETTING_INT:
        case SETTING_UINT:
                if (row->min == -1) fprintf(out, "-1 or 1 to %lld", (long long)row->max);
                else fprintf(out, "%lld to %lld", (long long)row->min, (long long)row->max);
                break;
        case SETTING_BYTES:
                print_size(out, row->min);
                fputs(" to ", out);
                print_size(out, row->max);
                break;
        case SETTING_CHOICE:
                for (size_t i = 0; i < COUNT(choice_rows); i++) {
                        if (strcmp(choice_rows[i].name, row->name) != 0) continue;
                        for (const char *c = choice_rows[i].words; *c; c++)
                                if (*c == '|') fputs(separator, out);
                                else fputc(*c, out);
                }
                break;
        case SETTING_TOPICS:
                fputs("regular expressions", out);
                break;
        case SETTING_TEXT:
                fputs("text", out);
                break;
        }
}

static const char *when_text(const char *when) {
        return strcmp(when, "START") == 0    ? "start"
               : strcmp(when, "RELOAD") == 0 ? "SIGHUP"
               : strcmp(when, "APPLY") == 0  ? "`heliostat apply`"
                                             : "never; fixed when the route is created";
}

static void print_table(FILE *out, const struct row *rows, size_t count) {
        fputs("| Key | Default | Values | Changes at | Meaning |\n|---|---|---|---|---|\n", out);
        for (size_t i = 0; i < count; i++) {
                fprintf(out, "| `%s` | ", rows[i].name);
                if (rows[i].value && *rows[i].value) fprintf(out, "`%s`", rows[i].value);
                fputs(" | ", out);
                print_range(out, &rows[i], ", ");
                fprintf(out, " | %s | %s |\n", when_text(rows[i].when), rows[i].text);
        }
}

static void print_clients(FILE *out) {
        fputs("\n## Clients of Kafka\n"
              "\n"
              "Settings of the Kafka clients take librdkafka's names and those of Java's clients.\n"
              "Of several that concern one client, the most specific wins:\n"
              "\n"
              "| Key | Concerns |\n|---|---|\n"
              "| `<alias>.bootstrap.servers` | its address, `host:port,host:port`; required |\n"
              "| `security.protocol`, `ssl.<name>`, `sasl.<name>` | all clients of all clusters |\n"
              "| `consumer.<name>`, `producer.<name>`, `admin.<name>` | the clients of one kind, of all clusters |\n"
              "| `<alias>.<name>` | all clients of the cluster that know the setting |\n"
              "| `<alias>.consumer.<name>`, `<alias>.producer.<name>`, `<alias>.admin.<name>` "
              "| the clients of one kind |\n"
              "| `<route>.consumer.<name>` | consumers of the route, at its source |\n"
              "| `<route>.producer.<name>` | producers of the route, at its destination |\n"
              "| `<route>.source.consumer.<name>`, `<route>.target.producer.<name>`, "
              "`<route>.producer.override.<name>` | the same, and stronger: MirrorMaker 2's names |\n"
              "\n"
              "A `<route>.consumer.<name>` wins over an `<alias>.consumer.<name>`. (In MirrorMaker 2 it is\n"
              "the other way round: there only `<route>.source.consumer.<name>` does.) `heliostat config\n"
              "show FILE` prints what is in effect, and where it comes from.\n"
              "\n"
              "Addresses and credentials are read from the local file by each process;\n"
              "they are never written to ZooKeeper.\n"
              "\n"
              "In any value, `${file:PATH:KEY}` (a key of another `.properties` file),\n"
              "`${dir:PATH:FILE}` (a file's text) and `${env:NAME}` stand for what is kept\n"
              "elsewhere; in settings of routes, which are published, only `${env:NAME}`\n"
              "(docs/security.md).\n"
              "\n### Settings that cannot be changed\n"
              "\n"
              "A promise hangs on each of them. Another value in the file is an error.\n"
              "\n| Name | Client | Value | Reason |\n|---|---|---|---|\n",
              out);
#define ROW(name, role, value, alike, why) \
        fprintf(out, "| `%s` | %s | `%s` | %s |\n", name, role_text(KAFKA_##role), value, why);
        KAFKA_FIXED(ROW)
#undef ROW
        fputs("\n### Settings that are computed\n"
              "\n"
              "A value in the file has no effect, which is noted in the log.\n"
              "\n| Name | Client | Reason |\n|---|---|---|\n",
              out);
#define ROW(name, role, why) \
        fprintf(out, "| `%s` | %s | %s |\n", name, role_text(KAFKA_##role), why);
        KAFKA_COMPUTED(ROW)
#undef ROW
        fputs("\n### Defaults\n"
              "\n"
              "Where they differ from librdkafka's, or where librdkafka's and Java's differ.\n"
              "\n| Name | Client | Default | Reason |\n|---|---|---|---|\n", out);
#define ROW(name, role, value, why) \
        fprintf(out, "| `%s` | %s | `%s` | %s |\n", name, role_text(KAFKA_##role), value, why);
        KAFKA_DEFAULTS(ROW)
#undef ROW
        fputs("\n### Java's names\n"
              "\n"
              "Names that librdkafka shares with Java need no translation and are not\n"
              "listed. A name that is ignored is noted in the log; a refused one is an\n"
              "error.\n"
              "\n| Java's name | Client | What becomes of it |\n|---|---|---|\n",
              out);
#define RENAME "becomes `%s`"
#define CAP "becomes `%s`; more than that can be is taken as the most"
#define KIB "becomes `%s`, divided by 1024"
#define MINUS "becomes `%s`; -1 becomes 0"
#define EMPTY "same name; an empty value becomes `%s`"
#define BYTES "ByteArray classes are accepted, others refused%s"
#define SECURITY "%s"
#define IGNORE "ignored: %s"
#define UNKNOWN "passed on, or ignored where it is %s"
#define START "becomes `%s` of the routes: `earliest` or `latest`; `none` is ignored"
#define LATER "passed on, or refused where it is %s"
#define FALSE "`false` is ignored, else refused: %s"
#define REFUSE "refused: %s"
#define ROW(name, role, action, argument) \
        fprintf(out, "| `%s` | %s | " action " |\n", name, role_text(KAFKA_##role), argument);
        KAFKA_JAVA(ROW)
#undef ROW
}

static void print_only(FILE *out, const char *words, const char *why) {
        fputs(*words ? "only `" : "refused unless it is empty: ", out);
        for (const char *c = words; *c; c++)
                if (*c != '|') fputc(*c, out);
                else if (c[1]) fputs("`, `", out);
        if (*words) fputs("`, else refused: ", out);
        fputs(why, out);
}

static void print_foreign(FILE *out) {
        fputs("\n## MirrorMaker's keys\n"
              "\n"
              "Settings of MirrorMaker 2 that have the same name and meaning stand in the table of\n"
              "routes. Of the others (`*`: all that begin so):\n"
              "\n| Key | What becomes of it |\n|---|---|\n",
              out);
        for (size_t i = 0; i < foreign_row_count; i++) {
                const struct foreign *row = &foreign_rows[i];
                fprintf(out, "| `%s` | ", row->name);
                switch (row->action) {
                case FOREIGN_SAME: fprintf(out, "becomes `%s`: %s", row->argument, row->why); break;
                case FOREIGN_IGNORE: fprintf(out, "ignored: %s", row->why); break;
                case FOREIGN_ONLY: print_only(out, row->argument, row->why); break;
                case FOREIGN_REFUSE: fprintf(out, "refused: %s", row->why); break;
                }
                fputs(" |\n", out);
        }
        fputs("\n"
              "MirrorMaker 2 does otherwise where its file says nothing; `heliostat config translate`\n"
              "writes down what it does:\n"
              "\n| Key | MirrorMaker 2's default | |\n|---|---|---|\n",
              out);
#define ROW(name, value, why) fprintf(out, "| `%s` | `%s` | %s |\n", name, value, why);
        MM2_DEFAULTS(ROW)
#undef ROW
}

char *config_reference_markdown(void) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (!out) return NULL;
        fputs("# Configuration\n"
              "\n"
              "<!-- Made by `heliostat config reference`; edit common/settings.h instead. -->\n"
              "\n"
              "One file in the syntax of Java's `.properties` and the notation of\n"
              "MirrorMaker 2 configures workers, coordinators and the command line.\n"
              "`heliostat config sample` prints one to start from, `heliostat config translate` makes\n"
              "one of MirrorMaker's files, `heliostat config check FILE` tells what becomes of each key.\n"
              "\n"
              "```\n"
              "zookeeper.connect = zk1:2181,zk2:2181,zk3:2181/heliostat\n"
              "clusters = east, west\n"
              "east.bootstrap.servers = e1:9092,e2:9092\n"
              "west.bootstrap.servers = w1:9092\n"
              "east->west.enabled = true\n"
              "east->west.topics = orders.*, payments\n"
              "east->west.topics.exclude = .*\\\\.internal\n"
              "```\n"
              "\n"
              "`clusters` lists the aliases: letters, digits and `. _ -`. An unknown key,\n"
              "a key given twice and a value out of range are errors that name the file,\n"
              "the line and what was expected. A backslash in a `.properties` file is\n"
              "written twice, as in the last line above.\n"
              "\n## Program\n\n",
              out);
        print_table(out, program_rows, COUNT(program_rows));
        fputs("\n## Routes\n"
              "\n"
              "Written as `<source>-><destination>.<key>`; a route exists when one of its\n"
              "keys is given. Without a route in front, a key sets the default for all\n"
              "routes. `heliostat apply FILE` publishes them; until then nothing changes.\n"
              "\n",
              out);
        print_table(out, route_rows, COUNT(route_rows));
        fputs("\n"
              "In `topics` and `topics.exclude`, `,` separates alternatives, as in\n"
              "MirrorMaker, so that a quantifier such as `{1,2}` cannot be used. The\n"
              "expressions are PCRE2's; what Java reads otherwise (`[a-z&&[^b]]`,\n"
              "`[a[bc]]`, `\\p{java...}`, `\\p{Is...}`, `\\Q`) is refused.\n",
              out);
        print_foreign(out);
        print_clients(out);
        if (fclose(out) == 0) return text;
        free(text);
        return NULL;
}

/* "# text", broken into lines of at most 79 bytes, without Markdown's signs. */
static void print_comment(FILE *out, const char *text) {
        size_t column = 0;
        while (*text) {
                size_t n = strcspn(text, " ");
                if (column == 0 || column + 1 + n > 79) {
                        fputs(column ? "\n#" : "#", out);
                        column = 1;
                }
                fputc(' ', out);
                for (size_t i = 0; i < n; i++)
                        if (text[i] != '`') fputc(text[i], out);
                column += 1 + n;
                text += n + (text[n] == ' ');
        }
        fputc('\n', out);
}

static void print_sample(FILE *out, const struct row *rows, size_t count, const char *prefix) {
        for (size_t i = 0; i < count; i++) {
                fputc('\n', out);
                print_comment(out, rows[i].text);
                if (rows[i].type != SETTING_TEXT && rows[i].type != SETTING_TOPICS) {
                        fputs("# Values: ", out);
                        print_range(out, &rows[i], ", ");
                        fputc('\n', out);
                }
                if (rows[i].value)
                        fprintf(out, "#%s%s = %s\n", prefix, rows[i].name, rows[i].value);
        }
}

char *config_sample(void) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (!out) return NULL;
        fputs("# Heliostat. Syntax: Java's .properties; a backslash is written twice.\n"
              "# Commented settings show their defaults.\n"
              "\n"
              "zookeeper.connect = localhost:2181/heliostat\n"
              "\n"
              "clusters = east, west\n"
              "east.bootstrap.servers = localhost:9092\n"
              "west.bootstrap.servers = localhost:9093\n"
              "\n"
              "# Client settings, in librdkafka's or Java's names, for example:\n"
              "#east.security.protocol = SSL\n"
              "#west.producer.compression.type = zstd\n"
              "\n"
              "east->west.enabled = true\n"
              "east->west.topics = .*\n"
              "\n"
              "# ---- program ---------------------------------------------------------------\n",
              out);
        /* the first row, zookeeper.connect, is above */
        print_sample(out, program_rows + 1, COUNT(program_rows) - 1, "");
        fputs("\n# ---- routes: defaults for all of them; 'east->west.lanes' for one ---------\n",
              out);
        print_sample(out, route_rows, COUNT(route_rows), "");
        if (fclose(out) == 0) return text;
        free(text);
        return NULL;
}
