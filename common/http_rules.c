#include "common/http_rules.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/err.h"

static bool parse_port(const char *text, uint16_t *out) {
        char *end;
        if (!isdigit((unsigned char)*text)) return false;
        unsigned long port = strtoul(text, &end, 10);
        if (*end || end - text > 5 || port > 65535) return false;
        *out = (uint16_t)port;
        return true;
}

int http_listen_parse(const char *text, struct http_listen *out, char *err, size_t err_size) {
        struct http_listen listen = {0};
        struct in_addr v4;
        struct in6_addr v6;
        const char *colon = strrchr(text, ':');
        size_t n = colon ? (size_t)(colon - text) : 0;

        if (!colon || !parse_port(colon + 1, &listen.port) || n >= sizeof listen.host) goto invalid;
        if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
                memcpy(listen.host, text + 1, n - 2);
                if (inet_pton(AF_INET6, listen.host, &v6) != 1) goto invalid;
                listen.ipv6 = true;
                listen.loopback = IN6_IS_ADDR_LOOPBACK(&v6);
                listen.any = IN6_IS_ADDR_UNSPECIFIED(&v6);
        } else {
                memcpy(listen.host, text, n);
                if (n == 0) strcpy(listen.host, "0.0.0.0");
                else if (strcmp(listen.host, "localhost") == 0) strcpy(listen.host, "127.0.0.1");
                if (inet_pton(AF_INET, listen.host, &v4) != 1) goto invalid;
                listen.loopback = ntohl(v4.s_addr) >> 24 == 127;
                listen.any = v4.s_addr == htonl(INADDR_ANY);
        }
        *out = listen;
        return 0;
invalid:
        (void)snprintf(err, err_size,
                       "'%s' is not an address to listen on; expected <IP address>:<port>, such as "
                       "127.0.0.1:9180, [::1]:9180 or 0.0.0.0:9180",
                       text);
        return ERR_INVALID;
}

const char *http_listen_refusal(const struct http_listen *listen, bool has_token, bool has_tls, bool insecure) {
        if (listen->loopback) return NULL;
        if (!has_token)
                return "other machines reach this address: it needs 'http.token' (or listen on 127.0.0.1)";
        if (!has_tls && !insecure)
                return "other machines reach this address: it needs 'http.tls.certificate' and 'http.tls.key', or "
                       "'http.insecure = true' when something else encrypts";
        return NULL;
}

static bool given(const char *text) { return text && *text; }

/* Kafka's settings take such texts themselves; ours take paths. */
static bool is_pem_text(const char *value) { return strpbrk(value, "\r\n") || strncmp(value, "-----BEGIN", 10) == 0; }

int http_check(const struct http_settings *settings, char *err, size_t err_size) {
        struct http_listen listen;
        if (!given(settings->listen)) return 0;
        int rc = http_listen_parse(settings->listen, &listen, err, err_size);
        if (rc) return rc;
        if (given(settings->certificate) != given(settings->key)) {
                (void)snprintf(err, err_size, "'http.tls.certificate' and 'http.tls.key' belong together; only one is set");
                return ERR_INVALID;
        }
        const char *text = !given(settings->key) ? NULL : is_pem_text(settings->key) ? "http.tls.key"
                           : is_pem_text(settings->certificate)                      ? "http.tls.certificate"
                                                                                     : NULL;
        if (text) { /* it is not shown: it holds a key */
                (void)snprintf(err, err_size, "%s: expected the path of a PEM file, not its text", text);
                return ERR_INVALID;
        }
        const char *refusal = http_listen_refusal(&listen, given(settings->token), given(settings->certificate),
                                                  settings->insecure);
        if (!refusal) return 0;
        (void)snprintf(err, err_size, "'%s': %s", settings->listen, refusal);
        return ERR_INVALID;
}

bool http_bearer_is(const char *token, const char *authorization) {
        if (!token || !*token || !authorization) return false;
        if (strncasecmp(authorization, "Bearer", 6) != 0 || authorization[6] != ' ') return false;
        const char *given = authorization + 6;
        while (*given == ' ') given++;
        size_t n = strlen(token), given_size = strlen(given);
        size_t differs = n ^ given_size;
        for (size_t i = 0; i < given_size; i++) differs |= (unsigned char)(given[i] ^ token[i % n]);
        return differs == 0;
}

bool http_host_is_loopback(const char *host) {
        char name[64];
        struct in_addr v4;
        if (!host) return true;
        if (host[0] == '[') return strncmp(host, "[::1]", 5) == 0 && (host[5] == ':' || host[5] == '\0');
        size_t n = strcspn(host, ":");
        if (n == 0 || n >= sizeof name) return false;
        memcpy(name, host, n);
        name[n] = '\0';
        if (strcasecmp(name, "localhost") == 0) return true;
        return inet_pton(AF_INET, name, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

unsigned http_refusal(const struct http_guard *guard, const struct http_question *q) {
        if (strcmp(q->method, "GET") != 0 && strcmp(q->method, "HEAD") != 0) return 405;
        if (q->has_body) return 413;
        if (guard->loopback && !guard->token && !http_host_is_loopback(q->host)) return 403;
        if (guard->token && !(q->known && q->open) && !http_bearer_is(guard->token, q->authorization)) return 401;
        return q->known ? 0 : 404;
}

bool http_path_matches(const char *pattern, const char *path) {
        size_t n = strlen(pattern);
        if (n && pattern[n - 1] == '*') return strncmp(pattern, path, n - 1) == 0;
        return strcmp(pattern, path) == 0;
}

const char *http_arg(const struct http_request *request, const char *name) {
        for (size_t i = 0; i < request->arg_count; i++)
                if (strcmp(request->args[i].name, name) == 0)
                        return request->args[i].value ? request->args[i].value : "";
        return NULL;
}
