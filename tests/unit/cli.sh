#!/bin/sh
# Exit codes and messages of the command line; needs no server.
# usage: cli.sh HELIOSTAT
set -u
heliostat=$1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failed=0

# row CODE TEXT ARGUMENTS...: exit code, and a part of what is printed
row() {
        code=$1 text=$2
        shift 2
        out=$("$heliostat" "$@" 2>&1)
        seen=$?
        if [ "$seen" -ne "$code" ]; then
                echo "heliostat $*: exit code $seen, expected $code"
                failed=1
        fi
        case $out in
        *"$text"*) ;;
        *)
                echo "heliostat $*: expected '$text' in: $out"
                failed=1
                ;;
        esac
}

cat > "$dir/good" <<END
zookeeper.connect = 127.0.0.1:1/heliostat
clusters = a, b
a.bootstrap.servers = 127.0.0.1:2
b.bootstrap.servers = 127.0.0.1:3
a->b.enabled = true
END
grep -v zookeeper "$dir/good" > "$dir/no-zookeeper"
grep -v 'a->b' "$dir/good" > "$dir/no-route"
sed 's/heliostat$/x\/\/y/' "$dir/good" > "$dir/bad-chroot"
(cat "$dir/good"; echo 'a.fetch.min.byte = 1') > "$dir/bad-client"
(cat "$dir/good"; echo 'a->b.lnaes = 1') > "$dir/bad-key"

row 2 'usage: heliostat'
row 0 'usage: heliostat' --help
row 0 'librdkafka' --version
row 0 'protobuf-c' --version
case $("$heliostat" --version) in
*SABOTAGED* | *FAULT-POINTS*)
        echo "a build for tests of tests (-Dsabotage, -Dfault_points): what passes here proves nothing"
        failed=1
        ;;
