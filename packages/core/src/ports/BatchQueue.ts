/**
 * A queue whose requests are sent many at a time: those that arrive while a batch is in flight share the next one.
 *
 * The first request goes at once. There are no timers, so a request that comes alone takes as long as one batch. Commits
 * of a store and exchanges of a client are both sent this way.
 *
 * Source: docs/decisions/0040-one-queue-for-commits-and-exchanges.md
 */
import { Array, Cause, Effect, Fiber, FiberId, Option, type Scope } from "effect"

/**
 * The result of a batch: one verdict for each of its requests, in their order, and what is to run once the callers have
 * their verdicts.
 */
export interface Sent<Verdict> {
  readonly verdicts: ReadonlyArray<Verdict>
  readonly after: Effect.Effect<void>
}

/** How a queue sends its requests. */
export interface Options<Request, Verdict, X> {
  readonly send: (requests: Array.NonEmptyReadonlyArray<Request>) => Effect.Effect<Sent<Verdict>, X>
  /** How many of the waiting requests, of which there is one at least, go into the next batch. */
  readonly fitting: (waiting: Array.NonEmptyReadonlyArray<Request>) => number
  /** The largest number of batches in flight. */
  readonly inFlight: number
  /**
   * Whether a request goes while another batch is in flight: always, when absent. One that does not is sent with one that
   * does, or once no batch is in flight.
   */
  readonly overtakes?: ((request: Request) => boolean) | undefined
  /** Runs before a batch takes its requests, so that callers that are about to send one can share it. */
  readonly gather: Effect.Effect<void>
  /** Whether one request may have caused a failure of the whole batch: then each of them is sent alone. */
  readonly isolates: (failure: X) => boolean
  /** Whether a batch is interrupted when the Scope closes and when all of its callers have gone. */
  readonly cut: boolean
  /** The verdict of a request whose batch failed, or that the queue does not send since it is closed. */
  readonly failed: (request: Request, cause: Cause.Cause<X> | "closed") => Verdict
  /** Runs for a verdict whose caller was interrupted while the batch was in flight. */
  readonly abandoned: (request: Request, verdict: Verdict) => Effect.Effect<void>
}

export interface BatchQueue<in Request, out Verdict> {
  /**
   * Adds a request, whose verdict goes to `resume`. The effect that it returns is for a caller that is interrupted: a
   * request that was not sent yet leaves the queue, and one that was sent stays in its batch.
   */
  readonly add: (request: Request, resume: (verdict: Verdict) => void) => Effect.Effect<void>

  /** Whether a request waits, or a batch is in flight. */
  readonly isBusy: () => boolean
}

/** A batch in flight that is cut once all of its callers have gone. */
interface Flight {
  callers: number
  readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
}

/** A request from its caller to its verdict. */
interface Entry<Request, Verdict> {
  readonly request: Request
  readonly resume: (verdict: Verdict) => void
  state: "waiting" | "sent" | { readonly verdict: Verdict }
  gone: boolean
  flight: Flight | undefined
}

type Entries<Request, Verdict> = Array.NonEmptyReadonlyArray<Entry<Request, Verdict>>

/**
 * Makes a queue that sends until the Scope closes. At its close every waiting request gets the verdict of a closed queue; a
 * batch in flight is finished, unless `cut` is set.
 */
