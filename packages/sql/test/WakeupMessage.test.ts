import { describe, expect, it } from "@effect/vitest"
import { Ids, Run } from "@runlease/core"
import { Option } from "effect"
import * as PostgresWakeups from "../src/postgres/PostgresWakeups.js"

const route = { projectId: "p", implementationKind: null, workerKey: null, version: null, agentId: "a" }

describe("wake-up messages between servers", () => {
  it("list equal wake-ups once, with their count and the latest event of a log", () => {
    const outbox = PostgresWakeups.makeOutbox()
    outbox.runnable([route, { ...route, agentId: "b" }, route])
    outbox.freed(["p", "p"])
    outbox.grew([{ log: "p/r", latest: Run.EventId.make(3) }])
    outbox.grew([{ log: "p/r", latest: Run.EventId.make(7) }])
    outbox.signal("w", { _tag: "Cancelled", runId: Ids.RunId.make("r") })
    outbox.signal("w", { _tag: "Drain", drain: true })
    outbox.signal("w", { _tag: "Drain", drain: false })
    outbox.tokenEnded()
    outbox.tokenEnded()
    expect(outbox.take("me")).toEqual([
      {
        from: "me",
        items: [
          ["r", "p", null, null, "a", 2],
          ["r", "p", null, null, "b", 1],
          ["p", "p"],
          ["l", "p/r", Run.EventId.make(7)],
          ["c", "w", Ids.RunId.make("r")],
          ["d", "w", false],
          ["e"],
        ],
      },
    ])
    expect(outbox.take("me")).toEqual([])
  })

  it("fit into notifications with any content, and decode to what was encoded", () => {
    const outbox = PostgresWakeups.makeOutbox()
    const logs = Array.from({ length: 1000 }, (_, index) => `${"é\u2028😀".repeat(30)}/${index}`)
    outbox.grew(logs.map((log) => ({ log })))
    const messages = outbox.take("me")
    const texts = messages.map(PostgresWakeups.encode)
    expect(Math.max(...texts.map((text) => Buffer.byteLength(text)))).toBeLessThan(8000)
    const read = texts.flatMap((text) => Option.getOrThrow(PostgresWakeups.decode(text)).items ?? [])
    expect(read.map(([, log]) => log)).toEqual(logs)
  })

  it("become a wake-up of all when they are too many or too long", () => {
    const outbox = PostgresWakeups.makeOutbox()
    outbox.grew(Array.from({ length: 2001 }, (_, index) => ({ log: String(index) })))
    expect(outbox.take("me")).toEqual([{ from: "me", all: true }])
    outbox.runnable([{ ...route, implementationKind: "k".repeat(9000) }])
    expect(outbox.take("me")).toEqual([{ from: "me", all: true }])
    expect(outbox.take("me")).toEqual([])
  })
})
