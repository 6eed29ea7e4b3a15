/* SipHash-2-4 with 128 bits of output.  PURE.
 *
 * Chosen for comparing records by hash: without the key nobody can make two
 * records that collide, whatever they may write to a topic, and two of 2^32
 * records collide by chance with a probability below 2^-64.  XXH3 and
 * MurmurHash3 are faster and give up the first; SHA-2 gives nothing that is
 * needed here and is several times slower on records of 100 bytes. */
#ifndef HELIOSTAT_COMMON_SIPHASH_H
#define HELIOSTAT_COMMON_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash {
        uint64_t v[4];
        uint64_t tail;  /* bytes that do not fill a word yet, lowest first */
        uint64_t bytes; /* in all */
};

void siphash_init(struct siphash *hash, const uint64_t key[static 2]);
void siphash_add(struct siphash *hash, const void *data, size_t bytes);
/* A number, as 8 bytes. */
void siphash_add_u64(struct siphash *hash, uint64_t number);
/* The hash is used up. */
void siphash_end(struct siphash *hash, uint64_t out[static 2]);

#endif
