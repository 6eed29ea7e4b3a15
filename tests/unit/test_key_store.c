#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/jks.h"
#include "common/key_store.h"
#include "common/secret.h"
#include "tests/unit/test.h"

static unsigned char bytes[64 * 1024];

static size_t load(const char *name) {
        char path[600];
        (void)snprintf(path, sizeof path, "%s/tests/unit/stores/%s", SOURCE_ROOT, name);
        FILE *file = fopen(path, "re");
        if (!file) print_error("%s\n", path);
        assert_non_null(file);
        size_t n = fread(bytes, 1, sizeof bytes, file);
        (void)fclose(file);
        return n;
}

static char *text_of(const char *name) {
        size_t n = load(name);
        char *text = malloc(n + 1);
        assert_non_null(text);
        memcpy(text, bytes, n);
        text[n] = '\0';
        return text;
}

static int count(const char *text, const char *word) {
        int n = 0;
        for (; (text = strstr(text, word)); text++) n++;
        return n;
}

static void kinds_are_told_by_content(void **state) {
        (void)state;
        static const struct {
                const char *name;
                enum key_store_kind kind;
        } rows[] = {
                {"root.pem", KEY_STORE_PEM},          {"chain.pem", KEY_STORE_PEM},
                {"trust.jks", KEY_STORE_JKS},         {"identity.jks", KEY_STORE_JKS},
                {"trust.p12", KEY_STORE_PKCS12},      {"identity-legacy.p12", KEY_STORE_PKCS12},
                {"make", KEY_STORE_UNKNOWN},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                size_t n = load(rows[i].name);
                assert_int_equal(key_store_sniff(bytes, n), rows[i].kind);
        }
        assert_int_equal(key_store_sniff("", 0), KEY_STORE_UNKNOWN);
}

static void trusted_certificates(void **state) {
        (void)state;
        static const struct {
                const char *name, *password;
                int rc, certificates;
                const char *why;
        } rows[] = {
                {"trust.jks", "p\xc3\xa4ssword", 0, 2, ""},
                {"trust.jks", NULL, 0, 2, ""}, /* as in Java: not verified */
                {"trust.jks", "password", ERR_AUTH, 0, "the password is wrong, or the store is damaged"},
                {"trust.jks", "", ERR_AUTH, 0, "the password is wrong, or the store is damaged"},
                {"trust.p12", "password", 0, 2, ""},
                {"trust.p12", "Password", ERR_AUTH, 0, "the password is wrong, or the store is damaged"},
                {"trust.p12", NULL, ERR_AUTH, 0, "the store has a password"},
                {"identity.jks", "hushhush", ERR_INVALID, 0, "holds a private key, not trusted certificates"},
                {"identity.p12", "hush", ERR_INVALID, 0, "holds a private key, not trusted certificates"},
                {"make", NULL, ERR_INVALID, 0, "expected a PKCS12, JKS or PEM store"},
        };
        char *root = text_of("root.pem");
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char why[KEY_STORE_ERROR_MAX] = "", *pem = NULL;
                size_t n = load(rows[i].name);
                int rc = key_store_trust(bytes, n, rows[i].password, &pem, why, sizeof why);
                if (rc != rows[i].rc) print_error("row %zu: %s\n", i, why);
                assert_int_equal(rc, rows[i].rc);
                assert_string_equal(why, rows[i].why);
                if (rc) continue;
                assert_int_equal(count(pem, "BEGIN CERTIFICATE"), rows[i].certificates);
                assert_non_null(strstr(pem, root));
                free(pem);
        }
        free(root);
}

