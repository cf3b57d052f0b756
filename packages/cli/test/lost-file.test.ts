import { FetchHttpClient, FileSystem, HttpClient, HttpClientRequest } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { has, room, start } from "./Processes.js"

layer(Layer.merge(NodeContext.layer, FetchHttpClient.layer), { excludeTestServices: true })(
  "a server whose database file is deleted",
  (it) => {
    it.scoped("answers 503 with the reason, is not ready, and delays its worker", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const { cwd, env, server } = yield* room
        const isReady = Effect.map(HttpClient.get(`${env.RUNLEASE_URL}/readyz`), ({ status }) => status)
        const submit = HttpClientRequest.post(`${env.RUNLEASE_URL}/runs`).pipe(
          HttpClientRequest.bearerToken(env.RUNLEASE_API_KEY),
          HttpClientRequest.bodyUnsafeJson({ kind: "agent", request: { agent_id: "agent" } }),
          HttpClient.execute,
        )
        expect((yield* submit).status).toBe(202)
        expect(yield* isReady).toBe(200)
        const worker = yield* start(["worker", "--json", "--agent", "other", "--command", "cat"], {
          cwd,
          env,
        })
        yield* worker.line(has({ event: "registered" }))

        yield* fs.remove(`${cwd}/.runlease`, { recursive: true })
        yield* Effect.repeat(isReady, {
          until: (status) => status === 503,
          schedule: Schedule.spaced("20 millis"),
        })
        const refused = yield* submit
        expect([refused.status, Number(refused.headers["retry-after"]) > 0]).toEqual([503, true])
        expect(yield* refused.json).toEqual({
          error: "unavailable",
          detail:
            "The database file was deleted or replaced while the server used it, so nothing is written; the server's log says what to do",
        })
        const line = yield* server.errorLine((text) => text.includes("level=ERROR"))
        expect(line).toContain(".runlease/runlease.sqlite was deleted or replaced")
        yield* worker.errorLine((text) => /was deleted or replaced.*trying again/.test(text))
      }),
    )
  },
)
