/* The parent process of a worker: when the worker's process dies, it closes the
 * ZooKeeper session that is left behind, so that the lanes move at once, and
 * starts another one.
 *
 *     heliostat worker          the supervisor: waits, and holds the session's id
 *      └─ heliostat worker      the worker: everything else; its pid is the one in
 *                               /worker/<id>, logs and `status`
 *
 * The states are supervise.h's.  On the way from RUNNING the session is closed,
 * unless the child has said that it did that itself: one connection to the
 * server that the child was connected to, for up to 2 s.  If that fails, the
 * session ends after its timeout, as that of a lost host does.
 *
 *   the child dies        session closed, next child after 100 ms, doubling to 10 s
 *                         while children live for less than 30 s
 *   the child ends        with 0, 1 or 2 (its own choice): the supervisor as well
 *   SIGTERM, SIGINT       forwarded; ends with the child, without one at once
 *   SIGHUP                forwarded: the child reads its configuration again, and so does
 *                         each further child at its start
 *   the supervisor dies   the child does not mind, and runs on without one
 *
 * After the first child's start the supervisor allocates nothing and opens
 * nothing but a pipe per child and the connection above.  It keeps the three
 * standard streams, for the next child. */
#ifndef HELIOSTAT_WORKER_SUPERVISOR_H
#define HELIOSTAT_WORKER_SUPERVISOR_H

#include "common/config.h"
#include "common/zk.h"

/* Forks: call it before any thread exists.  In the parent it returns when all
 * is over, with the process's exit code.  In a child it returns what worker_main
 * does; the caller unwinds in both alike.  Borrows config and id. */
int supervisor_main(const struct config *config, const char *id);

/* The child's side.  fd: what worker_main was given; -1: nobody listens, nothing
 * is done.  Never blocks, and a supervisor that is gone is no error (SIGPIPE
 * must be ignored).
 * To be told when a session is connected, and again at each reconnection. */
void supervisor_tell_session(int fd, const struct zk *zk);
/* The session was closed in order: nothing is left to be done. */
void supervisor_tell_released(int fd);

#endif
