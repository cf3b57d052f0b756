/** The port of limits over a store. */
import * as Ids from "@runlease/core/Ids"
import {
  check,
  type DefinedLimit,
  InvalidLimit,
  type Limit,
  type LimitBounds,
  LimitNotFound,
  type LimitOf,
  type Limits,
  type LimitSubject,
  mostOfAgent,
} from "@runlease/core/Limits"
import { keysOf } from "@runlease/core/Page"
import { Array, Effect, Either, Function } from "effect"
import * as LimitKey from "../rules/LimitKey.js"
import * as LimitPlaces from "../rules/LimitPlaces.js"
import * as LimitRules from "../rules/LimitRules.js"
import * as PendingRules from "../rules/PendingRules.js"
import { addLimit, type RunBatch } from "../commit/RunBatch.js"
import type { RunCommits, RunOperation } from "../commit/RunCommits.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import type { LimitSetting, NamedSetting } from "../rows/LimitRows.js"
import type { RunKey } from "../rows/RunRows.js"
import type { StoreReads } from "../rows/StoreReads.js"
import type { Range } from "../rows/SummaryRows.js"

const toLimit =
  (now: number) =>
  (usage: LimitRules.LimitUsage): Limit => ({
    ...LimitKey.subjectOf(usage.limit),
    ...PendingRules.useOf(usage, now),
    open: usage.open + usage.stale,
  })

/** The most runs that work and are read at once. */
const mostWorking = 1000

/**
 * Brings the runs of a project that work under its limit. They are brought in the commit that sets it, so that the next claim counts them.
 */
const attachWorking = <X>(
  batch: RunBatch<X>,
  { limit, projectId }: LimitRules.LimitRef,
): Effect.Effect<void, X> =>
  Effect.gen(function* () {
    let before: RunKey | undefined = Number.MAX_SAFE_INTEGER
    while (before !== undefined) {
      const range: Range = { least: 0, before, limit: mostWorking }
      const keys: ReadonlyArray<RunKey> = yield* batch.rows.filters.keys(
        projectId,
        { statuses: ["running"] },
        range,
      )
      const runs = keys.length === 0 ? [] : yield* batch.rows.findKeys(keys, "all")
      for (const run of runs.map(batch.add)) {
        const { holder, limits, status } = run.state
        const works = status === "running" && holder !== null
        if (!works || LimitPlaces.at(limits, limit) !== undefined) continue
        batch.apply(run, LimitRules.govern(run.state, limit))
      }
      before = keys.length === mostWorking ? keys.at(-1) : undefined
    }
  })

/** Sets limits, and lets in the runs that have room then. Of two settings of one limit in a commit the later one wins. */
const set = <X>(): RunOperation<LimitSetting, LimitRules.LimitRef, LimitRules.LimitRef, never, X> => ({
  name: "Limits.set",
  decide: (settings, batch) =>
    Effect.gen(function* () {
      const { limitsSeen, rows } = batch
      const limits = batch.limits()
      const named = new Map(settings.map((setting) => [LimitRules.refName(setting), setting]))
      for (const setting of named.values()) limits.touch(setting)
      const scopes = settings.map(({ limit }) => LimitKey.scopeOf(limit))
      if (scopes.includes("agent")) addLimit(limitsSeen, "agents")
      yield* rows.limits.set([...named.values()])
      const ofProjects = [...named.values()].filter(({ limit }) => LimitKey.scopeOf(limit) === "project")
      if (ofProjects.length > 0) {
        addLimit(limitsSeen, "projects")
        // What the commit has claimed so far is written, and read with the others.
        yield* batch.flush()
        yield* Effect.forEach(ofProjects, (ref) => attachWorking(batch, ref), { discard: true })
        for (const { projectId } of ofProjects) limits.freed.add(projectId)
      }
      return settings.map(Either.right)
    }),
  answer: Function.identity,
})

/** An agent that is in as many limits as it may be, without this one; undefined for none. */
const fullAgent = <X>(
  { rows: { limits } }: RunBatch<X>,
  { agentIds, name, projectId }: NamedSetting,
): Effect.Effect<Ids.AgentId | undefined, X> =>
  agentIds.length === 0
    ? Effect.succeed(undefined)
    : Effect.map(
        limits.ofAgents(
          agentIds.map((agentId) => ({ projectId, agentId })),
          { changes: true },
        ),
        (found) => {
          const others = found.filter((other) => other.name !== name)
          return agentIds.find(
            (agentId) => others.filter((other) => other.agentId === agentId).length >= mostOfAgent,
          )
        },
      )

/** Sets limits with names, in their order. Returns whether each was there before. */
const define = <X>(): RunOperation<NamedSetting, boolean, boolean, InvalidLimit, X> => ({
  name: "Limits.define",
  decide: (settings, batch) =>
    Effect.forEach(settings, (setting) =>
      Effect.gen(function* () {
        const full = yield* fullAgent(batch, setting)
        if (full !== undefined) {
          const message = `agentIds: agent ${full} is in ${mostOfAgent} limits already, the most that an agent is in`
          return Either.left(new InvalidLimit({ field: "agentIds", message }))
        }
        const before = yield* batch.rows.limits.defined([setting])
        yield* batch.rows.limits.define([setting])
        if (setting.agentIds.length > 0) addLimit(batch.limitsSeen, "named")
        return Either.right(before.length > 0)
      }),
    ),
  answer: Function.identity,
})

