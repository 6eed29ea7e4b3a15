/* MurmurHash 2 (Austin Appleby's, in the public domain), with the seed and the
 * little-endian reading that Kafka's clients share. */
#include "worker/partitioner.h"

#define SEED 0x9747b28cu
#define M 0x5bd1e995u

uint32_t partitioner_murmur2(const void *key, size_t bytes) {
        const unsigned char *data = key;
        uint32_t hash = SEED ^ (uint32_t)bytes;

        for (; bytes >= 4; data += 4, bytes -= 4) {
                uint32_t word = (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
                                (uint32_t)data[3] << 24;
                word *= M;
                word ^= word >> 24;
                word *= M;
                hash = (hash * M) ^ word;
        }
        if (bytes) {
                uint32_t rest = 0;
                for (size_t i = bytes; i-- > 0;) rest = rest << 8 | data[i];
                hash = (hash ^ rest) * M;
        }
        hash ^= hash >> 13;
        hash *= M;
        return hash ^ hash >> 15;
}

int32_t partitioner_partition(const void *key, size_t bytes, int32_t source_partition, int32_t count) {
        if (!key) return source_partition % count;
        return (int32_t)((partitioner_murmur2(key, bytes) & 0x7fffffffu) % (uint32_t)count);
}
