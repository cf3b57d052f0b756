import { AcpExecutor } from "@runlease/executor-acp"
import { ExecutorSuite } from "@runlease/testkit"
import { Effect } from "effect"
import { readdir } from "node:fs/promises"
import { type Script, scripted } from "./Agents.js"

const scriptOf = (behaviour: ExecutorSuite.Behaviour): Script => {
  const says = (texts: ReadonlyArray<string>) => texts.map((say) => ({ say }))
  switch (behaviour._tag) {
    case "Says":
      return { steps: says(behaviour.texts) }
    case "SaysThenHangs":
      return { stubborn: true, steps: [...says(behaviour.texts), { hang: true }] }
    case "SaysThenCrashes":
      return {
        steps: [
          ...says(behaviour.texts),
          { raw: '{"jsonrpc":"2.0","method":"session/upd' },
          { signal: "SIGKILL" },
        ],
      }
    case "Floods":
      return { steps: [{ flood: true }] }
    case "Huge":
      return { steps: [{ huge: behaviour.bytes }] }
    case "Malformed":
      return { steps: [{ raw: '{"jsonrpc":"2.0"\n'.repeat(100) }, { hang: true }] }
  }
}

const descriptors = Effect.promise(async () => (await readdir("/proc/self/fd")).length)

ExecutorSuite.suite(
  "an ACP agent",
  (behaviour) =>
    Effect.gen(function* () {
      const subject = yield* scripted(scriptOf(behaviour), {
        cancelGrace: "200 millis",
        killAfter: "200 millis",
      })
      const executor = yield* AcpExecutor.make(subject.options)
      return { execute: executor.execute, produced: subject.produced, alive: subject.alive }
    }),
  { "open descriptors": descriptors },
)
