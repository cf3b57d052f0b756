/**
 * The event streams and the waits that are open: comments so that no proxy closes a stream, and a look at whether their callers would
 * still be let in. One fiber does both for all of them.
 */
import { Clock, Context, Duration, Effect, Layer, Random, type Scope } from "effect"
import * as ServerMetrics from "./ServerMetrics.js"

export interface OpenStream {
  /** Absent for a wait, which sends nothing before its answer. */
  readonly comment?: () => void
  readonly end: () => void
  /** Whether its request would be refused now. */
  readonly isRevoked: Effect.Effect<boolean>
}

export class OpenStreams extends Context.Tag("@runlease/http/server/OpenStreams")<
  OpenStreams,
  {
    /** Looks after a stream until the Scope closes. A stream whose caller is revoked is ended within seconds. */
    readonly add: (stream: OpenStream) => Effect.Effect<void, never, Scope.Scope>
  }
>() {}

const commentInterval = Duration.toMillis("15 seconds")

/** Between two looks of one stream, so that streams do not look all at once. They share what the server knows of their token. */
const lookInterval = Random.nextIntBetween(1600, 2400)

/** How exact these intervals are. */
const tickInterval = Duration.millis(400)

/** The monotonic clock, in milliseconds. */
const time = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos / 1_000_000n))

interface Entry {
  readonly stream: OpenStream
  readonly lookEvery: number
  commentAt: number
  lookAt: number
  looking: boolean
}

export const layer: Layer.Layer<OpenStreams> = Layer.scoped(
  OpenStreams,
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const entries = new Set<Entry>()
    const anyOpen = yield* Effect.makeLatch()

    const look = (entry: Entry): Effect.Effect<void> =>
      Effect.suspend(() => {
        entry.looking = true
        return Effect.map(entry.stream.isRevoked, (isRevoked) => {
          entry.looking = false
          if (isRevoked) entry.stream.end()
        })
      })

    const tick = Effect.gen(function* () {
      yield* anyOpen.await
      yield* Effect.sleep(tickInterval)
      if (entries.size === 0) return yield* anyOpen.close
      const now = yield* time
      const due: Array<Entry> = []
      for (const entry of entries) {
        if (entry.stream.comment !== undefined && now >= entry.commentAt) {
          entry.commentAt = now + commentInterval
          entry.stream.comment()
        }
        if (now >= entry.lookAt && !entry.looking) {
          entry.lookAt = now + entry.lookEvery
          due.push(entry)
        }
      }
      // An authentication that takes long delays its own streams only.
      if (due.length > 0) {
        yield* Effect.forkIn(Effect.forEach(due, look, { concurrency: "unbounded", discard: true }), scope)
      }
    })
    yield* Effect.forkScoped(Effect.forever(tick))

    return {
      add: (stream) =>
        Effect.gen(function* () {
          const now = yield* time
          const lookEvery = yield* lookInterval
          const entry: Entry = {
            stream,
            lookEvery,
            commentAt: now + commentInterval,
            lookAt: now + lookEvery,
            looking: false,
          }
          yield* Effect.acquireRelease(
            Effect.sync(() => {
              entries.add(entry)
              if (stream.comment !== undefined) ServerMetrics.streams.add(1)
              anyOpen.unsafeOpen()
            }),
            () =>
              Effect.sync(() => {
                entries.delete(entry)
                if (stream.comment !== undefined) ServerMetrics.streams.add(-1)
              }),
          )
        }),
    }
  }),
)
