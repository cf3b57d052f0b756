import { describe, expect, it } from "vitest"
import { laneOf, laneWidth } from "../web/src/ui/miniLaneShape.js"
import {
  bucketCount,
  bucketMillis,
  bucketsOf,
  brushOf,
  domainOf,
  rangeOf,
  scaleFor,
  snapped,
} from "../web/src/pages/runs/timeStrip.js"
import { claim, run } from "./runs.fixture.js"

const ten = Date.parse("2026-11-24T10:00:00Z")

describe("the lease of a run in a row", () => {
  it("is one bar to the end while the run is held", () => {
    const lane = laneOf(run({ status: "running", claims: [claim(1, null, null)] }), ten + 60_000)
    expect(lane.segments).toEqual([{ kind: "live", from: expect.closeTo(1.2), to: laneWidth }])
    expect(lane.words).toBe("1 claim, held now")
  })

  it("is a dotted line while nobody has claimed it", () => {
    const lane = laneOf(run({ status: "pending" }), ten)
    expect(lane.segments).toEqual([{ kind: "queue", from: 0, to: expect.closeTo(15.84) }])
    expect(lane.words).toBe("not claimed yet")
  })

  it("has a cross for each lost lease, within the picture", () => {
    const claims = [0, 125, 250].map((from) => claim(from, from + 100, "lease_expired"))
    const lane = laneOf(
      run({ status: "failed", claims, finished_at: "2026-11-24T10:05:50.000Z" }),
      ten + 999_000,
    )
    expect(lane.losses).toHaveLength(3)
    expect(lane.losses.at(-1)).toBeLessThan(laneWidth)
    expect(lane.segments.map(({ kind }) => kind)).toEqual(["past", "past", "past"])
    expect(lane.words).toBe("3 claims, all lost")
  })

  it("has waits between claims, and after the last one", () => {
    const claims = [claim(0, 10, "suspended"), claim(20, 30, "waiting")]
    const lane = laneOf(run({ status: "waiting", claims }), ten + 60_000)
    expect(lane.segments.map(({ kind }) => kind)).toEqual(["past", "wait", "past", "wait"])
    for (const [index, segment] of lane.segments.entries()) {
      expect(segment.to).toBeGreaterThan(segment.from)
      expect(segment.from).toBeGreaterThanOrEqual(lane.segments[index - 1]?.to ?? 0)
    }
  })

  it("gives a long queue no more than its share", () => {
    const claims = [claim(3600, 3610, "completed")]
    const lane = laneOf(run({ claims, finished_at: "2026-11-24T11:00:10.000Z" }), ten)
    expect(lane.segments[0]!.from).toBeCloseTo(laneWidth * 0.22)
  })

  it("stays within the picture where clocks differ", () => {
    const claims = [claim(5, 5, "lease_expired"), claim(10, null, null)]
    const { losses, segments } = laneOf(run({ status: "running", claims }), ten)
    for (const { from, to } of segments) {
      expect(from).toBeGreaterThanOrEqual(0)
      expect(to).toBeLessThanOrEqual(laneWidth)
      expect(to).toBeGreaterThan(from)
    }
    expect(losses[0]).toBeLessThan(laneWidth)
  })
})

describe("the strip of time", () => {
  const now = Date.parse("2026-11-24T12:34:00Z")
  const widest = scaleFor(undefined, now)

  it("is as fine as the bound allows", () => {
    expect(widest).toEqual({ step: "hour", merge: 2 })
    expect(scaleFor(now - 3_600_000, now)).toEqual({ step: "minute", merge: 1 })
    expect(scaleFor(now - 20 * 3_600_000, now)).toEqual({ step: "minute", merge: 8 })
    expect(scaleFor(now - 90 * 86_400_000, now)).toEqual(widest)
  })

  it("ends with the bucket that now is in", () => {
    const { end, start } = domainOf(widest, now)
    expect(end - start).toBe(14 * 86_400_000)
    expect(end).toBeGreaterThan(now)
    expect(end - bucketMillis(widest)).toBeLessThanOrEqual(now)
  })

  it("adds up the periods of each bucket", () => {
    const period = (start: string, submitted: number, failed: number) => ({
      start,
      submitted,
      ended: { completed: 0, failed, cancelled: 0 },
    })
    const buckets = bucketsOf(
      [
        period("2026-11-24T11:00:00.000Z", 4, 0),
        period("2026-11-24T12:00:00.000Z", 5, 1),
        period("2020-01-01T00:00:00.000Z", 9, 9),
      ],
      widest,
      now,
    )
    expect(buckets).toHaveLength(bucketCount)
    expect(buckets.slice(-2)).toMatchObject([
      { submitted: 4, failed: 0 },
      { submitted: 5, failed: 1 },
    ])
    expect(buckets.reduce((sum, { submitted }) => sum + submitted, 0)).toBe(9)
  })

  it("gives back the range that a brush was made of", () => {
    const domain = domainOf(widest, now)
    const brush = snapped(0.51, 0.25)
    const { from, to } = rangeOf(brush, domain)
    const back = brushOf({ from: Date.parse(from ?? ""), to: Date.parse(to ?? "") }, domain)
    expect(back.from).toBeCloseTo(brush.from, 9)
    expect(back.to).toBeCloseTo(brush.to, 9)
    expect(brush.from * bucketCount).toBeCloseTo(42)
  })

  it("bounds nothing at its ends", () => {
    expect(rangeOf({ from: 0, to: 1 }, domainOf(widest, now))).toEqual({ from: undefined, to: undefined })
    expect(snapped(1.2, 1.5)).toEqual({ from: (bucketCount - 1) / bucketCount, to: 1 })
  })
})
