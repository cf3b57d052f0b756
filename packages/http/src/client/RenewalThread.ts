/** Rounds of renewal on a separate thread, which continue while the event loop of the worker is blocked. */
import type { Leases } from "@runlease/core"
import * as RenewalRounds from "@runlease/core/RenewalRounds"
import { type Context, Deferred, Duration, Effect, Layer, Queue, Redacted, type Scope } from "effect"
import { Worker } from "node:worker_threads"
import * as Api from "../Api/Workers.js"
import { Credentials } from "./Transport.js"
import * as Endpoints from "./Endpoints.js"
import * as LeaseTable from "./LeaseTable.js"
import * as LoopBeat from "./LoopBeat.js"
import * as RenewalFailure from "./RenewalFailure.js"
import * as RenewalProgram from "./RenewalProgram.js"
import * as Transport from "./Transport.js"

export interface Options {
  readonly baseUrl: string
  /** Used until the worker has its own token. */
  readonly token: Redacted.Redacted
  readonly stallLimit?: Duration.DurationInput | undefined
  readonly logFormat?: "logfmt" | "json" | undefined
}

/** The megabytes of the thread's heap: enough for ten thousand leases. */
const resourceLimits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 }

/** Twice the lease and a minute at least; a lease at least if the option is set. */
const stallLimitOf = ({ stallLimit }: Options, lease: Duration.Duration): Duration.Duration =>
  stallLimit === undefined
    ? Duration.max(Duration.times(lease, 2), Duration.minutes(1))
    : Duration.max(stallLimit, lease)

/** The thread starts with the first lease. When it ends, the rounds go on on the event loop. */
const makeRounds = <Lease extends RenewalRounds.RoundLease>(
  threadOptions: Options,
  credentials: Context.Tag.Service<Credentials>,
  options: RenewalRounds.RoundOptions<Lease>,
): Effect.Effect<RenewalRounds.Rounds<Lease>, never, Leases.Leases | Scope.Scope> =>
  Effect.gen(function* () {
    const { leaseDuration, workerId } = options
    const clock = yield* Effect.clock
    // The Clock counts from another instant than the time that all threads share.
    const origin = clock.unsafeCurrentTimeNanos() - process.hrtime.bigint()
    const path = Endpoints.address(Api.group, "renewMany", { worker_id: workerId })
    const url = `${threadOptions.baseUrl.replace(/\/+$/, "")}${path}`
    const stallLimit = stallLimitOf(threadOptions, leaseDuration)
    const intervalMillis = Math.floor(Duration.toMillis(leaseDuration) / 3)

    // What callbacks leave to a fiber.
    const tasks = yield* Queue.unbounded<Effect.Effect<void>>()
    const threadEnd = yield* Deferred.make<string>()
    const end = (reason: string): void => Deferred.unsafeDone(threadEnd, Effect.succeed(reason))

    const beat = yield* LoopBeat.make((nanos, givenUp) => {
      const stoppedAfter = givenUp ? stallLimit : undefined
      Queue.unsafeOffer(tasks, options.onStall({ duration: Duration.nanos(nanos), stoppedAfter }))
    })
    const settings: RenewalProgram.Settings = {
      layout: LeaseTable.layout,
      cells: LoopBeat.cells,
      beat: beat.shared,
      url,
      workerId,
      leaseSeconds: Math.round(Duration.toSeconds(leaseDuration)),
      maxRenewals: Api.maxRenewals,
      intervalMillis,
      timeoutMillis: Math.min(intervalMillis, Duration.toMillis(Transport.answerTimeout)),
      stallLimitMillis: Duration.toMillis(stallLimit),
      logFormat: threadOptions.logFormat ?? "logfmt",
    }

    let thread: Worker | undefined
    let token = threadOptions.token
    const instruct = (instruction: RenewalProgram.Instruction): void => thread?.postMessage(instruction, [])
    const table = LeaseTable.make<Lease>((page) => instruct({ _tag: "Page", page }))
    const sendToken = (): void => instruct({ _tag: "Token", token: Redacted.value(token) })

    const take = (report: RenewalProgram.Report): void => {
      if (report._tag !== "Answered") {
        const failure = RenewalFailure.of(url, report)
        if (failure === "lacking") end("the control plane renews leases one by one")
        else {
          options.failed(failure.message)
          Queue.unsafeOffer(tasks, RenewalRounds.logFailure(failure))
        }
        return
      }
      for (const { answer, generation, slot } of report.answers) {
        const lease = table.find(slot, generation)
        if (lease !== undefined) options.answer(lease, answer, report.sentAt + origin)
      }
    }
    let isStarted = false
    const start = (): void => {
      isStarted = true
      try {
        thread = new Worker(RenewalProgram.text, {
          eval: true,
          name: "runlease renewals",
          workerData: settings,
          execArgv: [],
          resourceLimits,
        })
      } catch (error) {
        return end(String(error))
      }
      thread.unref()
      thread.on("message", take)
      thread.on("error", (error) => end(String(error)))
      thread.on("exit", (code) => end(`the thread ended with code ${code}`))
      sendToken()
    }
    yield* Effect.addFinalizer(() => Effect.promise(async () => thread?.terminate()))

    yield* Effect.acquireRelease(
      credentials.follow(workerId, (current) => {
        token = current
        sendToken()
      }),
      (unfollow) => Effect.sync(unfollow),
    )
    yield* Effect.forkScoped(Effect.forever(Effect.flatten(Queue.take(tasks))))
    yield* Effect.forkScoped(
      Effect.gen(function* () {
        const reason = yield* Deferred.await(threadEnd)
        yield* Effect.promise(async () => thread?.terminate())
        yield* RenewalRounds.onLoop(options)
        yield* Effect.logWarning(`Leases are renewed on the event loop from now on: ${reason}`)
      }),
    )

    return {
      add: (lease) => {
        if (!isStarted) start()
        table.add(lease)
      },
      remove: table.remove,
      renewedAt: (lease) => {
        const sentAt = table.renewedAt(lease)
        return sentAt === undefined ? undefined : sentAt + origin
      },
      observe: (now) => beat.observe(now - origin),
    }
  })

/** Renews the leases of each worker on a separate thread. */
export const layer = (options: Options): Layer.Layer<RenewalRounds.RenewalRounds, never, Credentials> =>
  Layer.effect(
    RenewalRounds.RenewalRounds,
    Effect.map(Credentials, (credentials) => ({
      make: (rounds) => makeRounds(options, credentials, rounds),
    })),
  )
