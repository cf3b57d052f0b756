import type * as Json from "@runlease/http/Json"
import { describe, expect, it } from "vitest"
import { scheduleOf, shortId } from "../web/src/format/ids.js"
import { until } from "../web/src/format/times.js"
import { cronWords } from "../web/src/pages/schedules/cronWords.js"
import { configOf } from "../web/src/pages/schedules/scheduleConfig.js"
import { createLine, updateLine } from "../web/src/pages/schedules/scheduleCli.js"
import { fieldsOf } from "../web/src/form/schema.js"
import { inZone } from "../web/src/pages/schedules/localTime.js"
import {
  inOrder,
  isFailing,
  skippedWords,
  stateOf,
  troubleOf,
} from "../web/src/pages/schedules/scheduleState.js"

const now = Date.parse("2026-11-24T03:00:00Z")
const before = (hours: number) => new Date(now - hours * 3_600_000).toISOString()

const schedule = (given: Partial<Json.Schedule> = {}): Json.Schedule =>
  ({
    id: "01900000-0000-7000-8000-000000000001",
    name: "Nightly report",
    status: "active",
    schedule: "0 2 * * *",
    timezone: "UTC",
    created_at: before(100),
    completed_at: null,
    health: null,
    last_successful_at: null,
    last_failure_at: null,
    last_failure_code: null,
    next_at: before(-5),
    paused_reason: null,
    pause_after_failures: 0,
    skipped: { overlap: 0, missed: 0 },
    ...given,
  }) as Json.Schedule

describe("the times of a schedule in words", () => {
  const words: ReadonlyArray<readonly [schedule: string, words: string]> = [
    ["* * * * *", "every minute"],
    ["*/15 * * * *", "every 15 minutes"],
    ["0 * * * *", "every hour"],
    ["5,35 * * * *", "every hour at :05 and :35"],
    ["0 */6 * * *", "every 6 hours"],
    ["30 */2 * * *", "every 2 hours at :30"],
    ["0 9 * * *", "every day at 09:00"],
    ["30 9,17 * * *", "every day at 09:30 and 17:30"],
    ["0 2 * * 1-5", "Monday to Friday at 02:00"],
    ["0 2 * * MON,thu", "Monday and Thursday at 02:00"],
    ["0 2 * * 7", "Sunday at 02:00"],
    ["*/15 * * * 1-5", "every 15 minutes, Monday to Friday"],
    ["0 6 1 * *", "day 1 of the month at 06:00"],
    ["0 6 1,15 1 *", "day 1 and 15 of January at 06:00"],
    ["0 9 * DEC *", "every day in December at 09:00"],
    ["every 90s", "every 90 seconds"],
    ["every 1h", "every hour"],
  ]
  for (const [text, expected] of words) {
    it(`says ${expected} for ${text}`, () => expect(cronWords(text)).toBe(expected))
  }

  it("says nothing where words would be wrong or too long", () => {
    const without = [
      "0 0 13 * 5",
      "0-10 9 * * *",
      "0 9-17 * * *",
      "0,30 9 * * *",
      "0 7-19/2 * * *",
      "0 9 */2 * *",
      "0 9 * * 1-5/2",
      "0 9 * * 1,3-5",
      "* * *",
      "every so often",
    ]
    expect(without.map((text) => cronWords(text))).toEqual(without.map(() => undefined))
  })
})

describe("the state of a schedule", () => {
  it("is stale once it has had no success for too long, since it was created at the latest", () => {
    const health = { max_staleness_seconds: 86_400 }
    expect(stateOf(schedule({ health }), now)).toBe("stale")
    expect(stateOf(schedule({ health, last_successful_at: before(23) }), now)).toBe("active")
    expect(stateOf(schedule({ health, last_successful_at: before(25) }), now)).toBe("stale")
    expect(stateOf(schedule({ health, status: "paused" }), now)).toBe("paused")
    expect(stateOf(schedule({ health, completed_at: before(1) }), now)).toBe("complete")
  })

  it("is trouble where failures have paused it, and not where a person has", () => {
    const stopped = schedule({
      status: "paused",
      paused_reason: "failures",
      pause_after_failures: 3,
      last_failure_at: before(2),
      last_failure_code: "rate_limited",
    })
    expect(troubleOf(stopped, now)).toEqual({
      title: "Nightly report is paused: 3 runs in a row failed.",
      text: "The last failure was 2 h ago: rate_limited. No run begins until it is resumed.",
    })
    expect(troubleOf(schedule({ status: "paused", paused_reason: "The wiki moves" }), now)).toBeUndefined()
    expect(troubleOf(schedule(), now)).toBeUndefined()
  })

  it("says when a stale one runs next", () => {
    const stale = schedule({ health: { max_staleness_seconds: 86_400 }, last_successful_at: before(30) })
    expect(troubleOf(stale, now)).toEqual({
      title: "Nightly report has had no success for 1 d 6 h.",
      text: "It is stale after 1 d 0 h without one. Its next run begins in 5 h.",
    })
  })

  it("fails until a success comes after the failure", () => {
    expect(isFailing(schedule({ last_failure_at: before(2) }))).toBe(true)
    expect(isFailing(schedule({ last_failure_at: before(2), last_successful_at: before(3) }))).toBe(true)
    expect(isFailing(schedule({ last_failure_at: before(2), last_successful_at: before(1) }))).toBe(false)
    expect(isFailing(schedule())).toBe(false)
  })

  it("says which ticks began no run", () => {
    expect(skippedWords(schedule({ skipped: { overlap: 12, missed: 3 } }))).toBe(
      "12 while a run had not ended, 3 missed",
    )
    expect(skippedWords(schedule())).toBe("")
  })
})