esac
row 2 "did you mean 'status'?" stauts
row 2 "'heliostat --help' lists them" nonsense
row 2 '--config FILE is missing' worker
row 2 '--config FILE is missing' coordinator
row 2 "unexpected argument 'x'" worker --config "$dir/good" x
row 2 'is no valid id' worker --config "$dir/good" --id 'a/b'
row 2 'No such file or directory' worker --config "$dir/missing"
row 2 'Is a directory' coordinator --config "$dir"
row 2 'zookeeper.connect is not set' worker --config "$dir/no-zookeeper"
row 2 'zookeeper.connect: ' worker --config "$dir/bad-chroot"
row 2 "did you mean 'a.fetch.min.bytes'?" coordinator --config "$dir/bad-client"
row 2 "did you mean 'a->b.lanes'?" worker --config "$dir/bad-key"
row 0 'usage: heliostat worker' worker --help
row 0 '--no-supervisor' worker --help
row 2 '--config FILE is missing' worker --no-supervisor
row 2 "unknown option '--no-supervisor'" coordinator --no-supervisor --config "$dir/good"
row 2 'a file is missing' apply
row 2 'unexpected argument' apply "$dir/good" "$dir/good"
row 2 '--timeout: expected seconds' apply --timeout 0 "$dir/good"
row 2 'has no routes' apply "$dir/no-route"
row 2 'zookeeper.connect is not set' apply "$dir/no-zookeeper"
row 2 "did you mean 'a.fetch.min.bytes'?" apply "$dir/bad-client"
row 3 'ZooKeeper at 127.0.0.1:1/heliostat cannot be reached within 1 s' apply --timeout 1 "$dir/good"
row 3 'cannot be reached' apply --timeout 1 --dry-run "$dir/good"
row 0 'usage: heliostat move' move --help
row 0 'usage: heliostat drain' drain --help
row 0 'usage: heliostat undrain' undrain --help
row 2 'expected a route, a lane and a worker' move 'a->b' 3 --config "$dir/good"
row 2 "'a-' is no route" move a- 3 w --config "$dir/good"
row 2 "expected a lane's number, not '-1'" move -- 'a->b' -1 w
row 2 "expected a lane's number, not '4096'" move 'a->b' 4096 w
row 2 "unexpected argument 'w'" move 'a->b' 3 w --anywhere --config "$dir/good"
row 2 "no worker's id" move 'a->b' 3 a/b
row 2 '--config FILE is missing' move 'a->b' 3 --anywhere
row 2 'a worker is missing' drain --config "$dir/good"
row 2 "unexpected argument 'y'" undrain x y --config "$dir/good"
row 2 '--timeout: expected seconds' drain w --timeout 0
row 2 'zookeeper.connect is not set' undrain w --config "$dir/no-zookeeper"
row 3 'cannot be reached' drain w -c "$dir/good" -t 1
row 0 'usage: heliostat migrate' migrate --help
row 2 'a route is missing' migrate --config "$dir/good" --until-end
row 2 "'a-' is no route" migrate a- --config "$dir/good" --until-end
row 2 '--config FILE is missing' migrate 'a->b' --until-end
row 2 'one of --until-end' migrate 'a->b' --config "$dir/good"
row 2 'one of --until-end' migrate 'a->b' --config "$dir/good" --until-end --until-lag 0
row 2 '--until-lag: expected a number' migrate 'a->b' --config "$dir/good" --until-lag -1
row 2 'zookeeper.connect is not set' migrate 'a->b' --config "$dir/no-zookeeper" --until-end
row 0 'usage: heliostat mirror' mirror --help
row 0 'librdkafka' mirror --version
row 2 'what is to be mirrored is missing' mirror
row 2 "did you mean '--whitelist'?" mirror --whitelst x
row 2 'No such file or directory' mirror --config "$dir/missing"
row 2 "there is no route 'a->c'" mirror --config "$dir/good" 'a->c'
row 2 '0 routes; say which' mirror --config "$dir/no-route"
row 2 "did you mean 'a.fetch.min.bytes'?" mirror --config "$dir/bad-client"
row 2 "--consumer.property fetch.min.byte: unknown client setting; did you mean 'fetch.min.bytes'?" mirror --from 127.0.0.1:1 --to 127.0.0.1:2 --topics x --consumer.property fetch.min.byte=1
row 0 'usage: heliostat topics' topics --help
row 2 'a route is missing' topics --config "$dir/good"
row 2 '--config FILE is missing' topics 'a->b'
row 2 "has no route 'a->c'" topics 'a->c' --config "$dir/good"
row 2 'expected text or json' topics 'a->b' --config "$dir/good" -o yaml
row 0 'usage: heliostat resume' resume --help
row 2 'a route is missing' resume --config "$dir/good"
row 2 "'a-' is no route; expected '<source>-><destination>', quoted for the shell" resume a- --config "$dir/good"
row 2 "unexpected argument 'x'" resume 'a->b' x --config "$dir/good"
row 2 '--config FILE is missing' resume 'a->b'
row 2 'No such file or directory' resume 'a->b' --config "$dir/missing"
row 2 'zookeeper.connect is not set' resume 'a->b' --config "$dir/no-zookeeper"
row 2 '--partition needs --topic' resume 'a->b' --config "$dir/good" --partition 3
row 2 'it needs --topic and --partition' resume 'a->b' --config "$dir/good" --to 5
row 2 'it needs --topic and --partition' resume 'a->b' --config "$dir/good" --to 5 --topic t
row 2 'only one of --retry' resume 'a->b' --config "$dir/good" --skip --restart
row 2 "--to: expected an offset, not '-5'" resume 'a->b' --config "$dir/good" --to=-5
row 2 "--to: expected an offset, not '9223372036854775808'" resume 'a->b' --to 9223372036854775808
row 2 "--partition: expected a partition's number, not '1x'" resume 'a->b' --partition 1x
row 2 '--timeout: expected seconds' resume 'a->b' --timeout 0
row 3 'cannot be reached within 1 s' resume 'a->b' --config "$dir/good" --timeout 1
row 3 'nothing was written' resume 'a->b' -c "$dir/good" -t 1 --topic t --partition 0 --to 9223372036854775807
row 0 'usage: heliostat promote' promote --help
row 2 'a route is missing' promote --config "$dir/good"
row 2 "'a' is no route; expected" promote a --config "$dir/good"
row 2 '--config FILE is missing' promote 'a->b'
row 2 '--source-timeout: expected seconds' promote 'a->b' --source-timeout 0
row 0 'usage: heliostat verify' verify --help
row 2 'a route is missing' verify --config "$dir/good"
row 2 '--config FILE is missing' verify 'a->b'
row 2 "--sample: expected a share above 0, at most 1, not '1.5'" verify 'a->b' --config "$dir/good" --sample 1.5
row 2 "--memory: expected bytes from 16MiB to 64GiB, not '1'" verify 'a->b' --config "$dir/good" --memory 1
row 2 "--until: expected" verify 'a->b' --config "$dir/good" --until yesterday
row 2 '--topics: ' verify 'a->b' --config "$dir/good" --topics '('
row 3 "the source cluster 'a' cannot be reached" verify 'a->b' --config "$dir/good" --timeout 1
row 3 'ZooKeeper at 127.0.0.1:1/heliostat cannot be reached within 1 s' verify 'b->a' --config "$dir/good" --timeout 1
row 0 '2 clusters, 1 routes, no errors' config check "$dir/good"
row 2 "did you mean 'a->b.lanes'?" config check "$dir/bad-key"
row 2 'usage: heliostat config' config
row 0 '# Configuration' config reference
row 2 'a file is missing' config check
row 2 'a file is missing' config show
cat > "$dir/mm2" <<END
clusters = A, B
A.bootstrap.servers = 127.0.0.1:2
B.bootstrap.servers = 127.0.0.1:3
A->B.enabled = true
tasks.max = 4
A->B.consumer.poll.timeout.ms = 5
A.consumer.fetch.min.bytes = 3
A->B.consumer.fetch.min.bytes = 4
A.consumer.auto.offset.reset = latest
A.sasl.password = sesame
B.producer.buffer.memory = 33554432
END
row 0 'ignored     `lanes` divides a route' config check "$dir/mm2"
row 0 'overridden  by A->B.consumer.fetch.min.bytes in line 8 (in MirrorMaker 2 this one would count)' config check "$dir/mm2"
row 0 'becomes queue.buffering.max.kbytes' config check "$dir/mm2"
row 0 '"schema": "heliostat.config-check/v1"' config check "$dir/mm2" -o json
row 0 '(hidden)' config show "$dir/mm2"
row 0 '"schema": "heliostat.config-show/v1"' config show "$dir/mm2" -o json
case $("$heliostat" config show "$dir/mm2"; "$heliostat" config show -o json "$dir/mm2"; "$heliostat" config check "$dir/mm2") in
*sesame*)
        echo "a password is shown"
        failed=1
        ;;
