/* Ctrl-C at a command that changes something: it ends at once, and says what was
 * done and how to go on.  What is half done is bounded by what the command writes
 * in one piece; the texts say so. */
#ifndef HELIOSTAT_CLI_INTERRUPT_H
#define HELIOSTAT_CLI_INTERRUPT_H

/* From now on SIGINT and SIGTERM write "heliostat: VERB: interrupted; TEXT" to
 * standard error and end the process as that signal does (130, 143 in a shell).
 * The latest text counts; verb and text are borrowed for good, but for the bytes
 * that are copied: at most INTERRUPT_MAX. */
#define INTERRUPT_MAX 400
void interrupt_say(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
