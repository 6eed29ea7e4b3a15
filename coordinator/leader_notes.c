#include "coordinator/leader_notes.h"

#include "common/codec.h"
#include "common/err.h"

static void name_topics(Heliostat__Pb__Leader *leader, size_t topics) {
        for (size_t i = 0; i < leader->n_notes; i++) {
                Heliostat__Pb__RouteNote *note = leader->notes[i];
                if (note->n_parked <= topics) continue;
                note->parked_more += (uint32_t)(note->n_parked - topics);
                note->n_parked = topics;
        }
}

int leader_notes_pack(Heliostat__Pb__Leader *leader, size_t *out_topics, void **out_data, size_t *out_bytes) {
        size_t topics = LEADER_NOTES_TOPICS_MAX;
        int rc;
        for (;; topics /= 2) {
                name_topics(leader, topics);
                rc = codec_pack(&leader->base, out_data, out_bytes);
                if (rc != ERR_TOO_BIG || topics == 0) break;
        }
        if (!rc) *out_topics = topics;
        return rc;
}
