import { FetchHttpClient, FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Ids, RequestSnapshot, Runs } from "@runlease/core"
import { Client } from "@runlease/http"
import { Effect, Redacted } from "effect"
import { room } from "./Processes.js"

const snapshot = RequestSnapshot.fromText(JSON.stringify("x".repeat(100_000)))

layer(NodeContext.layer, { excludeTestServices: true })("a server on an SQLite file", (it) => {
  it.scoped("has its checkpoints made by a thread", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { cwd, env, server } = yield* room
      const size = Effect.map(fs.stat(`${cwd}/.runlease/runlease.sqlite`), (file) => Number(file.size))
      const before = yield* size
      yield* Effect.gen(function* () {
        const runs = yield* Runs.Runs
        const submit = runs.submit({ agentId: Ids.AgentId.make("agent"), snapshot })
        // The file grows with a checkpoint alone.
        yield* Effect.repeat(submit, { until: () => Effect.map(size, (now) => now > before) })
      }).pipe(
        Effect.provide(
          Client.layerWith({ baseUrl: env.RUNLEASE_URL, token: Redacted.make(env.RUNLEASE_API_KEY) }),
        ),
        Effect.provide(FetchHttpClient.layer),
      )
      yield* server.signal("SIGTERM")
      const { code, stderr } = yield* server.ended
      expect([code, stderr]).toEqual([0, expect.not.stringContaining("heckpoint")])
    }),
  )
})
