/* Input: a JKS store.  Its digest would let no mutation pass, so it is read
 * without a password; with one, whatever passes passes without as well.
 * PKCS12 is OpenSSL's to read: here it is only told apart. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "common/err.h"
#include "common/jks.h"
#include "common/key_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
        unsigned char *copy = fuzz_copy(data, bytes);
        char why[KEY_STORE_ERROR_MAX] = "";
        struct jks jks = {.key_count = 77}, again = {.key_count = 77};
        enum key_store_kind kind = key_store_sniff(copy, bytes);
        LAW(*key_store_kind_name(kind));
        int rc = jks_parse(copy, bytes, NULL, &jks, why, sizeof why);
        LAW(rc == 0 || rc == ERR_INVALID || rc == ERR_TOO_MANY);
        if (rc) LAW(jks.key_count == 77 && *why && fuzz_one_line(why));
        else LAW(kind == KEY_STORE_JKS);
        for (size_t i = 0; !rc && i < jks.certificate_count; i++) {
                LAW(jks.certificates[i].der >= copy);
                LAW(jks.certificates[i].der + jks.certificates[i].bytes <= copy + bytes);
        }
        if (jks_parse(copy, bytes, "changeit", &again, why, sizeof why) == 0) {
                LAW(rc == 0 && again.certificate_count == jks.certificate_count);
                jks_fini(&again);
        }
        if (!rc) jks_fini(&jks);
        free(copy);
        return 0;
}
