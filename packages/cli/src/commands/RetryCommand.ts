/**
 * `runlease runs retry`: submits a run again that has ended.
 */
import { Command, Options } from "@effect/cli"
import { Ids, Run, Runs } from "@runlease/core"
import { Console, Effect, Option } from "effect"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import { runId } from "../input/PositionalText.js"
import * as Settings from "../input/Settings.js"
import * as Output from "../output/Output.js"
import * as RunLines from "../output/RunLines.js"
import * as FromStart from "./FromStart.js"

export const newRunId = Flag.text("id", Ids.NewRunId).pipe(
  Options.withDescription("The id of the new run, which makes the command idempotent"),
  Options.optional,
)

export const command = Command.make(
  "retry",
  {
    connection: Settings.connection,
    json: Settings.json,
    runId,
    id: newRunId,
    ...FromStart.flags,
  },
  ({ connection, fromStart, id, json, runId: name, yes }) =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      if (fromStart && !yes) {
        const { status } = yield* runs.get(name)
        // A run that has not ended is refused, without a question.
        if (Run.isTerminal(status)) yield* FromStart.confirmRun(name)
      }
      const { run } = yield* runs.retry(name, { publicId: Option.getOrUndefined(id), fromStart })
      yield* json ? Output.json(RunLines.toJson(run)) : Console.log(run.runId)
    }).pipe(Settings.withClient(connection)),
).pipe(
  Describe.command(
    "Submit a run again that has ended, as a new run whose id is printed. It has what the run had recorded, and begins with what failed. With --from-start it does all of it again, and needs a confirmation where steps are recorded.",
    ["runlease runs retry RUN", "runlease runs retry RUN --from-start"],
  ),
)
