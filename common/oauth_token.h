/* What a bearer token says of itself.  PURE but for jansson. */
#ifndef HELIOSTAT_COMMON_OAUTH_TOKEN_H
#define HELIOSTAT_COMMON_OAUTH_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#define OAUTH_TOKEN_BYTES_MAX ((size_t)64 * 1024)
#define OAUTH_TOKEN_OPAQUE_LIFETIME_MS 300000

struct oauth_token {
        int64_t expires_ms; /* wall clock; of an opaque token, in five minutes */
        char principal[129]; /* "sub", or "heliostat" */
};

/* Blanks around it do not count.  *token is cut to the token in place.
 * 0 | ERR_INVALID (no token; why says what is wrong, and shows nothing of it)
 * | ERR_AUTH (it has expired) */
int oauth_token_parse(char *text, int64_t now_ms, char **token, struct oauth_token *out, char *why, size_t why_size);

#endif
