/** Ports that do one thing wrong: claims and fences, submissions and ends, logs, children and budgets, limits, schedules. */
import { Claims } from "@runlease/core/Claims"
import type { RunId } from "@runlease/core/Ids"
import { Leases } from "@runlease/core/Leases"
import { Limits } from "@runlease/core/Limits"
import { type Fence, isTerminal, LeaseEpoch, Sequence } from "@runlease/core/Run"
import { type Appended, RunLog } from "@runlease/core/RunLog"
import { type Outcome, Runs } from "@runlease/core/Runs"
import { Schedules } from "@runlease/core/Schedules"
import { childIdOf } from "@runlease/core/ChildEvent"
import type { RememberedLeases } from "@runlease/store/RememberedLeases"
import { Array, Clock, Context, DateTime, Effect, Fiber, Option } from "effect"
import { valueOf } from "../invariants/Calls.js"
import { costOf } from "../invariants/Children.js"
import { all, type Change, replace, showing } from "./Fault.js"

/** Renews by the owner alone, so a worker that has claimed its run again renews its old lease too. */
export const renewalWithoutEpoch = replace(Leases, (leases) => ({
  ...leases,
  renew: (request) =>
    leases.renew({ ...request, leases: request.leases.map(({ runId }) => ({ runId, epoch: null })) }),
}))

const withoutEpoch = <F extends Fence>(fence: F): F => ({ ...fence, epoch: null })

/** Whether the fence names the holder of a run whose lease has lapsed and has not been swept. */
const isLapsed = (runId: RunId, fence: Fence | undefined) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const { lease, status } = yield* runs.get(runId)
    const now = yield* DateTime.now
    return (
      status === "running" &&
      lease !== null &&
      lease.owner === fence?.workerId &&
      lease.epoch === fence.epoch &&
      DateTime.lessThanOrEqualTo(lease.expiresAt, now)
    )
  })

const firstEpoch = LeaseEpoch.make(1)

/** Returns the same epoch with each claim, and checks the owner alone. */
export const sameEpoch = all(
  replace(Claims, ({ claim }) => ({
    claim: (request) =>
      Effect.map(claim(request), (claimed) => claimed.map((run) => ({ ...run, leaseEpoch: firstEpoch }))),
  })),
  replace(Leases, (leases) => ({
    ...leases,
    renew: (request) =>
      leases.renew({ ...request, leases: request.leases.map(({ runId }) => ({ runId, epoch: null })) }),
    release: (lease, release) => leases.release(withoutEpoch(lease), release),
    complete: (lease, outcome, last, consumed) =>
      leases.complete(withoutEpoch(lease), outcome, last, consumed),
    suspend: (lease, suspension) => leases.suspend(withoutEpoch(lease), suspension),
    spawn: (lease, spawn) => leases.spawn(withoutEpoch(lease), spawn),
  })),
  replace(RunLog, (log) => ({
    ...log,
    append: (request) =>
      log.append(request.fence === undefined ? request : { ...request, fence: withoutEpoch(request.fence) }),
  })),
)

/**
 * Checks the fence of an append, does something else for a while, and then appends for the holder of that time. Only what is slow lets
 * others in between, so a disk that is slow now and then does it.
 */
export const appendCheckedBefore = replace(RunLog, (log, ports) => {
  let count = 0
  return {
    ...log,
    append: (request) =>
      Effect.gen(function* () {
        const runs = yield* Runs
        const { lease, status } = yield* runs.get(request.runId)
        const isOwned =
          status === "running" &&
          lease !== null &&
          lease.owner === request.fence?.workerId &&
          lease.epoch === request.fence.epoch
        if (!isOwned) return yield* log.append(request)
        count += 1
        yield* Effect.sleep(count % 3 === 0 ? 4_000 : 1)
        const { lease: later } = yield* runs.get(request.runId)
        if (later === null) return yield* log.append(request)
        return yield* log.append({ ...request, fence: { workerId: later.owner, epoch: later.epoch } })
      }).pipe(Effect.provide(ports)),
  }
})

/** Appends for the holder of a lapsed lease, until a sweep takes its run away. */
export const lapsedAppend = replace(RunLog, (log, ports) => ({
  ...log,
  append: (request) =>
    Effect.flatMap(isLapsed(request.runId, request.fence), (lapsed) =>
      log.append(lapsed ? { ...request, fence: undefined } : request),
    ).pipe(Effect.provide(ports)),
}))

