#include "cli/verb.h"

#include <stdint.h>

/* Options that many verbs have. */
#define FLAG(NAME, LETTER, TEXT) {.name = NAME, .letter = LETTER, .kind = VERB_FLAG, .text = TEXT}
#define VALUE(NAME, LETTER, ARGUMENT, OFFER, TEXT) \
        {.name = NAME, .letter = LETTER, .argument = ARGUMENT, .kind = VERB_TEXT, .completes = VERB_OFFER_##OFFER, .text = TEXT}
#define NUMBER(NAME, LETTER, ARGUMENT, MIN, MAX, EXPECTS, TEXT) \
        {.name = NAME, .letter = LETTER, .argument = ARGUMENT, .kind = VERB_NUMBER, .min = MIN, .max = MAX, .expects = EXPECTS, .text = TEXT}
#define CHOICE(NAME, LETTER, ARGUMENT, TEXT, ...) \
        {.name = NAME, .letter = LETTER, .argument = ARGUMENT, .kind = VERB_CHOICE, .text = TEXT, .choices = {__VA_ARGS__}}
#define HEADING(TEXT) {.kind = VERB_HEADING, .text = TEXT}
#define REFUSED(NAME, TEXT) {.name = NAME, .kind = VERB_REFUSED, .text = TEXT}

#define CONFIG_OPTIONAL(TEXT) VALUE("config", 'c', "FILE", FILES, TEXT)
#define CONFIG(TEXT) \
        {.name = "config", .letter = 'c', .argument = "FILE", .kind = VERB_TEXT, .completes = VERB_OFFER_FILES, \
         .text = TEXT, .required = true}
#define DRY_RUN(TEXT) FLAG("dry-run", 'n', TEXT)
#define SECONDS(NAME, LETTER, TEXT) NUMBER(NAME, LETTER, "SECONDS", 1, 3600, "seconds from 1 to 3600", TEXT)
#define TIMEOUT(TEXT) SECONDS("timeout", 't', TEXT)
#define TABLE_OR_JSON CHOICE("output", 'o', "FORMAT", "table (default) or json", "table", "json")
#define LOG_FORMAT CHOICE("log-format", '\0', "FORMAT", "logfmt or json, whatever log.format says", "logfmt", "json")
#define TOPIC(TEXT) VALUE("topic", '\0', "TOPIC", TOPICS, TEXT)
#define PARTITION(TEXT) NUMBER("partition", '\0', "N", 0, INT32_MAX, "a partition's number", TEXT)
#define ENDS {0}

#define ROUTE {.name = "ROUTE", .kind = VERB_ROUTE, .completes = VERB_OFFER_ROUTES, .missing = "a route"}
#define WORKER {.name = "WORKER", .kind = VERB_WORKER, .completes = VERB_OFFER_WORKERS, .missing = "a worker"}

#define OPTIONS(VERB) static const struct verb_option VERB##_options[]

OPTIONS(worker) = {
        CONFIG("configuration, see docs/configuration.md"),
        VALUE("id", 'i', "ID", NOTHING, "name of this process in the cluster (default: host name)"),
        FLAG("no-supervisor", '\0',
             "run without the parent process that closes the session of a crashed worker and starts it again"),
        LOG_FORMAT,
        ENDS,
};
OPTIONS(coordinator) = {
        CONFIG("configuration, see docs/configuration.md"),
        VALUE("id", 'i', "ID", NOTHING, "name of this process in the cluster (default: host name)"),
        LOG_FORMAT,
        ENDS,
};
OPTIONS(status) = {
        CONFIG_OPTIONAL("take zookeeper.connect from this file"),
        VALUE("zookeeper", 'z', "CONNECT", NOTHING, "host:port,...[/path]"),
        CHOICE("output", 'o', "FORMAT", "table (default), wide (every partition), json", "table", "wide", "json"),
        FLAG("check", '\0', "exit with 5 unless all is well"),
        FLAG("watch", 'w', "go on, redrawing in place, the greatest lag first; without a terminal a line each time"),
        NUMBER("interval", '\0', "SECONDS", 1, 60, "seconds from 1 to 60", "of --watch (default 2)"),
        NUMBER("rounds", '\0', "N", 1, 1000000, NULL, "of --watch: end after so many readings"),
        TIMEOUT("for everything together (default 10)"),
        ENDS,
};
#define READS \
        CONFIG_OPTIONAL("take zookeeper.connect from this file"), VALUE("zookeeper", 'z', "CONNECT", NOTHING, "host:port,...[/path]"), \
                TIMEOUT("for everything together (default 10)")

OPTIONS(list) = {
        READS,
        VALUE("route", '\0', "ROUTE", ROUTES, "only what belongs to this route"),
        CHOICE("output", 'o', "FORMAT", "table (default), json, names (one on a line, for scripts)", "table", "json", "names"),
        ENDS,
};
OPTIONS(lag) = {
        READS,
        TOPIC("only this topic of the source"),
        VALUE("worker", '\0', "WORKER", WORKERS, "only what this worker mirrors"),
        NUMBER("min-lag", '\0', "N", 0, INT64_MAX, "a number of records", "only partitions that are so many records behind, or more"),
        NUMBER("top", '\0', "N", 1, 1000000, NULL, "only the first N"),
        CHOICE("sort", '\0', "BY", "lag (default), time, name", "lag", "time", "name"),
        NUMBER("max-lag", '\0', "N", 0, INT64_MAX, "a number of records", "exit with 5 when a partition is further behind, or its lag is not known"),
        NUMBER("max-seconds", '\0', "S", 0, INT32_MAX, "seconds", "exit with 5 when a partition is further behind in time, or its lag is not known"),
        TABLE_OR_JSON,
        ENDS,
};
OPTIONS(describe) = {
        READS,
        TABLE_OR_JSON,
        ENDS,
};
OPTIONS(events) = {
        READS,
        FLAG("follow", 'f', "go on, and print what happens as it is written"),
        NUMBER("last", '\0', "N", 1, 512, NULL, "only the last N (default: all that are kept, up to 512)"),
        CHOICE("output", 'o', "FORMAT", "table (default) or json (an object on each line)", "table", "json"),
        ENDS,
};
OPTIONS(apply) = {
        DRY_RUN("print the difference, write nothing"),
        TIMEOUT("give up when ZooKeeper does not answer (default 15)"),
        ENDS,
};
OPTIONS(doctor) = {
        CONFIG("configuration, see docs/configuration.md"),
        TABLE_OR_JSON,
        FLAG("probe-writes", '\0',
             "send each topic of the destination a record that is larger than it takes: it is refused, and shows whether one may write there"),
        TIMEOUT("for each question (default 10)"),
        ENDS,
};
OPTIONS(topics) = {
        CONFIG("configuration, see docs/configuration.md"),
        FLAG("all", 'a', "also list topics that are in step"),
        CHOICE("output", 'o', "FORMAT", "text (default) or json (always all topics)", "text", "json"),
        ENDS,
};
OPTIONS(routes) = {
        CONFIG("zookeeper.connect; of add also the route"),
        DRY_RUN("say what would be done, write nothing"),
        CHOICE("output", 'o', "FORMAT", "of list: table (default) or json", "table", "json"),
        TIMEOUT("of remove: how long to wait for the lanes (default 60)"),
        ENDS,
};
OPTIONS(pause) = {
        CONFIG("take zookeeper.connect from this file"),
        TOPIC("only this topic of the source"),
        VALUE("topics", '\0', "RE", NOTHING, "only topics whose whole name matches, now and later"),
        PARTITION("only this one; needs --topic"),
        DRY_RUN("say what would be paused, write nothing"),
        FLAG("no-wait", '\0', "end when it is written, not when it is done"),
        TIMEOUT("how long to wait until it is done (default 30)"),
        ENDS,
};
OPTIONS(resume) = {
        CONFIG("take zookeeper.connect from this file"),
        TOPIC("only partitions of this topic"),
        VALUE("topics", '\0', "RE", NOTHING, "only take back pauses, of topics whose whole name matches"),
        PARTITION("only this one"),
        FLAG("retry", '\0', "answer halts only: try again where it stands"),
        FLAG("skip", '\0', "go on behind what cannot be had, and keep the range in status"),
        FLAG("restart", '\0', "go on at the start of the source's log"),
        FLAG("dead-letter", '\0', "send the refused record to the topic of dead letters"),
        NUMBER("to", '\0', "OFFSET", 0, INT64_MAX, "an offset",
               "go on at this offset of the source; needs --topic and --partition"),
        DRY_RUN("print what would be done, write nothing"),
        TIMEOUT("give up when ZooKeeper does not answer (default 15)"),
        ENDS,
};
OPTIONS(offsets) = {
        CONFIG("zookeeper.connect and the clusters"),
        TOPIC("only partitions of this topic of the source"),
        PARTITION("only this one"),
        CHOICE("output", 'o', "FORMAT", "of export: csv (default) or json", "csv", "json"),
        VALUE("file", '\0', "FILE", FILES, "of import: what export has written, either format"),
        VALUE("to", '\0', "WHERE", NOTHING,
              "of set: the offset to go on at; of reset: earliest, latest, timestamp:TIME, group:NAME, mm2 (as "
              "start.from; default: the route's start.from)"),
        FLAG("force", '\0', "take offsets that the source's log does not hold"),
        DRY_RUN("print what would be done, write nothing"),
        TIMEOUT("give up when ZooKeeper does not answer (default 15)"),
        ENDS,
};
OPTIONS(move) = {
        CONFIG("take zookeeper.connect from this file"),
        FLAG("anywhere", '\0', "take the pin away; the lane stays until there is a reason"),
        DRY_RUN("print what would be done, write nothing"),
        FLAG("no-wait", '\0', "end when it is written, not when it is done"),
        TIMEOUT("how long to wait until it is done (default 60)"),
        ENDS,
};
OPTIONS(drain) = {
        CONFIG("take zookeeper.connect from this file"),
        DRY_RUN("print what would be done, write nothing"),
        FLAG("no-wait", '\0', "end when it is written, not when it is done"),
        TIMEOUT("how long to wait until it is done (default 60)"),
        ENDS,
};
OPTIONS(config) = {
        CHOICE("output", 'o', "FORMAT", "of check and show: table (default) or json", "table", "json"),
        HEADING("What translate is given of MirrorMaker 1, in place of MirrorMaker 2's FILE:"),
        VALUE("consumer.config", '\0', "FILE", FILES, "its consumer's file"),
        VALUE("producer.config", '\0', "FILE", FILES, "its producer's file"),
        VALUE("whitelist", '\0', "RE", NOTHING, "topics to mirror (default: all)"),
        VALUE("include", '\0', "RE", NOTHING, "the same"),
        NUMBER("num.streams", '\0', "N", 1, 64, NULL, "data threads of each worker"),
        NUMBER("offset.commit.interval.ms", '\0', "N", 100, INT32_MAX, NULL, "how often positions are committed"),
        CHOICE("abort.on.send.failure", '\0', "BOOL", "false leaves out what the destination refuses", "true", "false"),
        HEADING("And:"),
        VALUE("zookeeper", 'z', "CONNECT", NOTHING, "zookeeper.connect of the new file: host:port,...[/path]"),
        ENDS,
};
OPTIONS(rebalance) = {
        CONFIG("take zookeeper.connect from this file"),
        DRY_RUN("print the moves, write nothing"),
        FLAG("no-wait", '\0', "end when it is asked for, not when it is done"),
        TIMEOUT("how long to wait until it is done (default 60)"),
        ENDS,
};
OPTIONS(mirror) = {
        HEADING("What is mirrored, as MirrorMaker 1 is told:"),
        VALUE("consumer.config", '\0', "FILE", FILES, "how to reach the source; its group.id holds the positions"),
        VALUE("producer.config", '\0', "FILE", FILES, "how to reach the destination"),
        VALUE("whitelist", '\0', "RE", NOTHING,
              "topics: a regular expression over the whole name, or several with commas between them"),
        VALUE("include", '\0', "RE", NOTHING, "the same"),
        VALUE("num.streams", '\0', "N", NOTHING, "lanes, each with clients of its own (default: one per core)"),
        VALUE("offset.commit.interval.ms", '\0', "N", NOTHING, "how often positions are committed (default 1000)"),
        VALUE("abort.on.send.failure", '\0', "BOOL", NOTHING,
              "a record that the destination refuses: true ends the process, false leaves the record out and says "
              "so; default: its partition halts, the others go on"),
        FLAG("new.consumer", '\0', "accepted, without a meaning"),
#define JAVA_CLASS(NAME) \
        REFUSED(NAME, "names a Java class, which cannot run here; records pass unchanged, and no consumer group is rebalanced")
        JAVA_CLASS("consumer.rebalance.listener"),
        JAVA_CLASS("rebalance.listener"),
        JAVA_CLASS("rebalance.listener.args"),
        JAVA_CLASS("message.handler"),
        JAVA_CLASS("message.handler.args"),
        REFUSED("blacklist", "was dropped by MirrorMaker with its old consumer; use --exclude"),
        HEADING("Or:"),
        VALUE("from", '\0', "SERVERS", NOTHING, "host:port,host:port of the source"),
        VALUE("to", '\0', "SERVERS", NOTHING, "host:port,host:port of the destination"),
        VALUE("topics", '\0', "RE", NOTHING, "topics to mirror"),
        VALUE("exclude", '\0', "RE", NOTHING, "topics to leave out"),
        VALUE("group", '\0', "NAME", NOTHING,
              "group that holds the positions; one for each mirror (default: heliostat.mirror-to-<id of the destination>)"),
        {.name = "consumer.property", .argument = "K=V", .kind = VERB_TEXT, .repeats = true,
         .text = "more for the source's clients, as in a consumer file"},
        {.name = "producer.property", .argument = "K=V", .kind = VERB_TEXT, .repeats = true,
         .text = "more for the destination's"},
        CONFIG_OPTIONAL("a route of a configuration file of ours"),
        HEADING("How:"),
        FLAG("exactly-once", '\0', "transactions at the destination; nothing is repeated"),
        HEADING("When it ends:"),
        FLAG("until-end", '\0', "copy what is there now, verify, report, exit"),
        VALUE("until", '\0', "TIME", NOTHING, "copy what is older (2026-01-31T13:45:00Z), verify, report, exit"),
        VALUE("until-lag", '\0', "N", NOTHING, "go on until no partition is more than N records behind"),
        FLAG("compare", '\0', "then compare the contents of both ends, as 'heliostat verify' does"),
        FLAG("no-verify", '\0', "report without looking at the destination again"),
        DRY_RUN("say what would be mirrored, and exit"),
        CHOICE("output", 'o', "FORMAT", "of the report: table (default) or json", "table", "json"),
        FLAG("verbose", 'v', "log what the lanes do"),
        LOG_FORMAT,
        FLAG("version", 'V', "versions of this program and of its libraries"),
        ENDS,
};
OPTIONS(promote) = {
        CONFIG("zookeeper.connect, and addresses of both clusters"),
        FLAG("undo", '\0', "let a stopped route mirror again, from its positions"),
        DRY_RUN("stop nothing, write nothing; say what it would leave behind"),
        TABLE_OR_JSON,
        TIMEOUT("wait so long for the lanes to end (default 60)"),
        SECONDS("source-timeout", '\0', "wait so long for the source cluster (default 10)"),
        ENDS,
};
OPTIONS(verify) = {
        CONFIG("addresses of both clusters; the route, if it stands there (else it is read from zookeeper.connect)"),
        VALUE("topics", '\0', "REGEX", NOTHING, "only these topics of the route (a rule as in the file)"),
        VALUE("until", '\0', "WHERE", NOTHING,
              "position: up to what the mirror has committed (default); end: all that the source has now, mirrored or "
              "not; or a TIME: what it had before 2026-01-31T13:45:00Z, mirrored or not"),
        VALUE("sample", '\0', "P", NOTHING, "only about this share of the records (0.01), in stretches"),
        NUMBER("seed", '\0', "N", 0, INT64_MAX, "a number", "which ones; the same number chooses the same (default 1)"),
        FLAG("exact", '\0',
             "records that arrived twice are differences also where the route promises at-least-once"),
        TABLE_OR_JSON,
        VALUE("report", '\0', "FILE", FILES, "write the JSON there as well"),
        VALUE("state", '\0', "FILE", FILES, "keep there how far it came, and go on from there"),
        VALUE("memory", '\0', "BYTES", NOTHING, "for records on their way and those without a counterpart, 64MiB"),
        NUMBER("threads", '\0', "N", 1, 64, NULL, "partitions at a time (default: cores, at most 4)"),
        FLAG("quiet", 'q', "no progress"),
        TIMEOUT("give up when a cluster does not answer (default 15)"),
        ENDS,
};
OPTIONS(migrate) = {
        CONFIG("zookeeper.connect, and how to reach the source"),
        FLAG("until-end", '\0', "what is at the source now"),
        VALUE("until", '\0', "TIME", NOTHING, "what is older (2026-01-31T13:45:00Z)"),
        NUMBER("until-lag", '\0', "N", 0, 999999999, "a number", "no partition more than N offsets behind"),
        NUMBER("timeout", 't', "SECONDS", 1, 999999999, "seconds", "wait no longer than this (default: without a limit)"),
        TABLE_OR_JSON,
        ENDS,
};
OPTIONS(translate) = {
        CONFIG("configuration, see docs/configuration.md"),
        FLAG("all", '\0', "every group of consumers at the source"),
        VALUE("groups", '\0', "RE", NOTHING, "those whose whole name matches; ',' separates alternatives"),
        DRY_RUN("only show what would be committed"),
        TABLE_OR_JSON,
        TIMEOUT("limit of each step (default 30)"),
        ENDS,
};
OPTIONS(man) = {
        VALUE("directory", 'd', "DIR", DIRECTORIES, "write the page of every verb there, as heliostat-VERB.1"),
        ENDS,
};
OPTIONS(none) = {ENDS};

const struct verb verbs[] = {
        {
                .name = "worker",
                .text = "own lanes and mirror their partitions",
                .traits = VERB_RUNS,
                .synopsis = "--config FILE [--id ID] [--no-supervisor] [--log-format FORMAT]",
                .about = "Takes the lanes that the coordinator gives it, and runs until SIGTERM; it then commits and gives "
                         "its lanes back.",
                .options = worker_options,
                .exits = "0 ended by a signal\n1 failed\n2 wrong use, or a configuration with an error\n",
                .page = "operations.md",
        },
        {
                .name = "coordinator",
                .text = "discover partitions, place lanes on workers; any number may run",
                .traits = VERB_RUNS,
                .synopsis = "--config FILE [--id ID] [--log-format FORMAT]",
                .about = "One of the coordinators leads, the others stand by.  Runs until SIGTERM.",
                .options = coordinator_options,
                .exits = "0 ended by a signal\n1 failed\n2 wrong use, or a configuration with an error\n",
                .page = "operations.md",
        },
        {
                .name = "status",
                .text = "show routes, workers, partitions and lag",
                .traits = VERB_PRINTS,
                .synopsis = "(--config FILE | --zookeeper CONNECT) [-o FORMAT] [--check] [--timeout SECONDS]\n"
                            "(--config FILE | --zookeeper CONNECT) --watch [--interval SECONDS] [--rounds N]",
                .about = "Shows routes, workers, partitions and lag, as ZooKeeper knows them.\n\n"
                         "With --watch, keys: q quits, p shows partitions or routes and workers, r reads at once, + and - change "
                         "the interval, j and k scroll.",
                .options = status_options,
                .exits = "0 done\n1 failed\n2 wrong use\n3 ZooKeeper cannot be reached\n5 unhealthy (with --check)\n",
                .page = "status.md",
        },
        {
                .name = "list",
                .text = "list routes, workers, topics or lanes",
                .traits = VERB_PRINTS,
                .synopsis = "routes|workers|topics|lanes|subjects (--config FILE | --zookeeper CONNECT)\n"
                            "KIND ... [--route ROUTE] [-o table|json|names]",
                .about = "Lists what there is, with its state and its lag.  subjects are all of them.",
                .operands = {{.name = "KIND", .kind = VERB_ACTION, .choices = {"routes", "workers", "topics", "lanes", "subjects"}}},
                .options = list_options,
                .exits = "0 done\n1 failed\n2 wrong use or an unknown route\n3 ZooKeeper cannot be reached\n",
                .page = "commands.md",
        },
        {
                .name = "lag",
                .text = "show how far each partition is behind, the furthest first",
                .traits = VERB_PRINTS,
                .synopsis = "['ROUTE'] (--config FILE | --zookeeper CONNECT) [--topic TOPIC] [--worker WORKER] [--min-lag N]\n"
                            "['ROUTE'] ... [--top N] [--sort lag|time|name] [--max-lag N] [--max-seconds S] [-o table|json]",
                .about = "The columns of kafka-consumer-groups.sh, and how far behind each partition is in time.",
                .operands = {{.name = "ROUTE", .kind = VERB_ROUTE, .completes = VERB_OFFER_ROUTES, .optional = true}},
                .options = lag_options,
                .exits = "0 done\n1 failed\n2 wrong use or an unknown route\n3 ZooKeeper cannot be reached\n"
                         "5 a partition is further behind than --max-lag or --max-seconds allow\n",
                .page = "commands.md",
        },
        {
                .name = "describe",
                .text = "tell everything that is known of a route, topic, worker or lane",
                .traits = VERB_PRINTS,
                .synopsis = "'ROUTE' | TOPIC | WORKER | 'ROUTE' LANE (--config FILE | --zookeeper CONNECT) [-o table|json]",
                .about = "Tells its state with reasons, its lanes and partitions, and its last events.  A name is looked for "
                         "among routes, then workers, then topics.",
                .operands = {{.name = "SUBJECT", .completes = VERB_OFFER_SUBJECTS, .missing = "a route, topic or worker"},
                             {.name = "LANE", .kind = VERB_LANE, .completes = VERB_OFFER_LANES, .optional = true}},
                .options = describe_options,
                .exits = "0 done\n1 failed\n2 wrong use or an unknown name\n3 ZooKeeper cannot be reached\n",
                .page = "commands.md",
        },
        {
                .name = "events",
                .text = "tell what happened lately: moves, halts, pauses, workers, applies",
                .traits = VERB_PRINTS,
                .synopsis = "[SUBJECT [LANE]] (--config FILE | --zookeeper CONNECT) [--follow] [--last N] [-o table|json]",
                .about = "The leader keeps the last events in ZooKeeper: at least 448, at most 512.  Moves of lanes with the same reason that "
                         "come together are one event.",
                .operands = {{.name = "SUBJECT", .completes = VERB_OFFER_SUBJECTS, .optional = true},
                             {.name = "LANE", .kind = VERB_LANE, .completes = VERB_OFFER_LANES, .optional = true}},
                .options = events_options,
                .exits = "0 done\n1 failed\n2 wrong use or an unknown name\n3 ZooKeeper cannot be reached\n",
                .page = "commands.md",
        },
        {
                .name = "apply",
                .text = "publish the routes of a configuration file",
                .traits = VERB_CHANGES,
                .synopsis = "FILE [--dry-run] [--timeout SECONDS]",
                .about = "Publishes the routes of a configuration file to ZooKeeper and prints the difference.  Routes that "
                         "are not in the file stay as they are.",
                .operands = {{.name = "FILE", .completes = VERB_OFFER_FILES, .missing = "a file"}},
                .options = apply_options,
                .exits = "0 done, or nothing to do\n1 failed\n2 wrong use, or a file with an error\n3 ZooKeeper cannot be reached\n",
                .page = "operations.md",
        },
        {
                .name = "doctor",
                .text = "look whether the ground holds: addresses, rights, settings that void a promise",
                .traits = VERB_PRINTS,
                .synopsis = "[ROUTE] --config FILE [-o table|json] [--probe-writes] [--timeout SECONDS]",
                .about = "Asks ZooKeeper and both clusters of the route, or of all routes of the file that are enabled, "
                         "what a mirror needs of them: whether names resolve and every advertised address answers from "
                         "this host, rights, versions, copies, size limits, how long records and positions are kept.  "
                         "Each finding says which promise it voids, and what to do.\n"
                         "Run it where workers run.  It changes nothing.",
                .operands = {{.name = "ROUTE", .kind = VERB_ROUTE, .completes = VERB_OFFER_ROUTES, .optional = true}},
                .options = doctor_options,
                .exits = "0 nothing has failed (there may be warnings)\n1 something has\n2 wrong use, or a configuration with an error\n"
                         "3 ZooKeeper or a cluster cannot be reached\n",
                .page = "doctor.md",
        },
        {
                .name = "routes",
                .text = "add one route of a file, remove one, list them",
                .traits = VERB_PRINTS | VERB_CHANGES,
                .synopsis = "add 'ROUTE' --config FILE [--dry-run]\n"
                            "remove 'ROUTE' --config FILE [--dry-run] [--timeout SECONDS]\n"
                            "list --config FILE [-o table|json]",
                .about = "add publishes this one route as the file has it, and leaves the file's others alone.\n\n"
                         "remove disables the route, waits until its lanes have been given back after their last commit, takes the route "
                         "away, and says what is left over: positions stay where they are, so that the route, added again, goes "
                         "on where it stood.  May be interrupted and run again.",
                .operands = {{.name = "ACTION", .kind = VERB_ACTION, .choices = {"add", "remove", "list"}},
                             {.name = "ROUTE", .kind = VERB_ROUTE, .completes = VERB_OFFER_ROUTES, .optional = true}},
                .options = routes_options,
                .exits = "0 done, or nothing to do\n1 failed, or the lanes were not given back in time\n2 wrong use, an unknown route, or a "
                         "file with an error\n3 ZooKeeper cannot be reached\n",
                .page = "commands.md",
        },
        {
                .name = "topics",
                .text = "compare a route's topics at both ends: names, partitions, settings",
                .traits = VERB_PRINTS,
                .synopsis = "ROUTE --config FILE [--all] [-o text|json]",
                .about = "Compares the topics of a route at both ends, as the file has the route: names, partitions, "
                         "settings.  It prints what the coordinator would do, and does nothing.",
                .operands = {ROUTE},
                .options = topics_options,
                .exits = "0 all in step\n1 not, or failed\n2 wrong use\n3 a cluster cannot be reached\n",
                .page = "topics.md",
        },
        {
                .name = "pause",
                .text = "let partitions rest: a route, topics, or one partition",
                .traits = VERB_CHANGES,
                .synopsis = "'ROUTE' --config FILE [--topic TOPIC [--partition N] | --topics RE] [--dry-run] [--no-wait]",
                .about = "A paused partition reads nothing more, keeps its position, and stays paused over restarts and changes of "
                         "owner, until 'heliostat resume'.  What was read already is sent and committed.  Works without a "
                         "coordinator.",
                .operands = {ROUTE},
                .options = pause_options,
                .exits = "0 done, or said before\n1 failed, or written and not done in time\n2 wrong use or an unknown route\n"
                         "3 ZooKeeper cannot be reached\n",
                .page = "operations.md",
        },
        {
                .name = "resume",
                .text = "let paused partitions go on, and say what is to become of halted ones",
                .traits = VERB_CHANGES,
                .synopsis = "'ROUTE' --config FILE [--topic TOPIC [--partition N]]\n"
                            "'ROUTE' --config FILE [--retry | --skip | --restart | --dead-letter | --to OFFSET] [--dry-run]",
                .about = "Without an answer it takes back what 'heliostat pause' said, and lets halted partitions try again where "
                         "they stand; so it undoes every stop that needs no decision.  With one of --retry, --skip, --restart, "
                         "--dead-letter and --to it answers halts alone, and what is paused stays paused.\n\n"
                         "It works on all partitions of the route, or on those selected, and without a coordinator.",
                .operands = {ROUTE},
                .options = resume_options,
                .exits = "0 done, or nothing is paused or halted\n1 failed\n2 wrong use, unknown name, or an answer that does not fit\n"
                         "3 ZooKeeper cannot be reached\n",
                .page = "operations.md",
        },
        {
                .name = "offsets",
                .text = "export, import, set or reset the positions of a route",
                .traits = VERB_PRINTS | VERB_CHANGES,
                .synopsis = "export 'ROUTE' --config FILE [-o csv|json]\n"
                            "import 'ROUTE' --config FILE --file FILE\n"
                            "set 'ROUTE' --config FILE --topic TOPIC --partition N --to OFFSET\n"
                            "reset 'ROUTE' --config FILE [--to WHERE]\n"
                            "... [--topic TOPIC [--partition N]] [--dry-run] [--force] [--timeout SECONDS]",
                .about = "Prints the positions of a route (the next source offsets to mirror), or moves them.  A position is "
                         "moved while nobody runs its lane: disable the route and apply first.  The lane's next owner "
                         "begins there.",
                .operands = {{.name = "ACTION", .kind = VERB_ACTION, .choices = {"export", "import", "set", "reset"}}, ROUTE},
                .options = offsets_options,
                .exits = "0 done\n1 refused or failed, nothing was written\n2 wrong use or unknown name\n"
                         "3 ZooKeeper or Kafka cannot be reached\n",
                .page = "positions.md",
        },
        {
                .name = "move",
                .text = "say which worker a lane belongs to",
                .traits = VERB_CHANGES,
                .synopsis = "'ROUTE' LANE WORKER --config FILE [--dry-run] [--no-wait]\n"
                            "'ROUTE' LANE --anywhere --config FILE [--dry-run]",
                .about = "Pins a lane to a worker: the lane moves there, and stays as long as the worker lives and is not "
                         "drained.  While it is not, the lane is placed like any other.",
                .operands = {{.name = "ROUTE", .kind = VERB_ROUTE, .completes = VERB_OFFER_ROUTES,
                              .missing = "expected a route, a lane and a worker: a route"},
                             {.name = "LANE", .kind = VERB_LANE, .completes = VERB_OFFER_LANES,
                              .missing = "expected a route, a lane and a worker: a lane"},
                             {.name = "WORKER", .kind = VERB_WORKER, .completes = VERB_OFFER_WORKERS, .optional = true}},
                .options = move_options,
                .exits = "0 done, or nothing to do\n1 failed, or written and not done in time\n2 wrong use or an unknown name\n"
                         "3 ZooKeeper cannot be reached\n",
                .page = "operations.md",
        },
        {
                .name = "drain",
                .text = "move all lanes away from a worker, and give it no more",
                .traits = VERB_CHANGES,
                .synopsis = "WORKER --config FILE [--dry-run] [--no-wait]",
                .about = "Moves the lanes of a worker to the others, a few at a time, and gives it no more, until 'heliostat "
                         "undrain'; also after it was started again.",
                .operands = {WORKER},
                .options = drain_options,
                .exits = "0 done, or nothing to do\n1 failed, or written and not done in time\n2 wrong use or an unknown name\n"
                         "3 ZooKeeper cannot be reached\n",
                .page = "operations.md",
        },
        {
                .name = "undrain",
                .text = "let a worker have lanes again",
                .traits = VERB_CHANGES,
                .synopsis = "WORKER --config FILE [--dry-run]",
                .about = "Takes back 'heliostat drain': the worker gets its share of lanes again.",
                .operands = {WORKER},
                .options = drain_options,
                .exits = "0 done, or nothing to do\n1 failed\n2 wrong use or an unknown name\n3 ZooKeeper cannot be reached\n",
                .page = "operations.md",
        },
        {
                .name = "rebalance",
                .text = "move lanes until the workers' loads are as even as they can be",
                .traits = VERB_CHANGES,
                .synopsis = "--config FILE [--dry-run] [--no-wait]",
                .about = "By itself the coordinator moves a lane only when a worker has more than the heaviest lane more than another.  "
                         "This asks it once to go on, as long as moving one lane makes the fullest worker less full.  Load is the "
                         "number of partitions by the worker's capacity.  Pinned lanes and drained workers stay as they are.",
                .options = rebalance_options,
                .exits = "0 done, or nothing to do\n1 failed, or not done in time\n2 wrong use\n3 ZooKeeper cannot be reached\n",
                .page = "commands.md",
        },
        {
                .name = "mirror",
                .text = "mirror in this one process, without ZooKeeper (MirrorMaker 1's flags)",
                .traits = VERB_RUNS | VERB_PRINTS | VERB_CHANGES,
                .synopsis = "--consumer.config FILE --producer.config FILE --whitelist RE [OPTIONS]\n"
                            "--from SERVERS --to SERVERS --topics RE [OPTIONS]\n"
                            "--config FILE [ROUTE] [OPTIONS]",
                .about = "Mirrors in this one process, without ZooKeeper.",
                .operands = {{.name = "ROUTE", .completes = VERB_OFFER_ROUTES, .optional = true}},
                .options = mirror_options,
                .exits = "0 done\n1 something is missing or halted\n2 wrong use\n3 a cluster cannot be reached\n"
                         "4 another process mirrors with this group\n",
                .page = "mirror.md",
        },
        {
                .name = "promote",
                .text = "failover: stop a route and say what is not mirrored",
                .traits = VERB_PRINTS | VERB_CHANGES,
                .synopsis = "'ROUTE' --config FILE [--undo] [--dry-run] [-o table|json]\n"
                            "'ROUTE' --config FILE [--timeout SECONDS] [--source-timeout SECONDS]",
                .about = "Failover: the destination of the route takes over.  Stops the route (its lanes send what they have "
                         "read, commit and end; 'apply' does not start it again), carries the route's consumer groups over, "
                         "and says how many records of the source are not mirrored, or what is known of that when the "
                         "source is gone.  May be interrupted and run again.",
                .operands = {ROUTE},
                .options = promote_options,
                .exits = "0 the route is stopped, or with --undo is not; a source that cannot be reached is no failure\n"
                         "1 failed, or the route is stopped and consumer groups could not be carried over\n2 wrong use\n"
                         "3 ZooKeeper cannot be reached\n",
                .page = "failover.md",
        },
        {
                .name = "verify",
                .text = "compare what a route has mirrored with its source",
                .traits = VERB_PRINTS,
                .synopsis = "'ROUTE' --config FILE [--topics REGEX] [--until position|end|TIME]\n"
                            "'ROUTE' --config FILE [--sample P [--seed N]] [--exact] [-o table|json] [--report FILE]\n"
                            "'ROUTE' --config FILE [--state FILE] [--memory BYTES] [--threads N]",
                .about = "Compares what a route has mirrored with its source, partition by partition: key, value, headers, "
                         "timestamp and order of every record.  Changes nothing.",
                .operands = {ROUTE},
                .options = verify_options,
                .exits = "0 equal\n1 differences, or failed\n2 wrong use\n3 a cluster cannot be reached\n"
                         "4 no differences, but not everything could be compared\n",
                .page = "verify.md",
        },
        {
                .name = "migrate",
                .text = "wait until a route has come to its end, and report",
                .traits = VERB_PRINTS,
                .synopsis = "ROUTE --config FILE (--until-end | --until TIME | --until-lag N)\n"
                            "... [-o table|json] [--timeout SECONDS]",
                .about = "Waits until a route of the cluster has come to its end, and reports.  It changes nothing.",
                .operands = {ROUTE},
                .options = migrate_options,
                .exits = "0 complete\n1 something is missing or halted\n2 wrong use\n"
                         "3 ZooKeeper or the source cannot be reached\n",
                .page = "mirror.md",
        },
        {
                .name = "translate",
                .text = "carry consumer groups over to the destination",
                .traits = VERB_PRINTS | VERB_CHANGES,
                .synopsis = "ROUTE (GROUP | --all | --groups RE) --config FILE [OPTIONS]",
                .about = "Reads what consumer groups have committed at the route's source, finds the same place at the "
                         "destination by the route's offset maps, and commits it there.  A group is never moved back, and "
                         "not touched while it has members at the destination.",
                .operands = {{.name = "ROUTE", .completes = VERB_OFFER_ROUTES, .missing = "a route"},
                             {.name = "GROUP", .optional = true}},
                .options = translate_options,
                .exits = "0 done\n1 failed, or some groups could not be carried over\n2 wrong use\n3 a cluster cannot be reached\n",
                .page = "groups.md",
        },
        {
                .name = "config",
                .text = "check, show or translate a configuration file, print the reference or a sample",
                .traits = VERB_PRINTS,
                .synopsis = "check FILE [-o json]\nshow FILE [-o json]\ntranslate FILE [--zookeeper CONNECT]\n"
                            "translate --consumer.config FILE --producer.config FILE [--whitelist RE] [--num.streams N]\n"
                            "sample\nreference",
                .about = "check tells what becomes of each key of a file, and why; show prints the settings in effect with "
                         "where each comes from, and no passwords; neither connects to anything.\n\n"
                         "translate writes a file of MirrorMaker 2, or the two of MirrorMaker 1, as one of ours, to standard "
                         "output; what has no meaning here stays as a comment with the reason, and secrets stay where they "
                         "are (docs/from-mirrormaker.md).\n\n"
                         "sample prints a commented configuration file, reference prints docs/configuration.md.",
                .operands = {{.name = "ACTION", .kind = VERB_ACTION, .choices = {"check", "show", "translate", "sample", "reference"}},
                             {.name = "FILE", .completes = VERB_OFFER_FILES, .optional = true}},
                .options = config_options,
                .exits = "0 done, no errors\n1 failed; translate: something of importance was left out\n2 wrong use, or the file has an error\n",
                .page = "configuration.md",
        },
        {
                .name = "completion",
                .text = "print the completion script of a shell",
                .traits = VERB_WRITES,
                .synopsis = "bash|zsh|fish",
                .about = "For bash: source <(heliostat completion bash).  For zsh: a file _heliostat in a directory of fpath.  "
                         "For fish: heliostat completion fish | source.  Names of routes, topics, workers and lanes are "
                         "completed once --config FILE stands in the line, or HELIOSTAT_CONFIG is set.",
                .operands = {{.name = "SHELL", .kind = VERB_ACTION, .choices = {"bash", "zsh", "fish"}}},
                .options = none_options,
                .exits = "0 done\n1 failed\n2 wrong use\n",
                .page = "commands.md",
        },
        {
                .name = "man",
                .text = "print the man page of a verb",
                .traits = VERB_WRITES,
                .synopsis = "[VERB]\n--directory DIR",
                .about = "To read one: heliostat man status | man -l -.",
                .operands = {{.name = "VERB", .completes = VERB_OFFER_VERBS, .optional = true}},
                .options = man_options,
                .exits = "0 done\n1 failed\n2 wrong use\n",
                .page = "commands.md",
        },
};
const size_t verb_count = sizeof verbs / sizeof *verbs;
