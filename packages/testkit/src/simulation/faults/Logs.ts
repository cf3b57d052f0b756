/** Faults of logs. */
import { Leases } from "@runlease/core/Leases"
import { Sequence } from "@runlease/core/Run"
import { type Appended, RunLog } from "@runlease/core/RunLog"
import { Context, Effect, Fiber } from "effect"
import { type Change, replace } from "./Fault.js"

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