/** Ends a run for the holder of a lapsed lease, until a sweep takes the run away. */
export const lapsedComplete = replace(Leases, (leases, ports) => ({
  ...leases,
  complete: (lease, outcome, last, consumed) =>
    Effect.gen(function* () {
      const { runId } = lease
      if (!(yield* isLapsed(runId, lease))) return yield* leases.complete(lease, outcome, last, consumed)
      const log = yield* RunLog
      const runs = yield* Runs
      if (last !== undefined) yield* Effect.ignore(log.append({ runId, ...last }))
      return yield* runs.complete(runId, outcome)
    }).pipe(Effect.provide(ports)),
}))

/**
 * The deadline of a claimed run counts from when the claim had waited. So a worker counts from the answer where the claim seems to have
 * waited for as long as it took.
 */
export const deadlineFromAnswer = replace(Claims, ({ claim }) => ({
  claim: (request) =>
    Effect.gen(function* () {
      const sentAt = yield* Clock.currentTimeNanos
      const claimed = yield* claim(request)
      const waitedMillis = Number(((yield* Clock.currentTimeNanos) - sentAt) / 1_000_000n)
      return claimed.map((run) => ({ ...run, waitedMillis }))
    }),
}))

/** Remembers runs as they were before another server has written them. */
export const rememberedAfterUndo = (remembered: RememberedLeases): RememberedLeases => ({
  ...remembered,
  forget: () => {},
})

/** Informs workers of cancellations by signals alone. */
export const cancelOnlyPushed = replace(Leases, (leases) => ({
  ...leases,
  renew: (request) =>
    Effect.gen(function* () {
      const renewals = yield* leases.renew(request)
      const expiresAt = DateTime.addDuration(yield* DateTime.now, request.leaseDuration)
      return renewals.map((renewal) =>
        renewal._tag === "Cancelled"
          ? { _tag: "Renewed" as const, runId: renewal.runId, expiresAt }
          : renewal,
      )
    }),
}))

/** Lets each outcome of a run replace the one before. */
export const lastOutcomeWins: Change = (ports) =>
  Effect.suspend(() => {
    const outcomes = new Map<RunId, Outcome>()
    return all(
      replace(Leases, (leases) => ({
        ...leases,
        complete: (lease, outcome, last, consumed) =>
          Effect.map(leases.complete(lease, outcome, last, consumed), () => {
            outcomes.set(lease.runId, outcome)
            return { completed: true }
          }),
      })),
      showing((run) => {
        const outcome = outcomes.get(run.runId)
        if (outcome === undefined || run.finishedAt === null) return run
        const { error = null, result = null, status } = outcome
        return { ...run, status, error, result }
      }),
    )(ports)
  })

/** Acknowledges each fifth outcome without it. */
export const lostOutcome = replace(Leases, (leases) => {
  let count = 0
  return {
    ...leases,
    complete: (...args) =>
      Effect.suspend(() => {
        count += 1
        return count % 5 === 0 ? Effect.succeed({ completed: true }) : leases.complete(...args)
      }),
  }
})

/** Acknowledges each fifth submission without it. */
export const lostSubmission = replace(Runs, (runs) => {
  let count = 0
  return {
    ...runs,
    submit: (submission) =>
      Effect.suspend(() => {
        count += 1
        return count % 5 === 0
          ? Effect.map(runs.submit({ ...submission, publicId: undefined }), (submitted) => ({
              ...submitted,
              run: { ...submitted.run, runId: (submission.publicId ?? "") as RunId },
            }))
          : runs.submit(submission)
      }),
  }
})

/** Lets runs of one conversation overlap. */
export const withoutLanes = replace(Runs, (runs) => ({
  ...runs,
  submit: (submission) => runs.submit({ ...submission, concurrencyKey: null }),
}))

/** Lets a run try as often as any run may. */
export const withoutBound = replace(Runs, (runs) => ({
  ...runs,
  submit: (submission) => runs.submit({ ...submission, maxAttempts: 100 }),
}))

/** Sends a run each message without its key, so one that is sent again is stored again. */
export const withoutKeys = replace(Runs, (runs) => ({
  ...runs,
  tell: (runId, { parts }) => runs.tell(runId, { parts }),
}))

