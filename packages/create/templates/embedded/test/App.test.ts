import { HttpBody, HttpClient } from "@effect/platform"
import { NodeContext, NodeHttpServer } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Ids } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Effect, Layer, Schema } from "effect"
import * as App from "../src/App.js"
import { Summary } from "../src/summary.js"

/** The application on a free port, over a control plane in memory, and a client of it. */
const application = App.layer.pipe(
  Layer.provideMerge(MemoryControlPlane.layer),
  Layer.provideMerge(NodeHttpServer.layerTest),
  Layer.provideMerge(NodeContext.layer),
)

const Accepted = Schema.Struct({ run: Ids.RunId, token: Schema.String })

layer(application, { excludeTestServices: true })("POST /summaries", (it) => {
  const post = (body: object) => HttpClient.post("/summaries", { body: HttpBody.unsafeJson(body) })

  it.effect("submits a run, whose value is the summary", () =>
    Effect.gen(function* () {
      const response = yield* post({ text: "A lease ends. Then another worker goes on." })
      expect(response.status).toBe(202)
      const { run } = yield* Schema.decodeUnknown(Accepted)(yield* response.json)
      expect(yield* Summary.await(run)).toBe("A lease ends.")
    }),
  )

  it.effect("gives a token of that run alone", () =>
    Effect.gen(function* () {
      const { run, token } = yield* Schema.decodeUnknown(Accepted)(
        yield* (yield* post({ text: "One." })).json,
      )
      const other = yield* Schema.decodeUnknown(Accepted)(yield* (yield* post({ text: "Two." })).json)
      const headers = { authorization: `Bearer ${token}` }
      expect((yield* HttpClient.get(`/agents/runs/${run}`, { headers })).status).toBe(200)
      expect((yield* HttpClient.get(`/agents/runs/${other.run}`, { headers })).status).toBe(404)
      expect((yield* HttpClient.get(`/agents/runs/${run}`)).status).toBe(401)
    }),
  )

  it.effect("refuses a body without a text", () =>
    Effect.gen(function* () {
      expect((yield* post({ text: "" })).status).toBe(400)
    }),
  )
})
