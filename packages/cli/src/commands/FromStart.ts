/**
 * What the commands share that do runs again from the start: their flags, and the question before recorded steps are done again.
 */
import { Options } from "@effect/cli"
import { type Ids, Run, RunLog, StepRecord } from "@runlease/core"
import { Chunk, Console, Effect, Option, Stream } from "effect"
import { ExitCode, QuietExit, usage } from "../output/ExitCode.js"
import * as Phrases from "../output/Phrases.js"
import * as Prompt from "../output/Prompt.js"
import * as RecordLines from "../output/RecordLines.js"
import * as Terminal from "../output/Terminal.js"

export const flags = {
  fromStart: Options.boolean("from-start").pipe(
    Options.withDescription("Do all of it again, also recorded steps; without it, begin with what failed"),
  ),
  yes: Options.boolean("yes").pipe(
    Options.withAlias("y"),
    Options.withDescription("Do recorded steps again without a question, as a script has to"),
  ),
}

/** The most steps that a question lists. */
const maxListed = 20

/** The steps and the children that a run has recorded, each once. */
const recordedSteps = (runId: Ids.RunId) =>
  Effect.gen(function* () {
    const log = yield* RunLog.RunLog
    const steps = new Map<string, string>()
    const next = StepRecord.reader()
    yield* Stream.paginateChunkEffect(Run.EventId.make(0), (after) =>
      Effect.map(log.read({ runId, after, limit: RunLog.maxReadLimit, only: "records" }), (entries) => [
        Chunk.unsafeFromArray(entries),
        Option.fromNullable(entries.at(-1)?.eventId),
      ]),
    ).pipe(
      Stream.runForEach(({ event }) =>
        Effect.sync(() => {
          const { kind, record } = next(event) ?? {}
          if (record === undefined || (kind !== "step" && kind !== "child")) return
          steps.set(record.step_id, Terminal.onOneLine(RecordLines.nameOf(record)))
        }),
      ),
    )
    return Array.from(steps.values())
  })

/** Continues after a yes at the terminal. Without a terminal, the command needs `--yes`. */
export const confirm = (
  sentence: string,
  { hint, lines = [] }: { readonly hint: string; readonly lines?: ReadonlyArray<string> },
) =>
  Effect.gen(function* () {
    if (!(yield* Prompt.isInteractive)) return yield* usage(sentence, hint)
    const listed = lines.slice(0, maxListed).map((line) => `\n  ${line}`)
    const more = lines.length > maxListed ? `\n  and ${lines.length - maxListed} more` : ""
    const typed = yield* Prompt.line(`${sentence}.${listed.join("")}${more}\nGo on? [y/N] `)
    if (/^y(es)?$/i.test(typed.trim())) return
    yield* Console.error("Nothing was done")
    yield* new QuietExit({ exitCode: ExitCode.error })
  })

/** A person confirms that the recorded steps of a run are done again, if it has any. */
export const confirmRun = (runId: Ids.RunId) =>
  Effect.flatMap(recordedSteps(runId), (lines) =>
    lines.length === 0
      ? Effect.void
      : confirm(
          `Run ${runId} has recorded ${Phrases.count(lines.length, "step")}, which will be done again`,
          {
            lines,
            hint: `They are ${Phrases.list(lines.length > 3 ? [...lines.slice(0, 3), `${lines.length - 3} more`] : lines)}. Add --yes to do that, or leave out --from-start to begin with what failed.`,
          },
        ),
  )
