/**
 * The limits of submissions: those that they name, and those of their agents.
 *
 * Source: docs/decisions/0102-limits.md
 *
 * @since 0.1.0
 */
import { Effect, Either } from "effect"
import { InvalidSubmission } from "../../ports/Runs.js"
import * as LimitKey from "../../rules/LimitKey.js"
import type { LimitRef } from "../../rules/LimitRules.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { LimitSetting, NamedRef } from "../rows/LimitRows.js"
import { limitOf, namedOf, type Request } from "./SubmitRequest.js"

/** The limits of a submission. `governor`: the limit that its agent has now. `settings`: those that it names, with their bounds. */
interface Limits {
  readonly governor: string | undefined
  readonly settings: ReadonlyArray<LimitSetting>
}

/** Gives the limits of a submission whose commit has read them. */
export type LimitsOf = (request: Request) => Either.Either<Limits, InvalidSubmission>

const nameOf = ({ name, projectId }: NamedRef): string => `${projectId}/${name}`

/** The bounds of the limits with names. */
const readNamed = <X>(requests: ReadonlyArray<Request>, { rows }: RunBatch<X>) => {
  const refs = new Map(requests.flatMap(namedOf).map((ref) => [nameOf(ref), ref]))
  return refs.size === 0
    ? Effect.succeed(new Map<string, number | null>())
    : Effect.map(
        rows.limits.defined([...refs.values()]),
        (found) => new Map(found.map((setting) => [nameOf(setting), setting.maxRunning])),
      )
}

/** The limits of the agents. Most stores have none, and then nothing is read. */
const readGovernors = <X>(requests: ReadonlyArray<Request>, batch: RunBatch<X>) => {
  const refOf = ({ projectId, submission: { agentId } }: Request): LimitRef => ({
    projectId,
    limit: LimitKey.ofAgent(agentId),
  })
  return batch.governing.governs
    ? Effect.as(batch.lockLimits(requests.map(refOf)), (request: Request) =>
        batch.limits.governs(refOf(request)) === true ? refOf(request).limit : undefined,
      )
    : Effect.succeed(() => undefined)
}

/** Those of a submission. One that does not exist is refused. */
const namedSettings = (bounds: ReadonlyMap<string, number | null>, request: Request) =>
  Either.all(
    namedOf(request).map((ref) => {
      const maxRunning = bounds.get(nameOf(ref))
      return maxRunning === undefined
        ? Either.left(
            new InvalidSubmission({
              field: `limits.${ref.name}`,
              message: `limits.${ref.name}: there is no such limit; define it before a run names it`,
            }),
          )
        : Either.right({ projectId: ref.projectId, limit: ref.limit, maxRunning })
    }),
  )

/**
 * Reads the limits of these submissions.
 *
 * @since 0.1.0
 * @category reading
 */
export const read = <X>(requests: ReadonlyArray<Request>, batch: RunBatch<X>): Effect.Effect<LimitsOf, X> =>
  Effect.zipWith(
    readNamed(requests, batch),
    readGovernors(requests, batch),
    (bounds, governorOf): LimitsOf =>
      (request) => {
        const ofKey = limitOf(request)
        return Either.map(namedSettings(bounds, request), (named) => ({
          governor: governorOf(request),
          settings: ofKey === undefined ? named : [ofKey, ...named],
        }))
      },
  )

/** Sets the limits of the runs that are about to be added, by their names. */
export const set = <X>({ rows }: RunBatch<X>, limits: Map<string, LimitSetting>): Effect.Effect<void, X> => {
  if (limits.size === 0) return Effect.void
  const settings = [...limits.values()]
  limits.clear()
  return rows.limits.set(settings)
}
