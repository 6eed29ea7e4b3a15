/* After the paper by Aumasson and Bernstein, "SipHash: a fast short-input PRF". */
#include "common/siphash.h"

#include <endian.h>
#include <string.h>

static inline uint64_t left(uint64_t word, unsigned bits) { return word << bits | word >> (64 - bits); }

static inline void rounds(uint64_t v[static 4], int count) {
        uint64_t a = v[0], b = v[1], c = v[2], d = v[3];
        for (int i = 0; i < count; i++) {
                a += b, b = left(b, 13) ^ a, a = left(a, 32);
                c += d, d = left(d, 16) ^ c;
                a += d, d = left(d, 21) ^ a;
                c += b, b = left(b, 17) ^ c, c = left(c, 32);
        }
        v[0] = a, v[1] = b, v[2] = c, v[3] = d;
}

static inline void word_add(struct siphash *hash, uint64_t word) {
        hash->v[3] ^= word;
        rounds(hash->v, 2);
        hash->v[0] ^= word;
}

static inline uint64_t word_at(const unsigned char *at) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        return le64toh(word);
}

void siphash_init(struct siphash *hash, const uint64_t key[static 2]) {
        *hash = (struct siphash){.v = {key[0] ^ 0x736f6d6570736575ULL,
                                       key[1] ^ 0x646f72616e646f6dULL ^ 0xee,
                                       key[0] ^ 0x6c7967656e657261ULL,
                                       key[1] ^ 0x7465646279746573ULL}};
}

void siphash_add(struct siphash *hash, const void *data, size_t bytes) {
        const unsigned char *at = data, *end = at + bytes;
        unsigned filled = hash->bytes % 8;
        hash->bytes += bytes;
        if (filled) {
                for (; filled < 8 && at < end; filled++) hash->tail |= (uint64_t)*at++ << 8 * filled;
                if (filled < 8) return;
                word_add(hash, hash->tail);
                hash->tail = 0;
        }
        for (; end - at >= 8; at += 8) word_add(hash, word_at(at));
        for (unsigned i = 0; at < end; i++) hash->tail |= (uint64_t)*at++ << 8 * i;
}

void siphash_add_u64(struct siphash *hash, uint64_t number) {
        uint64_t word = htole64(number);
        siphash_add(hash, &word, sizeof word);
}

void siphash_end(struct siphash *hash, uint64_t out[static 2]) {
        word_add(hash, hash->tail | hash->bytes << 56);
        hash->v[2] ^= 0xee;
        rounds(hash->v, 4);
        out[0] = hash->v[0] ^ hash->v[1] ^ hash->v[2] ^ hash->v[3];
        hash->v[1] ^= 0xdd;
        rounds(hash->v, 4);
        out[1] = hash->v[0] ^ hash->v[1] ^ hash->v[2] ^ hash->v[3];
}
