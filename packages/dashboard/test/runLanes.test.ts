import { describe, expect, it } from "vitest"
import { describe as sentencesOf } from "../web/src/pages/run/lanes/describe"
import { renewalTicks, layOut } from "../web/src/pages/run/lanes/layout.js"
import { labelsOf } from "../web/src/pages/run/lanes/labels"
import { axisTicks, breakWidth, longIdles, makeScale } from "../web/src/pages/run/lanes/scale"
import { idlesOf, spanOf } from "../web/src/pages/run/lanes/segments.js"
import { claimOf, iso, live, lost, minute, runOf, second, start, storyOf } from "./laneStory"

describe("spans of claims", () => {
  it("hold until the last renewal where the lease ran out", () => {
    expect(spanOf(lost, start + 200 * second)).toMatchObject({
      heldTo: start + 62 * second,
      lossTo: start + 122 * second,
      isLive: false,
    })
  })

  it("are lost as soon as the lease is over, also before somebody takes the run over", () => {
    expect(spanOf(live, start + 170 * second)).toMatchObject({
      isLive: true,
      leaseTo: start + 223 * second,
      lossTo: null,
    })
    expect(spanOf(live, start + 224 * second)).toMatchObject({
      isLive: false,
      heldTo: start + 163 * second,
      lossTo: start + 223 * second,
    })
  })

  it("leave the time between them to a queue or to a wait", () => {
    const suspended = claimOf(1, {
      from: 2 * second,
      renewed: 2 * second,
      to: 10 * second,
      ended: "suspended",
    })
    const next = claimOf(2, { from: 30 * second, renewed: 30 * second, to: 40 * second, ended: "released" })
    const now = start + 50 * second
    const spans = [suspended, next].map((claim) => spanOf(claim, now))
    expect(idlesOf(runOf([suspended, next], { status: "pending" }), spans, now)).toMatchObject([
      { kind: "queue", from: start, to: start + 2 * second },
      { kind: "wait", from: start + 10 * second, to: start + 30 * second },
      { kind: "queue", from: start + 40 * second, to: now, isNow: true },
    ])
  })

  it("wait until they are answered, and are in the queue then", () => {
    const suspended = claimOf(1, {
      from: 2 * second,
      renewed: 2 * second,
      to: 10 * second,
      ended: "suspended",
    })
    const now = start + 50 * second
    const run = runOf([suspended], { status: "pending", updated_at: iso(45 * second) })
    expect(idlesOf(run, [spanOf(suspended, now)], now).slice(1)).toMatchObject([
      { kind: "wait", to: start + 45 * second, isNow: false },
      { kind: "queue", from: start + 45 * second, isNow: true },
    ])
  })
})

describe("the scale", () => {
  it("folds idle times of more than 10 minutes to 24 pixels", () => {
    const held = [
      { from: 0, to: 5 * minute },
      { from: 60 * minute, to: 65 * minute },
      { from: 70 * minute, to: 71 * minute },
    ]
    const idle = longIdles(held, { from: 0, to: 71 * minute })
    expect(idle).toHaveLength(1)
    const scale = makeScale({ from: 0, to: 71 * minute }, idle, 1000)
    expect(scale.x(idle[0]!.to) - scale.x(idle[0]!.from)).toBeCloseTo(breakWidth)
    expect(scale.x(71 * minute)).toBeCloseTo(1000)
  })

  it("leads back from pixels to instants", () => {
    const scale = makeScale({ from: 0, to: 100 * minute }, [{ from: 10 * minute, to: 80 * minute }], 700)
    for (const instant of [0, 5 * minute, 10 * minute, 45 * minute, 80 * minute, 99 * minute]) {
      expect(scale.instant(scale.x(instant))).toBeCloseTo(instant, 0)
    }
  })

  it("names instants that are apart from each other, from now and from breaks", () => {
    const scale = makeScale(
      { from: start, to: start + 100 * minute },
      [{ from: start + 20 * minute, to: start + 70 * minute }],
      900,
    )
    const now = scale.x(start + 95 * minute)
    const ticks = axisTicks(scale, 80, now)
    expect(ticks.length).toBeGreaterThan(3)
    const gaps = ticks.slice(1).map(({ x }, index) => x - ticks[index]!.x)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(60)
    for (const { x } of ticks) {
      expect(Math.abs(x - now)).toBeGreaterThan(60)
      expect(Math.abs(x - scale.breaks[0]!.x - breakWidth / 2)).toBeGreaterThan(60)
    }
  })
})

