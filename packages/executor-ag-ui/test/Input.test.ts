import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Ids, type RequestSnapshot, type Runs } from "@runlease/core"
import { Effect } from "effect"
import { describe } from "vitest"
import * as Peer from "./Peer.js"
import { claimed, execute, test } from "./Runs.js"

/** The request to an agent for this run. */
const sent = (input: Partial<Runs.SubmissionInput>) =>
  Effect.gen(function* () {
    const agent = yield* Peer.serve(async ({ begin, finished, response, send, started }) => {
      begin()
      await send(started, finished())
      response.end()
    })
    const executor = yield* Peer.make({ url: agent.url })
    const { exit } = yield* execute(executor, yield* claimed(input))
    strictEqual(exit._tag, "Success")
    return JSON.parse(agent.calls[0]!.body) as Record<string, unknown>
  })

describe("the request to an agent", () => {
  test(
    "has no activities, and only fields of AG-UI",
    Effect.gen(function* () {
      const snapshot: RequestSnapshot.RequestSnapshot = {
        messages: [
          { id: "1", role: "activity", parts: [{ type: "activity", activityType: "PLAN", content: {} }] },
          { id: "2", role: "user", parts: [{ type: "text", text: "Hello" }] },
          {
            id: "3",
            role: "assistant",
            parts: [{ type: "tool_call", toolCallId: "c", toolName: "look", args: "{}", own: 1 }],
          },
        ],
        tools: [{ name: "look", description: "Looks", parameters: {}, own: 1 }],
        context: [{ description: "place", value: "here", own: 1 }],
      }
      const { context, messages, tools } = yield* sent({ snapshot })
      deepStrictEqual(tools, [{ name: "look", description: "Looks", parameters: {} }])
      deepStrictEqual(context, [{ description: "place", value: "here" }])
      const fields = new Set(["id", "role", "content", "toolCalls", "metadata"])
      deepStrictEqual(
        (messages as ReadonlyArray<Record<string, unknown>>).map((message) => {
          assertTrue(Object.keys(message).every((field) => fields.has(field)))
          return [message["id"], message["content"], message["toolCalls"]]
        }),
        [
          ["2", "Hello", undefined],
          ["3", undefined, [{ id: "c", type: "function", function: { name: "look", arguments: "{}" } }]],
        ],
      )
    }),
  )

  test(
    "names the parent run, if another run spawned this one",
    Effect.gen(function* () {
      const parent = yield* claimed()
      const { parentRunId, protocolVersion } = yield* sent({ parentRunId: parent.runId })
      strictEqual(parentRunId, parent.runId)
      strictEqual(protocolVersion, "1.0")
      strictEqual((yield* sent({}))["parentRunId"], undefined)
    }),
  )

  test(
    "has no run id that another server of Runlease derives itself",
    Effect.gen(function* () {
      const own = yield* sent({ publicId: Ids.RunId.make("order-1") })
      strictEqual(own["runId"], "order-1")
      const { runId } = yield* sent({ publicId: Ids.derivedRunId("chat", "a post"), derived: true })
      assertTrue(!Ids.isReservedRunId(String(runId)), String(runId))
    }),
  )
})
