/** A page with tools of its own, an agent with a tool and an approval, and a worker that is killed at each pause. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Effect } from "effect"
import * as ModelServer from "./ModelServer.js"
import * as PageClient from "./PageClient.js"
import * as Processes from "./Processes.js"

const call = (id: string, name: string, args: object = {}): ModelServer.ToolCall => ({ id, name, args })

const turns: ReadonlyArray<ModelServer.Turn> = [
  {
    reasoning: ["The page knows more"],
    texts: ["Let me see."],
    calls: [
      call("page-1", "locate"),
      call("server-1", "charge", { what: "Ann" }),
      call("approval-1", "deploy", { what: "it" }),
      call("page-2", "confirm"),
    ],
  },
  { texts: ["Once more."], calls: [call("page-3", "locate")] },
  { texts: ["All done."] },
  { texts: ["You are welcome."] },
]

/** The ids of calls, and the ids and contents of results, in the order of a request to the model. */
const toolsOf = (body: Readonly<Record<string, unknown>>) =>
  (Array.isArray(body["input"]) ? body["input"] : []).flatMap((item: Readonly<Record<string, unknown>>) =>
    item["type"] === "function_call"
      ? [item["call_id"]]
      : item["type"] === "function_call_output"
        ? [`${String(item["call_id"])}: ${String(JSON.parse(String(item["output"])))}`]
        : [],
  )

describe("an agent with tools of the page, a tool and an approval in one turn", () => {
  for (const version of PageClient.versions) {
    it.scopedLive(
      `continues after its worker is killed at each pause (@ag-ui/client ${version})`,
      () =>
        Effect.gen(function* () {
          const model = yield* ModelServer.make(ModelServer.inTurn(...turns))
          const { calls, connection, startWorker } = yield* Processes.open(model.url)
          const page = PageClient.make(version, connection)

          const first = yield* startWorker
          yield* page.addUserMessage("Deploy it for Ann")
          const paused = yield* page.run()
          // The approval is an interrupt. The page's tools are calls without a result.
          strictEqual(paused.type, "RUN_FINISHED")
          const { interrupts, type } = paused.outcome as {
            readonly type: string
            readonly interrupts: ReadonlyArray<Readonly<Record<string, unknown>>>
          }
          deepStrictEqual(
            [type, ...interrupts.map(({ id, reason, toolCallId }) => [id, reason, toolCallId])],
            ["interrupt", ["approval-1", "tool_call", "approval-1"]],
          )
          deepStrictEqual(yield* page.pending, [
            { id: "page-1", name: "locate" },
            { id: "approval-1", name: "deploy" },
            { id: "page-2", name: "confirm" },
          ])
          yield* first.kill

          const second = yield* startWorker
          yield* page.addResult("page-1", "in Rome")
          yield* page.addResult("page-2", "yes, please")
          const waiting = yield* page.run([
            { interruptId: "approval-1", status: "resolved", payload: { approved: true } },
          ])
          strictEqual(waiting.type, "RUN_FINISHED")
          deepStrictEqual(
            waiting.outcome,
            version === "1.0.0" ? { type: "success", pendingToolCallIds: ["page-3"] } : undefined,
          )
          deepStrictEqual(yield* page.pending, [{ id: "page-3", name: "locate" }])
          deepStrictEqual(toolsOf(model.requests[1]!.body), [
            "page-1",
            "server-1",
            "approval-1",
            "page-2",
            "page-1: in Rome",
            "server-1: charge Ann: done",
            "approval-1: deploy it: done",
            "page-2: yes, please",
          ])
          assertTrue(JSON.stringify(model.requests[1]!.body).includes("secret-1"))
          yield* second.kill

          const third = yield* startWorker
          yield* page.addResult("page-3", "still in Rome")
          const done = yield* page.run()
          deepStrictEqual(done, { type: "RUN_FINISHED", outcome: { type: "success" } })
          strictEqual(yield* page.lastAnswer, "All done.")
          deepStrictEqual(toolsOf(model.requests[2]!.body).slice(-2), ["page-3", "page-3: still in Rome"])
          yield* third.kill

          yield* startWorker
          yield* page.addUserMessage("Thank you")
          const thanked = yield* page.run()
          strictEqual(thanked.type, "RUN_FINISHED")
          strictEqual(yield* page.lastAnswer, "You are welcome.")
          deepStrictEqual(yield* page.pending, [])
          strictEqual(model.requests.length, 4)
          // A new run gets the whole conversation from its client, with the encrypted reasoning if the client stores it.
          const history = JSON.stringify(model.requests[3]!.body)
          for (const part of ["in Rome", "charge Ann: done", "yes, please", "still in Rome", "Thank you"]) {
            assertTrue(history.includes(part), part)
          }

          deepStrictEqual((yield* calls).toSorted(), ["charge Ann", "deploy it"])
        }),
      240_000,
    )
  }
})