describe("renewals", () => {
  it("are evenly spaced, the last one at its time", () => {
    expect(renewalTicks(0, 60, 3)).toEqual([20, 40, 60])
  })

  it("are every nth where they would be less than 6 pixels apart", () => {
    const ticks = renewalTicks(0, 100, 60)
    expect(ticks).toHaveLength(15)
    expect(ticks[1]! - ticks[0]!).toBeGreaterThanOrEqual(6)
  })
})

describe("the layout", () => {
  it("gives each claim a row, and the workers one from ten claims on", () => {
    const rows = (count: number) => {
      const claims = Array.from({ length: count }, (_, index) =>
        claimOf(index + 1, {
          from: index * 20 * second,
          renewed: index * 20 * second,
          to: index * 20 * second + 10 * second,
          ended: "waiting",
          worker: `build-${index % 2}`,
        }),
      )
      return layOut(storyOf(runOf(claims), count * 20 * second), 800, null).rows.map(({ kind }) => kind)
    }
    expect(rows(9)).toEqual(["idle", ...Array.from({ length: 9 }, () => "claim")])
    expect(rows(10)).toEqual(["idle", "worker", "worker"])
  })

  it("draws the loss, its x and the connector to the next claim", () => {
    const layout = layOut(storyOf(runOf([lost, live]), 170 * second), 800, null)
    expect(layout.bars.map(({ look }) => look)).toEqual(["queue", "queue", "loss", "past", "left", "live"])
    expect(layout.losses).toHaveLength(1)
    expect(layout.losses[0]!.x).toBeCloseTo(layout.scale.x(start + 122 * second))
    expect(layout.links.at(-1)).toMatchObject({ dashed: false, y2: 51 })
    expect(layout.nowX).toBeCloseTo(layout.scale.x(start + 170 * second))
  })

  it("joins steps that are nearer to each other than a pixel", () => {
    const steps = Array.from({ length: 5000 }, (_, index) => ({
      kind: "step" as const,
      step: "step" as const,
      key: `step-${index}`,
      eventId: index,
      version: 0,
      name: "page",
      shown: true,
      stepKey: index,
      stepId: null,
      at: start + index * 100,
      endedAt: start + index * 100 + 100,
      brokenAt: null,
      recorded: index,
      result: undefined,
      failure: undefined,
      error: index === 4000 ? { message: "no" } : null,
      codec: undefined,
      opens: false,
      once: false,
      detail: null,
    }))
    const layout = layOut(storyOf(runOf([live]), 600 * second, { steps }), 800, null)
    expect(layout.bars.filter(({ look }) => look === "step").length).toBeLessThan(800)
    expect(layout.bars.filter(({ look }) => look === "failed").length).toBe(1)
    const details = layout.stepHits.map(({ segment }) => sentencesOf(segment, start))
    expect(details.filter(({ tone }) => tone === "failed").map(({ text }) => text)).toEqual([
      expect.stringContaining("; failed: no."),
    ])
  })

  it("shows a part alone when it is zoomed", () => {
    const zoom = { from: start + 130 * second, to: start + 150 * second }
    const layout = layOut(storyOf(runOf([lost, live]), 170 * second), 800, zoom)
    expect(layout.hits.map(({ segment }) => segment.id)).toEqual(["claim-2"])
    expect(layout.nowX).toBeNull()
  })

  it("moves its end seldom while the run goes on", () => {
    const ends = new Set(
      Array.from(
        { length: 60 },
        (_, index) => layOut(storyOf(runOf([live]), (170 + index / 2) * second), 800, null).scale.to,
      ),
    )
    expect(ends.size).toBeLessThan(5)
  })

  it("has room for each word beside a bar", () => {
    const layout = layOut(storyOf(runOf([lost, live]), 170 * second), 1000, null)
    const labels = labelsOf(layout, start + 170 * second)
    expect(labels.map(({ text }) => text)).toContain(
      `lost at ${new Date(start + 122 * second).toTimeString().slice(0, 8)}`,
    )
    for (const { side, text, x } of labels) {
      const end = side === "right" ? x + text.length * 5.7 : x - text.length * 5.7
      expect(end).toBeGreaterThanOrEqual(0)
      expect(end).toBeLessThanOrEqual(1000)
    }
  })
})