static void identities(void **state) {
        (void)state;
        static const struct {
                const char *name, *password;
                int rc;
                const char *why;
        } rows[] = {
                {"identity.p12", "hush", 0, ""},
                {"identity-legacy.p12", "hush", 0, ""},
                {"identity-open.p12", "", 0, ""},
                {"identity-open.p12", NULL, 0, ""},
                {"identity.p12", "hush2", ERR_AUTH, "the password is wrong, or the store is damaged"},
                {"trust.p12", "password", ERR_INVALID, "holds no private key with its certificate"},
                {"identity.jks", "hushhush", ERR_INVALID, "the private keys of such a store cannot be read"},
                {"root.pem", "", ERR_INVALID, "expected a PKCS12 or PEM store"},
        };
        char *chain = text_of("chain.pem");
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char why[KEY_STORE_ERROR_MAX] = "", *key = NULL, *certificates = NULL;
                size_t n = load(rows[i].name);
                int rc = key_store_identity(bytes, n, rows[i].password, &key, &certificates, why, sizeof why);
                if (rc != rows[i].rc) print_error("row %zu: %s\n", i, why);
                assert_int_equal(rc, rows[i].rc);
                assert_string_equal(why, rows[i].why);
                if (rc) continue;
                /* leaf first, the intermediate behind it, no root */
                assert_string_equal(certificates, chain);
                assert_int_equal(count(key, "BEGIN PRIVATE KEY"), 1);
                secret_free(key);
                free(certificates);
        }
        free(chain);
        char command[300];
        key_store_conversion("/etc/mirror.jks", command, sizeof command);
        assert_string_equal(command, "keytool -importkeystore -srckeystore /etc/mirror.jks -destkeystore /etc/mirror.p12 -deststoretype PKCS12");
        key_store_conversion("/etc/store", command, sizeof command);
        assert_string_equal(command, "keytool -importkeystore -srckeystore /etc/store -destkeystore /etc/store.p12 -deststoretype PKCS12");
}

/* Cut or changed at any place: an answer, and never another certificate under a right password. */
static void damaged_stores(void **state) {
        (void)state;
        static const char *const names[] = {"trust.jks", "identity.jks", "trust.p12"};
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
                size_t n = load(names[k]);
                for (size_t i = 0; i < n; i += k == 2 ? 37 : 1) { /* PKCS12 takes 2 ms each */
                        char why[KEY_STORE_ERROR_MAX] = "", *pem = NULL;
                        unsigned char *copy = malloc(n); /* of the exact size, for the sanitizer */
                        assert_non_null(copy);
                        memcpy(copy, bytes, n);
                        assert_int_not_equal(key_store_trust(copy, i, "p\xc3\xa4ssword", &pem, why, sizeof why), 0);
                        assert_true(*why);
                        copy[i] ^= 0x41;
                        int rc = key_store_trust(copy, n, k == 0 ? "p\xc3\xa4ssword" : "password", &pem, why, sizeof why);
                        if (k < 2) assert_int_not_equal(rc, 0);
                        if (!rc) free(pem);
                        pem = NULL;
                        if (k < 2 && key_store_trust(copy, n, NULL, &pem, why, sizeof why) == 0) free(pem);
                        free(copy);
                }
        }
}

static void dates(void **state) {
        (void)state;
        char why[KEY_STORE_ERROR_MAX] = "", *root = text_of("root.pem");
        assert_int_equal(key_store_out_of_date(root, strlen(root), 4000000000LL, why, sizeof why), 0);
        assert_int_equal(key_store_out_of_date(root, strlen(root), 0, why, sizeof why), 1);
        assert_non_null(strstr(why, "CN=root: not valid before 20"));
        assert_int_equal(key_store_out_of_date(root, strlen(root), 9000000000LL, why, sizeof why), 1);
        assert_non_null(strstr(why, "CN=root: expired on 21"));
        assert_int_equal(key_store_out_of_date("x", 1, 0, why, sizeof why), 0);
        free(root);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(kinds_are_told_by_content),
                cmocka_unit_test(trusted_certificates),
                cmocka_unit_test(identities),
                cmocka_unit_test(damaged_stores),
                cmocka_unit_test(dates),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
