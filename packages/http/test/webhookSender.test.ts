import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { ControlPlane, Runs, Webhooks } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import * as TestWebhooks from "@runlease/testkit/webhooks/TestWebhooks"
import { Effect, Layer, Queue, Redacted } from "effect"
import { createServer, type IncomingHttpHeaders } from "node:http"
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net"
import { Webhook } from "standardwebhooks"
import * as WebhookSender from "../src/WebhookSender.js"
import * as PublicAddress from "../src/server/PublicAddress.js"

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A receiver on a port of the loopback interface, which answers by what `answer` returns. */
const receiver = (answer: (count: number) => { readonly status: number; readonly location?: string }) =>
  Effect.gen(function* () {
    const received = yield* Queue.unbounded<Received>()
    let count = 0
    const server = yield* Effect.acquireRelease(
      Effect.async<ReturnType<typeof createServer>>((resume) => {
        const made = createServer((request, response) => {
          let body = ""
          request.on("data", (chunk) => (body += String(chunk)))
          request.on("end", () => {
            Queue.unsafeOffer(received, { headers: request.headers, body })
            const { location, status } = answer((count += 1))
            response.writeHead(status, location === undefined ? {} : { location }).end()
          })
        })
        made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
      }),
      (made) =>
        Effect.sync(() => {
          made.closeAllConnections()
          made.close()
        }),
    )
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return { url: `http://127.0.0.1:${port}/hook`, next: Queue.take(received) }
  })

const sending = (options: WebhookSender.Options) =>
  Layer.provideMerge(WebhookSender.layerWith(options), MemoryControlPlane.layer)

const cancelled = Effect.gen(function* () {
  const runs = yield* Runs.Runs
  const { runId } = yield* TestRuns.submit()
  yield* runs.cancel(runId)
  return runId
})

/** The message, once it is as it is meant. */
const until = (isMeant: (delivery: Effect.Effect.Success<typeof TestWebhooks.all>[number]) => boolean) =>
  Effect.repeat(Effect.zipRight(Effect.yieldNow(), TestWebhooks.all).pipe(Effect.delay("10 millis")), {
    until: ([first]) => first !== undefined && isMeant(first),
  }).pipe(Effect.map(([first]) => first!))

describe("the sender of webhooks", () => {
  it.scopedLive("signs by each secret, and sends again under the same id what failed", () =>
    Effect.gen(function* () {
      const { next, url } = yield* receiver((count) => ({ status: count === 1 ? 503 : 204 }))
      yield* Effect.gen(function* () {
        const webhooks = yield* Webhooks.Webhooks
        const { endpoint, secret } = yield* TestWebhooks.create({ url })
        const rotated = yield* webhooks.rotate(endpoint.id)
        const runId = yield* cancelled
        const [first, second] = [yield* next, yield* next]
        strictEqual(first.headers["webhook-id"], second.headers["webhook-id"])
        strictEqual(first.body, second.body)
        for (const each of [secret, rotated.secret]) {
          const verified = new Webhook(Redacted.value(each)).verify(
            second.body,
            second.headers as Record<string, string>,
          )
          deepStrictEqual((verified as { readonly type: string }).type, "run.cancelled")
        }
        strictEqual(JSON.parse(second.body).data.run_id, runId)
        const { attempt, lastStatus } = yield* until(({ status }) => status === "delivered")
        deepStrictEqual([attempt, lastStatus], [2, 204])
      }).pipe(Effect.provide(sending({ allow: "127.0.0.1", retrySeconds: [0.05] })))
    }),
  )

  it.scopedLive("disables an endpoint that is gone", () =>
    Effect.gen(function* () {
      const { url } = yield* receiver(() => ({ status: 410 }))
      yield* Effect.gen(function* () {
        const { endpoint } = yield* TestWebhooks.create({ url })
        yield* cancelled
        yield* until(({ status }) => status === "dead")
        const webhooks = yield* Webhooks.Webhooks
        strictEqual((yield* webhooks.get(endpoint.id)).status, "disabled")
      }).pipe(Effect.provide(sending({ allow: "127.0.0.1" })))
    }),
  )

  it.scopedLive("makes no connection to an address that is not public, and follows no redirect", () =>
    Effect.gen(function* () {
      const metadata = "http://169.254.169.254/latest"
      const { url } = yield* receiver(() => ({ status: 302, location: metadata }))
      const failure = (allow: string) =>
        Effect.gen(function* () {
          yield* TestWebhooks.create({ url })
          yield* cancelled
          return yield* until(({ status }) => status === "dead")
        }).pipe(Effect.provide(Layer.fresh(sending({ allow, retrySeconds: [] }))))
      const refused = yield* failure("")
      assertTrue(refused.lastError?.includes("127.0.0.1 is not an address") === true)
      deepStrictEqual((yield* failure("127.0.0.0/8")).lastStatus, 302)
    }),
  )

  it.scopedLive("does not start with networks that are none", () =>
    Effect.gen(function* () {
      const started = Layer.build(Layer.fresh(sending({ allow: "10.0.0.0/8,everything" })))
      assertTrue(String(yield* Effect.flip(started)).includes("RUNLEASE_WEBHOOK_ALLOW"))
      yield* ControlPlane.ControlPlane.pipe(Effect.provide(sending({ allow: "10.0.0.0/8, ::1" })))
    }),
  )
})

