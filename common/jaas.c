/* A tokenizer over the text, and one table that says per module what becomes of
 * each option.  Tokens are unescaped into one buffer of the text's size. */
#include "common/jaas.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/err.h"
#include "common/text.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct module {
        const char *name, *class, *mechanisms;
} modules[] = {
        [JAAS_PLAIN] = {"PlainLoginModule", "org.apache.kafka.common.security.plain.PlainLoginModule", "PLAIN"},
        [JAAS_SCRAM] = {"ScramLoginModule", "org.apache.kafka.common.security.scram.ScramLoginModule",
                        "SCRAM-SHA-256 or SCRAM-SHA-512"},
        [JAAS_KERBEROS] = {"Krb5LoginModule", "com.sun.security.auth.module.Krb5LoginModule", "GSSAPI"},
        [JAAS_OAUTHBEARER] = {"OAuthBearerLoginModule",
                              "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule", "OAUTHBEARER"},
};

enum use {
        SET,     /* the argument is librdkafka's name */
        NEED,    /* the same, and it must be there */
        DROP,    /* for Java alone */
        FALSE,   /* nothing to do unless it is true: then refused */
        LATER,   /* looked at by name */
        REFUSED, /* the argument says what to do instead */
};

/* `*` at the end: all names that begin so. */
static const struct option {
        enum jaas_module module;
        const char *name;
        enum use use;
        const char *argument;
} options[] = {
        {JAAS_PLAIN, "username", NEED, "sasl.username"},
        {JAAS_PLAIN, "password", NEED, "sasl.password"},
        {JAAS_PLAIN, "user_*", DROP, NULL}, /* a broker's */
        {JAAS_SCRAM, "username", NEED, "sasl.username"},
        {JAAS_SCRAM, "password", NEED, "sasl.password"},
        {JAAS_SCRAM, "tokenauth", FALSE, "delegation tokens are not supported"},
        {JAAS_KERBEROS, "principal", SET, "sasl.kerberos.principal"},
        {JAAS_KERBEROS, "keyTab", SET, "sasl.kerberos.keytab"},
        {JAAS_KERBEROS, "serviceName", SET, "sasl.kerberos.service.name"},
        {JAAS_KERBEROS, "useKeyTab", LATER, NULL},
        {JAAS_KERBEROS, "useTicketCache", LATER, NULL},
        {JAAS_KERBEROS, "storeKey", DROP, NULL},
        {JAAS_KERBEROS, "debug", DROP, NULL},
        {JAAS_KERBEROS, "doNotPrompt", DROP, NULL},
        {JAAS_KERBEROS, "refreshKrb5Config", DROP, NULL},
        {JAAS_KERBEROS, "renewTGT", DROP, NULL},
        {JAAS_KERBEROS, "useFirstPass", DROP, NULL},
        {JAAS_KERBEROS, "tryFirstPass", DROP, NULL},
        {JAAS_KERBEROS, "storePass", DROP, NULL},
        {JAAS_KERBEROS, "clearPass", DROP, NULL},
        {JAAS_KERBEROS, "isInitiator", DROP, NULL},
        {JAAS_KERBEROS, "ticketCache", REFUSED, "set KRB5CCNAME in the environment instead"},
        {JAAS_OAUTHBEARER, "clientId", SET, "sasl.oauthbearer.client.id"},
        {JAAS_OAUTHBEARER, "clientSecret", SET, "sasl.oauthbearer.client.secret"},
        {JAAS_OAUTHBEARER, "scope", SET, "sasl.oauthbearer.scope"},
        {JAAS_OAUTHBEARER, "extension_*", LATER, NULL},
        {JAAS_OAUTHBEARER, "unsecuredLoginStringClaim_sub", LATER, NULL},
        {JAAS_OAUTHBEARER, "unsecuredLoginLifetimeSeconds", LATER, NULL},
        {JAAS_OAUTHBEARER, "unsecured*", REFUSED, "of unsecured tokens, only unsecuredLoginStringClaim_sub and "
                                                  "unsecuredLoginLifetimeSeconds are supported"},
};

const char *jaas_module_name(enum jaas_module module) { return modules[module].name; }

static const struct option *find_option(enum jaas_module module, const char *name) {
        for (size_t i = 0; i < COUNT(options); i++) {
                size_t n = strlen(options[i].name);
                if (options[i].module != module) continue;
                if (options[i].name[n - 1] == '*' ? strncmp(options[i].name, name, n - 1) == 0
                                                  : strcmp(options[i].name, name) == 0)
                        return &options[i];
        }
        return NULL;
}

static int invalid(char *why, size_t why_size, const char *text, const char *name) {
        (void)snprintf(why, why_size, text, name);
        text_one_line(why);
        return ERR_INVALID;
}

/* ---- the text ---- */

