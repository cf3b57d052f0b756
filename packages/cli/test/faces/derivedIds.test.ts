/** What the server derives of what it was sent, no caller takes before its run exists. */
import { describe } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { Ids, Runs } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import * as TestRuns from "@runlease/testkit/TestRuns"
import { Effect } from "effect"
import { testerWith } from "../../../http/test/agui/HttpAgents.js"
import * as Mcp from "../../../http-mcp/test/messages.js"
import { call, leave } from "../../../http/test/raw.js"
import { faces } from "./faces.js"

const tester = testerWith({ faces })

const test = tester(MemoryControlPlane.layer)

const post = (path: string, body: object, headers = {}) => call("POST", path, { body, headers })

const submission = (public_id: string) => ({ kind: "agent", public_id, request: { agent_id: "agent" } })

/** Faces that name a run by an id of their caller, and what each answers. */
const naming = (id: string, ended: string) => {
  const statusOf = (path: string, body: object) => Effect.map(post(path, body), ({ status }) => status)
  return {
    submit: statusOf("/runs", submission(id)),
    batch: Effect.map(post("/runs/batch", { runs: [submission(id)] }), ({ json }) => json.answers[0].status),
    retry: statusOf(`/runs/${ended}/retry`, { public_id: id }),
    fork: statusOf(`/runs/${ended}/fork`, { after_event_id: 1, public_id: id }),
    followUp: statusOf(`/runs/${ended}/follow-ups`, {
      public_id: id,
      request_snapshot: { messages: [], tools: [], context: [] },
    }),
    agUi: leave("/ag-ui/agent?detach=true", {
      threadId: "t",
      runId: id,
      messages: [{ id: "m", role: "user", content: "hello" }],
      tools: [],
      context: [],
    }),
    mcp: Effect.map(
      Mcp.request("tools/call", {
        name: "run_agent",
        arguments: { agent_id: "agent", message: "hello", run_id: id, wait_seconds: 0 },
      }),
      ({ json }) => json.result.isError,
    ),
  }
}

const refused = { submit: 400, batch: 400, retry: 400, fork: 400, followUp: 400, agUi: 400, mcp: true }

describe("an id that the server derives", () => {
  test(
    "is in a space that no face lets its caller name, and in process only what derives it",
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const { runId: ended } = yield* TestRuns.submit()
      yield* runs.cancel(ended)
      const schedule = yield* post("/projects/default/schedules", {
        name: "taken",
        target: { kind: "agent", id: "agent" },
        schedule: "0 9 * * *",
      })
      const tick = `schedule:${schedule.json.schedule.id}:2030-01-01T09:00:00.000Z`
      // A run that has the id makes no difference.
      const taken = Ids.derivedRunId("task", "b")
      yield* runs.submit(TestRuns.submission({ publicId: taken, derived: true }))
      for (const id of [tick, "schedule:x", Ids.derivedRunId("task", "a"), "runlease.later", taken]) {
        deepStrictEqual(yield* Effect.all(naming(id, ended)), refused)
        const inProcess = yield* Effect.flip(runs.submit(TestRuns.submission({ publicId: id })))
        strictEqual(inProcess._tag === "InvalidSubmission" && inProcess.field, "publicId")
        const snapshot = { messages: [], tools: [], context: [] }
        const followUp = { public_id: id, request_snapshot: snapshot }
        const named = [
          yield* post(`/runs/${ended}/follow-ups`, followUp),
          yield* post("/ag-ui/agent", { ...snapshot, threadId: "t", runId: id }),
        ]
        deepStrictEqual(
          named.map(({ json }) => [json.error, json.field]),
          [
            ["invalid_request", "public_id"],
            ["invalid_request", "runId"],
          ],
        )
      }
      strictEqual((yield* runs.list()).items.length, 2)
    }),
  )

  test(
    "is that of a task, of a call with a key, of a post of a chat and of a scheduled run",
    Effect.gen(function* () {
      const task = yield* post(
        "/a2a/agent",
        {
          jsonrpc: "2.0",
          id: 1,
          method: "SendMessage",
          params: {
            message: { messageId: "1", role: "ROLE_USER", parts: [{ text: "hello" }] },
            configuration: { returnImmediately: true },
          },
        },
        { "a2a-version": "1.0" },
      )
      const keyed = yield* Mcp.request(
        "tools/call",
        { name: "run_agent", arguments: { agent_id: "agent", message: "hello", wait_seconds: 0 } },
        { meta: { "io.github.runlease/idempotencyKey": "k" } },
      )
      const schedule = yield* post("/projects/default/schedules", {
        name: "taken",
        target: { kind: "agent", id: "agent" },
        schedule: "0 9 * * *",
      })
      const begun = yield* post(`/projects/default/schedules/${schedule.json.schedule.id}/runs`, {})
      const posted = yield* leave("/chat/agent", {
        id: "chat",
        messages: [{ id: "u", role: "user", parts: [{ type: "text", text: "hello" }] }],
      })
      const { items } = yield* (yield* Runs.Runs).list({ limit: 1 })
      const ids = [
        task.json.result.task.id,
        keyed.json.result.structuredContent.run_id,
        begun.json.run_id,
        items[0]!.runId,
      ]
      deepStrictEqual([posted, ids.map(Ids.isReservedRunId)], [200, [true, true, true, true]])
    }),
  )
})
