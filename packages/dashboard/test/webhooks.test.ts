import { describe, expect, it } from "vitest"
import {
  bodyOf,
  createLine,
  endpointStateOf,
  type Filled,
  lastAnswer,
  messageStateOf,
  problemsOf,
  runsWords,
  shortUrl,
  statusOf,
} from "../web/src/pages/webhooks/webhookState.js"

const filled: Filled = {
  url: " https://example.com/hook ",
  events: ["run.failed", "run.expired"],
  agents: "writer, ,editor",
  labels: "team=a, plan: gold",
  description: "The billing",
}

describe("an endpoint", () => {
  it("is failing after an attempt that failed, and stopped where the server has disabled it", () => {
    const well = { status: "enabled", disabled_reason: null, failing_since: null } as const
    const failing = { ...well, failing_since: "2026-12-01T00:00:00.000Z" }
    expect(
      [
        well,
        failing,
        { ...failing, status: "disabled" as const },
        { ...well, status: "disabled" as const, disabled_reason: "it answered 410" },
      ].map(endpointStateOf),
    ).toEqual(["enabled", "failing", "disabled", "stopped"])
  })

  it("has its address without what all have, and the runs that it is of in words", () => {
    expect([shortUrl("https://example.com/"), shortUrl("http://127.0.0.1:9/a/b")]).toEqual([
      "example.com",
      "127.0.0.1:9/a/b",
    ])
    expect(runsWords({ agent_ids: null, labels: {} })).toBeUndefined()
    expect(runsWords({ agent_ids: ["a"], labels: {} })).toBe("agent a")
    expect(runsWords({ agent_ids: ["a", "b"], labels: { team: "x" } })).toBe("agents a, b; team:x")
  })
})

describe("a message", () => {
  it("is retrying after an attempt that failed, until it is delivered or dead", () => {
    expect(
      [
        { status: "pending", last_error: null },
        { status: "pending", last_error: "it answered 500" },
        { status: "dead", last_error: "it answered 500" },
      ].map((message) => messageStateOf(message as Parameters<typeof messageStateOf>[0])),
    ).toEqual(["pending", "retrying", "dead"])
    expect([
      lastAnswer({ last_error: null, last_status: null }),
      lastAnswer({ last_error: null, last_status: 204 }),
      lastAnswer({ last_error: "it answered 500", last_status: 500 }),
    ]).toEqual([undefined, "204", "it answered 500"])
    expect([statusOf("dead"), statusOf("other"), statusOf(undefined)]).toEqual(["dead", undefined, undefined])
  })
})

describe("the form of a new endpoint", () => {
  it("becomes the body of a request, and a command that does the same", () => {
    expect(bodyOf(filled)).toEqual({
      url: "https://example.com/hook",
      events: ["run.failed", "run.expired"],
      agent_ids: ["writer", "editor"],
      labels: { team: "a", plan: "gold" },
      description: "The billing",
    })
    expect(createLine(filled)).toBe(
      "runlease webhooks create https://example.com/hook --event run.failed,run.expired --agent writer --agent editor --label team=a --label plan=gold --description 'The billing'",
    )
    expect(createLine({ url: "", events: [], agents: "", labels: "", description: "" })).toBe(
      "runlease webhooks create URL --event EVENT",
    )
  })

  it("says what is missing, and which label has no value", () => {
    expect(problemsOf(filled)).toEqual({})
    expect(Object.keys(problemsOf({ ...filled, url: " ", events: [], labels: "team" }))).toEqual([
      "url",
      "events",
      "labels",
    ])
  })
})
