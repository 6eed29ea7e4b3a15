#include "common/kafka_print.h"

#include <pthread.h>
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "common/kafka_settings.h"
#include "common/siphash.h"

static uint64_t process_key[2];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_key(void) {
        if (getrandom(process_key, sizeof process_key, 0) != sizeof process_key) abort(); /* cannot fail for 16 */
}

static void add_text(struct siphash *hash, const char *text) { siphash_add(hash, text, strlen(text) + 1); }

/* Not there is a state of a file like any other. */
static void add_file(struct siphash *hash, const char *path) {
        struct stat info = {0};
        (void)stat(path, &info); /* zeros then */
        siphash_add_u64(hash, (uint64_t)info.st_size);
        siphash_add_u64(hash, (uint64_t)info.st_ino);
        siphash_add_u64(hash, (uint64_t)info.st_mtim.tv_sec);
        siphash_add_u64(hash, (uint64_t)info.st_mtim.tv_nsec);
}

static int add_client(struct siphash *hash, const struct config *config, const char *alias, const char *route,
                      enum client_role role) {
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        const struct config_property **properties = NULL;
        char err[CONFIG_ERROR_MAX];
        size_t count = 0;

        int rc = kafka_settings_fill(config, alias, route, role, NULL, conf, err, sizeof err);
        if (!rc) rc = config_client_properties(config, alias, route, role, &properties, &count);
        if (!rc) {
                size_t words;
                const char **dump = rd_kafka_conf_dump(conf, &words);
                for (size_t i = 0; i + 1 < words; i += 2) {
                        if (strncmp(dump[i + 1], "0x", 2) == 0) continue; /* a callback, an opaque: not of the file */
                        add_text(hash, dump[i]);
                        add_text(hash, dump[i + 1]);
                }
                for (size_t i = 0; i < words; i++)
                        if (dump[i]) explicit_bzero((char *)dump[i], strlen(dump[i]));
                rd_kafka_conf_dump_free(dump, words);
                for (size_t i = 0; i < count; i++) {
                        const char *key = properties[i]->key;
                        if (strstr(key, "location") || strstr(key, "keytab")) add_file(hash, properties[i]->value);
                }
        }
        free(properties);
        rd_kafka_conf_destroy(conf);
        return rc;
}

uint64_t kafka_route_print(const struct config *config, const char *route, const char *source, const char *destination) {
        struct siphash hash;
        uint64_t out[2];
        (void)pthread_once(&once, make_key); /* cannot fail */
        siphash_init(&hash, process_key);
        if (add_client(&hash, config, source, route, CLIENT_CONSUMER) ||
            add_client(&hash, config, destination, route, CLIENT_PRODUCER))
                return 0;
        siphash_end(&hash, out);
        return out[0] ? out[0] : 1;
}