esac
(cat "$dir/mm2"; echo 'lanes = x'; echo 'A.fetch.min.byte = 1') > "$dir/two-errors"
row 2 "two-errors:12: lanes: expected a whole number from 1 to 4096, not 'x'" config check "$dir/two-errors"
row 2 "two-errors:13: A.fetch.min.byte: unknown client setting; did you mean 'A.fetch.min.bytes'?" config check "$dir/two-errors"
# what is translated is a file that can be checked, and no secret is copied
"$heliostat" config translate "$dir/mm2" --zookeeper 127.0.0.1:1/h > "$dir/from-mm2" || { echo "translate: $?"; failed=1; }
row 0 'no errors' config check "$dir/from-mm2"
row 0 'becomes start.from = latest of the routes from A' config check "$dir/from-mm2"
cat > "$dir/consumer" <<END
bootstrap.servers = 127.0.0.1:2
group.id = mm1
auto.offset.reset = earliest
max.poll.records = 100
sasl.password = sesame
END
cat > "$dir/producer" <<END
bootstrap.servers = 127.0.0.1:3
acks = 1
buffer.memory = 33554432
END
"$heliostat" config translate --consumer.config "$dir/consumer" --producer.config "$dir/producer" --whitelist 'a.*,b' \
        --num.streams 3 --abort.on.send.failure false > "$dir/from-mm1" || { echo "translate: $?"; failed=1; }
row 0 'no errors' config check "$dir/from-mm1"
for line in 'topics.exclude' 'topic.naming = prefix' "# dropped: $dir/mm2:5: tasks.max: " '}' \
        "A.sasl.password = \${file:$dir/mm2:A.sasl.password}"; do
        grep -qF -e "$line" "$dir/from-mm2" || { echo "translate: no '$line' in the result"; failed=1; }
