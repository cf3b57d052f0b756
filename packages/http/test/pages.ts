/** Streams of pages, as a browser's EventSource reads them. */
import { describe, it } from "@effect/vitest"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Fiber, Layer, Queue, type Scope } from "effect"
import * as http from "node:http"
import { serve, Served } from "./serving.js"
import { sqlite } from "./sqlite.js"

const served = (store: typeof sqlite) => Layer.provideMerge(serve(store), store)

type Services = Layer.Layer.Success<ReturnType<typeof served>> | Scope.Scope

/** Declares tests of a page over a server on each of these stores. `test` gives each one a server of its own. */
export const overStores = (
  page: string,
  declare: (test: <A, E>(title: string, body: Effect.Effect<A, E, Services>) => void) => void,
): void => {
  for (const [name, store] of Object.entries({ memory: MemoryControlPlane.layer, sqlite })) {
    describe(`${page}, over ${name}`, () => {
      declare((title, body) => {
        it.effect(title, () => body.pipe(Effect.scoped, Effect.provide(served(store))))
      })
    })
  }
}

export interface PageEvent {
  readonly name: string
  readonly id: number | undefined
  // oxlint-disable-next-line typescript/no-explicit-any -- a test looks into whatever came
  readonly data: any
}

export interface Page {
  /** The next event. */
  readonly next: Effect.Effect<PageEvent>
  /** The next event of that name. */
  readonly nextOf: (name: string) => Effect.Effect<PageEvent>
  /** The events that have come and were not taken. */
  readonly rest: Effect.Effect<ReadonlyArray<PageEvent>>
  /** Waits for the end of the response. */
  readonly ended: Effect.Effect<void>
  readonly hasEnded: () => boolean
  readonly close: Effect.Effect<void>
  /** How many comments have come. */
  readonly comments: () => number
}

/** The event that a frame has, without its end. */
export const parse = (frame: string): PageEvent => {
  const fields = new Map(
    frame.split("\n").map((line) => [line.split(": ", 1)[0]!, line.slice(line.indexOf(": ") + 2)]),
  )
  const id = fields.get("id")
  return {
    name: fields.get("event") ?? "message",
    id: id === undefined ? undefined : Number(id),
    data: JSON.parse(fields.get("data") ?? "null"),
  }
}

/** Opens a stream on a connection of its own, with the admin key unless other headers are given. */
export const open = (
  path: string,
  headers?: Readonly<Record<string, string>>,
): Effect.Effect<Page, never, Served | Scope.Scope> =>
  Effect.gen(function* () {
    const { key, url } = yield* Served
    const events = yield* Queue.unbounded<PageEvent>()
    let comments = 0
    let ended = false
    const reading = yield* Effect.async<void>((resume) => {
      let text = ""
      const end = () => {
        ended = true
        resume(Effect.void)
      }
      const request = http.get(
        url + path,
        { agent: false, headers: headers ?? { authorization: `Bearer ${key}` } },
        (response) => {
          if (response.statusCode !== 200)
            resume(Effect.dieMessage(`The stream is answered ${response.statusCode}`))
          response
            .setEncoding("utf8")
            .on("data", (more: string) => {
              const frames = (text + more).split("\n\n")
              text = frames.pop()!
              for (const frame of frames) {
                if (frame.startsWith(":")) comments += 1
                else Queue.unsafeOffer(events, parse(frame))
              }
            })
            .on("end", end)
            .on("error", end)
        },
      )
      request.on("error", end)
      return Effect.sync(() => request.destroy())
    }).pipe(Effect.forkScoped)
    const nextOf = (name: string): Effect.Effect<PageEvent> =>
      Effect.flatMap(Queue.take(events), (event) =>
        event.name === name ? Effect.succeed(event) : nextOf(name),
      )
    return {
      next: Queue.take(events),
      nextOf,
      rest: Effect.map(Queue.takeAll(events), (chunk) => Array.from(chunk)),
      ended: Fiber.join(reading),
      hasEnded: () => ended,
      close: Effect.asVoid(Fiber.interrupt(reading)),
      comments: () => comments,
    }
  })

/** Time for sockets, whatever clock the test goes by. */
export const breath = Effect.async<void>((resume) => {
  const handle = setTimeout(() => resume(Effect.void), 10)
  return Effect.sync(() => clearTimeout(handle))
})
