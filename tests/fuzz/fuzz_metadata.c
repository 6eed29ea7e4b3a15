#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "common/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
        char text[CODEC_METADATA_MAX];
        struct codec_metadata metadata = codec_metadata_parse((const char *)data, bytes), back;

        /* What is read as ours is what is written, but for zeros in front. */
        if (metadata.generation) {
                codec_metadata_format(text, metadata);
                size_t length = strlen(text), prefix = strlen("heliostat/1 g=");
                LAW(length <= bytes);
                LAW(memcmp(text, data, prefix) == 0);
                LAW(memcmp(text + prefix, data + bytes - (length - prefix), length - prefix) == 0);
                for (size_t i = prefix; i < bytes - (length - prefix); i++) LAW(data[i] == '0');
        } else {
                LAW(!metadata.transactional && !metadata.exactly_once);
        }
        /* What is written is read, any number. */
        metadata = (struct codec_metadata){.transactional = bytes & 1, .exactly_once = bytes & 3};
        if (bytes)
                memcpy(&metadata.generation, data,
                       bytes < sizeof metadata.generation ? bytes : sizeof metadata.generation);
        memset(text, 'x', sizeof text);
        codec_metadata_format(text, metadata);
        LAW(memchr(text, '\0', sizeof text));
        back = codec_metadata_parse(text, strlen(text));
        LAW(back.generation == metadata.generation);
        if (metadata.generation)
                LAW(back.transactional == metadata.transactional && back.exactly_once == metadata.exactly_once);
        return 0;
}
