/* Error codes.  0 is done; negative is trouble to pass up unchanged; positive
 * is an outcome that one function documents and its caller must answer.
 * Adapters turn foreign codes into these at the border. */
#ifndef HELIOSTAT_COMMON_ERR_H
#define HELIOSTAT_COMMON_ERR_H

enum err_class {
        ERR_CLASS_NONE,
        ERR_CLASS_RETRY,  /* the same call may work later */
        ERR_CLASS_FENCED, /* somebody else owns it now: stop */
        ERR_CLASS_FATAL,  /* no retry helps: tell the operator */
};

/*      name             value class   text */
#define ERR_TABLE(X) \
        X(ERR_NOMEM,      -1,  FATAL,  "out of memory") \
        X(ERR_INVALID,    -2,  FATAL,  "invalid input") \
        X(ERR_TOO_BIG,    -3,  FATAL,  "input is over its size limit") \
        X(ERR_TOO_MANY,   -4,  FATAL,  "more items than the limit allows") \
        X(ERR_FORMAT,     -5,  FATAL,  "format version is newer than this program") \
        X(ERR_IO,         -6,  FATAL,  "input/output error") \
        X(ERR_NOT_FOUND,  -7,  FATAL,  "not found") \
        X(ERR_EXISTS,     -8,  FATAL,  "exists already") \
        X(ERR_VERSION,    -9,  FENCED, "somebody else has changed it") \
        X(ERR_NOT_EMPTY,  -10, FATAL,  "not empty") \
        X(ERR_CONNECTION, -11, RETRY,  "connection lost, result unknown") \
        X(ERR_SESSION,    -12, FENCED, "session ended") \
        X(ERR_AUTH,       -13, FATAL,  "not authorized by ZooKeeper; see zookeeper.auth and the node's ACL") \
        X(ERR_TIMEOUT,    -14, RETRY,  "timed out") \
        X(ERR_CLOSING,    -15, FENCED, "shutting down") \
        X(ERR_KAFKA,      -16, RETRY,  "Kafka request failed") \
        X(ERR_SYSTEM,     -17, FATAL,  "system call failed")

enum err {
#define X(name, value, class, text) name = value,
        ERR_TABLE(X)
#undef X
};

/* Static text, never NULL. */
const char *err_text(int code);
/* Static name, "ERR_NOMEM"; "OK" for 0; never NULL. */
const char *err_name(int code);
enum err_class err_class(int code);

#endif
