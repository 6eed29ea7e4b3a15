/* What an HTTP server of ours accepts: addresses, tokens, hosts, methods.  PURE. */
#ifndef HELIOSTAT_COMMON_HTTP_RULES_H
#define HELIOSTAT_COMMON_HTTP_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "127.0.0.1:9180", "[::1]:9180", "localhost:9180", "0.0.0.0:9180", ":9180"
 * (every address, IPv4).  No other names: finding their address would block. */
struct http_listen {
        char host[48];   /* an address; brackets removed */
        uint16_t port;   /* 0: any free one */
        bool ipv6;
        bool loopback;
        bool any;        /* every address of the machine */
};

/* 0 | ERR_INVALID, with what was expected in err */
int http_listen_parse(const char *text, struct http_listen *out, char *err, size_t err_size);

/* Whether it may be served there.  An address that other machines reach needs
 * a token, and TLS unless `insecure` says otherwise.  NULL: yes; else the
 * reason, with the setting that is missing. */
const char *http_listen_refusal(const struct http_listen *listen, bool has_token, bool has_tls, bool insecure);

/* Whether an Authorization header is "Bearer <token>".  Takes as long for each
 * header of the same length, whatever it holds.  NULL is never right. */
bool http_bearer_is(const char *token, const char *authorization);

/* Whether a Host header names this machine by its loopback: a page of another
 * site that has its name pointed at 127.0.0.1 does not.  NULL (HTTP/1.0): yes. */
bool http_host_is_loopback(const char *host);

struct http_settings {
        const char *listen;        /* see http_listen_parse; NULL or "": no server */
        const char *token;         /* NULL or "": none */
        const char *certificate, *key; /* PEM files; NULL or "": no TLS */
        bool insecure;
        unsigned idle_s;           /* 0: HTTP_IDLE_S */
        const char *host;          /* this machine's name, for http_url when every address is served */
};

/* Whether a server may be started with these settings: 0 | ERR_INVALID, with
 * the setting and what was expected in err.  Reads no file. */
int http_check(const struct http_settings *settings, char *err, size_t err_size);

struct http_question {
        const char *method;
        bool known;               /* some handler has the path ... */
        bool open;                /* ... and asks for no token */
        const char *authorization, *host; /* headers; NULL: not sent */
        bool has_body;
};
struct http_guard {
        const char *token;        /* NULL: none is asked for */
        bool loopback;            /* serves on loopback only */
};
/* 0: the handler is asked; else the status of the refusal.  Without the token
 * nobody learns which paths there are. */
unsigned http_refusal(const struct http_guard *guard, const struct http_question *question);

/* Whether a handler's path is this one: equal, or "/x/" before a final '*'. */
bool http_path_matches(const char *pattern, const char *path);

#define HTTP_ARGS_MAX 16
struct http_request {
        const char *path;         /* decoded, without the query */
        struct http_arg { const char *name, *value; } args[HTTP_ARGS_MAX]; /* of the query, decoded */
        size_t arg_count;
        bool trusted;             /* it has the token, or none is asked for */
        const char *if_none_match, *accept_encoding; /* headers; NULL: not sent */
};
/* The value of the first argument of that name: "" for one without a value,
 * NULL when it was not given. */
const char *http_arg(const struct http_request *request, const char *name);

#endif
