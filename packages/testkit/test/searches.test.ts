import { describe, expect, it } from "vitest"
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Searches from "./Searches.js"

/** A folder with an empty repository, and what makes a commit in it. */
const withRepository = (test: (folder: string, commit: () => void) => void): void => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "runlease-searches-")))
  const git = (...args: ReadonlyArray<string>) =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b.invalid", ...args], {
      cwd: folder,
      stdio: "ignore",
    })
  try {
    git("init")
    test(folder, () => git("commit", "--allow-empty", "-m", "a commit"))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe("random searches", () => {
  it("begin elsewhere for each commit, and at the same place for one commit, whatever is not committed", () =>
    withRepository((folder, commit) => {
      const withoutCommit = Searches.seedOfCommit(folder)
      commit()
      const first = Searches.seedOfCommit(folder)
      writeFileSync(join(folder, "file"), "changed")
      expect(Searches.seedOfCommit(folder)).toBe(first)
      commit()
      expect(new Set([withoutCommit, first, Searches.seedOfCommit(folder)]).size).toBe(3)
    }))

  it("begin at a fixed place in a copy inside another repository, and without one", () =>
    withRepository((folder, commit) => {
      const withoutCommit = Searches.seedOfCommit(folder)
      commit()
      const inside = join(folder, "copy")
      mkdirSync(inside)
      expect(Searches.seedOfCommit(inside)).toBe(withoutCommit)
      expect(Searches.seedOfCommit(join(folder, "nowhere"))).toBe(withoutCommit)
    }))

  it("of six seeds that follow each other run each case once", () => {
    const cases = Array.from({ length: 20 }, (_, index) => index)
    const run = [7, 8, 9, 10, 11, 12].flatMap((seed) => Searches.chosen(cases, { seed, extent: "sixth" }))
    expect(run.toSorted((a, b) => a - b)).toEqual(cases)
    expect(Searches.chosen(cases, { seed: 7, extent: "all" })).toEqual(cases)
  })

  it("of long cases run one, and another one for the next seed", () => {
    const run = [7, 8].flatMap((seed) => Searches.oneOf(["a", "b"], { seed, extent: "sixth" }))
    expect(run.toSorted()).toEqual(["a", "b"])
    expect(Searches.oneOf(["a", "b"], { seed: 7, extent: "all" })).toEqual(["a", "b"])
  })

  it("without cases run in half of the commits, and always where all run", () => {
    const commits = Array.from({ length: 1000 }, (_, seed) => seed)
    const played = commits.filter((seed) => Searches.plays("kills", { seed, extent: "sixth" })).length
    expect(Math.abs(played - 500)).toBeLessThan(100)
    expect(commits.every((seed) => Searches.plays("kills", { seed, extent: "all" }))).toBe(true)
  })

  it("of one seed have seeds of their own, and a sixth of the cases", () => {
    const searches: Searches.Searches = { seed: 42, extent: "sixth" }
    expect(Searches.seedOf("SQLite", searches)).not.toBe(Searches.seedOf("memory", searches))
    expect(Searches.seedOf("SQLite", searches)).toBe(
      Searches.seedOf("SQLite", { ...searches, extent: "all" }),
    )
    expect([1, 30, 100].map((cases) => Searches.some(cases, searches))).toEqual([1, 5, 17])
    expect(Searches.some(100, { seed: 42, extent: "all" })).toBe(100)
  })

  it("are the same again by the value that is shown", () => {
    for (const extent of ["sixth", "all"] as const) {
      const searches = { seed: 268_435_455, extent }
      expect(Searches.read(Searches.show(searches))).toEqual(searches)
    }
    expect(() => Searches.read("42")).toThrow("42/sixth")
  })
})
