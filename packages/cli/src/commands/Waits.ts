/**
 * Shows the interrupts of a watched run that waits, and prompts for the answers on a terminal.
 */
import type { ControlPlaneError, Ids, Interrupt } from "@runlease/core"
import { Run, Runs } from "@runlease/core"
import { Console, DateTime, Effect, Schema } from "effect"
import { createInterface } from "node:readline"
import * as RunLines from "../output/RunLines.js"

const parseJson = Schema.decodeOption(Schema.parseJson())

/** Whether stdin and stdout are a terminal, so that a prompt reaches a person. */
const isInteractive = Effect.sync(() => process.stdin.isTTY === true && process.stdout.isTTY === true)

/** Reads one typed line. The terminal itself edits it, so that Ctrl-C still interrupts the command. */
const prompt = (question: string): Effect.Effect<string> =>
  Effect.async((resume) => {
    const lines = createInterface({ input: process.stdin, output: process.stdout, terminal: false })
    lines.question(question, (line) => {
      lines.close()
      resume(Effect.succeed(line))
    })
    return Effect.sync(() => lines.close())
  })

/** The payload that a typed line stands for: yes, no, JSON, or the text itself. */
const payloadOf = (line: string): unknown => {
  const text = line.trim()
  if (/^(y|yes)$/i.test(text)) return { approved: true }
  if (/^(n|no)$/i.test(text)) return { approved: false }
  const json = parseJson(text)
  return json._tag === "Some" ? json.value : text
}

const answer = Effect.fnUntraced(function* (runId: Ids.RunId, interrupt: Interrupt.Interrupt) {
  const runs = yield* Runs.Runs
  const line = yield* prompt(
    `\n${RunLines.questionOf(interrupt)}\nAnswer with y, n, JSON or text; an empty line leaves it to others: `,
  )
  if (line.trim() === "") return
  yield* runs
    .resume(runId, [{ interruptId: interrupt.id, status: "resolved", payload: payloadOf(line) }])
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
  if (!(yield* isInteractive)) return
  yield* Effect.forEach(RunLines.openInterrupts(run), (interrupt) => answer(runId, interrupt), {
    discard: true,
  })
})