/** Reads logs without some of the control plane's own events. */
const without = (isLeftOut: (type: string, name: unknown) => boolean): Change =>
  replace(RunLog, (log) => ({
    ...log,
    read: (options) =>
      Effect.map(log.read(options), (entries) =>
        entries.filter(({ event, sequence }) => sequence !== null || !isLeftOut(event.type, event["name"])),
      ),
  }))

export const withoutMarks = without((_type, name) => name === "runlease.attempt")

/** What a dead attempt had left open stays open. */
export const withoutClosings = without((type) => type === "STEP_FINISHED")

/** Appends without a look at the cursor, so a repeat adds its events again. */
export const withoutCursor = replace(RunLog, (log) => ({
  ...log,
  append: ({ expectedEventId: _event, expectedSequence: _sequence, ...request }) => log.append(request),
}))

/**
 * Says at once that the record of a step is in the log, and writes it a moment later. A worker that dies in between has shown the effect
 * of the step without its record.
 */
export const recordAfterEffect: Change = (ports) =>
  Effect.map(Effect.scope, (scope) => {
    const log = Context.get(ports, RunLog)
    const leases = Context.get(ports, Leases)
    const writing = new Map<string, Fiber.Fiber<unknown, unknown>>()
    const written = (runId: string) => {
      const fiber = writing.get(runId)
      return fiber === undefined ? Effect.void : Effect.asVoid(Fiber.await(fiber))
    }
    const append: RunLog["Type"]["append"] = (request) => {
      const after = request.expectedSequence
      const isRecord = request.events.some(({ name }) => name === "runlease.step")
      const appending = Effect.zipRight(written(request.runId), log.append(request))
      if (!isRecord || after === undefined) return appending
      return Effect.map(Effect.forkIn(Effect.delay(appending, "300 millis"), scope), (fiber): Appended => {
        writing.set(request.runId, fiber)
        return {
          latestEventId: request.expectedEventId ?? (0 as Appended["latestEventId"]),
          latestSequence: Sequence.make(after + request.events.length),
          appendedCount: request.events.length,
        }
      })
    }
    return ports.pipe(
      Context.add(RunLog, { ...log, append }),
      Context.add(Leases, {
        ...leases,
        complete: (lease, ...rest) => Effect.zipRight(written(lease.runId), leases.complete(lease, ...rest)),
        suspend: (lease, suspension) =>
          Effect.zipRight(written(lease.runId), leases.suspend(lease, suspension)),
        release: (lease, release) => Effect.zipRight(written(lease.runId), leases.release(lease, release)),
      }),
    )
  })

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

/** Lets one run more of each concurrency key work than its submission allows. */
export const oneMore = replace(Runs, (runs) => ({
  ...runs,
  submit: (submission) =>
    runs.submit({
      ...submission,
      ...(submission.concurrencyLimit === undefined
        ? {}
        : { concurrencyLimit: submission.concurrencyLimit + 1 }),
    }),
}))

/** Acknowledges a pause, and lets runs start all the same. */
export const lostPause = replace(Limits, (limits) => ({
  ...limits,
  pause: (subject) => Effect.zipLeft(limits.pause(subject), limits.resume(subject)),
}))

/** Counts a run that works for ever. */
export const leakedPlace = replace(Limits, (limits) => ({
  ...limits,
  list: (page) =>
    Effect.map(limits.list(page), ({ items, next }) => ({
      next,
      items: items.map((limit) => ({ ...limit, running: limit.running + 1 })),
    })),
}))

/** Changes the port of schedules of a store that has it. */
const replaceSchedules =
  (change: (schedules: Schedules["Type"]) => Schedules["Type"]): Change =>
  (ports) =>
    Effect.sync(() =>
      Option.match(Context.getOption(ports, Schedules), {
        onNone: () => ports,
        onSome: (schedules) => Context.add(ports, Schedules, change(schedules)),
      }),
    )

/** Takes each declaration for one of another source. */
export const declaredAgain = replaceSchedules((schedules) => {
  let count = 0
  return {
    ...schedules,
    apply: (declared) =>
      Effect.suspend(() => {
        count += 1
        return schedules.apply({ ...declared, source: `${declared.source}-${count}` })
      }),
  }
})

/** Shows no skipped tick. */
export const uncounted = replaceSchedules((schedules) => ({
  ...schedules,
  list: (options) =>
    Effect.map(schedules.list(options), (page) => ({
      ...page,
      items: page.items.map((schedule) => ({ ...schedule, skipped: { missed: 0, overlap: 0 } })),
    })),
}))
