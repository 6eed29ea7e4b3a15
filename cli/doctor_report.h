/* Findings as text and as JSON.  PURE. */
#ifndef HELIOSTAT_CLI_DOCTOR_REPORT_H
#define HELIOSTAT_CLI_DOCTOR_REPORT_H

#include "cli/doctor_judge.h"
#include "common/text_grow.h"

void doctor_text(const struct doctor_findings *findings, bool colours, struct text *out);
/* malloc'd; NULL on no memory */
char *doctor_json(const struct doctor_findings *findings);

#endif
