import { FetchHttpClient } from "@effect/platform"
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Executor, Run, Runs, Worker } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Effect, Layer, Redacted } from "effect"
import { connect, createServer, type Socket } from "node:net"
import * as Client from "../src/Client.js"
import { call } from "./raw.js"
import { serve, Served } from "./serving.js"

interface Cut {
  readonly url: string
  /** The claims that came by. */
  readonly claims: () => number
}

/** A connection to the server that breaks when the first answer to a claim that gave a run comes by. */
const cutting = (url: string) =>
  Effect.acquireRelease(
    Effect.async<Cut & { readonly close: Effect.Effect<void> }>((resume) => {
      const sockets = new Set<Socket>()
      let claims = 0
      let isCut = false
      const server = createServer((near) => {
        const far = connect(Number(new URL(url).port), "127.0.0.1")
        for (const socket of [near, far]) {
          sockets.add(socket)
          socket.on("error", () => socket.destroy())
          socket.on("close", () => {
            near.destroy()
            far.destroy()
          })
        }
        near.on("data", (bytes) => {
          if (/^POST \S*\/claim /.test(bytes.toString("latin1"))) claims += 1
          far.write(bytes)
        })
        far.on("data", (bytes) => {
          if (!isCut && bytes.toString("latin1").includes('"lease_epoch":1')) {
            isCut = true
            near.destroy()
          } else near.write(bytes)
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        if (address === null || typeof address === "string") return
        resume(
          Effect.succeed({
            url: `http://127.0.0.1:${address.port}`,
            claims: () => claims,
            close: Effect.sync(() => {
              for (const socket of sockets) socket.destroy()
              server.close()
            }),
          }),
        )
      })
    }),
    ({ close }) => close,
  )

describe("a claim whose answer is lost on the way", () => {
  it.scopedLive("gives its run to the worker that sends it again, and costs no attempt", () =>
    Effect.gen(function* () {
      const { key, url } = yield* Served
      const cut = yield* cutting(url)
      const api = Layer.provide(
        Client.layerWith({ baseUrl: cut.url, token: Redacted.make(key) }),
        FetchHttpClient.layer,
      )
      yield* Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const { run } = yield* runs.submit({ ...TestRuns.submission(), maxAttempts: 1 })
        yield* Effect.provide(
          Worker.make(),
          Executor.layerFrom(() => Effect.succeed("done")),
        )
        const ended = yield* Effect.repeat(Effect.delay(runs.get(run.runId), "20 millis"), {
          until: ({ status }) => Run.isTerminal(status),
        })
        deepStrictEqual([ended.status, ended.attempt], ["completed", 1])
        strictEqual(cut.claims() >= 2, true)
      }).pipe(Effect.provide(api))
    }).pipe(Effect.provide(serve(MemoryControlPlane.layer))),
  )

  it.scopedLive("is an optional id on the wire, for one run or many", () =>
    Effect.gen(function* () {
      const { json } = yield* call("POST", "/agent-workers/projects/default/workers", {
        body: { implementation_kind: "test", worker_key: "worker-1" },
      })
      const claim = (body: object) =>
        Effect.map(
          call("POST", `/agent-workers/workers/${json.worker.id}/claim`, { token: json.token, body }),
          (answer) => answer.json,
        )
      const { json: conversation } = yield* call("POST", "/conversations", { body: {} })
      for (const id of ["run-1", "run-2", "run-3"]) {
        yield* call("POST", "/runs", {
          body: {
            kind: "agent",
            public_id: id,
            owner: { kind: "conversation", id: conversation.id },
            request: { agent_id: "agent", concurrency_key: null },
          },
        })
      }
      const one = yield* claim({ claim_id: "one" })
      const again = yield* claim({ claim_id: "one", limit: 5 })
      deepStrictEqual([one.run.run_id, one.run.attempt, one.run.lease_epoch], ["run-1", 1, 1])
      deepStrictEqual([again.run.run_id, again.run.attempt, again.run.lease_epoch], ["run-1", 1, 1])
      strictEqual(again.runs.length, 1)
      const many = yield* claim({ claim_id: "two", limit: 2 })
      const manyAgain = yield* claim({ claim_id: "two", limit: 2 })
      const ids = (answer: { readonly runs: ReadonlyArray<{ readonly run_id: string }> }) =>
        answer.runs.map(({ run_id }) => run_id)
      deepStrictEqual(ids(many), ["run-2", "run-3"])
      deepStrictEqual(ids(manyAgain), ids(many))
      strictEqual((yield* claim({ claim_id: "a".repeat(129) })).error, "invalid_request")
    }).pipe(Effect.provide(serve(MemoryControlPlane.layer))),
  )
})
