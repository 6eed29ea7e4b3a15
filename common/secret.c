/* The syntax is Java's regular expression \$\{([^}]*?):(([^}]*?):)?([^}]*?)\}:
 * provider, path and key end at the first ':' each, and the key holds the rest.
 * "${name}", without a ':', is no placeholder (topic.rename.replacement has such). */
#include "common/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/properties.h"
#include "common/text.h"

#define NAME_SHOWN 120 /* bytes of a path or key in a message */

struct place {
        enum secret_source source;
        const char *begin, *end; /* of "${...}" */
        const char *path, *key;  /* path: NULL for ${env:} */
        size_t path_length, key_length;
};

static const struct {
        const char *name;
        enum secret_source source;
        const char *expected;
} providers[] = {
        {"file", SECRET_FILE, "${file:PATH:KEY}"},
        {"dir", SECRET_DIR, "${dir:PATH:FILE}"},
        {"env", SECRET_ENV, "${env:NAME}"},
};

enum { PLACE_NONE = 1 };

/* The first placeholder of text.  0 | ERR_INVALID | PLACE_NONE */
static int next_place(const char *text, struct place *out, char *why, size_t why_size) {
        for (const char *s = text; (s = strstr(s, "${")); s += 2) {
                const char *close = strchr(s, '}');
                if (!close) return PLACE_NONE;
                const char *word = s + 2, *colon = memchr(word, ':', (size_t)(close - word));
                if (!colon) continue;
                size_t length = (size_t)(colon - word), i = 0;
                while (i < 3 && !(strlen(providers[i].name) == length && memcmp(providers[i].name, word, length) == 0))
                        i++;
                if (i == 3) {
                        (void)snprintf(why, why_size, "unknown provider '%.*s'; expected ${file:PATH:KEY}, "
                                       "${dir:PATH:FILE} or ${env:NAME}",
                                       length > 40 ? 40 : (int)length, word);
                        return ERR_INVALID;
                }
                struct place place = {.source = providers[i].source, .begin = s, .end = close + 1};
                place.key = colon + 1;
                place.key_length = (size_t)(close - place.key);
                if (place.source != SECRET_ENV) {
                        const char *second = memchr(place.key, ':', place.key_length);
                        if (!second) second = close; /* refused below */
                        place.path = place.key;
                        place.path_length = (size_t)(second - place.path);
                        place.key = second == close ? close : second + 1;
                        place.key_length = (size_t)(close - place.key);
                }
                bool good = place.key_length && (place.source == SECRET_ENV || place.path_length) &&
                            place.key_length < 1024 && place.path_length < 1024;
                if (good && place.source == SECRET_ENV && memchr(place.key, ':', place.key_length)) good = false;
                if (good && place.source == SECRET_DIR && memchr(place.key, '/', place.key_length)) good = false;
                if (!good) {
                        (void)snprintf(why, why_size, "expected %s, not '%.*s'", providers[i].expected,
                                       place.end - s > NAME_SHOWN ? NAME_SHOWN : (int)(place.end - s), s);
                        return ERR_INVALID;
                }
                *out = place;
                return 0;
        }
        return PLACE_NONE;
}

int secret_sources(const char *value, char *why, size_t why_size) {
        struct place place;
        int sources = 0, rc;
        while ((rc = next_place(value, &place, why, why_size)) == 0) {
                sources |= (int)place.source;
                value = place.end;
        }
        return rc == PLACE_NONE ? sources : rc;
}

void secret_free(char *value) {
        if (value) explicit_bzero(value, strlen(value));
        free(value);
}

bool secret_shown(const char *message, const char *value) {
        size_t length = strlen(value);
        if (length == 0) return false;
        if (length < 4) return strstr(message, value) != NULL;
        for (const char *m = message; strlen(m) >= 4; m++)
                for (size_t i = 0; i + 4 <= length; i++)
                        if (memcmp(m, value + i, 4) == 0) return true;
        return false;
}

void secret_core_dumps(bool allowed) {
        (void)prctl(PR_SET_DUMPABLE, allowed ? 1L : 0L, 0L, 0L, 0L); /* cannot fail for these */
}

/* ---- reading ---- */

int secret_read_file(const char *path, size_t max_bytes, char **out, size_t *out_bytes, char *why, size_t why_size) {
        struct stat stat;
        size_t bytes = 0;
        char *text = NULL;
        int rc = 0;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd < 0 || fstat(fd, &stat) != 0) {
                rc = errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
                (void)snprintf(why, why_size, "cannot read %.*s: %s", NAME_SHOWN, path, strerror(errno));
        } else if (!S_ISREG(stat.st_mode)) {
                rc = ERR_IO;
                (void)snprintf(why, why_size, "cannot read %.*s: not a regular file", NAME_SHOWN, path);
        } else if (!(text = malloc(max_bytes + 1))) {
                rc = ERR_NOMEM;
                (void)snprintf(why, why_size, "%s", err_text(rc));
        }
        while (!rc) {
                ssize_t n = read(fd, text + bytes, max_bytes + 1 - bytes);
                if (n < 0 && errno == EINTR) continue;
                if (n < 0) {
                        rc = ERR_IO;
                        (void)snprintf(why, why_size, "cannot read %.*s: %s", NAME_SHOWN, path, strerror(errno));
                } else if (n == 0) {
                        break;
                } else if ((bytes += (size_t)n) > max_bytes) {
                        rc = ERR_TOO_BIG;
                        (void)snprintf(why, why_size, "%.*s has more than %zu bytes", NAME_SHOWN, path,
                                       max_bytes);
                }
        }
        if (fd >= 0) (void)close(fd);
        if (rc) {
                if (text) explicit_bzero(text, bytes);
                free(text);
                return rc;
        }
        text[bytes] = '\0';
        *out = text;
        *out_bytes = bytes;
        return 0;
}

