/* What the system still holds of memory that was freed. */
#ifndef HELIOSTAT_TESTS_UNIT_PAGES_HELD_H
#define HELIOSTAT_TESTS_UNIT_PAGES_HELD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OTHER_ALLOCATOR 1
#endif
#endif
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OTHER_ALLOCATOR 1
#endif

/* Of the pages that these places are in. */
static inline size_t pages_held(const uintptr_t *places, size_t count) {
        uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
        size_t held = 0;
        for (size_t i = 0; i < count; i++) {
                unsigned char in_memory = 0;
                if (mincore((void *)(places[i] / page * page), page, &in_memory) == 0) held += in_memory & 1;
        }
        return held;
}

#endif
