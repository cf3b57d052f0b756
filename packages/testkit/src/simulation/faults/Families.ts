/** Faults of children, of the waits of their parents, and of the budgets of trees. */
import type { RunId } from "@runlease/core/Ids"
import { childIdOf } from "@runlease/core/internal/ChildEvent"
import { Leases } from "@runlease/core/Leases"
import { isTerminal } from "@runlease/core/Run"
import { Runs } from "@runlease/core/Runs"
import { RunLog } from "@runlease/core/RunLog"
import { Array, Context, Effect } from "effect"
import { costOf } from "../invariants/Budgets.js"
import { valueOf } from "../invariants/Tokens.js"
import { all, type Change, replace, showing } from "./Fault.js"

/** Spawns another child when the same step is sent again. */
export const anotherChild = replace(Leases, (leases) => {
  const counts = new Map<string, number>()
  return {
    ...leases,
    spawn: (lease, spawn) =>
      Effect.suspend(() => {
        const step = `${lease.runId} ${spawn.stepId}`
        const count = counts.get(step) ?? 0
        counts.set(step, count + 1)
        if (count === 0) return leases.spawn(lease, spawn)
        const stepId = `${spawn.stepId}-${count}`
        const publicId = childIdOf(lease.runId, stepId)
        return leases.spawn(lease, { ...spawn, stepId, submission: { ...spawn.submission, publicId } })
      }),
  }
})

/** Sends the end of each child to its parent twice. */
export const repeatedChildEnd = replace(RunLog, (log) => ({
  ...log,
  read: (options) =>
    Effect.map(
      log.read(options),
      Array.flatMap((entry) =>
        valueOf(entry.event, "runlease.child")?.["outcome"] === undefined ? [entry] : [entry, entry],
      ),
    ),
}))

/** Lets a parent wait for children that have ended since it looked. */
export const lostWakeUp: Change = (ports) =>
  Effect.sync(() => {
    const leases = Context.get(ports, Leases)
    const runs = Context.get(ports, Runs)
    const children = new Map<string, RunId>()
    const hasEnded = (parent: RunId) => (index: number) => {
      const child = children.get(`${parent} ${index}`)
      return child === undefined
        ? Effect.succeed(false)
        : Effect.match(runs.get(child), {
            onFailure: () => false,
            onSuccess: ({ status }) => isTerminal(status),
          })
    }
    return Context.add(ports, Leases, {
      ...leases,
      spawn: (lease, spawn) =>
        Effect.tap(leases.spawn(lease, spawn), ({ index, runId }) =>
          Effect.sync(() => children.set(`${lease.runId} ${index}`, runId)),
        ),
      suspend: (lease, suspension) =>
        Effect.gen(function* () {
          const { children: groups = [], ...others } = suspension
          const open = yield* Effect.filter(groups, (group) =>
            Effect.map(Effect.forEach(group, hasEnded(lease.runId)), (ended) => !ended.every(Boolean)),
          )
          const waits = Array.isNonEmptyReadonlyArray(open) ? { ...others, children: open } : others
          return yield* leases.suspend(
            lease,
            Object.keys(waits).length > 0 ? waits : { wakeAfter: "3000 days" },
          )
        }),
    })
  })

/** Lets a parent go on as soon as one of the children has ended that it waits for together. */
export const earlyJoin = replace(Leases, (leases) => ({
  ...leases,
  suspend: (lease, suspension) => {
    const { children } = suspension
    const each = children?.flatMap((group) => group.map((index) => [index]))
    return leases.suspend(lease, each === undefined ? suspension : { ...suspension, children: each })
  },
}))

/** Charges a tree again for a report of usage that is sent again. */
export const chargedAgain: Change = (ports) =>
  Effect.suspend(() => {
    const runs = Context.get(ports, Runs)
    const extra = new Map<RunId, number>()
    return all(
      replace(RunLog, (log) => ({
        ...log,
        append: (request) =>
          Effect.tap(log.append(request), ({ appendedCount }) =>
            Effect.gen(function* () {
              const cost = costOf(request.events)
              if (appendedCount > 0 || cost === 0) return
              const { rootRunId } = yield* runs.get(request.runId)
              extra.set(rootRunId, (extra.get(rootRunId) ?? 0) + cost)
            }).pipe(Effect.ignore),
          ),
      })),
      showing((run) => {
        if (run.budget === undefined) return run
        const { spent } = run.budget
        const cost = spent.cost + (extra.get(run.runId) ?? 0)
        return { ...run, budget: { ...run.budget, spent: { ...spent, cost } } }
      }),
    )(ports)
  })
