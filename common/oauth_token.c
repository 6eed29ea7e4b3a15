#include "common/oauth_token.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "common/text.h"

/* "A-Za-z0-9-._~+/" and '=' at the end: RFC 6750. */
static bool is_token(const char *s) {
        size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");
        return n > 0 && s[n + strspn(s + n, "=")] == '\0';
}

/* Base64url without padding; out has room for n bytes.  The length, or -1. */
static int decode(const char *s, size_t n, char *out) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        uint32_t bits = 0;
        int have = 0, length = 0;
        for (size_t i = 0; i < n; i++) {
                const char *digit = s[i] ? strchr(digits, s[i]) : NULL;
                if (!digit) return -1;
                bits = bits << 6 | (uint32_t)(digit - digits);
                have += 6;
                if (have < 8) continue;
                have -= 8;
                out[length++] = (char)(bits >> have);
                bits &= (1u << have) - 1;
        }
        return length;
}

/* The claims of a JWT, or NULL. */
static json_t *claims_of(const char *token) {
        const char *first = strchr(token, '.'), *second = first ? strchr(first + 1, '.') : NULL;
        if (!second || strchr(second + 1, '.')) return NULL;
        size_t n = (size_t)(second - first - 1);
        char *payload = malloc(n + 1);
        if (!payload) return NULL;
        int length = decode(first + 1, n, payload);
        json_t *claims = length > 0 ? json_loadb(payload, (size_t)length, JSON_REJECT_DUPLICATES, NULL) : NULL;
        explicit_bzero(payload, n);
        free(payload);
        if (json_is_object(claims)) return claims;
        json_decref(claims);
        return NULL;
}

int oauth_token_parse(char *text, int64_t now_ms, char **token, struct oauth_token *out, char *why, size_t why_size) {
        struct oauth_token parsed = {.expires_ms = now_ms + OAUTH_TOKEN_OPAQUE_LIFETIME_MS, .principal = "heliostat"};

        text = text_trim(text);
        if (!is_token(text)) {
                (void)snprintf(why, why_size, *text ? "expected one token (letters, digits and '-._~+/='), and nothing else"
                                                    : "there is no token");
                return ERR_INVALID;
        }
        json_t *claims = claims_of(text);
        const json_t *expires = json_object_get(claims, "exp"), *subject = json_object_get(claims, "sub");
        if (json_is_number(expires)) {
                double seconds = json_number_value(expires);
                parsed.expires_ms = seconds > 0 && seconds < 1e12 ? (int64_t)(seconds * 1000) : 0;
        }
        if (json_is_string(subject) && *json_string_value(subject))
                (void)snprintf(parsed.principal, sizeof parsed.principal, "%s", json_string_value(subject)); /* cut */
        json_decref(claims);
        if (parsed.expires_ms <= now_ms) {
                char when[32] = "?";
                time_t expired = (time_t)(parsed.expires_ms / 1000);
                struct tm tm;
                if (gmtime_r(&expired, &tm)) (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &tm);
                (void)snprintf(why, why_size, "the token expired on %s", when);
                return ERR_AUTH;
        }
        *token = text;
        *out = parsed;
        return 0;
}
