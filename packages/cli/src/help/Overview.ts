/**
 * The version and the general help. This module imports nothing, so that the answer takes no longer than Node takes to
 * start.
 */

/** The version of the package; a test compares it with package.json. */
export const version = "0.1.0"

/** Printed below the help of every command. */
export const exitCodeHelp =
  "Exit codes: 0 done, 1 error, 2 run failed, 3 run cancelled, 64 misuse, 69 unreachable, 77 key refused, 130 interrupted."

const overview = `runlease: durable agent runs under leases

  runlease demo                     see it work: a server, two workers, one of them killed
  runlease init FOLDER              make a project that runs at once
  runlease dev --module ./agent.ts  everything to write an agent with, and a dashboard
  runlease serve                    the control plane and its dashboard, on one SQLite file
  runlease worker --command PROG    work on runs with a program, or with --module ./worker.ts
  runlease submit --agent ID TEXT   submit a run; --watch follows it
  runlease watch RUN                follow a run to its end
  runlease resume RUN --approve     answer a waiting run
  runlease tell RUN TEXT            send a message to a working run
  runlease runs list|get|explain|tree|events|cancel|resume|retry|prune
  runlease runs bulk cancel|retry|label|list|get|abort
  runlease trials create|report     past runs once more with something changed, and what differs
  runlease conversations list|show|rename|branch|remove
  runlease schedules create|list|get|update|pause|resume|delete|run|upcoming|backfill|apply
  runlease limits list|pause|resume
  runlease webhooks create|list|show|update|rotate|remove|test|deliveries|retry
  runlease webhook-sources define|list|show|rotate|remove
  runlease workers list|drain|revoke
  runlease keys create|list|revoke
  runlease tokens create|rotate     for pages in a browser
  runlease mcp                      runs as tools of the Model Context Protocol, for a program that starts this
  runlease doctor                   check a deployment, and say what to change
  runlease backup FILE              copy the database while the server works
  runlease sql steps                the table of steps in a transaction, for your migrations

Help on one command: runlease help COMMAND, or runlease COMMAND --help. The version: runlease version.
Completions of your shell: runlease --completions bash (or fish, zsh).

Settings come from flags, else from RUNLEASE_URL, RUNLEASE_API_KEY and the like, else from runlease.json
in this folder, or the file that --config FILE names. --log-level debug logs more.
${exitCodeHelp}
`

/** The answer to arguments that request the version or the general help; undefined for all others. */
export const answer = (args: ReadonlyArray<string>): string | undefined => {
  const [first, ...others] = args
  if (first === undefined) return overview
  if (others.length > 0) return undefined
  if (["--version", "-v", "-V", "version"].includes(first)) return `${version}\n`
  return ["--help", "-h", "help"].includes(first) ? overview : undefined
}