enum token { TOKEN_END, TOKEN_TEXT, TOKEN_SIGN, TOKEN_OPEN /* a quote that does not end */ };

struct reader {
        const char *at;
        char *text; /* of TOKEN_TEXT, NUL behind; room for all that is left to read */
        char sign;
};

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

static void skip_space(struct reader *r) {
        for (;;) {
                if (is_space(*r->at)) {
                        r->at++;
                } else if (r->at[0] == '/' && r->at[1] == '/') {
                        r->at += strcspn(r->at, "\r\n");
                } else if (r->at[0] == '/' && r->at[1] == '*') {
                        const char *end = strstr(r->at + 2, "*/");
                        r->at = end ? end + 2 : r->at + strlen(r->at);
                } else {
                        return;
                }
        }
}

static char escaped(const char **at) {
        char c = *(*at)++;
        if (c >= '0' && c <= '7') {
                int value = c - '0', digits = 1, most = c <= '3' ? 3 : 2;
                for (; digits < most && **at >= '0' && **at <= '7'; digits++) value = value * 8 + *(*at)++ - '0';
                return (char)value;
        }
        switch (c) {
        case 'n': return '\n';
        case 't': return '\t';
        case 'r': return '\r';
        case 'f': return '\f';
        case 'b': return '\b';
        case 'v': return '\v';
        case 'a': return '\a';
        default: return c;
        }
}

static enum token next_token(struct reader *r) {
        char *out = r->text;

        skip_space(r);
        if (!*r->at) return TOKEN_END;
        if (*r->at == '=' || *r->at == ';') {
                r->sign = *r->at++;
                return TOKEN_SIGN;
        }
        if (*r->at == '"' || *r->at == '\'') {
                char quote = *r->at++;
                while (*r->at && *r->at != quote && *r->at != '\n' && *r->at != '\r') {
                        char c = *r->at++;
                        if (c == '\\' && *r->at) c = escaped(&r->at);
                        if (c) *out++ = c;
                }
                *out = '\0';
                if (*r->at != quote) return TOKEN_OPEN;
                r->at++;
                return TOKEN_TEXT;
        }
        while (*r->at && !is_space(*r->at) && !strchr("=;\"'", *r->at)) *out++ = *r->at++;
        *out = '\0';
        return TOKEN_TEXT;
}

void jaas_pairs_free(struct jaas_pair *pairs, size_t count) {
        for (size_t i = 0; i < count; i++) {
                if (pairs[i].value) explicit_bzero(pairs[i].value, strlen(pairs[i].value));
                free(pairs[i].value);
                free(pairs[i].name);
        }
        free(pairs);
}

void jaas_fini(struct jaas *jaas) {
        jaas_pairs_free(jaas->options, jaas->option_count);
        memset(jaas, 0, sizeof *jaas);
}

/* Takes nothing.  0 | ERR_NOMEM | ERR_TOO_MANY */
static int put(struct jaas_pair **pairs, size_t *count, const char *name, const char *value) {
        if (!*pairs && !(*pairs = calloc(JAAS_OPTIONS_MAX, sizeof **pairs))) return ERR_NOMEM;
        char *copy = strdup(value), *key = NULL;
        if (!copy) return ERR_NOMEM;
        for (size_t i = 0; i < *count; i++)
                if (strcmp((*pairs)[i].name, name) == 0) {
                        explicit_bzero((*pairs)[i].value, strlen((*pairs)[i].value));
                        free((*pairs)[i].value);
                        (*pairs)[i].value = copy;
                        return 0;
                }
        int rc = *count == JAAS_OPTIONS_MAX ? ERR_TOO_MANY : (key = strdup(name)) ? 0 : ERR_NOMEM;
        if (rc) {
                explicit_bzero(copy, strlen(copy));
                free(copy);
                return rc;
        }
        (*pairs)[(*count)++] = (struct jaas_pair){key, copy};
        return 0;
}

static int find_module(const char *class, enum jaas_module *out, char *why, size_t why_size) {
        const char *names[COUNT(modules)];
        for (size_t i = 0; i < COUNT(modules); i++) {
                names[i] = modules[i].class;
                if (strcmp(class, modules[i].class) != 0) continue;
                *out = (enum jaas_module)i;
                return 0;
        }
        const char *nearest = text_nearest(class, names, COUNT(modules));
        if (nearest) (void)snprintf(why, why_size, "unknown login module; did you mean '%s'?", nearest);
        else
                (void)snprintf(why, why_size, "unknown login module; expected Kafka's PlainLoginModule, "
                                              "ScramLoginModule or OAuthBearerLoginModule, or Krb5LoginModule");
        return ERR_INVALID;
}

