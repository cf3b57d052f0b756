/**
 * `runlease rehearse`: which open runs new code would break.
 */
import { Command, Options } from "@effect/cli"
import { ControlPlane, Ids } from "@runlease/core"
import * as Rehearsal from "@runlease/core/Rehearsal"
import { Console, Effect, Layer, Option } from "effect"
import { moduleLayer } from "../executors/Module.js"
import * as Describe from "../help/Describe.js"
import * as Database from "../input/Database.js"
import * as Flag from "../input/Flag.js"
import * as MovePlan from "../input/MovePlan.js"
import * as Settings from "../input/Settings.js"
import { ExitCode, QuietExit } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as Phrases from "../output/Phrases.js"
import * as LocalStore from "./LocalStore.js"

const phrase = ({ at, kind }: Rehearsal.Verdict): string => {
  if (kind === "goes_on") return at === undefined ? "goes on to its end" : `goes on at ${JSON.stringify(at)}`
  return at === undefined ? kind : `${kind} ${JSON.stringify(at)}`
}

const detail = ({ calls, kind, message = "" }: Rehearsal.Verdict): string =>
  [
    ...(kind === "skips" ? [] : [message]),
    ...(calls.length === 0 ? [] : [`Calls that were refused: ${calls.join(", ")}`]),
  ]
    .filter((text) => text !== "")
    .join(". ")

const toText = (rehearsed: ReadonlyArray<Rehearsal.RehearsedRun>, paint: Output.Paint): string =>
  Output.table(
    ["RUN", "AGENT", "STATUS", "VERDICT", ""],
    rehearsed.map(({ run, verdict }) => [
      run.runId,
      run.agentId,
      run.status,
      phrase(verdict),
      detail(verdict),
    ]),
    paint,
  )

const toJson = ({ run, verdict: { at, calls, kind, message } }: Rehearsal.RehearsedRun) => ({
  run_id: run.runId,
  agent_id: run.agentId,
  status: run.status,
  verdict: kind,
  at: at ?? null,
  message: message ?? null,
  calls,
})

/** The ports of the project in the database itself. */
const ofDatabase = (setting: string, project: string) =>
  Layer.unwrapEffect(
    Effect.map(Database.parse(setting), (database) =>
      Layer.provide(ControlPlane.layerProject(project), LocalStore.controlPlane(database, "normal")),
    ),
  )

export const command = Command.make(
  "rehearse",
  {
    module: Options.text("module").pipe(
      Options.withDescription("The new code: a JavaScript or TypeScript module that exports an executor"),
    ),
    agent: Flag.texts("agent", Ids.AgentId).pipe(
      Options.withDescription(
        "Only this agent's runs, repeatable; those of all agents of the module when absent",
      ),
    ),
    label: Flag.labels("label").pipe(
      Options.withDescription(
        "Only runs with this label, as name=value; with several, runs that have all of them",
      ),
    ),
    limit: Flag.whole("limit", { minimum: 1, maximum: 100_000 }).pipe(
      Options.withDescription("How many runs, the oldest first"),
      Options.withDefault(1000),
    ),
    run: Flag.texts("run", Ids.RunId).pipe(
      Options.withDescription("This run, instead of the open ones; may be repeated"),
    ),
    database: Options.text("database").pipe(
      Options.withDescription(
        "Read the runs from this database, sqlite:PATH or postgres://USER@HOST/NAME, instead of a server",
      ),
      Options.optional,
    ),
    write: Options.text("write").pipe(
      Options.withDescription("Write to this file which runs go on with the new code, as JSON"),
      Options.optional,
    ),
    json: Settings.json,
    connection: Settings.connection,
  },
  (parsed) => {
    const { connection, json } = parsed
    const rehearsing = Effect.gen(function* () {
      const rehearsed = yield* Rehearsal.rehearse(yield* moduleLayer(parsed.module), {
        agentIds: parsed.agent.length === 0 ? undefined : parsed.agent,
        labels: parsed.label,
        limit: parsed.limit,
        runIds: parsed.run.length === 0 ? undefined : parsed.run,
      })
      if (Option.isSome(parsed.write)) yield* MovePlan.write(parsed.write.value, rehearsed)
      const worse = rehearsed.filter(({ verdict }) => Rehearsal.isWorseThanSkips(verdict)).length
      if (json) yield* Effect.forEach(rehearsed, (one) => Output.json(toJson(one)), { discard: true })
      else {
        if (rehearsed.length > 0) yield* Console.log(toText(rehearsed, yield* Output.paint))
        yield* Console.log(
          `${Phrases.count(rehearsed.length, "open run")}: the new code breaks ${worse === 0 ? "none" : worse}.`,
        )
      }
      if (worse > 0) return yield* new QuietExit({ exitCode: ExitCode.error })
    })
    return Option.match(parsed.database, {
      onNone: () => Settings.withClient(connection)(rehearsing),
      onSome: (setting) => Effect.provide(rehearsing, ofDatabase(setting, connection.project)),
    })
  },
).pipe(
  Describe.command(
    "Rehearse new code on the open runs, before a deploy: which of them would it break? Nothing is written, and calls to the outside are refused. It exits with 1 where a run cannot be read, fails or is undecided.",
    [
      "runlease rehearse --module ./agents.ts",
      "runlease rehearse --module ./agents.ts --agent refund --label env=prod --json",
      "runlease rehearse --module ./agents.ts --write plan.json",
    ],
  ),
)
