/**
 * The limits of submissions: those that they name, and those of their agents.
 *
 * Source: docs/decisions/0102-limits.md
 *
 * @since 0.1.0
 */
import { Effect, Either } from "effect"
import { InvalidSubmission, TooManyPending } from "../../ports/Runs.js"
import * as LimitKey from "../../rules/LimitKey.js"
import * as LimitRules from "../../rules/LimitRules.js"
import type { LimitRef } from "../../rules/LimitRules.js"
import * as PendingRules from "../../rules/PendingRules.js"
import type { RunBatch } from "../commit/RunBatch.js"
import type { LimitSetting, NamedRef, NamedSetting } from "../rows/LimitRows.js"
import type { StoredRun } from "../rows/RunRows.js"
import { limitOf, namedOf, type Request } from "./SubmitRequest.js"

/** The limits of a submission. `governor`: the limit that its agent has now. `settings`: those that it names, with their bounds. */
interface Limits {
  readonly governor: string | undefined
  readonly settings: ReadonlyArray<LimitSetting>
}

/** Gives the limits of a submission whose commit has read them. */
export type LimitsOf = (request: Request) => Either.Either<Limits, InvalidSubmission>

const nameOf = ({ name, projectId }: NamedRef): string => `${projectId}/${name}`

/** The limits with names, by what `nameOf` gives. */
type Settings = ReadonlyMap<string, NamedSetting>

/** The bounds of the limits with names. */
const readNamed = <X>(requests: ReadonlyArray<Request>, { rows }: RunBatch<X>) => {
  const refs = new Map(requests.flatMap(namedOf).map((ref) => [nameOf(ref), ref]))
  return refs.size === 0
    ? Effect.succeed<Settings>(new Map())
    : Effect.map(
        rows.limits.defined([...refs.values()]),
        (found): Settings => new Map(found.map((setting) => [nameOf(setting), setting])),
      )
}

const governorOf = ({ projectId, submission: { agentId } }: Request): LimitRef => ({
  projectId,
  limit: LimitKey.ofAgent(agentId),
})

/** The limits whose counts decide about the submissions: those of agents, where there are some, and those that bound what is pending. */
const countedOf = (requests: ReadonlyArray<Request>, settings: Settings, governs: boolean) =>
  requests.flatMap((request): ReadonlyArray<LimitRef> => [
    ...(governs ? [governorOf(request)] : []),
    ...(settings.size === 0 ? [] : namedOf(request)).filter(
      (ref) => (settings.get(nameOf(ref))?.maxPending ?? null) !== null,
    ),
  ])

/** Those of a submission. One that does not exist is refused. */
const namedSettings = (settings: Settings, request: Request) =>
  Either.all(
    namedOf(request).map((ref) => {
      const setting = settings.get(nameOf(ref))
      return setting === undefined
        ? Either.left(
            new InvalidSubmission({
              field: `limits.${ref.name}`,
              message: `limits.${ref.name}: there is no such limit; define it before a run names it`,
            }),
          )
        : Either.right<LimitSetting>({
            projectId: ref.projectId,
            limit: ref.limit,
            maxRunning: setting.maxRunning,
            rate: setting.rate,
            maxPending: setting.maxPending,
          })
    }),
  )

/**
 * Reads the limits of these submissions.
 *
 * @since 0.1.0
 * @category reading
 */
export const read = <X>(requests: ReadonlyArray<Request>, batch: RunBatch<X>): Effect.Effect<LimitsOf, X> =>
  Effect.gen(function* () {
    const { governs } = batch.governing
    const settings = yield* readNamed(requests, batch)
    const counted = countedOf(requests, settings, governs)
    if (counted.length > 0) yield* batch.lockLimits(counted)
    return (request) => {
      const ofKey = limitOf(request)
      const governor = governorOf(request)
      return Either.map(namedSettings(settings, request), (named) => ({
        governor: governs && batch.limits.governs(governor) === true ? governor.limit : undefined,
        settings: ofKey === undefined ? named : [ofKey, ...named],
      }))
    }
  })

/** How many runs the commit has accepted at each limit that it has not added yet, by the names of the limits. */
export type Accepted = Map<string, number>

/**
 * Why a submission is refused whose limits take no further run; undefined where they do. `ending`: the runs that end where it is accepted.
 *
 * @since 0.1.0
 * @category operations
 */
export const refusal = <X>(
  { limits, now }: RunBatch<X>,
  settings: ReadonlyArray<LimitSetting>,
  accepted: Accepted,
  ending: ReadonlyArray<StoredRun>,
): TooManyPending | undefined => {
  for (const { maxPending = null, maxRunning = null, rate = null, ...ref } of settings) {
    if (maxPending === null) continue
    const counted = PendingRules.withoutRuns(
      limits.current(ref) ?? LimitRules.added(ref, 0),
      ending.map(({ state }) => state),
    )
    const fresh = counted.fresh + (accepted.get(LimitRules.refName(ref)) ?? 0)
    const usage = { ...counted, maxPending, maxRunning, rate, fresh }
    if (!PendingRules.isFull(usage, now)) continue
    const { key, name } = LimitKey.subjectOf(ref.limit)
    const retryAfterSeconds = PendingRules.retryAfterSeconds(usage, now)
    return new TooManyPending({ name: name ?? key, key, maxPending, retryAfterSeconds })
  }
  return undefined
}

/** Notes that a run with these limits is about to be added. */
export const accept = (settings: ReadonlyArray<LimitSetting>, accepted: Accepted): void => {
  for (const setting of settings) {
    if ((setting.maxPending ?? null) === null) continue
    const name = LimitRules.refName(setting)
    accepted.set(name, (accepted.get(name) ?? 0) + 1)
  }
}

/** Sets the limits of the runs that are about to be added, by their names. */
export const set = <X>({ rows }: RunBatch<X>, limits: Map<string, LimitSetting>): Effect.Effect<void, X> => {
  if (limits.size === 0) return Effect.void
  const settings = [...limits.values()]
  limits.clear()
  return rows.limits.set(settings)
}
