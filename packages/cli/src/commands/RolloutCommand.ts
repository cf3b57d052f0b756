/**
 * `runlease rollout`: to which version of workers the runs of an agent go.
 */
import { Command, Options } from "@effect/cli"
import { Ids, Rollouts, Runs } from "@runlease/core"
import { Console, DateTime, Effect, Option, Schema } from "effect"
import * as Flag from "../input/Flag.js"
import { positional } from "../input/PositionalText.js"
import * as Settings from "../input/Settings.js"
import * as Describe from "../help/Describe.js"
import * as ExitCode from "../output/ExitCode.js"
import * as Output from "../output/Output.js"

const target = {
  connection: Settings.connection,
  json: Settings.json,
  agent: positional("agent-id", Ids.NewAgentId, "The agent"),
}

const named = (version: string): string =>
  version === "" ? "workers without a version" : `version ${version}`

const sentenceOf = ({ agentId, current, ramp, versionPolicy }: Rollouts.Rollout): string => {
  const ramped = ramp === null ? "" : `, and ${ramp.percent} % of them to ${named(ramp.version)}`
  const pins = versionPolicy === "pinned" ? "; new ones are pinned" : ""
  return `Runs of agent ${agentId} go to ${named(current)}${ramped}${pins}`
}

const show = (rollout: Rollouts.Rollout, json: boolean) =>
  json
    ? Output.json({
        agent_id: rollout.agentId,
        current: rollout.current,
        ramp: rollout.ramp,
        version_policy: rollout.versionPolicy,
        bulk_id: rollout.bulkId,
        updated_at: DateTime.formatIso(rollout.updatedAt),
      })
    : Console.log(sentenceOf(rollout))

/** The ramp of the flags: both, or neither. */
const rampOf = (ramp: Option.Option<string>, percent: Option.Option<number>) => {
  if (Option.isNone(ramp) && Option.isNone(percent)) return Effect.succeed(null)
  return Option.isSome(ramp) && Option.isSome(percent)
    ? Effect.succeed({ version: ramp.value, percent: percent.value })
    : ExitCode.usage("A ramp has a version and a share", "Give both: --ramp VERSION --percent N")
}

const set = Command.make(
  "set",
  {
    ...target,
    current: Flag.text("current", Schema.String).pipe(
      Options.withDescription("The version of the runs; empty for workers without a version"),
    ),
    ramp: Flag.text("ramp", Schema.String).pipe(
      Options.withDescription("Another version, which gets --percent of the runs"),
      Options.optional,
    ),
    percent: Options.integer("percent").pipe(
      Options.withDescription("The share of the ramp, 0 to 100"),
      Options.optional,
    ),
    versionPolicy: Options.choice("version-policy", Runs.VersionPolicy.literals).pipe(
      Options.withDescription("That of new runs which choose none: pinned ones keep their version"),
      Options.optional,
    ),
  },
  ({ agent, connection, current, json, percent, ramp, versionPolicy }) =>
    Effect.gen(function* () {
      const rollouts = yield* Rollouts.Rollouts
      const rollout = {
        current,
        ramp: yield* rampOf(ramp, percent),
        versionPolicy: Option.getOrUndefined(versionPolicy),
      }
      yield* show(yield* rollouts.set(agent, rollout), json)
    }).pipe(Settings.withClient(connection)),
).pipe(
  Describe.command(
    "Set the version of workers that the runs of an agent go to. Open runs change too; one that works changes at its next claim, and a pinned one keeps its version.",
    [
      "runlease rollout set writer --current 1.4.0",
      "runlease rollout set writer --current 1.4.0 --ramp 1.5.0 --percent 10",
    ],
  ),
)

const get = Command.make("get", target, ({ agent, connection, json }) =>
  Effect.gen(function* () {
    const rollouts = yield* Rollouts.Rollouts
    yield* show(yield* rollouts.get(agent), json)
  }).pipe(Settings.withClient(connection)),
).pipe(Describe.command("Show the rollout of an agent.", ["runlease rollout get writer"]))

const remove = Command.make("delete", target, ({ agent, connection, json }) =>
  Effect.gen(function* () {
    const rollouts = yield* Rollouts.Rollouts
    const bulkId = yield* rollouts.remove(agent)
    if (json) return yield* Output.json({ agent_id: agent, deleted: true, bulk_id: bulkId })
    yield* Console.log(`Runs of agent ${agent} go to workers of any version`)
  }).pipe(Settings.withClient(connection)),
).pipe(
  Describe.command("Let workers of any version have the runs of an agent.", [
    "runlease rollout delete writer",
  ]),
)

export const command = Command.make("rollout").pipe(
  Describe.command("Set the version of workers that the runs of an agent go to."),
  Command.withSubcommands([set, get, remove]),
)