describe("the list of schedules", () => {
  it("has those with trouble first and complete ones last, then by name", () => {
    const named = (name: string, given: Partial<Json.Schedule> = {}) => schedule({ ...given, name })
    const listed = inOrder(
      [
        named("a", { completed_at: before(1) }),
        named("b 10"),
        named("b 9"),
        named("z", { status: "paused", paused_reason: "failures" }),
        named("c", { status: "paused" }),
      ],
      now,
    )
    expect(listed.map(({ name }) => name)).toEqual(["z", "b 9", "b 10", "c", "a"])
  })
})

describe("a run of a schedule", () => {
  const id = "01900000-0000-7000-8000-0000000000aa"

  it("names its schedule and its tick", () => {
    expect(scheduleOf(`schedule:${id}:2026-11-24T02:00:00.000Z`)).toBe(id)
    expect(shortId(`schedule:${id}:2026-11-24T02:00:00.000Z`)).toBe("11-24 02:00")
    expect(shortId(`schedule:${id}:run:0190-abcdefgh`)).toBe("abcdefgh")
  })

  it("is no other run, whose short id is its end", () => {
    expect(scheduleOf(id)).toBeUndefined()
    expect(scheduleOf("schedule:mine:1")).toBeUndefined()
    expect(shortId(id)).toBe("000000aa")
  })
})

describe("the command that creates a schedule", () => {
  const filled = { name: "", agent: "", schedule: "", timezone: "UTC", prompt: "", policy: "Forbid" }

  it("has what the form has, but for what is the same without", () => {
    expect(createLine(filled)).toBe("runlease schedules create NAME --agent AGENT --schedule WHEN")
    const night = { ...filled, name: "Night", agent: "report", schedule: "0 2 * * *", prompt: "It's late" }
    expect(createLine({ ...night, timezone: "Europe/Berlin", policy: "Queue" })).toBe(
      `runlease schedules create Night --agent report --schedule '0 2 * * *' --timezone Europe/Berlin --prompt 'It'\\''s late' --policy Queue`,
    )
    expect(createLine({ ...night, schedule: "every 90s", timezone: "Europe/Berlin" })).not.toContain("Berlin")
  })
})

describe("the request of the runs of a schedule", () => {
  const fields = fieldsOf({ type: "object", properties: { order: { type: "string" } } })
  const form = { isSameAgent: true, prompt: "", fields, input: undefined, hasPayload: true }
  const config = { labels: { team: "a" }, input: { order: "A-1", hidden: 1 } } as never

  it("has the payload that is filled in, and what its form does not show stays", () => {
    expect(configOf(config, { ...form, input: { value: { order: "A-2" } } })).toEqual({
      labels: { team: "a" },
      input: { order: "A-2", hidden: 1 },
    })
    expect(configOf(config, { ...form, isSameAgent: false, input: { value: { order: "A-2" } } })).toEqual({
      labels: { team: "a" },
      input: { order: "A-2" },
    })
    const text = { ...form, fields: undefined, hasPayload: false, prompt: "Go" }
    expect(configOf(config, text)).toEqual({ ...(config as object), prompt: "Go" })
    expect(configOf(config, { ...text, isSameAgent: false })).toEqual({ labels: { team: "a" }, prompt: "Go" })
  })

  it("has no payload where nothing is filled in, so that the runs get the times of their ticks", () => {
    expect(configOf({}, { ...form, input: { value: {} } })).toEqual({})
    expect(configOf({ input: {} }, { ...form, input: { value: {} } })).toEqual({ input: {} })
  })

  it("is in the commands that create and change it", () => {
    const filled = {
      name: "N",
      agent: "a",
      schedule: "every 90s",
      timezone: "UTC",
      prompt: "",
      policy: "Forbid",
    }
    expect(createLine({ ...filled, input: { order: "A-1" } })).toContain(`--input '{"order":"A-1"}'`)
    const before = schedule({
      id: "s-1",
      name: "N",
      schedule: "every 90s",
      timezone: "UTC",
      concurrency_policy: "Forbid",
      target: { kind: "agent", id: "a" },
      config: { prompt: "Go", input: { order: "A-1" } },
    } as never)
    expect(updateLine(before, { ...filled, prompt: "Go", input: { order: "A-1" } })).toBe(
      "runlease schedules update s-1",
    )
    expect(updateLine(before, { ...filled, name: "M", agent: "b" })).toBe(
      "runlease schedules update s-1 --name M --agent b --clear prompt --clear input",
    )
  })
})

describe("times to come", () => {
  it("are so far away, or now", () => {
    const at = (seconds: number) => until(now + seconds * 1000, now)
    expect([12, 300, 4 * 3600, 3 * 86_400, 0, -5].map(at)).toEqual([
      "in 12 s",
      "in 5 m",
      "in 4 h",
      "in 3 d",
      "now",
      "now",
    ])
  })

  it("are in the zone of the schedule", () => {
    expect(inZone(now, "Asia/Kolkata")).toBe("Tue 24 Nov, 08:30")
    expect(inZone(now, "America/New_York")).toBe("Mon 23 Nov, 22:00")
  })
})
