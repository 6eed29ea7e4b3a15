/* What a callback gets of its client's settings is the text of
 * sasl.oauthbearer.config, so the source travels in it: "file:PATH" or
 * "command:COMMAND".
 *
 * librdkafka asks again after 80% of a token's life.  A client that asks gets
 * the token that another has fetched while it is in the first 70% of its life,
 * as it was when fetched. */
#include "common/kafka_token.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/command.h"
#include "common/err.h"
#include "common/log.h"
#include "common/oauth_token.h"
#include "common/secret.h"

#define PREFIX_FILE "file:"
#define PREFIX_COMMAND "command:"
#define EXTENSIONS_MAX 32
#define ERROR_MAX 400

/* ---- what is shared ---- */

#define SOURCES_MAX 16

static struct shared {
        char *source; /* NULL: free */
        char *text, *token;
        struct oauth_token of;
        int64_t fetched_ms;
} shared[SOURCES_MAX];
static size_t shared_next;
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;

static struct shared *find(const char *source) {
        for (size_t i = 0; i < SOURCES_MAX; i++)
                if (shared[i].source && strcmp(shared[i].source, source) == 0) return &shared[i];
        return NULL;
}

static bool fresh(const struct shared *s, int64_t now_ms) {
        return now_ms >= s->fetched_ms && now_ms - s->fetched_ms < (s->of.expires_ms - s->fetched_ms) / 10 * 7;
}

/* Under the lock.  0: *out is borrowed until the lock is given back */
static int fetch(const char *source, struct shared **out, char *why, size_t why_size) {
        struct shared *s = find(source);
        char *text = NULL, *token = NULL;
        struct oauth_token of;
        size_t bytes;
        int rc;

        /* A file costs nothing to read: what stands in it counts. */
        if (strncmp(source, PREFIX_FILE, sizeof PREFIX_FILE - 1) == 0) {
                rc = secret_read_file(source + sizeof PREFIX_FILE - 1, OAUTH_TOKEN_BYTES_MAX, &text, &bytes, why, why_size);
        } else {
                if (s && fresh(s, clock_wall_ms())) {
                        *out = s;
                        return 0;
                }
                rc = command_output(source + sizeof PREFIX_COMMAND - 1, KAFKA_TOKEN_COMMAND_LIMIT_MS, OAUTH_TOKEN_BYTES_MAX, &text, why, why_size);
        }
        if (rc) return rc;
        rc = oauth_token_parse(text, clock_wall_ms(), &token, &of, why, why_size);
        if (rc) {
                secret_free(text);
                return rc;
        }
        if (!s) {
                s = &shared[shared_next++ % SOURCES_MAX]; /* over the bound, another source fetches anew */
                free(s->source);
                s->source = strdup(source);
        }
        secret_free(s->text);
        s->text = text;
        s->token = token;
        s->of = of;
        s->fetched_ms = clock_wall_ms();
        *out = s;
        return 0;
}

/* ---- librdkafka's side ---- */

/* "a=b,c=d" of the client's settings: names and values in turn, in text. */
static size_t read_extensions(const rd_kafka_t *client, char *text, size_t size, const char **out) {
        size_t count = 0;
        text[0] = '\0';
        if (rd_kafka_conf_get(rd_kafka_conf((rd_kafka_t *)client), "sasl.oauthbearer.extensions", text, &size) !=
            RD_KAFKA_CONF_OK)
                return 0;
        for (char *rest = text, *pair; rest && *rest && (pair = strsep(&rest, ",")) && count + 2 <= EXTENSIONS_MAX;) {
                char *value = strchr(pair, '=');
                if (!value) continue;
                *value++ = '\0';
                out[count++] = pair;
                out[count++] = value;
        }
        return count;
}

static void on_refresh(rd_kafka_t *client, const char *source, void *opaque) {
        char why[ERROR_MAX] = "", extensions_text[1024];
        const char *extensions[EXTENSIONS_MAX];
        struct shared *s = NULL;

        (void)opaque;
        size_t count = read_extensions(client, extensions_text, sizeof extensions_text, extensions);
        (void)pthread_mutex_lock(&shared_lock); /* a default mutex: cannot fail */
        int rc = fetch(source, &s, why, sizeof why);
        if (!rc && rd_kafka_oauthbearer_set_token(client, s->token, s->of.expires_ms, s->of.principal, extensions, count, why,
                                                  sizeof why) != RD_KAFKA_RESP_ERR_NO_ERROR)
                rc = ERR_INVALID;
        (void)pthread_mutex_unlock(&shared_lock);
        if (!rc) {
                log_debug("kafka.token", "client=%s", rd_kafka_name(client));
                return;
        }
        char text[ERROR_MAX + 100];
        (void)snprintf(text, sizeof text, "no OAUTHBEARER token from the %s: %s",
                       strncmp(source, PREFIX_FILE, sizeof PREFIX_FILE - 1) == 0 ? "file" : "command", why);
        /* Told to the client's owner as an authentication error; asked again in 10 s. */
        (void)rd_kafka_oauthbearer_set_token_failure(client, text); /* fails for a client without OAUTHBEARER only */
}

bool kafka_token_oidc(void) {
        char why[256];
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        rd_kafka_conf_res_t res = rd_kafka_conf_set(conf, "sasl.oauthbearer.method", "oidc", why, sizeof why);
        rd_kafka_conf_destroy(conf);
        return res == RD_KAFKA_CONF_OK;
}

int kafka_token_use(rd_kafka_conf_t *conf, enum kafka_token_kind kind, const char *source, char *why, size_t why_size) {
        char *config = NULL;
        if (asprintf(&config, "%s%s", kind == KAFKA_TOKEN_FILE ? PREFIX_FILE : PREFIX_COMMAND, source) < 0) {
                (void)snprintf(why, why_size, "%s", err_text(ERR_NOMEM));
                return ERR_NOMEM;
        }
        rd_kafka_conf_res_t res = rd_kafka_conf_set(conf, "sasl.oauthbearer.config", config, why, why_size);
        free(config);
        if (res != RD_KAFKA_CONF_OK) return ERR_INVALID;
        rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, on_refresh);
        return 0;
}

/* Not every client's owner polls its main queue, where librdkafka would ask. */
static bool asks(const rd_kafka_conf_t *conf) {
        static const char *const expect[][2] = {{"sasl.mechanisms", "OAUTHBEARER"}, {"sasl.oauthbearer.method", "default"}};
        char value[64], protocol[32] = "";
        size_t size = sizeof protocol;
        if (rd_kafka_conf_get(conf, "security.protocol", protocol, &size) != RD_KAFKA_CONF_OK ||
            strncasecmp(protocol, "sasl_", 5) != 0)
                return false;
        for (size_t i = 0; i < sizeof expect / sizeof *expect; i++) {
                size = sizeof value;
                if (rd_kafka_conf_get(conf, expect[i][0], value, &size) != RD_KAFKA_CONF_OK ||
                    strcmp(value, expect[i][1]) != 0)
                        return false;
        }
        return true;
}

void kafka_token_prepare(rd_kafka_conf_t *conf) {
        if (asks(conf)) rd_kafka_conf_enable_sasl_queue(conf, 1);
}

void kafka_token_begin(rd_kafka_t *client) {
        if (!asks(rd_kafka_conf(client))) return;
        rd_kafka_error_t *error = rd_kafka_sasl_background_callbacks_enable(client);
        if (!error) return;
        log_error("kafka.token", "client=%s error=\"%s\"", rd_kafka_name(client), rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
}
