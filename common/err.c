#include "common/err.h"

const char *err_text(int code) {
        switch (code) {
#define X(name, value, class, text) case name: return text;
                ERR_TABLE(X)
#undef X
        case 0: return "done";
        default: return "unknown error";
        }
}

const char *err_name(int code) {
        switch (code) {
#define X(name, value, class, text) case name: return #name;
                ERR_TABLE(X)
#undef X
        case 0: return "OK";
        default: return "ERR_UNKNOWN";
        }
}

enum err_class err_class(int code) {
        switch (code) {
#define X(name, value, class, text) case name: return ERR_CLASS_##class;
                ERR_TABLE(X)
#undef X
        default: return ERR_CLASS_NONE;
        }
}
