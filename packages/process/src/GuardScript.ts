/**
 * What a guard does, as a program of the POSIX shell and its usual company.
 *
 * @since 0.1.0
 */

/** How long the guard sleeps between two looks, at least. */
export const tickMillis = 50

/** How long the guard goes on sending KILL before it gives up on processes that the kernel does not end. */
const killTicks = 40

/**
 * Prints the processes of the run, `pid start` each, and `-leader start` where one is in the group of the program. `leader`
 * and `started` are the program's, `find` prints the names of files under /proc/PID of those that carry a mark.
 *
 * The name of a program in `stat` may hold spaces, parentheses and newlines, so the fields are those after the last
 * parenthesis of the last line, and the pid is that of the file. The start of a process is read before its mark is looked
 * for. A session and a group keep their number from being given to a new process for as long as anyone is in them: where
 * the program's pid is another process by now, its session is too.
 */
const scanProgram = `
  BEGIN {
    for (i = 1; i < ARGC; i++) {
      last = ""
      while ((getline line < ARGV[i]) > 0) last = line
      close(ARGV[i])
      sub(/^.*[)] /, "", last)
      if (split(last, field, " ") < 20) continue
      pid = ARGV[i]
      gsub(/[^0-9]/, "", pid)
      if (pid == leader && started != "" && field[20] != started) taken = 1
      if (field[1] == "Z" || field[1] == "X") continue
      start[pid] = field[20]
      if (leader == "" || field[20] + 0 < started + 0) continue
      if (field[3] == leader) grouped = 1
      if (field[3] == leader || field[4] == leader) own[pid] = 1
    }
    if (taken) { split("", own); grouped = 0 }
    while ((find | getline line) > 0) {
      gsub(/[^0-9]/, "", line)
      if (line in start) own[line] = 1
    }
    if (grouped) print "-" leader, started
    for (pid in own) print pid, start[pid]
  }`

/**
 * $1 the mark as a pattern of grep, $2 the mark as a limit, $3 the ticks of grace between TERM and KILL, $4 a folder to remove, or empty.
 *
 * Lines on stdin: `pid PID START`, the program, which leads its session and its group; and `lease SECONDS TICKS`, after how
 * long the lease is about to end, and the grace then. Its end is the end of the run.
 *
 * A limit that no process needs (`RLIMIT_LOCKS`, which the kernel does not use) is a mark too: children inherit it, and neither
 * a session of their own, an empty environment nor a title of their own takes it away. It is set once the program runs,
 * on all that carries the other mark by then. The guard takes it off itself, where a run of another worker has started it.
 *
 * A zombie counts as gone: in a container it may never be collected. One look that finds nothing may have missed a
 * process that forked and exited meanwhile, so it takes two. The timer of a lease ends its own sleep and waits for it, so
 * that it leaves no zombie either.
 */
export const script = `
trap '' HUP INT TERM
ulimit -S -w unlimited || ulimit -S -x unlimited
mark=$1 limit=$2 grace=$3 folder=$4 leader= started= timer=
find="grep -ls -e '$mark' -e '^Max file locks  *$limit ' /proc/[0-9]*/environ /proc/[0-9]*/limits"
scan() {
  if [ -r /proc/self/stat ]; then
    awk -v leader="$leader" -v started="$started" -v find="$find" '${scanProgram}' /proc/[0-9]*/stat
  elif [ -n "$leader" ] && kill -0 -- "-$leader"; then
    echo "-$leader"
  fi
}
alive() {
  found=$(scan)
  [ -n "$found" ] || found=$(scan)
  [ -n "$found" ]
}
start_of() {
  start= last=
  [ -r "/proc/$1/stat" ] || return 1
  while IFS= read -r line; do last=$line; done < "/proc/$1/stat"
  set -- \${last##*) }
  start=\${20-}
}
send() {
  echo "$found" | while read -r pid known; do
    if [ -z "$known" ]; then kill -s "$1" -- "$pid"
    elif [ "$pid" != "-$leader" ]; then
      start_of "$pid" && [ "$start" = "$known" ] && kill -s "$1" -- "$pid"
    elif [ "$1" = KILL ] && { ! start_of "$leader" || [ "$start" = "$known" ]; }; then
      kill -s KILL -- "$pid"
    fi
  done
}
finish() {
  tick=0
  while alive && [ "$tick" -lt $((grace + ${killTicks})) ]; do
    if [ "$tick" -ge "$grace" ]; then send KILL
    elif [ "$tick" -eq 0 ] && [ -z "$1" ]; then send TERM
    fi
    sleep ${tickMillis / 1000}
    tick=$((tick + 1))
  done
}
brand() {
  command -v prlimit > /dev/null || return
  prlimit --pid "$leader" --locks="$limit:"
  for file in $(grep -ls -e "$mark" /proc/[0-9]*/environ); do
    pid=\${file#/proc/}
    [ "$pid" = "$leader/environ" ] || prlimit --pid "\${pid%/*}" --locks="$limit:"
  done
}
expire() {
  quiet=
  trap 'kill -s KILL "$nap"; wait "$nap"; exit 0' USR2
  trap 'quiet=1' USR1
  sleep "$1" & nap=$!
  wait "$nap"
  [ -z "$quiet" ] || wait "$nap"
  trap '' USR1 USR2
  grace=$2
  finish "$quiet"
}
while read -r what first second; do
  case $what in
    pid) leader=$first started=$second; brand ;;
    lease)
      if [ -n "$timer" ]; then kill -s USR2 "$timer"; wait "$timer"; fi
      expire "$first" "$second" & timer=$! ;;
  esac
done
[ -z "$timer" ] || kill -s USR1 "$timer"
finish ''
if [ -n "$timer" ]; then kill -s USR2 "$timer"; wait "$timer"; fi
[ -z "$folder" ] || rm -rf -- "$folder"
`
