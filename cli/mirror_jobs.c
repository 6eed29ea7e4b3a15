#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/mirror_internal.h"
#include "common/clock.h"
#include "common/codec.h"
#include "common/err.h"

static rd_kafka_topic_partition_list_t *rows_of(const struct mirror_table *table) {
        rd_kafka_topic_partition_list_t *rows = rd_kafka_topic_partition_list_new((int)table->count + 1);
        for (size_t i = 0; i < table->count; i++)
                rd_kafka_topic_partition_list_add(rows, table->parts[i].topic, table->parts[i].partition);
        return rows;
}

static void rows_free(rd_kafka_topic_partition_list_t **rows) {
        if (*rows) rd_kafka_topic_partition_list_destroy(*rows);
        *rows = NULL;
}

/* ---- on the pool ---- */

static int clients(struct mirror_run *run) {
        int rc = 0;
        if (!run->consumer)
                rc = mirror_consumer_new(run->config, &run->spec, &run->consumer, run->job_err, sizeof run->job_err);
        if (!rc && !run->destination)
                rc = mirror_admin_new(run->config, run->spec.destination, &run->destination, run->job_err,
                                      sizeof run->job_err);
        return rc;
}

static int ends_at_destination(struct mirror_run *run, rd_kafka_topic_partition_list_t *rows) {
        return mirror_offsets_at(run->destination, rows, -1, run->job_err, sizeof run->job_err);
}

/* Positions and ends of what would be mirrored. */
static void list(struct mirror_run *run) {
        rows_free(&run->job_rows);
        rows_free(&run->job_ends);
        run->job_rc = mirror_list(run->consumer, &run->spec, &run->job_rows, run->job_err, sizeof run->job_err);
        if (run->job_rc) return;
        run->job_ends = rd_kafka_topic_partition_list_copy(run->job_rows);
        run->job_rc = mirror_offsets_at(run->consumer, run->job_ends, run->job_time_ms, run->job_err, sizeof run->job_err);
        if (!run->job_rc)
                run->job_rc = mirror_committed(run->consumer, run->config, &run->spec, run->look.positions_lanes > 0,
                                               run->job_rows, &run->job_generation, run->job_err, sizeof run->job_err);
}

static void job_run(uv_work_t *work) {
        struct mirror_run *run = work->data; /* only what does not change while a job runs */
        if (run->job == JOB_LOOK) {
                run->job_rc = mirror_look(run->config, &run->spec, &run->look, run->job_err, sizeof run->job_err);
                return;
        }
        run->job_rc = clients(run);
        if (run->job_rc) return;
        switch (run->job) {
        case JOB_LOOK: break;
        case JOB_LIST: list(run); break;
        case JOB_AIM:
                if (!run->before) {
                        run->before = rd_kafka_topic_partition_list_copy(run->there);
                        run->job_rc = ends_at_destination(run, run->before);
                        if (run->job_rc) rows_free(&run->before);
                }
                if (!run->job_rc)
                        run->job_rc = mirror_offsets_at(run->consumer, run->job_rows, run->job_time_ms, run->job_err,
                                                        sizeof run->job_err);
                break;
        case JOB_ENDS:
                run->job_rc = mirror_offsets_at(run->consumer, run->job_rows, -1, run->job_err, sizeof run->job_err);
                break;
        case JOB_CLAIM:
                run->job_rc = mirror_committed(run->consumer, run->config, &run->spec, true, run->job_rows,
                                               &run->job_generation, run->job_err, sizeof run->job_err);
                break;
        case JOB_CHECK:
                rows_free(&run->after);
                run->after = rd_kafka_topic_partition_list_copy(run->there);
                run->job_rc = ends_at_destination(run, run->after);
                break;
        }
        (void)rd_kafka_poll(run->destination, 0); /* its error events */
        (void)rd_kafka_poll(run->consumer, 0);
}

static void job_done(uv_work_t *work, int status) {
        struct mirror_run *run = work->data;
        (void)status;
        run->job_running = false;
        mirror_job_done(run);
        if (!run->job_running) rows_free(&run->job_rows);
}

void mirror_job_start(struct mirror_run *run, enum mirror_job_kind job) {
        rows_free(&run->job_rows);
        run->job_running = true;
        run->job = job;
        run->job_err[0] = '\0';
        run->job_time_ms = (job == JOB_AIM || job == JOB_LIST) && run->args->until == MIRROR_UNTIL_TIME ? run->args->until_ms : -1;
        run->job_rows = rows_of(&run->table);
        run->work.data = run;
        (void)uv_queue_work(&run->loop, &run->work, job_run, job_done); /* cannot fail */
}

/* ---- answers ---- */