static int parse_option(struct reader *r, struct jaas *jaas, char *why, size_t why_size) {
        char name[128];
        if (strlen(r->text) >= sizeof name) return invalid(why, why_size, "an option's name is too long%s", "");
        (void)snprintf(name, sizeof name, "%s", r->text);
        /* Of a name that is none of the module's, nothing is shown but the likeness: it
         * may be a piece of a password that lacks its quotes. */
        const struct option *known = find_option(jaas->module, name);
        if (!known) {
                const char *names[COUNT(options)];
                size_t n = 0;
                for (size_t i = 0; i < COUNT(options); i++)
                        if (options[i].module == jaas->module && !strchr(options[i].name, '*')) names[n++] = options[i].name;
                const char *nearest = text_nearest(name, names, n);
                return nearest ? invalid(why, why_size, "unknown option; did you mean '%s'?", nearest)
                               : invalid(why, why_size, "unknown option of %s, or a value without quotes around it",
                                         modules[jaas->module].name);
        }
        if (next_token(r) != TOKEN_SIGN || r->sign != '=')
                return invalid(why, why_size, "expected '=' and a value behind '%s'", known->name);
        enum token token = next_token(r);
        if (token == TOKEN_OPEN) return invalid(why, why_size, "the quotes around the value of '%s' do not end", known->name);
        if (token != TOKEN_TEXT) return invalid(why, why_size, "expected a value behind '%s='", known->name);
        int rc = put(&jaas->options, &jaas->option_count, name, r->text);
        if (rc == ERR_TOO_MANY) return invalid(why, why_size, "too many options%s", "");
        if (rc) (void)snprintf(why, why_size, "%s", err_text(rc));
        return rc;
}

static int parse(struct reader *r, struct jaas *jaas, char *why, size_t why_size) {
        static const char *const flags[] = {"required", "requisite", "sufficient", "optional"};
        enum token token = next_token(r);
        bool flag = false;

        if (token != TOKEN_TEXT) return invalid(why, why_size, "expected a login module, such as %s", modules[0].class);
        int rc = find_module(r->text, &jaas->module, why, why_size);
        if (rc) return rc;
        if (next_token(r) == TOKEN_TEXT)
                for (size_t i = 0; i < COUNT(flags); i++) flag |= strcasecmp(flags[i], r->text) == 0;
        if (!flag) return invalid(why, why_size, "expected 'required' behind %s", modules[jaas->module].name);
        while ((token = next_token(r)) == TOKEN_TEXT)
                if ((rc = parse_option(r, jaas, why, why_size)) != 0) return rc;
        if (token != TOKEN_SIGN || r->sign != ';')
                return invalid(why, why_size, "expected ';' at the end%s", "");
        if (next_token(r) != TOKEN_END)
                return invalid(why, why_size, "expected one login module, and nothing behind its ';'%s", "");
        return 0;
}

int jaas_parse(const char *text, struct jaas *out, char *why, size_t why_size) {
        size_t bytes = strlen(text) + 1;
        struct jaas jaas = {0};

        if (bytes > JAAS_BYTES_MAX) {
                (void)snprintf(why, why_size, "%s", err_text(ERR_TOO_BIG));
                return ERR_TOO_BIG;
        }
        char *copy = malloc(bytes ? bytes : 1);
        if (!copy) {
                (void)snprintf(why, why_size, "%s", err_text(ERR_NOMEM));
                return ERR_NOMEM;
        }
        struct reader r = {.at = text, .text = copy};
        int rc = parse(&r, &jaas, why, why_size);
        explicit_bzero(copy, bytes);
        free(copy);
        if (rc) jaas_fini(&jaas);
        else *out = jaas;
        return rc;
}

/* ---- what it means ---- */

static const char *value_of(const struct jaas *jaas, const char *name) {
        for (size_t i = 0; i < jaas->option_count; i++)
                if (strcmp(jaas->options[i].name, name) == 0) return jaas->options[i].value;
        return NULL;
}

static bool is_true(const struct jaas *jaas, const char *name) {
        const char *value = value_of(jaas, name);
        return value && strcasecmp(value, "true") == 0;
}

static bool mechanism_fits(enum jaas_module module, const char *mechanism) {
        if (module == JAAS_SCRAM)
                return strcmp(mechanism, "SCRAM-SHA-256") == 0 || strcmp(mechanism, "SCRAM-SHA-512") == 0;
        return strcmp(mechanism, modules[module].mechanisms) == 0;
}

struct pairs {
        struct jaas_pair *items;
        size_t count;
};

