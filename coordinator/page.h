/* The built-in page, the API's description and the API as answers of an HTTP
 * server.  PURE. */
#ifndef HELIOSTAT_COORDINATOR_PAGE_H
#define HELIOSTAT_COORDINATOR_PAGE_H

#include "common/http.h"
#include "coordinator/api.h"

/* "/": one document without outside resources; its policy lets in its own
 * scripts and styles and nothing else.  Shows nothing by itself: what it asks
 * for needs the token. */
void page_answer_html(const struct http_request *request, struct http_answer *answer);
/* "/api/v1/openapi.json" */
void page_answer_openapi(const struct http_request *request, struct http_answer *answer);
/* What lies below "/api/v1/". */
#define PAGE_API_PREFIX "/api/v1/"
void page_answer_api(const struct api_view *view, const struct http_request *request, struct http_answer *answer);

#endif