describe("an address", () => {
  const none = PublicAddress.networks("")!
  const post = (url: string, resolve?: PublicAddress.Lookup, allowed = none) =>
    Effect.flip(
      PublicAddress.make(allowed, resolve)({ url, headers: {}, body: "", timeoutMillis: 2000 }),
    ).pipe(Effect.map(({ message }) => message))
  /** A listener on a port of 127.0.0.1, which ends each connection. */
  const listener = Effect.gen(function* () {
    let count = 0
    const server = yield* Effect.acquireRelease(
      Effect.async<Server>((resume) => {
        const made = createTcpServer((socket) => {
          count += 1
          socket.destroy()
        })
        made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
      }),
      (made) => Effect.sync(() => made.close()),
    )
    return { connections: () => count, port: (server.address() as AddressInfo).port }
  })
  const isRefused = (message: string) => message.includes("is not an address of the public internet")

  it.effect("that is private, local, mapped or of a link is refused, in each way of writing it", () =>
    Effect.gen(function* () {
      for (const host of [
        "127.0.0.1",
        "127.1",
        // In hexadecimal, octal and decimal, in parts and as a whole, and in other digits.
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "017700000001",
        "2130706433",
        "①②⑦.0.0.1",
        "0",
        "10.0.0.1",
        "100.64.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "169.254.169.254.",
        "0xa9.0xfe.0xa9.0xfe",
        "2852039166",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        // An address of IPv4 within one of IPv6: mapped, compatible, translated, by NAT64, 6to4 and Teredo.
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::169.254.169.254]",
        "[::ffff:0:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "[2001:0:a9fe:a9fe::1]",
        "[fd00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[4000::1]",
      ]) {
        assertTrue(isRefused(yield* post(`http://${host}:1/`)), host)
      }
    }),
  )

  it.live("of a name is refused where the socket connects, whatever the other addresses are", () =>
    Effect.gen(function* () {
      const { connections, port } = yield* listener
      const name = `http://name.example:${port}/`
      const resolved =
        (...addresses: ReadonlyArray<string>): PublicAddress.Lookup =>
        (_host, _options, callback) =>
          callback(
            null,
            addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
          )
      const one: PublicAddress.Lookup = (_host, _options, callback) => callback(null, "127.0.0.1", 4)
      for (const resolve of [
        resolved("93.184.216.34", "127.0.0.1"),
        resolved("2606:2800:220:1::1", "::ffff:127.0.0.1"),
        resolved("fe80::1%lo"),
        resolved("::1%lo"),
        one,
      ]) {
        assertTrue(isRefused(yield* post(name, resolve)))
      }
      strictEqual(connections(), 0)
      // The same name is reached where that address is allowed.
      strictEqual(
        isRefused(yield* post(name, resolved("127.0.0.1"), PublicAddress.networks("127.0.0.1"))),
        false,
      )
      strictEqual(connections(), 1)
    }).pipe(Effect.scoped),
  )

  it.live("of a name is looked at each time, also where the name had another one before", () =>
    Effect.gen(function* () {
      const { connections, port } = yield* listener
      let lookups = 0
      // An address that is allowed first, as a public one is, and this machine after that.
      const allowed = PublicAddress.networks("127.0.0.2")!
      const changing: PublicAddress.Lookup = (_host, _options, callback) => {
        lookups += 1
        callback(null, [{ address: lookups > 1 ? "127.0.0.1" : "127.0.0.2", family: 4 }])
      }
      const name = `http://changing.example:${port}/`
      strictEqual(isRefused(yield* post(name, changing, allowed)), false)
      strictEqual(isRefused(yield* post(name, changing, allowed)), true)
      deepStrictEqual([lookups, connections()], [2, 0])
    }).pipe(Effect.scoped),
  )

  it.effect("of an allowed network is allowed, of either family", () =>
    Effect.sync(() => {
      const allowed = PublicAddress.networks("10.0.0.0/8, ::1")!
      deepStrictEqual(
        ["10.1.2.3", "::1", "93.184.216.34", "11.0.0.1", "127.0.0.1", "fd00::1", "nothing"].map((address) =>
          PublicAddress.isAllowed(address, allowed),
        ),
        [true, true, true, true, false, false, false],
      )
      strictEqual(PublicAddress.networks("10.0.0.0/40"), undefined)
    }),
  )
})
