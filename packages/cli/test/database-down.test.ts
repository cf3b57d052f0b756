import { FetchHttpClient, HttpClient, HttpClientRequest } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import * as TestServer from "@runlease/test-postgres/TestServer"
import { Effect, Layer } from "effect"
import { folder, json, start } from "./Processes.js"

const apiKey = "rlk_down"

layer(Layer.merge(NodeContext.layer, FetchHttpClient.layer))("a server whose PostgreSQL is killed", (it) => {
  it.scoped("answers 503 with Retry-After, is not ready, and has every run when the database is back", () =>
    Effect.gen(function* () {
      const postgres = yield* TestServer.make()
      const server = yield* start(["serve", "--port", "0", "--json"], {
        cwd: yield* folder,
        env: { RUNLEASE_DATABASE: postgres.url, RUNLEASE_API_KEY: apiKey },
      })
      const ready = json(yield* server.line(() => true))
      expect(ready["database"]).toMatch(/^postgres:\/\/127\.0\.0\.1:\d+\/postgres$/)
      const url = String(ready["url"])
      const isReady = Effect.map(HttpClient.get(`${url}/readyz`), ({ status }) => status)
      const submit = HttpClientRequest.post(`${url}/runs`).pipe(
        HttpClientRequest.bearerToken(apiKey),
        HttpClientRequest.bodyUnsafeJson({ kind: "agent", request: { agent_id: "agent" } }),
        HttpClient.execute,
      )
      const get = (runId: string) =>
        Effect.map(
          HttpClientRequest.get(`${url}/runs/${runId}`).pipe(
            HttpClientRequest.bearerToken(apiKey),
            HttpClient.execute,
          ),
          ({ status }) => status,
        )
      const accepted = yield* Effect.flatMap(submit, ({ json: body }) => body)
      const { run_id: runId } = (accepted as { readonly run: { readonly run_id: string } }).run
      expect(yield* isReady).toBe(200)

      yield* postgres.kill("SIGKILL")
      const refused = yield* submit
      expect(refused.status).toBe(503)
      expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0)
      expect(yield* isReady).toBe(503)

      yield* postgres.start
      yield* Effect.repeat(isReady, { until: (status) => status === 200 })
      expect(yield* get(runId)).toBe(200)
      expect((yield* submit).status).toBe(202)
    }),
  )
})
