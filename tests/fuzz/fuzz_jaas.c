/* Input: sasl.mechanism, '\n', sasl.jaas.config. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/jaas.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
        char *text = fuzz_text(data, bytes), *rest = text, why[200] = "";
        const char *mechanism = fuzz_part(&rest);
        struct jaas jaas = {.option_count = 77};
        char *config = fuzz_text((const uint8_t *)(rest ? rest : ""), rest ? strlen(rest) : 0);
        int rc = jaas_parse(config, &jaas, why, sizeof why);
        LAW(rc == 0 || rc == ERR_INVALID);
        if (rc) {
                LAW(jaas.option_count == 77 && *why && fuzz_one_line(why));
        } else {
                struct jaas_pair *pairs = NULL;
                size_t count = 0;
                LAW(jaas.option_count <= JAAS_OPTIONS_MAX);
                for (size_t i = 0; i < jaas.option_count; i++)
                        LAW(strlen(jaas.options[i].name) + strlen(jaas.options[i].value) <= strlen(config));
                rc = jaas_settings(&jaas, mechanism, &pairs, &count, why, sizeof why);
                LAW(rc == 0 || (rc == ERR_INVALID && *why && fuzz_one_line(why)));
                for (size_t i = 0; i < count; i++) LAW(*pairs[i].name);
                jaas_pairs_free(pairs, count);
                jaas_fini(&jaas);
        }
        free(config);
        free(text);
        return 0;
}
