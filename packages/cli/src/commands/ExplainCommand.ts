/**
 * `runlease runs explain`: what happened to a run, and what it waits for now.
 */
import { Command } from "@effect/cli"
import { Console, DateTime, Effect } from "effect"
import * as Facts from "../explain/Facts.js"
import * as Obstacle from "../explain/Obstacle.js"
import * as Story from "../explain/Story.js"
import * as Describe from "../help/Describe.js"
import * as ApiClient from "../input/ApiClient.js"
import { runId } from "../input/PositionalText.js"
import * as Settings from "../input/Settings.js"
import * as Output from "../output/Output.js"
import * as Phrases from "../output/Phrases.js"
import * as Terminal from "../output/Terminal.js"

const toJson = (facts: Facts.Facts) => ({
  run_id: facts.run.runId,
  status: facts.run.status,
  now: DateTime.formatIso(facts.standing.now),
  earlier_claims: Story.earlierClaims(facts),
  moments: Story.of(facts).map(({ at, claim, event, text }) => ({
    at: DateTime.formatIso(at),
    event,
    worker_id: claim?.workerId ?? null,
    worker_name: claim?.workerName ?? null,
    attempt: claim?.attempt ?? null,
    lease_epoch: claim?.epoch ?? null,
    text,
  })),
  waits_for: Obstacle.of(facts),
})

/** The moments as lines: each with its time, the day where it changes. */
const lines = (moments: ReadonlyArray<Story.Moment>, paint: Output.Paint): ReadonlyArray<string> => {
  let day = ""
  return moments.flatMap(({ at, text }) => {
    const date = Phrases.date(at).slice(0, 10)
    const heading = date === day ? [] : [paint("dim", date)]
    day = date
    return [...heading, `${paint("dim", Phrases.clock(at))}  ${Terminal.onOneLine(text)}`]
  })
}

const toText = (facts: Facts.Facts, paint: Output.Paint): string => {
  const { run, standing, summary } = facts
  const earlier = Story.earlierClaims(facts)
  const title = summary.title === null ? "" : `  ${JSON.stringify(summary.title)}`
  const obstacles = Obstacle.of(facts)
  return [
    `${paint("bold", `Run ${run.runId}`)}, agent ${run.agentId}: ${run.status}${title}`,
    paint("dim", "Times are UTC, by the clock of the store."),
    "",
    ...(earlier === 0 ? [] : [`Its first ${Phrases.count(earlier, "claim")} are not shown.`]),
    ...lines(Story.of(facts), paint),
    ...(obstacles.length === 0 ? [] : ["", `${paint("bold", "Now")}, at ${Phrases.clock(standing.now)}:`]),
    ...obstacles.flatMap(({ advice, text }) => [
      `  ${Terminal.onOneLine(text)}`,
      ...(advice === null ? [] : [`    ${Terminal.onOneLine(advice)}`]),
    ]),
  ].join("\n")
}

export const command = Command.make(
  "explain",
  { connection: Settings.connection, json: Settings.json, runId },
  (options) =>
    Effect.gen(function* () {
      const { connection } = options
      const facts = yield* Facts.read(yield* ApiClient.make(connection), connection.project, options.runId)
      yield* options.json ? Output.json(toJson(facts)) : Console.log(toText(facts, yield* Output.paint))
    }).pipe(Settings.withClient(options.connection), ApiClient.provideHttpClient(options.connection)),
).pipe(
  Describe.command(
    "Explain a run: which worker ran it when, what was lost and why, and what it waits for now.",
    ["runlease runs explain RUN"],
  ),
)
