/**
 * `runlease watch`: prints a run's events as they arrive.
 */
import { Command, Options } from "@effect/cli"
import { Runs } from "@runlease/core"
import { Effect } from "effect"
import * as Flag from "../input/Flag.js"
import { follow } from "./Follow.js"
import * as Describe from "../help/Describe.js"
import { runId } from "../input/PositionalText.js"
import * as Settings from "../input/Settings.js"

const after = Flag.whole("after", { minimum: 0, maximum: Number.MAX_SAFE_INTEGER }).pipe(
  Options.withDescription("Show only what comes after the event of this id"),
  Options.withDefault(0),
)

export const command = Command.make(
  "watch",
  { connection: Settings.connection, after, json: Settings.json, runId },
  (options) =>
    Runs.Runs.pipe(
      // Fails at once when the server is not reachable; `follow` alone would retry for a minute.
      Effect.flatMap((runs) => runs.get(options.runId)),
      Effect.zipRight(follow(options)),
      Settings.withClient(options.connection),
    ),
).pipe(
  Describe.command("Follow a run to its end, over takeovers by other workers. Ctrl-C leaves the run alone.", [
    "runlease watch my-run",
  ]),
)
