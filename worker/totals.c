#include "worker/totals.h"

#include <stdlib.h>
#include <string.h>

struct route_totals *totals_route(struct totals *totals, const char *name) {
        struct route_totals **at = &totals->routes;
        while (*at && strcmp((*at)->name, name) < 0) at = &(*at)->next;
        if (*at && strcmp((*at)->name, name) == 0) return *at;
        struct route_totals *route = calloc(1, sizeof *route);
        if (!route || !(route->name = strdup(name))) abort();
        route->next = *at;
        return *at = route;
}

static size_t find(const struct topic_totals *topics, size_t capacity, const char *name) {
        uint64_t hash = 0xcbf29ce484222325u;
        for (const char *c = name; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3u; /* FNV-1a */
        size_t at = (size_t)(hash ^ (hash >> 29)) & (capacity - 1);
        while (topics[at].name && strcmp(topics[at].name, name) != 0) at = (at + 1) & (capacity - 1);
        return at;
}

struct topic_totals *totals_topic(struct route_totals *route, const char *name) {
        if (route->topic_count * 2 >= route->topic_capacity) {
                size_t capacity = route->topic_capacity ? route->topic_capacity * 2 : 64;
                struct topic_totals *topics = calloc(capacity, sizeof *topics);
                if (!topics) abort();
                for (size_t i = 0; i < route->topic_capacity; i++)
                        if (route->topics[i].name) topics[find(topics, capacity, route->topics[i].name)] = route->topics[i];
                free(route->topics);
                route->topics = topics;
                route->topic_capacity = capacity;
        }
        struct topic_totals *topic = &route->topics[find(route->topics, route->topic_capacity, name)];
        if (topic->name) return topic;
        if (!(topic->name = strdup(name))) abort();
        route->topic_count++;
        return topic;
}

void totals_fini(struct totals *totals) {
        while (totals->routes) {
                struct route_totals *route = totals->routes;
                totals->routes = route->next;
                for (size_t i = 0; i < route->topic_capacity; i++) free(route->topics[i].name);
                free(route->topics);
                free(route->name);
                free(route);
        }
}
