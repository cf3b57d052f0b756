import { describe, expect, it } from "vitest"
import { aboutOf, besideOf } from "../web/src/pages/run/model/about"
import { questionOf } from "../web/src/pages/run/model/questions"

const diff = "--- a/limits.yaml\n+++ b/limits.yaml\n@@ -1 +1 @@\n-most: 100\n+most: 900\n"

const parts = (about: unknown) => aboutOf({ metadata: { about } })

describe("what a question is about", () => {
  it("is a table of its fields, as the log and the summary have them", () => {
    const interrupt = { id: "q", metadata: { about: { amount: "900 EUR", copies: 2, urgent: false } } }
    expect(aboutOf(questionOf(interrupt)!)).toEqual([
      { name: "amount", kind: "line", text: "900 EUR" },
      { name: "copies", kind: "line", text: "2" },
      { name: "urgent", kind: "line", text: "false" },
    ])
  })

  it("has its own lines where it is a diff or a text of several lines", () => {
    expect(parts({ change: diff, note: "one\ntwo" })).toEqual([
      { name: "change", kind: "diff", text: diff },
      { name: "note", kind: "lines", text: "one\ntwo" },
    ])
    expect(parts(diff)).toEqual([{ name: undefined, kind: "diff", text: diff }])
    expect(parts("--- a line between two others")).toMatchObject([{ kind: "line" }])
  })

  it("is JSON where it is neither", () => {
    expect(parts({ file: { path: "a.txt" } })).toEqual([
      { name: "file", kind: "json", text: JSON.stringify({ path: "a.txt" }, null, 2) },
    ])
    expect(parts([1, 2])).toEqual([{ name: undefined, kind: "json", text: "[\n  1,\n  2\n]" }])
    expect(parts(null)).toEqual([{ name: undefined, kind: "line", text: "null" }])
  })

  it("is apart from the other metadata of the question", () => {
    expect(besideOf({ metadata: { about: 1, locations: ["a.txt:3"] } })).toEqual([["locations", ["a.txt:3"]]])
    expect([aboutOf({ metadata: undefined }), besideOf({ metadata: undefined })]).toEqual([[], []])
  })
})
