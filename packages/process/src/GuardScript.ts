/** The guard's program, for a POSIX shell and common tools. */

/** The shortest sleep of the guard between two scans, in milliseconds. */
const tickMillis = 50

/** How often the guard sends KILL, before it abandons processes that the kernel does not end. */
const killTicks = 40

/**
 * Prints the processes of the run as `pid start`, and `-leader start` if one is in the group of the program; then `end`, unless
 * something failed. `leader` and `started` are the program's pid and start. `find` prints the names of files under /proc/PID of
 * processes with a mark, and then `end`.
 *
 * The name of a program in `stat` may contain spaces, parentheses and newlines. So the fields are those after the last
 * parenthesis of the last line, and the pid comes from the name of the file. The start of a process is read before its mark.
 * The number of a session or a group is not reused while a process is in it. If another process has the program's pid, its
 * session is a new one too.
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
      if (line == "end") complete = 1
      gsub(/[^0-9]/, "", line)
      if (line in start) own[line] = 1
    }
    if (grouped) print "-" leader, started
    for (pid in own) print pid, start[pid]
    if (complete) print "end"
  }`

/**
 * The guard. $1: the mark as a pattern of grep. $2: the mark as a limit. $3: the grace between TERM and KILL, in hundredths of
 * a second. $4: a folder to remove, or empty.
 *
 * Lines on stdin: `pid PID START` names the program, which leads its session and its group. `lease SECONDS GRACE` grants the
 * time until the lease is about to end, and the grace at that time. The end of stdin is the end of the run.
 *
 * The grace is read from the kernel's clock, since a scan on a busy machine takes longer than a sleep. Without /proc it is
 * counted in sleeps.
 *
 * The limit of file locks is a mark too, since the kernel does not use `RLIMIT_LOCKS`. Children inherit it, and neither a new
 * session, an empty environment nor a title removes it. It is set once the program runs, on all processes with the other
 * mark. The guard removes it from itself, since a run of another worker may have started the guard.
 *
 * A zombie counts as gone, since in a container it may never be collected. One empty scan may have missed a process that
 * forked and exited in the meantime, so two are necessary. A scan that failed, on a machine without memory or processes to spare, is
 * not an empty one. The timer of a lease ends its own sleep and waits for it, so that
 * it leaves no zombie either; it may be ended before the shell has the pid of the sleep.
 */
export const script = `
trap '' HUP INT TERM
ulimit -S -w unlimited || ulimit -S -x unlimited
mark=$1 limit=$2 grace=$3 folder=$4 leader= started= timer=
find="grep -ls -e '$mark' -e '^Max file locks  *$limit ' /proc/[0-9]*/environ /proc/[0-9]*/limits; [ \\$? -gt 2 ] || echo end"
scan() {
  if [ -r /proc/self/stat ]; then
    awk -v leader="$leader" -v started="$started" -v find="$find" '${scanProgram}' /proc/[0-9]*/stat
  else
    if [ -n "$leader" ] && kill -0 -- "-$leader"; then echo "-$leader"; fi
    echo end
  fi
}
alive() {
  found=$(scan)
  [ "$found" != end ] || found=$(scan)
  [ "$found" != end ]
}
start_of() {
  start= last=
  [ -r "/proc/$1/stat" ] || return 1
  while IFS= read -r line; do last=$line; done < "/proc/$1/stat"
  set -- \${last##*) }
  start=\${20-}
}
send() {
  echo "$found" | while read -r pid begun; do
    if [ "$pid" = end ] || [ -z "$pid" ]; then continue
    elif [ -z "$begun" ]; then kill -s "$1" -- "$pid"
    elif [ "$pid" != "-$leader" ]; then
      start_of "$pid" && [ "$start" = "$begun" ] && kill -s "$1" -- "$pid"
    elif [ "$1" = KILL ] && { ! start_of "$leader" || [ "$start" = "$begun" ]; }; then
      kill -s KILL -- "$pid"
    fi
  done
}
now() {
  if IFS='. ' read -r seconds hundredths _ < /proc/uptime; then clock=$((seconds * 100 + 1$hundredths - 100))
  else clock=$((tick * ${tickMillis / 10}))
  fi
}
finish() {
  tick=0 kills=0
  now
  end=$((clock + grace))
  while alive && [ "$kills" -lt ${killTicks} ]; do
    now
    if [ "$clock" -ge "$end" ]; then
      send KILL
      kills=$((kills + 1))
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
stop() {
  kill -s KILL "$nap"
  wait "$nap"
  exit 0
}
expire() {
  quiet= over= nap=
  trap 'over=1; [ -z "$nap" ] || stop' USR2
  trap 'quiet=1' USR1
  sleep "$1" & nap=$!
  [ -z "$over" ] || stop
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
