/* What config.c fills and config_query.c answers from. */
#ifndef HELIOSTAT_COMMON_CONFIG_INTERNAL_H
#define HELIOSTAT_COMMON_CONFIG_INTERNAL_H

#include "common/config.h"
#include "common/setting_value.h"

struct config_private {
        struct config_property *items;
        size_t count, room;
        struct config_fate *fates;
        size_t fate_count;
        char *general;      /* an error without a property */
        size_t error_count;
        int program_lines[SETTING_PROGRAM_COUNT];
};

#endif
