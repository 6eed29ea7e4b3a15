#include "common/config_parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/secret.h"
#include "common/text.h"

struct config_fate *parser_fate_of(struct parser *p, const struct property *at) {
        return &p->config.priv->fates[at - p->properties.items];
}

void parser_set_fate(struct parser *p, const struct property *at, enum config_fate_kind kind,
                     const char *format, ...) {
        struct config_fate *fate = parser_fate_of(p, at);
        char *text = NULL;
        va_list ap;
        if (fate->kind == FATE_REFUSED) return;
        va_start(ap, format);
        if (format && vasprintf(&text, format, ap) < 0) text = NULL; /* then without a reason */
        va_end(ap);
        if (text) text_one_line(text);
        free(fate->text);
        fate->kind = kind;
        fate->text = text;
}

int parser_fail(struct parser *p, const struct property *at, const char *format, ...) {
        char text[CONFIG_ERROR_MAX];
        va_list ap;
        va_start(ap, format);
        (void)vsnprintf(text, sizeof text, format, ap); /* cut */
        va_end(ap);
        if (at && at->secret && secret_shown(text, at->value))
                (void)snprintf(text, sizeof text, "what the placeholder stands for is not valid here");
        text_one_line(text);
        struct config_private *priv = p->config.priv;
        if (priv->error_count++ == 0) {
                int n = at ? snprintf(p->err, p->err_size, "%s:%d: %.150s: ", p->path, at->line, at->key)
                           : snprintf(p->err, p->err_size, "%s: ", p->path);
                if (n >= 0 && (size_t)n < p->err_size)
                        (void)snprintf(p->err + n, p->err_size - (size_t)n, "%s", text); /* cut */
                text_one_line(p->err);
        }
        if (at) parser_set_fate(p, at, FATE_REFUSED, "%s", text);
        else if (!priv->general) priv->general = strdup(text);
        return ERR_INVALID;
}

int parser_go_on(const struct parser *p, int rc) {
        return rc == ERR_INVALID && p->all && !p->lost ? 0 : rc;
}

int parser_no_memory(struct parser *p) {
        (void)snprintf(p->err, p->err_size, "%s: %s", p->path, err_text(ERR_NOMEM));
        return ERR_NOMEM;
}

int parser_set_field(struct parser *p, void *owner, const struct setting *setting,
                     const struct property *at, const char *value) {
        char why[CONFIG_ERROR_MAX];
        int rc = setting_set(setting, owner, value, why, sizeof why);
        if (rc == ERR_NOMEM) return parser_no_memory(p);
        return rc ? parser_fail(p, at, "%s", why) : 0;
}