static void mark_started(struct mirror_run *run, const struct mirror_part *part) {
        struct pump_fact fact = {.kind = PUMP_FACT_POSITIONED, .topic = part->topic, .partition = part->partition};
        lane_record_mark(run->lanes[part->lane].record, &fact, clock_wall_ms());
}

/* A partition of a topic that the group knows came later: `latest` would lose
 * its first records. */
static void mark_new(struct mirror_run *run, const struct mirror_part *part) {
        const Heliostat__Pb__Lane *record = run->lanes[part->lane].record;
        for (size_t i = 0; i < record->n_topics; i++)
                for (size_t k = 0; k < record->topics[i]->n_partitions; k++)
                        if (strcmp(record->topics[i]->topic, part->topic) == 0 &&
                            record->topics[i]->partitions[k]->partition == (uint32_t)part->partition)
                                record->topics[i]->partitions[k]->existed = false;
}

static void mark_all_new(struct mirror_run *run) {
        struct mirror_table *table = &run->table;
        for (size_t first = 0, end; first < table->count; first = end) {
                bool known = false;
                for (end = first; end < table->count && strcmp(table->parts[end].topic, table->parts[first].topic) == 0; end++)
                        known |= table->parts[end].begin >= 0;
                for (size_t i = first; known && i < end; i++)
                        if (table->parts[i].begin < 0) mark_new(run, &table->parts[i]);
        }
}

static void take_list(struct mirror_run *run) {
        for (int i = 0; i < run->job_rows->cnt; i++) {
                const rd_kafka_topic_partition_t *row = &run->job_rows->elems[i], *end = &run->job_ends->elems[i];
                struct mirror_part *part = mirror_table_add(&run->table, row->topic, row->partition);
                mirror_part_at(part, row->offset);
                part->target = end->err ? -1 : end->offset;
        }
}

void mirror_job_take(struct mirror_run *run) {
        if (run->job == JOB_LIST) return take_list(run);
        for (int i = 0; i < run->job_rows->cnt; i++) {
                const rd_kafka_topic_partition_t *row = &run->job_rows->elems[i];
                struct mirror_part *part = mirror_table_find(&run->table, row->topic, row->partition);
                if (!part || row->err || row->offset < 0) continue;
                switch (run->job) {
                case JOB_AIM:
                        if (run->bounded && run->args->until != MIRROR_UNTIL_LAG) part->target = row->offset;
                        break;
                case JOB_ENDS: {
                        int64_t lag = (int64_t)run->args->until_lag;
                        part->target = row->offset > lag ? row->offset - lag : 0;
                        break;
                }
                case JOB_CLAIM:
                        mirror_part_at(part, row->offset);
                        mark_started(run, part);
                        break;
                case JOB_LOOK:
                case JOB_LIST:
                case JOB_CHECK: break;
                }
        }
        if (run->job == JOB_CLAIM) mark_all_new(run);
}

/* Several partitions, and topics, may go into one: whole topics are compared. */
const char *mirror_short_of(const struct mirror_run *run, uint64_t *out_records, int64_t *out_grown) {
        for (int i = 0; run->before && run->after && i < run->after->cnt; i++) {
                const char *topic = run->after->elems[i].topic;
                bool unknown = false;
                if (i && strcmp(run->after->elems[i - 1].topic, topic) == 0) continue;
                *out_records = 0;
                *out_grown = 0;
                for (size_t k = 0; k < run->table.count; k++)
                        if (run->table.parts[k].destination && strcmp(run->table.parts[k].destination, topic) == 0)
                                *out_records += run->table.parts[k].records;
                for (int k = i; k < run->after->cnt && strcmp(run->after->elems[k].topic, topic) == 0; k++) {
                        const rd_kafka_topic_partition_t *now = &run->after->elems[k];
                        const rd_kafka_topic_partition_t *then =
                                rd_kafka_topic_partition_list_find(run->before, topic, now->partition);
                        unknown |= now->err || now->offset < 0;
                        /* Else it was made in between. */
                        *out_grown += now->offset - (then && !then->err && then->offset > 0 ? then->offset : 0);
                }
                if (!unknown && *out_grown < (int64_t)*out_records) return topic;
        }
        return NULL;
}

void mirror_jobs_fini(struct mirror_run *run) {
        rows_free(&run->job_rows);
        rows_free(&run->job_ends);
        rows_free(&run->there);
        rows_free(&run->before);
        rows_free(&run->after);
        if (run->destination) rd_kafka_destroy(run->destination);
        if (run->consumer) rd_kafka_destroy_flags(run->consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        run->consumer = run->destination = NULL;
        free(run->look.source_id);
        free(run->look.destination_id);
}
