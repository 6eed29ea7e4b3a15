#include "worker/own_queues.h"

#include <stdlib.h>

#define MENDED_VERSION 0x020601ff

void own_queues_hold(struct own_queues *own, rd_kafka_t *consumer, const char *topic, int32_t partition) {
        if (rd_kafka_version() >= MENDED_VERSION) return;
        if (own->count == own->capacity) {
                own->capacity = own->capacity ? 2 * own->capacity : 16;
                own->queues = reallocarray(own->queues, own->capacity, sizeof(rd_kafka_queue_t *));
                if (!own->queues) abort();
        }
        rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(consumer, topic, partition);
        if (queue) own->queues[own->count++] = queue;
}

void own_queues_empty(struct own_queues *own, rd_kafka_t *consumer) {
        rd_kafka_topic_partition_list_t *none = NULL;
        rd_kafka_message_t *left;
        if (own->count) (void)rd_kafka_assign(consumer, NULL);
        /* Answered by the same thread, behind all that this has begun: the last words are there.  Not rd_kafka_consumer_close: that
         * waits for commits, and would call our callbacks here. */
        if (own->count && !rd_kafka_assignment(consumer, &none)) rd_kafka_topic_partition_list_destroy(none);
        for (size_t i = 0; i < own->count; i++) {
                while (rd_kafka_consume_batch_queue(own->queues[i], 0, &left, 1) > 0) rd_kafka_message_destroy(left);
                rd_kafka_queue_destroy(own->queues[i]);
        }
        free(own->queues);
        *own = (struct own_queues){0};
}
