/**
 * A run that waits while it is watched: what it asks is shown, and asked on a terminal.
 */
import type { ControlPlaneUnavailable, Ids, Interrupt } from "@runlease/core"
import { Run, Runs } from "@runlease/core"
import { Console, DateTime, Effect, Schema } from "effect"
import { createInterface } from "node:readline"
import * as RunLines from "../output/RunLines.js"

const parseJson = Schema.decodeOption(Schema.parseJson())

/** Whether there is a person to ask. */
const isAsked = Effect.sync(() => process.stdin.isTTY === true && process.stdout.isTTY === true)

/** A line that is typed. The terminal itself edits it, so that Ctrl-C still interrupts the command. */
const ask = (question: string): Effect.Effect<string> =>
  Effect.async((resume) => {
    const lines = createInterface({ input: process.stdin, output: process.stdout, terminal: false })
    lines.question(question, (line) => {
      lines.close()
      resume(Effect.succeed(line))
    })
    return Effect.sync(() => lines.close())
  })

/** The answer that a line means: yes, no, JSON, or the text itself. */
const payloadOf = (line: string): unknown => {
  const text = line.trim()
  if (/^(y|yes)$/i.test(text)) return { approved: true }
  if (/^(n|no)$/i.test(text)) return { approved: false }
  const json = parseJson(text)
  return json._tag === "Some" ? json.value : text
}

const askFor = Effect.fnUntraced(function* (runId: Ids.RunId, interrupt: Interrupt.Interrupt) {
  const runs = yield* Runs.Runs
  const line = yield* ask(
    `\n${RunLines.questionOf(interrupt)}\nAnswer with y, n, JSON or text; an empty line leaves it to others: `,
  )
  if (line.trim() === "") return
  yield* runs
    .resume(runId, [{ interruptId: interrupt.id, status: "resolved", payload: payloadOf(line) }])
    .pipe(Effect.catchTag("NotWaiting", ({ message }) => Console.error(message)))
})

/** Shows what a run waits for, if it does, as `runs get` does; on a terminal asks for the answers and sends them. */
export const show = Effect.fnUntraced(function* (
  runId: Ids.RunId,
): Effect.fn.Return<void, Run.RunNotFound | ControlPlaneUnavailable.ControlPlaneUnavailable, Runs.Runs> {
  const runs = yield* Runs.Runs
  const run = yield* runs.get(runId)
  if (run.status !== "waiting") return
  yield* Console.log(`\n${RunLines.toText(run, yield* DateTime.now)}`)
  if (!(yield* isAsked)) return
  yield* Effect.forEach(RunLines.openOf(run), (interrupt) => askFor(runId, interrupt), { discard: true })
})
