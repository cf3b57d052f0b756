/**
 * Shows the interrupts of a watched run that waits, and prompts for the answers on a terminal.
 */
import type { ControlPlaneError, Ids, Interrupt } from "@runlease/core"
import { Run, Runs } from "@runlease/core"
import { Console, DateTime, Effect, Schema } from "effect"
import * as AboutLines from "../output/AboutLines.js"
import * as Prompt from "../output/Prompt.js"
import * as RunLines from "../output/RunLines.js"

const parseJson = Schema.decodeOption(Schema.parseJson())

/** The payload of a typed line: yes, no, JSON, or the text itself. A question for text takes the text alone. */
const payloadOf = (line: string, { responseSchema }: Interrupt.Interrupt): unknown => {
  const text = line.trim()
  if (responseSchema?.["type"] === "string") return text
  if (/^(y|yes)$/i.test(text)) return { approved: true }
  if (/^(n|no)$/i.test(text)) return { approved: false }
  const json = parseJson(text)
  return json._tag === "Some" ? json.value : text
}

const answer = Effect.fnUntraced(function* (runId: Ids.RunId, interrupt: Interrupt.Interrupt) {
  const runs = yield* Runs.Runs
  const line = yield* Prompt.line(
    `\n${RunLines.questionOf(interrupt)}${AboutLines.of(interrupt, "  ")}\nAnswer with y, n, JSON or text; an empty line leaves it to others: `,
  )
  if (line.trim() === "") return
  yield* runs
    .resume(runId, [{ interruptId: interrupt.id, status: "resolved", payload: payloadOf(line, interrupt) }])
    .pipe(Effect.catchTag("NotWaiting", ({ message }) => Console.error(message)))
})

/** Prints a waiting run as `runs get` does. On a terminal it then prompts for each answer and sends it. */
export const show = Effect.fnUntraced(function* (
  runId: Ids.RunId,
): Effect.fn.Return<void, Run.RunNotFound | ControlPlaneError.ControlPlaneError, Runs.Runs> {
  const runs = yield* Runs.Runs
  const run = yield* runs.get(runId)
  if (run.status !== "waiting") return
  yield* Console.log(`\n${RunLines.toText(run, yield* DateTime.now)}`)
  if (!(yield* Prompt.isInteractive)) return
  yield* Effect.forEach(RunLines.openInterrupts(run), (interrupt) => answer(runId, interrupt), {
    discard: true,
  })
})