done
for line in 'start.from = group:mm1,earliest' 'worker.loops = 3' 'poison.record.policy = skip-recorded' 'topics = a.*,b' \
        "source.sasl.password = \${file:$dir/consumer:sasl.password}" "$dir/producer:2: acks: ignored" \
        "# dropped: $dir/consumer:4: max.poll.records: "; do
        grep -qF -e "$line" "$dir/from-mm1" || { echo "translate: no '$line' in the result"; cat "$dir/from-mm1"; failed=1; }
done
if grep -q sesame "$dir/from-mm1" "$dir/from-mm2"; then
        echo "translate copies a password"
        failed=1
fi
(cat "$dir/mm2"; echo 'A->B.transforms = x') > "$dir/mm2-transforms"
row 1 'not translated: expected nothing' config translate "$dir/mm2-transforms"
row 2 'expected a file of MirrorMaker 2' config translate
"$heliostat" config sample > "$dir/sample"
row 0 'no errors' config check "$dir/sample"

row 2 '--watch goes with neither' status -z 127.0.0.1:1 --watch --check
row 3 'cannot be reached within 1 s' status -z 127.0.0.1:1 --watch --timeout 1 --rounds 1
row 2 'one of --config FILE and --zookeeper CONNECT' list routes
row 2 "'a?[31mb'" list routes -z "$(printf 'a\033[31mb')"
row 3 'cannot be reached' lag -z 127.0.0.1:1 --timeout 1
row 2 'a route, topic or worker is missing' describe -z 127.0.0.1:1
row 3 'cannot be reached' events -z 127.0.0.1:1 --timeout 1
row 2 'expected add, remove or list' routes --config "$dir/good"
row 2 'a route is missing' routes add --config "$dir/good"
row 2 "has no route 'a->c'" routes add 'a->c' --config "$dir/good"
row 3 'cannot be reached' routes remove 'a->b' --config "$dir/good" --timeout 1
row 3 'cannot be reached' rebalance --config "$dir/good" --timeout 1
row 2 '--partition needs --topic' pause 'a->b' --config "$dir/good" --partition 3
row 2 'one of them, not both' pause 'a->b' --config "$dir/good" --topic t --topics u
row 2 '--topics: ' pause 'a->b' --config "$dir/good" --topics '('
row 3 'cannot be reached within 1 s' pause 'a->b' --config "$dir/good" --timeout 1
row 2 '--topics takes back pauses' resume 'a->b' --config "$dir/good" --topics t --skip
row 2 "did you mean 'status'?" help stauts
row 2 "did you mean 'status'?" man stauts
row 2 'expected bash, zsh or fish' completion
row 1 'No such file or directory' man --directory "$dir/missing"
row 0 '' man --directory "$dir"

# Every verb of the table: help in both forms, a page without a complaint.
for verb in $("$heliostat" --help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p'); do
        row 0 "usage: heliostat $verb" "$verb" --help
        row 0 "usage: heliostat $verb" help "$verb"
        [ -s "$dir/heliostat-$verb.1" ] || { echo "heliostat man: no page of $verb"; failed=1; }
done
# no date: the same source gives the same pages
mandoc -T lint -W warning "$dir"/heliostat*.1 | grep -v 'missing date' && failed=1

# The shells themselves read the scripts; bash and fish complete.
for shell in bash zsh fish; do
        "$heliostat" completion "$shell" > "$dir/completion.$shell"
        "$shell" -n "$dir/completion.$shell" || { echo "completion: $shell cannot read it"; failed=1; }
done
completes() { # EXPECTED WORDS...: what bash and fish offer for the last word
        expected=$1
        shift
        seen=$(bash -c '. "$0"; COMP_WORDS=(heliostat "$@"); COMP_CWORD=$#; _heliostat; printf "%s\n" "${COMPREPLY[@]}" | sort | xargs' \
                "$dir/completion.bash" "$@")
        [ "$seen" = "$expected" ] || { echo "bash completion of '$*': '$seen', expected '$expected'"; failed=1; }
        seen=$(HOME=$dir fish -N -c '. $argv[1]; complete -C "heliostat $argv[2]"' "$dir/completion.fish" "$*" | cut -f1 | sort | xargs)
        [ "$seen" = "$expected" ] || { echo "fish completion of '$*': '$seen', expected '$expected'"; failed=1; }
}
completes 'completion config coordinator' co
completes '--no-wait' move --no
completes 'json' status -o j
completes 'import' offsets i
completes 'zsh' completion z

exit $failed
