/**
 * The limits of submissions: those that they name, and those of their agents, with names too.
 *
 * Source: docs/decisions/0102-limits.md
 */
import { InvalidSubmission, TooManyPending } from "@runlease/core/Runs"
import { Effect, Either, Iterable } from "effect"
import * as LimitKey from "../rules/LimitKey.js"
import * as LimitDefaults from "../rules/LimitDefaults.js"
import * as LimitRules from "../rules/LimitRules.js"
import type { LimitRef } from "../rules/LimitRules.js"
import * as PendingRules from "../rules/PendingRules.js"
import { noteLimits, type RunBatch } from "../commit/RunBatch.js"
import type { LimitSetting, NamedRef, NamedSetting } from "../rows/LimitRows.js"
import * as ClaimSearch from "../commit/ClaimSearch.js"
import type { RunRows, StoredRun } from "../rows/RunRows.js"
import { limitOf, namedOf, type Request } from "./SubmitRequest.js"

/**
 * The limits of a submission. `governor`: the limit that its agent has now. `ofAgent`: the limits with names that its agent is in, and that it
 * does not name itself. `settings`: all but the governor, with their bounds.
 */
export interface Limits {
  readonly governor: string | undefined
  readonly ofAgent: ReadonlyArray<string>
  readonly settings: ReadonlyArray<LimitSetting>
}

/** A submission without limits. */
export const none: Limits = { governor: undefined, ofAgent: [], settings: [] }

/** The limits of the submissions of a commit, which has read them. */
export interface Read {
  /** Whether a limit of an agent bounds what is pending, so that it is locked once the key of a submission is there. */
  readonly locksLate: boolean
  readonly limitsOf: (
    request: Request,
    source: LimitDefaults.Source,
  ) => Either.Either<Limits, InvalidSubmission>
  /**
   * Why a submission is refused whose limits take no further run; undefined where they do. `ending`: the runs that end where it is accepted.
   */
  readonly refusal: (limits: Limits, ending: ReadonlyArray<StoredRun>) => TooManyPending | undefined
  /** Notes that a run with these limits is about to be added. */
  readonly accept: (limits: Limits) => void
  /** Sets the limits of the runs that are about to be added. */
  readonly store: <X>(rows: RunRows<X>) => Effect.Effect<void, X>
}

const nameOf = ({ name, projectId }: NamedRef): string => `${projectId}/${name}`

/** Limits with names, by `nameOf`. */
type Settings = ReadonlyMap<string, NamedSetting>

const noSettings: Settings = new Map()

/** A process that has read no such flags yet reads them once. */
const readLimitsSeen = <X>({ limitsSeen, rows }: RunBatch<X>): Effect.Effect<void, X> => {
  if (limitsSeen.read) return Effect.void
  const { additions } = limitsSeen
  return Effect.map(rows.search(ClaimSearch.nothing), ({ scopedLimits }) =>
    noteLimits(limitsSeen, additions, scopedLimits),
  )
}

/** The limits with names of these submissions and of their agents. Most stores have none of agents, and then nothing is read for them. */
const readNamed = <X>(
  requests: ReadonlyArray<Request>,
  { limitsSeen, rows }: RunBatch<X>,
): Effect.Effect<Settings, X> => {
  const agents = new Map(
    requests.map(({ projectId, submission: { agentId } }) => [
      `${projectId}/${agentId}`,
      { projectId, agentId },
    ]),
  )
  const ofAgents = limitsSeen.named
    ? rows.limits.ofAgents([...agents.values()], { changes: false })
    : Effect.succeed<ReadonlyArray<NamedRef>>([])
  return Effect.flatMap(ofAgents, (found) => {
    const refs = new Map(
      [...requests.flatMap(namedOf), ...found].map(({ name, projectId }) => [
        nameOf({ name, projectId }),
        { name, projectId },
      ]),
    )
    return refs.size === 0
      ? Effect.succeed(noSettings)
      : Effect.map(
          rows.limits.defined([...refs.values()]),
          (settings) => new Map(settings.map((setting) => [nameOf(setting), setting])),
        )
  })
}

/** What a submission sets of one of its keys at a limit with a name. */
const settingOf = (
  { maxPending, maxRunning, projectId, rate }: NamedSetting,
  limit: string,
): LimitSetting => ({
  projectId,
  limit,
  maxRunning,
  rate,
  maxPending,
})

