#include "common/status_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/text_grow.h"

json_t *status_json_text(const char *text) {
        if (!text || !*text) return json_null();
        json_t *json = json_string(text);
        if (json) return json;
        struct text escaped = {0};
        text_add_peer(&escaped, text);
        json = escaped.failed ? NULL : json_string(escaped.data);
        free(escaped.data);
        return json;
}

json_t *status_json_number(int64_t number) {
        return number == SNAPSHOT_UNKNOWN ? json_null() : json_integer(number);
}

json_t *status_json_real(double number) { return json_real(round(number * 1000) / 1000); }

json_t *status_json_real_or_null(double number) { return number < 0 ? json_null() : status_json_real(number); }

json_t *status_json_seconds(int64_t ms) {
        return ms == SNAPSHOT_UNKNOWN ? json_null() : status_json_real((double)ms / 1000);
}

void status_json_put(json_t *object, const char *key, json_t *value, bool *failed) {
        if (json_object_set_new(object, key, value) != 0) *failed = true;
}

json_t *status_json_health(const struct health *health, bool *failed) {
        json_t *object = json_object(), *reasons = json_array();

        for (size_t i = 0; i < health->count; i++)
                if (json_array_append_new(reasons, status_json_text(health->reasons[i].text)) != 0)
                        *failed = true;
        status_json_put(object, "level", json_string(health_level_name(health->level)), failed);
        status_json_put(object, "reasons", reasons, failed);
        return object;
}

json_t *status_json_leader(const struct status_leader *leader, bool *failed) {
        if (!leader->id) return json_null();
        json_t *object = json_object();
        status_json_put(object, "id", status_json_text(leader->id), failed);
        status_json_put(object, "host", status_json_text(leader->host), failed);
        status_json_put(object, "pid", json_integer(leader->pid), failed);
        status_json_put(object, "http", status_json_text(leader->http), failed);
        status_json_put(object, "epoch", json_integer((json_int_t)leader->epoch), failed);
        status_json_put(object, "since_ms", json_integer(leader->since_ms), failed);
        status_json_put(object, "age_seconds", status_json_seconds(leader->age_ms), failed);
        return object;
}

static json_t *skip_json(const struct status_skip *k, bool *failed) {
        json_t *object = json_object();

        status_json_put(object, "topic", status_json_text(k->topic), failed);
        status_json_put(object, "partition", json_integer(k->partition), failed);
        status_json_put(object, "lane", json_integer(k->lane), failed);
        status_json_put(object, "kind", status_json_text(k->kind), failed);
        status_json_put(object, "answer", status_json_text(k->answer), failed);
        status_json_put(object, "from", status_json_number(k->from), failed);
        status_json_put(object, "to", status_json_number(k->to), failed);
        status_json_put(object, "at_ms", json_integer(k->at_ms), failed);
        return object;
}

/* A list, though a partition has one at most: a list is empty more simply than
 * an object is null, and may grow. */
static json_t *halts_json(const struct status_halt *h, bool *failed) {
        json_t *list = json_array(), *object;

        if (!h->kind) return list;
        object = json_object();
        status_json_put(object, "kind", status_json_text(h->kind), failed);
        status_json_put(object, "from", status_json_number(h->from), failed);
        status_json_put(object, "to", status_json_number(h->to), failed);
        status_json_put(object, "answer", status_json_text(h->answer), failed);
        status_json_put(object, "reason", status_json_text(h->reason), failed);
        status_json_put(object, "since_ms", json_integer(h->since_ms), failed);
        if (json_array_append_new(list, object) != 0) *failed = true;
        return list;
}