static int kerberos(const struct jaas *jaas, struct pairs *out, char *why, size_t why_size) {
        bool keytab = is_true(jaas, "useKeyTab"), cache = is_true(jaas, "useTicketCache");
        if (keytab && !(value_of(jaas, "keyTab") && value_of(jaas, "principal")))
                return invalid(why, why_size, "useKeyTab=true needs keyTab and principal%s", "");
        if (!keytab && !cache)
                return invalid(why, why_size, "expected useKeyTab=true with keyTab and principal, or useTicketCache=true%s", "");
        /* The ticket is there; kinit must not be called. */
        return cache && !keytab ? put(&out->items, &out->count, "sasl.kerberos.kinit.cmd", "") : 0;
}

/* "a=b,c=d" of extension_a=b and extension_c=d. */
static int extensions(const struct jaas *jaas, struct pairs *out) {
        static const char prefix[] = "extension_";
        char *text = NULL;
        size_t size = 0, n = 0;
        FILE *file = open_memstream(&text, &size);
        if (!file) return ERR_NOMEM;
        for (size_t i = 0; i < jaas->option_count; i++)
                if (strncmp(jaas->options[i].name, prefix, sizeof prefix - 1) == 0)
                        fprintf(file, "%s%s=%s", n++ ? "," : "", jaas->options[i].name + sizeof prefix - 1,
                                jaas->options[i].value);
        int rc = fclose(file) == 0 ? 0 : ERR_NOMEM;
        if (!rc && n) rc = put(&out->items, &out->count, "sasl.oauthbearer.extensions", text);
        free(text);
        return rc;
}

static int oauthbearer(const struct jaas *jaas, struct pairs *out, char *why, size_t why_size) {
        const char *id = value_of(jaas, "clientId"), *secret = value_of(jaas, "clientSecret");
        const char *sub = value_of(jaas, "unsecuredLoginStringClaim_sub");
        const char *life = value_of(jaas, "unsecuredLoginLifetimeSeconds");
        char config[300];

        if (!id != !secret) return invalid(why, why_size, "clientId and clientSecret go together%s", "");
        if (id && sub) return invalid(why, why_size, "clientId and an unsecured token exclude each other%s", "");
        int rc = extensions(jaas, out);
        if (!rc && id) rc = put(&out->items, &out->count, "sasl.oauthbearer.method", "oidc");
        if (rc || !sub) return rc;
        if (strlen(sub) > 128 || !*sub || strpbrk(sub, " \t") || (life && (strlen(life) > 9 || strspn(life, "0123456789") != strlen(life))))
                return invalid(why, why_size, "expected a name without blanks and a number of seconds for the unsecured token%s", "");
        (void)snprintf(config, sizeof config, "principal=%s%s%s", sub, life ? " lifeSeconds=" : "", life ? life : "");
        rc = put(&out->items, &out->count, "enable.sasl.oauthbearer.unsecure.jwt", "true");
        return rc ? rc : put(&out->items, &out->count, "sasl.oauthbearer.config", config);
}

static int settings(const struct jaas *jaas, struct pairs *out, char *why, size_t why_size) {
        int rc = 0;
        for (size_t i = 0; i < COUNT(options); i++)
                if (options[i].module == jaas->module && options[i].use == NEED && !value_of(jaas, options[i].name))
                        return invalid(why, why_size, "'%s' is missing", options[i].name);
        for (size_t i = 0; !rc && i < jaas->option_count; i++) {
                const struct jaas_pair *pair = &jaas->options[i];
                const struct option *option = find_option(jaas->module, pair->name);
                if (!option) return ERR_INVALID; /* jaas_parse lets none pass */
                if (option->use == SET || option->use == NEED)
                        rc = put(&out->items, &out->count, option->argument, pair->value);
                else if (option->use == REFUSED || (option->use == FALSE && strcasecmp(pair->value, "false") != 0)) {
                        (void)snprintf(why, why_size, "'%s': %s", option->name, option->argument);
                        return ERR_INVALID;
                }
        }
        if (!rc && jaas->module == JAAS_KERBEROS) rc = kerberos(jaas, out, why, why_size);
        if (!rc && jaas->module == JAAS_OAUTHBEARER) rc = oauthbearer(jaas, out, why, why_size);
        return rc;
}

int jaas_settings(const struct jaas *jaas, const char *mechanism, struct jaas_pair **out, size_t *out_count, char *why,
                  size_t why_size) {
        struct pairs pairs = {0};

        if (!mechanism_fits(jaas->module, mechanism)) {
                (void)snprintf(why, why_size, "%s goes with sasl.mechanism = %s, not %.40s", modules[jaas->module].name,
                               modules[jaas->module].mechanisms, mechanism);
                text_one_line(why);
                return ERR_INVALID;
        }
        int rc = settings(jaas, &pairs, why, why_size);
        if (rc) {
                jaas_pairs_free(pairs.items, pairs.count);
                if (rc == ERR_NOMEM) (void)snprintf(why, why_size, "%s", err_text(rc));
                return rc;
        }
        *out = pairs.items;
        *out_count = pairs.count;
        return 0;
}
