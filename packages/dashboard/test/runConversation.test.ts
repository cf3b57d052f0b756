import type * as Json from "@runlease/http/Json"
import { describe, expect, it } from "vitest"
import { saidIn, verdictOf } from "../web/src/pages/run/question/verdict"
import { questionOf, openQuestions } from "../web/src/pages/run/model/questions"
import * as cli from "../web/src/pages/run/model/cli"
import { searchOn } from "../web/src/pages/run/model/eventSearch"
import { inputsOf } from "../web/src/pages/run/model/inputs"
import type { Entry } from "../web/src/pages/run/model/runLog"
import type { Part, TakeoverPart } from "../web/src/pages/run/model/parts"
import { foldSections, sectionsOf, summaryOf } from "../web/src/pages/run/model/sections"
import { argumentsLine, lastSentence, resultLine, resultText } from "../web/src/pages/run/model/sentences"
import { knownBefore } from "../web/src/pages/run/useFollow"
import { waitingWord } from "../web/src/pages/run/model/waits"

const at = (second: number): number => Date.parse("2026-11-24T02:41:00.000Z") + second * 1000

const claimsAt = (...seconds: ReadonlyArray<number>) =>
  seconds.map((second, index) => ({
    lease_epoch: index + 1,
    worker_name: "build-02",
    claimed_at: new Date(at(second)).toISOString(),
  })) as unknown as ReadonlyArray<Json.ClaimRecord>

const textAt = (second: number, text = "said"): Part => ({
  kind: "text",
  key: `text-${second}`,
  messageId: `text-${second}`,
  recorded: null,
  eventId: second,
  at: at(second),
  version: 0,
  text,
  open: false,
  cut: false,
  superseded: false,
  endedAt: at(second),
})

const childAt = (second: number): Part => ({
  kind: "child",
  index: 0,
  key: `child-${second}`,
  eventId: second,
  at: at(second),
  version: 0,
  runId: "child",
  name: "research",
  outcome: null,
  endedAt: null,
})

const takeoverAt = (second: number): TakeoverPart => ({
  kind: "takeover",
  key: `takeover-${second}`,
  eventId: second,
  at: at(second),
  version: 0,
  previousWorker: "w1",
  ended: "lease_expired",
  reason: null,
  attempt: 2,
  worker: "w2",
  unfinished: 0,
  read: 0,
})

describe("the sections of a conversation", () => {
  it("begin with the claims", () => {
    const sections = sectionsOf([textAt(1), textAt(5), takeoverAt(10), textAt(11)], claimsAt(1, 10))
    expect(
      sections.map(({ claim, parts, takeover }) => [claim?.lease_epoch, parts.length, takeover !== null]),
    ).toEqual([
      [1, 2, false],
      [2, 1, true],
    ])
  })

  it("have what came before the newest 50 claims in one of their own", () => {
    expect(sectionsOf([textAt(1), textAt(20)], claimsAt(10)).map(({ key }) => key)).toEqual([
      "before",
      "claim-1",
    ])
  })

  it("are folded but for the last two, several without children to one line", () => {
    const parts = [1, 2, 3, 4, 5, 6, 7].map((second) => textAt(second * 10))
    const shown = foldSections(sectionsOf(parts, claimsAt(10, 20, 30, 40, 50, 60, 70)), new Set())
    expect(
      shown.map((one) => (one.kind === "open" ? one.section.key : one.sections.map(({ key }) => key))),
    ).toEqual([["claim-1", "claim-2", "claim-3", "claim-4", "claim-5"], "claim-6", "claim-7"])
  })

  it("stay single lines around a child, and open when they are opened", () => {
    const parts = [textAt(10), childAt(15), textAt(20), textAt(30), textAt(40)]
    const sections = sectionsOf(parts, claimsAt(10, 20, 30, 40))
    const shape = (opened: ReadonlySet<string>) =>
      foldSections(sections, opened).map((one) =>
        one.kind === "open" ? one.section.key : one.sections.length,
      )
    expect(shape(new Set())).toEqual([1, 1, "claim-3", "claim-4"])
    expect(shape(new Set(["claim-1"]))).toEqual(["claim-1", 1, "claim-3", "claim-4"])
  })

  it("are told in a line", () => {
    expect(summaryOf([textAt(1), textAt(2, "I read it. The test fails.")])).toBe(
      "2 messages, I read it. The test fails.",
    )
  })
})