json_t *status_json_route(const struct status_route *r, bool *failed) {
        json_t *object = json_object(), *states = json_object(), *parked = json_array();
        json_t *skips = json_array();
        bool known = !r->unreadable && !r->removed;

        for (int i = 0; i < STATUS_STATES; i++)
                status_json_put(states, status_state_name((enum status_state)i),
                    json_integer((json_int_t)r->in_state[i]), failed);
        for (size_t i = 0; i < r->parked_count; i++) {
                json_t *topic = json_object();
                status_json_put(topic, "topic", status_json_text(r->parked[i].topic), failed);
                status_json_put(topic, "partitions", json_integer(r->parked[i].partitions), failed);
                status_json_put(topic, "reason", status_json_text(r->parked[i].reason), failed);
                if (json_array_append_new(parked, topic) != 0) *failed = true;
        }
        for (size_t i = 0; i < r->skip_count; i++)
                if (json_array_append_new(skips, skip_json(&r->skips[i], failed)) != 0) *failed = true;
        status_json_put(object, "name", status_json_text(r->name), failed);
        status_json_put(object, "source", status_json_text(r->source), failed);
        status_json_put(object, "destination", status_json_text(r->destination), failed);
        status_json_put(object, "enabled", known ? json_boolean(r->enabled) : json_null(), failed);
        json_t *pauses = json_array();
        for (size_t i = 0; i < r->pause_count; i++) {
                const Heliostat__Pb__PauseRule *p = r->pauses[i];
                json_t *rule = json_object();
                status_json_put(rule, "pauses", json_boolean(!p->resume), failed);
                status_json_put(rule, "topics", status_json_text(p->topics), failed);
                status_json_put(rule, "partition", p->one ? json_integer(p->partition) : json_null(), failed);
                status_json_put(rule, "at_ms", json_integer(p->at_ms), failed);
                if (json_array_append_new(pauses, rule)) *failed = true;
        }
        status_json_put(object, "pauses", pauses, failed);
        status_json_put(object, "intake", *r->intake ? status_json_text(r->intake) : json_null(), failed);
        status_json_put(object, "delivery_guarantee", status_json_text(r->delivery_guarantee), failed);
        status_json_put(object, "group_id", status_json_text(r->group_id), failed);
        status_json_put(object, "version", known ? json_integer(r->version) : json_null(), failed);
        status_json_put(object, "lanes_behind", json_integer((json_int_t)r->lanes_behind), failed);
        status_json_put(object, "lanes", known ? json_integer(r->lanes) : json_null(), failed);
        status_json_put(object, "topics", json_integer((json_int_t)r->topics), failed);
        status_json_put(object, "partitions", json_integer((json_int_t)r->partitions), failed);
        status_json_put(object, "states", states, failed);
        status_json_put(object, "parked_topics", parked, failed);
        status_json_put(object, "parked_topics_more", json_integer(r->parked_more), failed);
        status_json_put(object, "skips", skips, failed);
        status_json_put(object, "lag", r->lag_known ? json_integer(r->lag) : json_null(), failed);
        status_json_put(object, "lag_seconds", status_json_real_or_null(r->lag_seconds), failed);
        status_json_put(object, "rate", status_json_real(r->rate), failed);
        status_json_put(object, "discovered_age_seconds", status_json_seconds(r->discovered_age_ms), failed);
        status_json_put(object, "error", status_json_text(r->error), failed);
        status_json_put(object, "warning", status_json_text(r->warning), failed);
        return object;
}

json_t *status_json_worker(const struct status_worker *w, bool *failed) {
        json_t *object = json_object();

        status_json_put(object, "id", status_json_text(w->id), failed);
        status_json_put(object, "incarnation", status_json_text(w->incarnation), failed);
        status_json_put(object, "host", status_json_text(w->host), failed);
        status_json_put(object, "pid", w->unreadable ? json_null() : json_integer(w->pid), failed);
        status_json_put(object, "version", status_json_text(w->version), failed);
        status_json_put(object, "http", status_json_text(w->http), failed);
        status_json_put(object, "zone", status_json_text(w->zone), failed);
        status_json_put(object, "capacity", w->unreadable ? json_null() : json_integer(w->capacity), failed);
        status_json_put(object, "draining", json_boolean(w->draining), failed);
        status_json_put(object, "drained", json_boolean(w->drained), failed);
        status_json_put(object, "lanes", json_integer((json_int_t)w->lanes), failed);
        status_json_put(object, "partitions", json_integer((json_int_t)w->partitions), failed);
        status_json_put(object, "rate", status_json_real(w->rate), failed);
        status_json_put(object, "bytes_rate", status_json_real(w->bytes_rate), failed);
        status_json_put(object, "records_total", json_integer((json_int_t)w->records_total), failed);
        status_json_put(object, "weight", json_integer((json_int_t)w->weight), failed);
        status_json_put(object, "config_version", status_json_text(w->config_version), failed);
        status_json_put(object, "config_read_ms", w->config_read_ms ? json_integer(w->config_read_ms) : json_null(), failed);
        status_json_put(object, "config_error", status_json_text(w->config_error), failed);
        status_json_put(object, "session_age_seconds", status_json_seconds(w->session_age_ms), failed);
        status_json_put(object, "report_age_seconds", status_json_seconds(w->report_age_ms), failed);
        status_json_put(object, "stale", json_boolean(w->stale), failed);
        status_json_put(object, "error", status_json_text(w->error), failed);
        return object;
}

