/**
 * The port of limits over a store.
 *
 * @since 0.1.0
 */
import { Effect, Either, Function, Struct } from "effect"
import * as Ids from "../../model/Ids.js"
import { keysOf } from "../../model/Page.js"
import { check, type Limit, LimitNotFound, type Limits, type LimitSubject } from "../../ports/Limits.js"
import * as LimitKey from "../../rules/LimitKey.js"
import * as LimitPlaces from "../../rules/LimitPlaces.js"
import * as LimitRules from "../../rules/LimitRules.js"
import * as PendingRules from "../../rules/PendingRules.js"
import type { RunCommits, RunOperation } from "../commit/RunCommits.js"
import * as KeysetPage from "../rows/KeysetPage.js"
import type { LimitSetting, NamedSetting } from "../rows/LimitRows.js"
import type { RunKey } from "../rows/RunRows.js"
import type { StoreReads } from "../rows/StoreReads.js"

const toLimit =
  (now: number) =>
  (usage: LimitRules.LimitUsage): Limit => ({
    ...LimitKey.subjectOf(usage.limit),
    ...PendingRules.useOf(usage, now),
    open: usage.open + usage.stale,
  })

/** Sets limits, and lets in the runs that have room then. Of two settings of one limit in a commit the later one stands. */
const set = <X>(): RunOperation<LimitSetting, LimitRules.LimitRef, LimitRules.LimitRef, never, X> => ({
  name: "Limits.set",
  decide: (settings, { governing, limits, rows }) => {
    const named = new Map(settings.map((setting) => [LimitRules.refName(setting), setting]))
    for (const setting of named.values()) limits.touch(setting)
    if (settings.some(({ limit }) => LimitKey.governs(limit))) governing.governs = true
    return Effect.as(rows.limits.set([...named.values()]), settings.map(Either.right))
  },
  answer: Function.identity,
})

/** Sets limits with names. Of two settings of one in a commit the later one stands. Gives whether it was there before. */
const define = <X>(): RunOperation<NamedSetting, boolean, boolean, never, X> => ({
  name: "Limits.define",
  decide: (settings, { rows: { limits } }) =>
    Effect.gen(function* () {
      const named = new Map(settings.map((setting) => [`${setting.projectId}/${setting.name}`, setting]))
      const before = yield* limits.defined([...named.values()])
      yield* limits.define([...named.values()])
      return settings.map(({ name, projectId }) =>
        Either.right(before.some((found) => found.projectId === projectId && found.name === name)),
      )
    }),
  answer: Function.identity,
})

/** The runs of an agent that come under its limit, from the key `after` on. */
interface Attachment {
  readonly projectId: Ids.ProjectId
  readonly agentId: Ids.AgentId
  readonly after: RunKey
}

/** The most runs that one commit brings under a limit. */
const mostAttached = 256

/** Brings the runs of an agent that were there before its limit under it, a bounded number; gives where to go on. */
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

/**
 * @since 0.1.0
 * @category constructors
 */
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
        changed: Pick<LimitSetting, "maxRunning" | "paused">,
      ) {
        const limit = LimitKey.nameOf(subject)
        const ref = yield* setting({ projectId, limit, ...changed })
        const find = reads.read(operation, ({ limits, now }) => Effect.all([limits.find(ref), now]))
        const [stored, now] = yield* find
        // A limit that was not used may be deleted once it is no longer paused.
        const found = stored ?? { ...LimitRules.added(ref, 0), paused: changed.paused ?? false }
        if (!LimitRules.governs(found)) return toLimit(now)(found)
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
      setAgent: (agentId, maxRunning) =>
        change("Limits.setAgent")({ kind: "agent", name: null, key: agentId }, { maxRunning }),
      define: (input) =>
        Effect.flatMap(check(input), (limit) => Effect.as(defining({ projectId, ...limit }), limit)),
      named: (name) =>
        Effect.flatMap(
          reads.read("Limits.named", ({ limits }) => limits.named({ projectId, name })),
          (found) =>
            found === undefined
              ? Effect.fail(new LimitNotFound({ name }))
              : Effect.succeed(Struct.omit(found, "projectId")),
        ),
      remove: (name) =>
        Effect.flatMap(defining({ projectId, name, ...LimitRules.unbounded }), (wasThere) =>
          wasThere ? Effect.void : Effect.fail(new LimitNotFound({ name })),
        ),
      pause: (subject) => change("Limits.pause")(subject, { paused: true }),
      resume: (subject) => change("Limits.resume")(subject, { paused: false }),
    }
  }
}