/** Whether a limit bounds how many runs may be pending. */
const boundsPending = ({ maxPending }: Pick<LimitSetting, "maxPending">): boolean =>
  (maxPending ?? null) !== null

const governorOf = ({ projectId, submission: { agentId } }: Request): LimitRef => ({
  projectId,
  limit: LimitKey.ofAgent(agentId),
})

/** The limits whose counts decide about the submissions: those of agents, where there are some, and those that bound what is pending. */
const countedOf = (requests: ReadonlyArray<Request>, settings: Settings, governs: boolean) =>
  requests.flatMap((request): ReadonlyArray<LimitRef> => [
    ...(governs ? [governorOf(request)] : []),
    ...(settings.size === 0 ? [] : namedOf(request)).filter((ref) =>
      boundsPending(settings.get(nameOf(ref)) ?? {}),
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
        : Either.right(settingOf(setting, ref.limit))
    }),
  )

/** Those of its agent that a submission does not name itself. */
const agentSettings = (
  settings: Settings,
  { projectId, submission }: Request,
  source: LimitDefaults.Source,
): ReadonlyArray<LimitSetting> => {
  const { agentId, limits = {} } = submission
  if (settings.size === 0) return []
  return Array.from(settings.values())
    .filter(
      (setting) =>
        setting.projectId === projectId &&
        setting.agentIds.includes(agentId) &&
        !Object.hasOwn(limits, setting.name),
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((setting) => {
      const key = LimitDefaults.keyOf(setting.keyFrom, source)
      return settingOf(setting, LimitKey.nameOf({ kind: "named", name: setting.name, key }))
    })
}

/** Why a submission with these limits is refused; undefined where it is not. */
const refusal = <X>(
  { limits, now }: RunBatch<X>,
  settings: ReadonlyArray<LimitSetting>,
  accepted: ReadonlyMap<string, number>,
  ending: ReadonlyArray<StoredRun>,
): TooManyPending | undefined => {
  for (const { maxPending = null, maxRunning = null, rate = null, ...ref } of settings) {
    if (maxPending === null) continue
    const counted = PendingRules.withoutRuns(
      limits().current(ref) ?? LimitRules.added(ref, 0),
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

/** Reads the limits of these submissions. */
export const read = <X>(requests: ReadonlyArray<Request>, batch: RunBatch<X>): Effect.Effect<Read, X> =>
  Effect.gen(function* () {
    yield* readLimitsSeen(batch)
    const { agents } = batch.limitsSeen
    const settings = yield* readNamed(requests, batch)
    const counted = countedOf(requests, settings, agents)
    if (counted.length > 0) yield* batch.limits().lock(counted)
    /** How many runs the commit has accepted at each limit that it has not added yet, by the names of the limits. */
    const pending = new Map<string, number>()
    /** The limits that those set, by their names: the last one wins. */
    const setting = new Map<string, LimitSetting>()
    return {
      locksLate: Iterable.some(
        settings.values(),
        (named) => named.agentIds.length > 0 && boundsPending(named),
      ),
      limitsOf: (request, source) => {
        const ofKey = limitOf(request)
        const governor = governorOf(request)
        const ofAgent = agentSettings(settings, request, source)
        return Either.map(namedSettings(settings, request), (named) => ({
          governor: agents && batch.limits().governs(governor) === true ? governor.limit : undefined,
          ofAgent: ofAgent.map(({ limit }) => limit),
          settings: [...(ofKey === undefined ? [] : [ofKey]), ...named, ...ofAgent],
        }))
      },
      refusal: (limits, ending) => refusal(batch, limits.settings, pending, ending),
      accept: (limits) => {
        for (const limit of limits.settings) {
          const name = LimitRules.refName(limit)
          setting.set(name, limit)
          if (boundsPending(limit)) pending.set(name, (pending.get(name) ?? 0) + 1)
        }
      },
      store: (rows) => {
        pending.clear()
        if (setting.size === 0) return Effect.void
        const all = [...setting.values()]
        setting.clear()
        return rows.limits.set(all)
      },
    }
  })

/** Locks those of these limits that bound what is pending, and that the commit has not read: the key of a limit of an agent is there late. */
export const lockPending = <X>(batch: RunBatch<X>, { settings }: Limits): Effect.Effect<void, X> => {
  const bounding = settings.filter(boundsPending)
  return bounding.length === 0 ? Effect.void : batch.limits().lock(bounding)
}