json_t *status_json_lane(const struct status_lane *l, bool *failed) {
        json_t *object = json_object();

        status_json_put(object, "route", status_json_text(l->route), failed);
        status_json_put(object, "lane", json_integer(l->lane), failed);
        status_json_put(object, "state", status_json_text(l->record_state), failed);
        status_json_put(object, "worker", status_json_text(l->worker), failed);
        status_json_put(object, "worker_live", json_boolean(l->worker_live), failed);
        status_json_put(object, "pin", status_json_text(l->pin), failed);
        status_json_put(object, "generation", json_integer((json_int_t)l->generation), failed);
        status_json_put(object, "spec", json_integer(l->spec), failed);
        status_json_put(object, "partitions", json_integer((json_int_t)l->partitions), failed);
        status_json_put(object, "report_state", status_json_text(l->report_state), failed);
        status_json_put(object, "bytes_rate", json_integer((json_int_t)l->bytes_rate), failed);
        status_json_put(object, "records_rate", json_integer((json_int_t)l->records_rate), failed);
        status_json_put(object, "weight", l->weight ? json_integer(l->weight) : json_null(), failed);
        status_json_put(object, "route_version", l->route_version ? json_integer(l->route_version) : json_null(), failed);
        status_json_put(object, "error", status_json_text(l->error), failed);
        return object;
}

/* The topic's name at the destination, or null. */
static json_t *destination_topic(const struct snapshot *s, const struct status_partition *p) {
        char name[TOPIC_NAME_SIZE], why[TOPIC_NAME_ERROR_MAX];
        for (size_t i = 0; i < s->route_count; i++)
                if (s->routes[i].namer && strcmp(s->routes[i].name, p->route) == 0)
                        return topic_name_destination(s->routes[i].namer, p->topic, name, why) == 0
                                       ? json_string(name)
                                       : json_null();
        return json_null();
}

json_t *status_json_partition(const struct snapshot *s, const struct status_partition *p, bool *failed) {
        json_t *object = json_object();

        status_json_put(object, "route", status_json_text(p->route), failed);
        status_json_put(object, "topic", status_json_text(p->topic), failed);
        status_json_put(object, "destination_topic", destination_topic(s, p), failed);
        status_json_put(object, "partition", json_integer(p->partition), failed);
        status_json_put(object, "lane", json_integer(p->lane), failed);
        status_json_put(object, "worker", status_json_text(p->worker), failed);
        status_json_put(object, "state", json_string(status_state_name(p->state)), failed);
        status_json_put(object, "position", status_json_number(p->position), failed);
        status_json_put(object, "end_offset", status_json_number(p->end_offset), failed);
        status_json_put(object, "lag", status_json_number(p->lag), failed);
        status_json_put(object, "lag_seconds", status_json_real_or_null(p->lag_seconds), failed);
        status_json_put(object, "rate", status_json_real(p->rate), failed);
        status_json_put(object, "error", status_json_text(p->error), failed);
        status_json_put(object, "report_age_seconds", status_json_seconds(p->report_age_ms), failed);
        status_json_put(object, "stale", json_boolean(p->stale), failed);
        status_json_put(object, "halts", halts_json(&p->halt, failed), failed);
        return object;
}

json_t *status_json_event(const struct event *e, bool *failed) {
        json_t *object = json_object();

        status_json_put(object, "number", json_integer((json_int_t)e->number), failed);
        status_json_put(object, "time_ms", json_integer(e->at_ms), failed);
        status_json_put(object, "kind", json_string(event_kind_name(e->kind)), failed);
        status_json_put(object, "route", status_json_text(e->route), failed);
        status_json_put(object, "subject", status_json_text(e->subject), failed);
        status_json_put(object, "detail", status_json_text(e->detail), failed);
        status_json_put(object, "reason", status_json_text(e->reason), failed);
        status_json_put(object, "duration_ms", e->duration_ms < 0 ? json_null() : json_integer(e->duration_ms), failed);
        status_json_put(object, "count", json_integer(e->count), failed);
        return object;
}

json_t *status_json_problem(const struct status_problem *p, bool *failed) {
        json_t *object = json_object();
        status_json_put(object, "path", status_json_text(p->path), failed);
        status_json_put(object, "error", status_json_text(p->text), failed);
        return object;
}
