#include "cli/doctor_report.h"

#include <jansson.h>
#include <string.h>

#include "cli/table.h"
#include "common/status_json.h"

static size_t count_of(const struct doctor_findings *findings, enum doctor_level level) {
        size_t n = 0;
        for (size_t i = 0; i < findings->count; i++) n += findings->items[i].level == level;
        return n;
}

void doctor_text(const struct doctor_findings *findings, bool colours, struct text *out) {
        static const enum table_colour colour_of[] = {TABLE_GREEN, TABLE_DIM, TABLE_YELLOW, TABLE_RED};
        const char *subject = "";
        for (size_t i = 0; i < findings->count; i++) {
                const struct doctor_finding *f = &findings->items[i];
                enum table_colour colour = colour_of[f->level];
                if (strcmp(subject, f->subject) != 0) {
                        text_add(out, "%s", i ? "\n" : "");
                        text_add_peer(out, f->subject);
                        text_add(out, "\n");
                        subject = f->subject;
                }
                text_add(out, "  %s%-7s%s %s: ", table_colour_on(colour, colours), doctor_level_name(f->level),
                         table_colour_off(colour, colours), f->check);
                text_add_peer(out, f->text);
                text_add(out, "\n");
                if (f->level < DOCTOR_WARN) continue;
                text_add(out, "          voids: %s\n          do:    %s\n", f->voids, f->advice);
        }
        text_add(out, "\n%zu ok, %zu unknown, %zu warnings, %zu failed\n", count_of(findings, DOCTOR_OK),
                 count_of(findings, DOCTOR_UNKNOWN), count_of(findings, DOCTOR_WARN), count_of(findings, DOCTOR_FAIL));
}

char *doctor_json(const struct doctor_findings *findings) {
        json_t *root = json_object(), *list = json_array();
        bool failed = false;
        for (size_t i = 0; i < findings->count; i++) {
                const struct doctor_finding *f = &findings->items[i];
                json_t *object = json_object();
                status_json_put(object, "level", json_string(doctor_level_name(f->level)), &failed);
                status_json_put(object, "check", json_string(f->check), &failed);
                status_json_put(object, "subject", status_json_text(f->subject), &failed);
                status_json_put(object, "text", status_json_text(f->text), &failed);
                status_json_put(object, "voids", f->voids ? json_string(f->voids) : json_null(), &failed);
                status_json_put(object, "advice", f->advice ? json_string(f->advice) : json_null(), &failed);
                if (json_array_append_new(list, object) != 0) failed = true;
        }
        status_json_put(root, "level", json_string(doctor_level_name(doctor_worst(findings))), &failed);
        status_json_put(root, "findings", list, &failed);
        char *text = failed ? NULL : json_dumps(root, JSON_INDENT(2));
        json_decref(root);
        return text;
}
