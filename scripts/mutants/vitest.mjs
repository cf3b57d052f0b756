// One run of Vitest: its failures, and its CPU time.
import { spawn } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { kill, makeFolder, remove, running } from "./temporary.mjs"

/** `times` of the shell has the CPU time of what ended under it in its second line. */
const command =
  "node node_modules/vitest/vitest.mjs run --config scripts/mutants/vitest.config.mjs; code=$?; times >&3; exit $code"
const secondsOf = (times) =>
  [...times.matchAll(/(\d+)m([\d.]+)s/g)]
    .slice(2)
    .reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0)

/**
 * Runs the plan in the tree at `root`. `patience`: the milliseconds within which something starts or ends, else it hangs: then the worker
 * is killed, so that the rest ends, and ten seconds later the process group.
 */
export const run = async (root, plan, { mutant, patience }) => {
  const folder = makeFolder("run")
  const path = join(folder, "plan.json")
  const log = join(folder, "events")
  writeFileSync(path, JSON.stringify({ ...plan, root, events: log }))
  const env = { ...process.env, CI: "true", MUTANTS_PLAN: path, NO_COLOR: "1", TMPDIR: folder }
  delete env["TEST_CPU"]
  if (mutant !== undefined) env["__STRYKER_ACTIVE_MUTANT__"] = mutant
  const child = spawn("sh", ["-c", command], {
    cwd: root,
    detached: true,
    env,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  })
  running.add(-child.pid)
  const text = ["", "", "", ""]
  for (const fd of [1, 2, 3])
    child.stdio[fd].on("data", (data) => (text[fd] = (text[fd] + data).slice(-20_000)))

  const events = () =>
    existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(0, -1).map(JSON.parse) : []
  const last = (name) => events().findLast((event) => event[name] !== undefined)?.[name]
  let hung
  let seen = { size: -1, at: Date.now() }
  const watch = setInterval(() => {
    const size = existsSync(log) ? readFileSync(log).length : 0
    if (size !== seen.size) seen = { size, at: Date.now() }
    const late = Date.now() - seen.at - patience
    if (late > 10_000) kill(-child.pid)
    if (late <= 0 || hung !== undefined) return
    hung = { file: last("file"), test: last("test") }
    if (last("pid") !== undefined) kill(last("pid"))
  }, 1_000)
  const code = await new Promise((resolve) => child.on("close", resolve))
  clearInterval(watch)
  kill(-child.pid)
  running.delete(-child.pid)
  const all = events()
  remove(folder)
  return {
    cpu: secondsOf(text[3]),
    ended: all.filter(({ end }) => end !== undefined),
    failures: all.flatMap(({ failed }) => failed ?? []),
    hung,
    ok: code === 0 && hung === undefined,
    output: text[1] + text[2],
  }
}
