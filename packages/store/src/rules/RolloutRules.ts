/**
 * The rules of rollouts: which there can be, and to which version a run goes.
 *
 * A run has the version of its rollout as a part of its route, from its submission on; a pinned one keeps it. A claim looks once more, since
 * a run may have been submitted before the rollout.
 *
 * Source: docs/decisions/0160-rollouts.md
 */
import { sha256 } from "@runlease/core/Digest"
import type * as Ids from "@runlease/core/Ids"
import { isTerminal } from "@runlease/core/Run"
import { InvalidRollout, Rollout, RolloutInput, type Rollouts as Port } from "@runlease/core/Rollouts"
import type { VersionPolicy } from "@runlease/core/Submission"
import { Either, ParseResult, Schema } from "effect"
import { isFresh } from "./LimitRules.js"
import type { RunSpec, RunState } from "./RunState.js"
import * as RunTransitions from "./RunTransitions.js"
import type { Transition } from "./Transition.js"

/** A rollout as it is stored, with instants in milliseconds. Its id is that of its agent. */
export interface RolloutRecord extends Omit<typeof Rollout.Encoded, "agentId"> {
  readonly id: string
  readonly projectId: string
}

/** The rollouts of some agents, by `nameOf`. */
export type Rollouts = ReadonlyMap<string, RolloutRecord>

type AgentRef = Pick<RunSpec, "agentId" | "projectId">

const nameOf = (projectId: string, agentId: string): string => `${projectId}/${agentId}`

export const byAgent = (records: ReadonlyArray<RolloutRecord>): Rollouts =>
  new Map(records.map((record) => [nameOf(record.projectId, record.id), record]))

const find = (rollouts: Rollouts, { agentId, projectId }: AgentRef): RolloutRecord | undefined =>
  rollouts.get(nameOf(projectId, agentId))

/** The place of a run among all runs, from 0 to below 100: the same one for every rollout. */
const placeOf = (runId: Ids.RunId): number => (Number.parseInt(sha256(runId).slice(0, 8), 16) / 2 ** 32) * 100

const versionIn = ({ current, ramp }: RolloutRecord, runId: Ids.RunId): string =>
  ramp !== null && placeOf(runId) < ramp.percent ? ramp.version : current

/** What a run of an agent begins with; undefined where the agent has no rollout. */
export const beginningOf = (
  rollouts: Rollouts,
  run: AgentRef & { readonly runId: Ids.RunId },
): { readonly version: string; readonly versionPolicy: VersionPolicy } | undefined => {
  const rollout = find(rollouts, run)
  return rollout && { version: versionIn(rollout, run.runId), versionPolicy: rollout.versionPolicy }
}

/** Whether a rollout says to which version a run goes. A pinned one that has a version keeps it. */
export const isFollowed = ({ spec, version }: RunState): boolean =>
  spec.versionPolicy === null || version === null

/** The version whose workers may claim a run that is to be claimed; undefined where no rollout is for it. */
export const versionAtClaim = (rollouts: Rollouts, state: RunState): string | undefined => {
  const { spec, version } = state
  const rollout = isFollowed(state) ? find(rollouts, spec) : undefined
  if (rollout === undefined) return undefined
  const { current, ramp } = rollout
  const isOfRollout = version !== null && (version === current || version === ramp?.version)
  return isOfRollout && !isFresh(state) ? version : versionIn(rollout, spec.runId)
}

/** Brings an open run to its version, or to none; undefined where it has that, keeps its own, is driven by its submitter or has ended. */
export const reroute = (rollouts: Rollouts, state: RunState): Transition | undefined => {
  const { holder, spec, status } = state
  const isDriven = status === "running" && holder === null
  if (isTerminal(status) || isDriven || !isFollowed(state)) return undefined
  const version = beginningOf(rollouts, spec)?.version ?? null
  return version === state.version ? undefined : RunTransitions.route(state, version)
}

/** Whether a move may change the version of a run: no rollout says what that is. */
export const isMovable = (rollouts: Rollouts, state: RunState): boolean =>
  !isFollowed(state) || find(rollouts, state.spec) === undefined

const validate = Schema.validateEither(RolloutInput)

const refuse = (field: string, message: string) =>
  Either.left(new InvalidRollout({ field, message: `${field}: ${message}` }))

/** The rollout, when it can be set. */
export const check = (
  agentId: string,
  { current, ramp = null, versionPolicy = "latest" }: Parameters<Port["Type"]["set"]>[1],
): Either.Either<typeof RolloutInput.Type, InvalidRollout> =>
  Either.match(validate({ agentId, current, ramp, versionPolicy }), {
    onLeft: (error) => {
      const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
      return refuse(issue?.path.map(String).join(".") ?? "", issue?.message.split("\n")[0] ?? "is malformed")
    },
    onRight: (checked) =>
      ramp?.version === current
        ? refuse("ramp.version", "must be another version than current")
        : Either.right(checked),
  })

export const toRollout = ({ id, projectId: _projectId, ...record }: RolloutRecord): Rollout =>
  Schema.decodeSync(Rollout)({ ...record, agentId: id })
