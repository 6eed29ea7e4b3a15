#include "coordinator/page.h"

#include <string.h>

#include "common/err.h"
#include "page_data.h"

struct document {
        const char *type;
        const unsigned char *plain, *packed;
        size_t plain_bytes, packed_bytes;
        const char *etag, *policy; /* policy NULL: the server's */
};

/* "gzip, deflate, br", "gzip;q=1.0"; one that is listed to be refused
 * ("gzip;q=0") is rare, and gets what every client takes. */
static bool takes_gzip(const char *accept) {
        const char *at = accept ? strstr(accept, "gzip") : NULL;
        return at && strncmp(at + 4, ";q=0", 4) != 0;
}

/* Small, and the same until the program is another: asked for anew each time,
 * and mostly answered by "you have it". */
static void answer_document(const struct document *d, const struct http_request *request, struct http_answer *answer) {
        bool packed = takes_gzip(request->accept_encoding);
        struct http_header *header = answer->headers;

        *header++ = (struct http_header){"ETag", d->etag};
        *header++ = (struct http_header){"Cache-Control", "no-cache"};
        *header++ = (struct http_header){"Vary", "Accept-Encoding"};
        /* Also with 304: a browser replaces the headers that it has kept. */
        if (d->policy) *header++ = (struct http_header){"Content-Security-Policy", d->policy};
        answer->type = d->type;
        answer->body_is_static = true;
        if (request->if_none_match && strstr(request->if_none_match, d->etag)) {
                answer->status = 304;
                answer->body = "";
                return;
        }
        if (packed) *header++ = (struct http_header){"Content-Encoding", "gzip"};
        answer->body = packed ? d->packed : d->plain;
        answer->bytes = packed ? d->packed_bytes : d->plain_bytes;
}

void page_answer_html(const struct http_request *request, struct http_answer *answer) {
        static const struct document html = {"text/html; charset=utf-8", page_html, page_html_gzip, sizeof page_html,
                                             sizeof page_html_gzip, page_html_etag, page_policy};
        answer_document(&html, request, answer);
}

void page_answer_openapi(const struct http_request *request, struct http_answer *answer) {
        static const struct document openapi = {HTTP_JSON, openapi_json, openapi_json_gzip, sizeof openapi_json,
                                                sizeof openapi_json_gzip, openapi_json_etag, NULL};
        answer_document(&openapi, request, answer);
}

void page_answer_api(const struct api_view *view, const struct http_request *request, struct http_answer *answer) {
        struct api_answer json;
        const char *name = request->path;

        if (strncmp(name, PAGE_API_PREFIX, strlen(PAGE_API_PREFIX)) == 0) name += strlen(PAGE_API_PREFIX);
        if (api_answer(view, name, request->args, request->arg_count, &json) != 0) /* no memory */
                json = (struct api_answer){.status = 503, .body = NULL};
        answer->status = json.status;
        answer->type = HTTP_JSON;
        answer->body = json.body;
        answer->bytes = json.bytes;
}