static int not_text(const char *path, char *why, size_t why_size) {
        (void)snprintf(why, why_size, "%.*s holds a NUL character", NAME_SHOWN, path);
        return ERR_INVALID;
}

static int from_file(const char *path, const char *key, char **out, char *why, size_t why_size) {
        struct properties properties;
        struct properties_error error;
        char *text;
        size_t bytes;
        int rc = secret_read_file(path, SECRET_FILE_BYTES_MAX, &text, &bytes, why, why_size);

        if (rc) return rc;
        rc = properties_parse(text, bytes, &properties, &error);
        explicit_bzero(text, bytes);
        free(text);
        if (rc) {
                if (error.line) (void)snprintf(why, why_size, "%.*s:%d: %.100s", NAME_SHOWN, path, error.line, error.text);
                else (void)snprintf(why, why_size, "%.*s: %.100s", NAME_SHOWN, path, error.text);
                return rc == ERR_NOMEM ? rc : ERR_INVALID;
        }
        rc = ERR_NOT_FOUND;
        for (size_t i = 0; i < properties.count; i++) {
                if (strcmp(properties.items[i].key, key) != 0) continue;
                *out = properties.items[i].value; /* taken */
                properties.items[i].value = NULL;
                rc = 0;
                break;
        }
        if (rc) (void)snprintf(why, why_size, "no key '%.*s' in %.*s", NAME_SHOWN, key, NAME_SHOWN, path);
        properties_fini(&properties);
        return rc;
}

static int from_dir(const char *directory, const char *name, char **out, char *why, size_t why_size) {
        char path[2100];
        size_t bytes;
        (void)snprintf(path, sizeof path, "%s/%s", directory, name); /* fits: 1023 + 1 + 1023 */
        int rc = secret_read_file(path, SECRET_FILE_BYTES_MAX, out, &bytes, why, why_size);
        if (rc) return rc;
        if (memchr(*out, '\0', bytes)) {
                explicit_bzero(*out, bytes);
                free(*out);
                return not_text(path, why, why_size);
        }
        if (bytes && (*out)[bytes - 1] == '\n') (*out)[--bytes] = '\0';
        if (bytes && (*out)[bytes - 1] == '\r') (*out)[--bytes] = '\0';
        return 0;
}

static int look_up(const struct place *place, char **out, char *why, size_t why_size) {
        char path[1024] = "", key[1024];

        if (place->path) memcpy(path, place->path, place->path_length);
        path[place->path_length] = '\0';
        memcpy(key, place->key, place->key_length);
        key[place->key_length] = '\0';
        if (place->source == SECRET_FILE) return from_file(path, key, out, why, why_size);
        if (place->source == SECRET_DIR) return from_dir(path, key, out, why, why_size);
        const char *value = getenv(key);
        if (!value) {
                (void)snprintf(why, why_size, "the environment variable '%.*s' is not set", NAME_SHOWN, key);
                return ERR_NOT_FOUND;
        }
        *out = strdup(value);
        if (*out) return 0;
        (void)snprintf(why, why_size, "%s", err_text(ERR_NOMEM));
        return ERR_NOMEM;
}

int secret_resolve(const char *value, char **out, char *why, size_t why_size) {
        struct place place;
        char *done = strdup("");
        size_t length = 0;
        int rc = 0, found = 0;

        while (!rc && done && found != PLACE_NONE) {
                char *piece = NULL;
                found = next_place(value, &place, why, why_size);
                if (found == ERR_INVALID) rc = found;
                else if (found == 0) rc = look_up(&place, &piece, why, why_size);
                if (rc) break;
                size_t before = found ? strlen(value) : (size_t)(place.begin - value);
                size_t bytes = piece ? strlen(piece) : 0;
                char *longer = malloc(length + before + bytes + 1); /* not realloc: it would leave a copy behind */
                if (longer) {
                        memcpy(longer, done, length);
                        memcpy(longer + length, value, before);
                        if (bytes) memcpy(longer + length + before, piece, bytes);
                        length += before + bytes;
                        longer[length] = '\0';
                }
                secret_free(piece);
                secret_free(done);
                done = longer;
                value = found ? value + before : place.end;
        }
        if (!rc && !done) {
                (void)snprintf(why, why_size, "%s", err_text(ERR_NOMEM));
                rc = ERR_NOMEM;
        }
        if (rc) {
                secret_free(done);
                text_one_line(why);
                return rc;
        }
        *out = text_trim(done);
        return 0;
}