const toSetting = (
  projectId: Ids.ProjectId,
  { agentIds = [], keyFrom, name }: Extract<LimitOf, { readonly kind: "named" }>,
  bounds: LimitBounds,
): NamedSetting => ({
  projectId,
  name,
  ...bounds,
  agentIds: Array.dedupe(agentIds),
  keyFrom: keyFrom ?? null,
})

const toDefined = ({
  agentIds,
  keyFrom,
  name,
  projectId: _projectId,
  ...bounds
}: NamedSetting): DefinedLimit => ({
  of: {
    kind: "named",
    name,
    ...(Array.isNonEmptyReadonlyArray(agentIds) ? { agentIds } : {}),
    ...(keyFrom === null ? {} : { keyFrom }),
  },
  bounds,
  use: null,
})

/** The runs of an agent that come under its limit, from the key `after` on. */
interface Attachment {
  readonly projectId: Ids.ProjectId
  readonly agentId: Ids.AgentId
  readonly after: RunKey
}

/** The most runs that one commit brings under a limit. */
const mostAttached = 256

/** Brings the runs of an agent that were there before its limit under it, a bounded number; returns where to continue. */
const attach = <X>(): RunOperation<Attachment, RunKey | undefined, RunKey | undefined, never, X> => ({
  name: "Limits.attach",
  decide: (attachments, batch) =>
    Effect.forEach(attachments, (attachment) =>
      Effect.map(batch.rows.limits.ofAgent(attachment, mostAttached), (found) => {
        const limit = LimitKey.ofAgent(attachment.agentId)
        for (const run of found.map(batch.add)) {
          const isUnder = LimitPlaces.at(run.state.limits, limit) !== undefined
          if (!isUnder && run.state.finishedAt === null) batch.apply(run, LimitRules.govern(run.state, limit))
        }
        return Either.right(found.length < mostAttached ? undefined : found.at(-1)?.key)
      }),
    ),
  answer: Function.identity,
})

export const make = <X>(
  commits: RunCommits<X>,
  reads: StoreReads<X>,
): ((projectId: Ids.ProjectId) => Limits["Type"]) => {
  const setting = commits.operation(set<X>())
  const attaching = commits.operation(attach<X>())
  const defining = commits.operation(define<X>())

  return (projectId) => {
    /**
     * Sets a limit. Then it brings the runs of an agent that were there before under it. Runs that are submitted meanwhile are under it, or
     * come under it at their claim.
     */
    const change = (operation: string) =>
      Effect.fnUntraced(function* (
        subject: LimitSubject,
        changed: Omit<LimitSetting, keyof LimitRules.LimitRef>,
      ) {
        const key = subject.kind === "project" ? projectId : subject.key
        const limit = LimitKey.nameOf({ ...subject, key })
        const ref = yield* setting({ projectId, limit, ...changed })
        const find = reads.read(operation, ({ limits, now }) => Effect.all([limits.find(ref), now]))
        const [stored, now] = yield* find
        // A limit that was not used may be deleted once it is no longer paused.
        const found = stored ?? { ...LimitRules.added(ref, 0), paused: changed.paused ?? false }
        if (subject.kind !== "agent" || !LimitRules.governs(found)) return toLimit(now)(found)
        const agentId = Ids.AgentId.make(subject.key)
        let after: RunKey | undefined = 0
        while (after !== undefined) after = yield* attaching({ projectId, agentId, after })
        const [again, then] = yield* find
        return toLimit(then)(again ?? found)
      })

    return {
      list: Effect.fnUntraced(function* (page = {}) {
        const [before = Number.MAX_SAFE_INTEGER] = yield* keysOf(page.cursor, [Number.MAX_SAFE_INTEGER])
        const limit = KeysetPage.limitOf(page)
        const [rows, instant] = yield* reads.read("Limits.list", ({ limits, now }) =>
          Effect.all([limits.list(projectId, { before, limit: limit + 1 }), now]),
        )
        return KeysetPage.pageOf(rows, limit, ({ key }) => [key], toLimit(instant))
      }),
      define: Effect.fnUntraced(function* (ofInput, boundsInput) {
        const { bounds, of } = yield* check(ofInput, boundsInput)
        if (of.kind !== "named") return { of, bounds, use: yield* change("Limits.define")(of, bounds) }
        const setting = toSetting(projectId, of, bounds)
        yield* defining(setting)
        return toDefined(setting)
      }),
      get: (name) =>
        Effect.flatMap(
          reads.read("Limits.get", ({ limits }) => limits.named({ projectId, name })),
          (found) =>
            found === undefined ? Effect.fail(new LimitNotFound({ name })) : Effect.succeed(toDefined(found)),
        ),
      remove: Effect.fnUntraced(function* (of) {
        if (of.kind !== "named") return yield* change("Limits.remove")(of, LimitRules.unbounded)
        const { name } = of
        const setting = toSetting(projectId, { kind: "named", name }, LimitRules.unbounded)
        const wasThere = yield* Effect.catchTag(defining(setting), "InvalidLimit", Effect.die)
        return wasThere ? null : yield* new LimitNotFound({ name })
      }),
      pause: (subject) => change("Limits.pause")(subject, { paused: true }),
      resume: (subject) => change("Limits.resume")(subject, { paused: false }),
    }
  }
}
