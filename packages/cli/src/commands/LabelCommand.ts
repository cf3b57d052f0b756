/**
 * `runlease runs label`: changes labels of a run, also of one that has ended.
 */
import { Command, Options } from "@effect/cli"
import { Labels, Runs } from "@runlease/core"
import { Console, Effect } from "effect"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import { runId } from "../input/PositionalText.js"
import * as Settings from "../input/Settings.js"
import { usage } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as RunLines from "../output/RunLines.js"

export const command = Command.make(
  "label",
  {
    connection: Settings.connection,
    json: Settings.json,
    runId,
    set: Flag.labels("set").pipe(
      Options.withDescription("A label that the run gets, as name=value; may be repeated"),
    ),
    remove: Flag.texts("remove", Labels.Name).pipe(
      Options.withDescription("The name of a label that the run loses; may be repeated"),
    ),
  },
  ({ connection, json, remove, runId: id, set = Labels.none }) =>
    Effect.gen(function* () {
      const changes = { ...Object.fromEntries(remove.map((name) => [name, null])), ...set }
      if (Object.keys(changes).length < remove.length + Object.keys(set).length) {
        return yield* usage("A label is both set and removed", "Name each label once.")
      }
      if (Labels.isEmpty(set) && remove.length === 0) {
        return yield* usage("There is nothing to change", "Give --set NAME=VALUE or --remove NAME.")
      }
      const runs = yield* Runs.Runs
      const run = yield* runs.label(id, changes)
      yield* json
        ? Output.json(RunLines.toJson(run))
        : Console.log(RunLines.ofLabels(run.labels) ?? "No labels")
    }).pipe(Settings.withClient(connection)),
).pipe(
  Describe.command("Change labels of a run, also of one that has ended, and print those that it has then.", [
    "runlease runs label RUN --set reviewed=yes --remove tier",
  ]),
)