export const make = <Request, Verdict, X>(
  options: Options<Request, Verdict, X>,
): Effect.Effect<BatchQueue<Request, Verdict>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const waiting: Array<Entry<Request, Verdict>> = []
    const overtakes = options.overtakes ?? (() => true)
    let flights = 0
    let closed = false

    const requestOf = ({ request }: Entry<Request, Verdict>): Request => request
    const mayGo = (): boolean =>
      waiting.length > 0 && (flights === 0 || waiting.some(({ request }) => overtakes(request)))
    /** Open while a batch may go, and sometimes when none may. */
    const departure = yield* Effect.makeLatch(false)
    const update = (): void => {
      if (mayGo()) departure.unsafeOpen()
      else departure.unsafeClose()
    }

    const take = (): ReadonlyArray<Entry<Request, Verdict>> => {
      const requests = mayGo() ? waiting.map(requestOf) : []
      const entries = Array.isNonEmptyArray(requests) ? waiting.splice(0, options.fitting(requests)) : []
      for (const entry of entries) entry.state = "sent"
      if (entries.length > 0) flights += 1
      update()
      return entries
    }

    const failedAll = (entries: Entries<Request, Verdict>, why: Cause.Cause<X> | "closed") =>
      entries.map(({ request }) => options.failed(request, why))

    /** Passes the verdicts to the callers in their order, before anything else runs. */
    const settleAll = (
      entries: Entries<Request, Verdict>,
      verdicts: ReadonlyArray<Verdict>,
      after: Effect.Effect<void>,
    ): Effect.Effect<void> => {
      const abandoned: Array<Effect.Effect<void>> = []
      for (const [index, entry] of entries.entries()) {
        const verdict = verdicts[index]!
        entry.state = { verdict }
        if (entry.gone) abandoned.push(options.abandoned(entry.request, verdict))
        else entry.resume(verdict)
      }
      return Effect.ignoreLogged(
        abandoned.length === 0 ? after : Effect.zipRight(after, Effect.all(abandoned, { discard: true })),
      )
    }

    const cutting = <A>(
      entries: Entries<Request, Verdict>,
      send: Effect.Effect<A, X>,
      restore: <B, E>(effect: Effect.Effect<B, E>) => Effect.Effect<B, E>,
    ): Effect.Effect<A, X> =>
      Effect.flatMap(Effect.fork(restore(send)), (fiber) => {
        const flight: Flight = { callers: entries.filter(({ gone }) => !gone).length, fiber }
        for (const entry of entries) entry.flight = flight
        if (flight.callers === 0) fiber.unsafeInterruptAsFork(FiberId.none)
        return Effect.onInterrupt(Effect.flatten(restore(Fiber.await(fiber))), () => Fiber.interrupt(fiber))
      })

    const sendAll = (
      entries: Entries<Request, Verdict>,
      restore: <B, E>(effect: Effect.Effect<B, E>) => Effect.Effect<B, E>,
    ): Effect.Effect<void> => {
      const sending = Effect.suspend(() => options.send(Array.map(entries, requestOf)))
      return Effect.matchCauseEffect(options.cut ? cutting(entries, sending, restore) : sending, {
        onSuccess: ({ after, verdicts }) => settleAll(entries, verdicts, after),
        onFailure: (cause) => {
          if (entries.length > 1 && Option.exists(Cause.failureOption(cause), options.isolates)) {
            return Effect.forEach(entries, (entry) => sendAll([entry], restore), { discard: true })
          }
          const why = options.cut && Cause.isInterrupted(cause) ? "closed" : cause
          return settleAll(entries, failedAll(entries, why), Effect.void)
        },
      })
    }

    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        closed = true
        const entries = waiting.splice(0)
        if (!Array.isNonEmptyArray(entries)) return Effect.void
        return settleAll(entries, failedAll(entries, "closed"), Effect.void)
      }),
    )

    const landed = (): void => {
      flights -= 1
      update()
    }

    const sendNext = Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.zipRight(restore(departure.await), options.gather), () => {
        const entries = take()
        return Array.isNonEmptyReadonlyArray(entries)
          ? Effect.zipRight(sendAll(entries, restore), Effect.sync(landed))
          : Effect.void
      }),
    )
    // A queue may be made where its maker cannot be interrupted.
    const sender = Effect.forkScoped(Effect.interruptible(Effect.forever(sendNext)))
    yield* Effect.replicateEffect(sender, options.inFlight, { discard: true })

    const leave = (entry: Entry<Request, Verdict>): Effect.Effect<void> => {
      entry.gone = true
      if (typeof entry.state === "object") return options.abandoned(entry.request, entry.state.verdict)
      if (entry.state === "waiting") waiting.splice(waiting.indexOf(entry), 1)
      if (entry.flight !== undefined) {
        entry.flight.callers -= 1
        if (entry.flight.callers === 0) entry.flight.fiber.unsafeInterruptAsFork(FiberId.none)
      }
      return Effect.void
    }

    return {
      isBusy: () => flights > 0 || waiting.length > 0,
      add: (request, resume) => {
        if (closed) {
          resume(options.failed(request, "closed"))
          return Effect.void
        }
        const entry: Entry<Request, Verdict> = {
          request,
          resume,
          state: "waiting",
          gone: false,
          flight: undefined,
        }
        waiting.push(entry)
        if (flights === 0 || overtakes(request)) departure.unsafeOpen()
        return Effect.suspend(() => leave(entry))
      },
    }
  })
