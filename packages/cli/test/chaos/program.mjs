/**
 * The program of the workers in chaos: it has effects, each of which it writes down before its run's log can tell it, records steps, and
 * leaves a process of its own behind that ignores TERM.
 */
import { spawn } from "node:child_process"
import { appendFileSync } from "node:fs"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { setTimeout } from "node:timers/promises"

const { attempt, lease_epoch: epoch, run_id: run, steps } = JSON.parse(await text(process.stdin))
const who = { process: `program-${process.pid}-${epoch}-${run}`, run, epoch }
const file = join(process.env.CHAOS_JOURNAL, `${who.process}.jsonl`)
const note = (line) => appendFileSync(file, `${JSON.stringify({ ...line, ...who, at: Date.now() })}\n`)
const emit = (name, value) => process.stdout.write(`${JSON.stringify({ type: "CUSTOM", name, value })}\n`)

note({ _tag: "ExecutorBegan", attempt })
spawn("sh", ["-c", "trap '' TERM; sleep 600"], { detached: true, stdio: "ignore" }).unref()

let count = 0
const fresh = () => `${process.pid} ${epoch}.${(count += 1)}`
const effect = () => {
  const token = fresh()
  note({ _tag: "Effect", token })
  emit("simulation.token", { token, epoch, run })
}
const work = async (millis) => {
  const until = Date.now() + millis
  while (Date.now() < until) {
    await setTimeout(100)
    note({ _tag: "Beat" })
  }
}

const recorded = new Map(steps.map(({ name, result }) => [name, result]))
const total = 1 + ((run.length + Number(run.replaceAll(/\D/g, ""))) % 4)
for (let index = 1; index <= total; index += 1) {
  const name = `step-${index}`
  effect()
  if (recorded.has(name)) {
    note({ _tag: "Returned", name, value: JSON.stringify(recorded.get(name)) })
    continue
  }
  note({ _tag: "BodyBegan", name })
  await work(400)
  emit("runlease.step", { name, result: fresh() })
  await work(200)
}
effect()
note({ _tag: "ExecutorEnded" })