describe("words", () => {
  it("give the last sentences that fit", () => {
    expect(lastSentence("Yes, `from` the next.\n\n**A write** fails.")).toBe(
      "Yes, from the next. A write fails.",
    )
    expect(lastSentence(`${"long ".repeat(40)}. The end.`)).toBe("The end.")
  })

  it("give the telling argument of a call first", () => {
    expect(argumentsLine('{"timeout":5,"command":"pnpm test"}')).toBe("pnpm test, timeout 5")
    expect(argumentsLine('{"a":1,"b":"x"}')).toBe("a 1, b x")
    expect(argumentsLine('{"comm')).toBe('{"comm')
  })

  it("give the text of a result, whatever holds it", () => {
    expect(resultText('"plain"')).toBe("plain")
    expect(
      resultText([
        { type: "text", text: "one" },
        { type: "text", text: "two" },
      ]),
    ).toBe("one\ntwo")
    expect(resultLine("\n40 of 40 passed\nmore")).toBe("40 of 40 passed")
    expect(resultLine({ message: "No such file", code: 2 })).toBe("No such file")
  })

  it("have new parts only where the log goes on after it was read", () => {
    // The log of an ended run comes in pieces: 250 parts, then 501.
    expect(knownBefore(null, 250, false)).toBeNull()
    expect(knownBefore(null, 501, true)).toBeNull()
    expect(knownBefore(501, 501, true)).toBeNull()
    expect(knownBefore(501, 503, true)).toBe(501)
    expect(knownBefore(501, 503, false)).toBeNull()
    expect(knownBefore(0, 3, true)).toBeNull()
  })

  it("say what a run waits for", () => {
    const nothing = {
      interrupts: [],
      answers: [],
      expires_at: null,
      wakes_at: null,
      children: null,
      taken_messages: null,
      budget: false,
    }
    const waiting = (more: object) => ({ ...nothing, ...more }) as unknown as Json.RunSummary["waiting"]
    const question = { id: "q", reason: "confirmation" }
    const word = (more: object, ...ended: ReadonlyArray<number>) =>
      waitingWord(waiting(more), new Set(ended), at(0))
    expect(word({ interrupts: [question] })).toBe("Waiting for you")
    expect(word({ interrupts: [question], children: [[0]] })).toBe("Waiting for you and a child")
    expect(word({ children: [[0, 1, 2]] })).toBe("Waiting for 3 children")
    expect(word({ children: [[0, 1, 2]] }, 1)).toBe("Waiting for 2 children")
    expect(word({ children: [[0, 1]] }, 0)).toBe("Waiting for a child")
    expect(word({ children: [[0], [1], [2]] }, 2)).toBe("Waiting for one of 2 children")
    expect(word({ interrupts: [{ ...question, client_tool: true }] })).toBe("Waiting for its client")
    expect(word({ wakes_at: new Date(at(60)).toISOString() })).toMatch(/^Sleeping until \d\d:42:00$/)
    expect(
      openQuestions(
        waiting({ interrupts: [question], answers: [{ interrupt_id: "q", status: "resolved" }] }),
      ),
    ).toEqual([])
  })

  it("say how a question was answered", () => {
    const question = questionOf({ id: "q", reason: "confirmation" })!
    const answer = (payload: unknown, status: "resolved" | "cancelled" = "resolved") => ({
      interruptId: "q",
      status,
      payload,
      isError: false,
    })
    expect(verdictOf(question, answer({ approved: true }))).toBe("approved")
    expect(verdictOf(question, answer({ approved: false }))).toBe("declined")
    expect(verdictOf(question, answer(undefined, "cancelled"))).toBe("declined")
    expect(saidIn(answer({ approved: true, note: "Once", empty: "" }))).toEqual([["note", "Once"]])
  })
})

describe("the request", () => {
  it("has the last texts of the user apart from what was said before", () => {
    const message = (id: string, role: string, text: string) => ({
      id,
      role,
      parts: [{ type: "text", text }],
    })
    const request = {
      messages: [
        message("1", "user", "a"),
        message("2", "assistant", "b"),
        message("3", "user", "c"),
        message("4", "user", "d"),
      ],
      tools: [],
      context: [],
    } as unknown as Json.Snapshot
    const { before, last } = inputsOf(request)
    expect(last.map(({ text }) => text)).toEqual(["c", "d"])
    expect(before.map(({ text }) => text)).toEqual(["a", "b"])
  })
})

describe("the search of events", () => {
  const entries = ["alpha", "beta", "Alphabet"].map((delta, index) => ({
    event_id: index + 1,
    event_type: index === 1 ? "CUSTOM" : "TEXT_MESSAGE_CONTENT",
    payload: { type: "x", delta },
  })) as unknown as ReadonlyArray<Entry>

  it("continues where it was, and keeps the list while nothing is found", () => {
    const search = { text: "ALPHA", type: "" }
    const first = searchOn(undefined, entries, search, 2)
    expect(first).toMatchObject({ searched: 2, entries: [{ event_id: 1 }] })
    const second = searchOn(first, entries, search, 2)
    expect(second.entries.map(({ event_id }) => event_id)).toEqual([1, 3])
    expect(searchOn(second, entries, search, 2).entries).toBe(second.entries)
  })

  it("finds the events of a type", () => {
    expect(searchOn(undefined, entries, { text: "", type: "CUSTOM" }, 10).entries).toHaveLength(1)
  })
})

describe("the commands", () => {
  it("quote what a shell would take apart", () => {
    expect(cli.tell("run-1", "Don't stop")).toBe(`runlease tell run-1 'Don'\\''t stop'`)
    expect(cli.fork("run-1", 12)).toBe("runlease runs fork run-1 --after 12")
  })

  it("answer as the form does", () => {
    const question = { id: "push", isOne: true }
    expect(cli.resume("r", { ...question, payload: { approved: true } })).toBe("runlease resume r --approve")
    expect(cli.resume("r", { ...question, payload: { approved: false } })).toBe("runlease resume r --deny")
    expect(cli.resume("r", { ...question, isOne: false, payload: "yes" })).toBe(
      "runlease resume r --interrupt push --text yes",
    )
    expect(cli.resume("r", { ...question, payload: { a: 1 } })).toBe(`runlease resume r --result '{"a":1}'`)
  })
})
