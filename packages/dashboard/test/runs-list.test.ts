import { describe, expect, it } from "vitest"
import { canBe, forEachFew, resultWords, selectionWords } from "../web/src/pages/runs/bulk.js"
import {
  awaited,
  lookedAt,
  rowsOf,
  withChanged,
  withNewest,
  type LoadedRuns,
  type RunsPage,
} from "../web/src/pages/runs/loadedRuns.js"
import { run } from "./runs.fixture.js"

type Runs = RunsPage["data"]

const page = (data: Runs, next: string | null = null, searched: number | null = null): RunsPage => ({
  data,
  page_info: { next },
  searched,
})
const loaded = (...pages: ReadonlyArray<RunsPage>): LoadedRuns => ({
  pages: [...pages],
  pageParams: pages.map((_, index) => (index === 0 ? undefined : `after ${index}`)),
})
const at = (minute: number, given: Parameters<typeof run>[0] = {}) =>
  run({ created_at: `2026-11-24T10:${String(minute).padStart(2, "0")}:00.000Z`, ...given })
const always = () => true

describe("the runs that are loaded", () => {
  it("change in their places, and only where something changed", () => {
    const [a, b, c] = [at(3), at(2, { status: "running" }), at(1)]
    const before = loaded(page([a, b], "x"), page([c]))
    expect(withChanged(before, new Map([[a.run_id, { ...a }]]))).toBe(before)
    const done = { ...b, status: "completed" as const, updated_at: "2026-11-24T11:00:00.000Z" }
    const after = withChanged(before, new Map([[b.run_id, done]]))
    expect(rowsOf(after)).toEqual([a, done, c])
    expect(after.pages[1]).toBe(before.pages[1])
  })

  it("do not go back to an older state", () => {
    const now = at(1, { status: "completed", updated_at: "2026-11-24T11:00:00.000Z" })
    const before = loaded(page([now]))
    const older = { ...now, status: "running" as const, updated_at: "2026-11-24T10:30:00.000Z" }
    expect(withChanged(before, new Map([[now.run_id, older]]))).toBe(before)
  })

  it("take the newest page before them, in order", () => {
    const [a, b, c] = [at(3), at(2), at(1)]
    const newest = page([at(5), at(4), a], "x")
    const after = withNewest(loaded(page([a, b], "x"), page([c])), newest, always)
    expect(rowsOf(after)).toEqual([...newest.data, b, c])
  })

  it("are given up where runs are missing between them and the newest page", () => {
    const newest = page([at(9), at(8)], "x")
    expect(withNewest(loaded(page([at(1)])), newest, always).pages).toEqual([newest])
  })

  it("lose those that the list has no more, when it is brought up to date", () => {
    const [a, b] = [at(2, { status: "running" }), at(1, { status: "completed" })]
    const after = withNewest(loaded(page([a, b])), page([a]), ({ status }) => status === "running")
    expect(rowsOf(after)).toEqual([a])
  })

  it("hold new ones back, and those alone that the list reaches to", () => {
    const rows = [at(5), at(4)]
    const list = { isComplete: false, isListed: always }
    const [newer, older] = [at(6), at(1)]
    const told = awaited(new Map(), [newer, older, rows[0]!], rows, list)
    expect([...told.keys()]).toEqual([newer.run_id])
    expect(awaited(told, [newer], rows, { ...list, isListed: () => false }).size).toBe(0)
    expect(awaited(told, [newer], rows, { ...list, isListed: () => undefined }).size).toBe(1)
    expect(awaited(new Map(), [older], rows, { ...list, isComplete: true }).size).toBe(1)
  })

  it("say at how many runs was looked, where a page ended before it was full", () => {
    expect(lookedAt(loaded(page([at(1)], "x", 5000)))).toBe(5000)
    expect(lookedAt(loaded(page([], "x", 5000), page([], "y", 5000)))).toBe(10_000)
    expect(lookedAt(loaded(page([at(1)], null, 20)))).toBeUndefined()
    expect(lookedAt(loaded(page([at(1)], "x")))).toBeUndefined()
    const full = Array.from({ length: 100 }, () => at(1))
    expect(lookedAt(loaded(page(full, "x", 300)))).toBeUndefined()
  })
})

describe("what is done to many runs", () => {
  it("is done to those alone that it can be done to", () => {
    expect(canBe("cancel", run({ status: "waiting" }))).toBe(true)
    expect(canBe("cancel", run())).toBe(false)
    expect(canBe("retry", run())).toBe(true)
    expect(canBe("retry", run({ status: "running" }))).toBe(false)
    expect(canBe("fork", run({ latest_event_id: 0 }))).toBe(false)
  })

  it("is done to a few at once, and to all", async () => {
    let working = 0
    let most = 0
    const done: Array<number> = []
    const act = async (item: number) => {
      working += 1
      most = Math.max(most, working)
      await Promise.resolve()
      working -= 1
      done.push(item)
    }
    const items = Array.from({ length: 20 }, (_, index) => index)
    await forEachFew(items, act, new AbortController().signal)
    expect(done.toSorted((a, b) => a - b)).toEqual(items)
    expect(most).toBe(4)
  })

  it("begins nothing more once it is stopped", async () => {
    const controller = new AbortController()
    const done: Array<number> = []
    const act = async (item: number) => {
      done.push(item)
      if (done.length === 6) controller.abort()
      await Promise.resolve()
    }
    await forEachFew(
      Array.from({ length: 20 }, (_, index) => index),
      act,
      controller.signal,
    )
    expect(done.length).toBe(6)
  })

  it("says what became of it", () => {
    const refused = { type: "refused", message: "No such run" } as const
    expect(
      resultWords({
        kind: "cancel",
        total: 5,
        outcomes: [{ type: "late" }, refused, refused],
        state: "ended",
      }),
    ).toBe("0 cancelled, 1 had ended already, 2 refused: No such run, 2 not begun")
    expect(selectionWords([run(), run()])).toBe("both completed")
    expect(selectionWords([run(), run(), run({ status: "failed" })])).toBe("2 completed, 1 failed")
  })
})
