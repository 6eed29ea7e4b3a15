/* Routes that would send a record round for ever.  PURE but for the topic rules
 * (PCRE2). */
#ifndef HELIOSTAT_CLI_ROUTE_CYCLE_H
#define HELIOSTAT_CLI_ROUTE_CYCLE_H

#include <stdbool.h>
#include <stddef.h>

#include "heliostat.pb-c.h"

/* Looks for a cycle of enabled routes (A->B, B->A; A->B, B->C, C->A; ...) that
 * nothing stops.  What stops one: all of it has topic.naming = prefix (the name
 * says where a topic came from), or all of it has provenance = header (the
 * record does), or all of it keeps names and the topic rules of two of the
 * routes cannot match the same name.  Whether two rules can is only decided where
 * it is plain: whole names, and beginnings that differ; else they can.
 * must_have[i]: a cycle counts only if one of its routes is marked.
 * true: out has the routes' names, "a->b, b->a". */
bool route_cycle_find(const Heliostat__Pb__Route *const *routes, const bool *must_have, size_t count,
                      char *out, size_t out_size);

/* Whether no name can match the rules of both.  false: not known. */
bool route_rules_disjoint(const Heliostat__Pb__Route *a, const Heliostat__Pb__Route *b);

#endif
