import { describe, expect, it } from "vitest"
import { describe as sentences, mostTelling } from "../web/src/pages/run/lanes/describe"
import { segmentsOf } from "../web/src/pages/run/lanes/segments"
import { live, lost, runOf, second, start, storyOf } from "./laneStory"

describe("what the lanes say", () => {
  const takeover = {
    kind: "takeover" as const,
    key: "takeover-9",
    eventId: 9,
    at: start + 123 * second,
    version: 0,
    previousWorker: "build-02",
    ended: "lease_expired",
    reason: null,
    attempt: 2,
    worker: "build-05",
    unfinished: 1,
    read: 10,
  }
  const story = storyOf(runOf([lost, live]), 170 * second, { takeovers: [takeover] })

  it("tells of a loss who had the run, who has it, and how many answers were asked again", () => {
    const loss = mostTelling(segmentsOf(story).segments)!
    const { lead, paid, text } = sentences(loss, story.now)
    expect(lead).toBe("Lease lost.")
    expect(text).toMatch(/^build-02 last renewed at .*, and build-05 claimed the run 1 s later\.$/)
    expect(paid).toBe("One answer was asked again.")
  })

  it("tells nothing of answers where none was broken off", () => {
    const told = segmentsOf({ ...story, takeovers: [{ ...takeover, unfinished: 0 }] })
    expect(sentences(mostTelling(told.segments)!, story.now).paid).toBeNull()
  })

  it("counts what is left of the lease", () => {
    const held = segmentsOf(story).segments.find(
      (segment) => segment.kind === "claim" && segment.span.isLive,
    )!
    expect(sentences(held, story.now).text).toContain("runs out in 53 s")
  })
})
