/** Where everything of the lanes is drawn, in pixels. */
import { isFailed } from "../model/steps"
import { type Bar, type BarLook, type Drawing, isOn, lane, placed, type Row } from "./drawing"
import { type AxisTick, axisTicks, domainOf, longIdles, makeScale, type Scale, type Span } from "./scale"
import { type Picture, type Segment, segmentsOf, type Story, type ClaimSpan, endOf, lastOf } from "./segments"

/** The renewals of a claim, evenly spaced, since the log has their number and not the time of each. Every nth where they would be too close. */
export const renewalTicks = (from: number, to: number, count: number): ReadonlyArray<number> => {
  if (count <= 0 || to <= from) return []
  const gap = (to - from) / count
  const nth = Math.max(1, Math.ceil(6 / gap))
  return Array.from({ length: Math.floor(count / nth) }, (_, index) => from + (index + 1) * nth * gap)
}

/** Bars next to each other become one: there may be more of them than pixels. */
const joined = (bars: ReadonlyArray<Bar>): ReadonlyArray<Bar> => {
  const all: Array<Bar> = []
  for (const bar of bars.toSorted((a, b) => a.x - b.x)) {
    const last = all.at(-1)
    if (last !== undefined && last.look === bar.look && bar.x - (last.x + last.width) < 0.5) {
      const end = Math.max(last.x + last.width, bar.x + bar.width)
      all[all.length - 1] = { ...last, width: end - last.x }
    } else all.push(bar)
  }
  return all
}

const top = (row: number): number => row * lane

const bar = (drawing: Drawing, look: BarLook, row: number, from: number, to: number): void => {
  const at = placed(drawing.scale, from, to)
  if (at !== undefined && (at.width > 0 || to === from)) drawing.bars.push({ look, row, ...at })
}

const hit = (drawing: Drawing, row: number, segment: Segment): void => {
  const at = placed(drawing.scale, segment.from, segment.to)
  if (at !== undefined) drawing.hits.push({ row, segment, ...at })
}

const link = (drawing: Drawing, at: number, y1: number, y2: number, dashed = false): void => {
  if (isOn(drawing.scale, at)) drawing.links.push({ x: drawing.scale.x(at), y1, y2, dashed })
}

const cap = (drawing: Drawing, look: "past" | "live" | "child", row: number, at: number): void => {
  if (isOn(drawing.scale, at)) drawing.caps.push({ look, row, x: drawing.scale.x(at) })
}

const ticks = (drawing: Drawing, row: number, { claim, from, isLive }: ClaimSpan): void => {
  const { scale } = drawing
  const start = scale.x(from)
  const end = scale.x(Date.parse(claim.renewed_at))
  for (const x of renewalTicks(start, end, claim.renewals)) {
    if (x >= 0 && x <= scale.width) drawing.ticks.push({ row, x, isLive })
  }
}

const drawIdles = (drawing: Drawing, { segments }: Picture): void => {
  for (const segment of segments) {
    if (segment.kind !== "idle") continue
    bar(drawing, segment.idle.kind, 0, segment.from, segment.to)
    if (segment.to > segment.from) hit(drawing, 0, segment)
  }
}

/** The row of a claim: its own, or that of its worker. */
const rowOf = (rows: ReadonlyArray<Row>, { lease_epoch: epoch, worker_name }: ClaimSpan["claim"]): number =>
  rows.findIndex((row) =>
    row.kind === "claim" ? row.number === epoch : row.kind === "worker" && row.worker === worker_name,
  )

const drawClaim = (drawing: Drawing, row: number, span: ClaimSpan, now: number): void => {
  const { from, heldTo, isLive, leaseTo, lossTo } = span
  if (lossTo !== null) bar(drawing, "loss", row, heldTo, lossTo)
  if (leaseTo !== null) bar(drawing, "left", row, Math.max(now, heldTo), leaseTo)
  bar(drawing, isLive ? "live" : "past", row, from, heldTo)
  ticks(drawing, row, span)
  cap(drawing, isLive ? "live" : "past", row, from)
  if (lossTo !== null && isOn(drawing.scale, lossTo)) drawing.losses.push({ row, x: drawing.scale.x(lossTo) })
}

/** A connector down from what was before a claim, and one up to the wait that it ended with. */
const drawLinks = (drawing: Drawing, row: number, span: ClaimSpan, before: ClaimSpan | null): void => {
  const { scale } = drawing
  const gap = before === null ? 0 : scale.x(span.from) - scale.x(endOf(before))
  const lostRow =
    before !== null && before.lossTo !== null && gap < 10 ? rowOf(drawing.rows, before.claim) : 0
  const [upper, lower] = [Math.min(lostRow, row), Math.max(lostRow, row)]
  if (upper !== lower) link(drawing, span.from, top(upper) + 20, top(lower) + 3)
  if (span.claim.ended === "suspended" || span.claim.ended === "waiting") {
    link(drawing, span.heldTo, 18, top(row) + 5, true)
  }
}

const drawClaims = (drawing: Drawing, { segments, spans }: Picture, { now }: Pick<Story, "now">): void => {
  spans.forEach((span, index) => {
    const row = rowOf(drawing.rows, span.claim)
    drawLinks(drawing, row, span, spans[index - 1] ?? null)
    drawClaim(drawing, row, span, now)
  })
  for (const segment of segments) {
    if (segment.kind === "claim" || segment.kind === "loss") {
      hit(drawing, rowOf(drawing.rows, segment.span.claim), segment)
    }
  }
}

const isBroken = ({ step }: Picture["steps"][number]): boolean =>
  step.kind === "step"
    ? step.brokenAt !== null
    : step.cut || (step.kind === "tool" && step.superseded && step.result === null)

const lookOf = (segment: Picture["steps"][number]): BarLook => {
  if (isBroken(segment)) return "broken"
  return isFailed(segment.step) ? "failed" : "step"
}

const drawSteps = (drawing: Drawing, { steps }: Picture): void => {
  const row = drawing.rows.findIndex(({ kind }) => kind === "steps")
  const bars: Array<Bar> = []
  for (const segment of steps) {
    const at = placed(drawing.scale, segment.from, segment.to)
    if (at === undefined) continue
    drawing.stepHits.push({ row, segment, ...at })
    bars.push({
      look: lookOf(segment),
      row,
      x: at.x,
      width: Math.max(1.5, at.width - 1),
    })
  }
  drawing.bars.push(...joined(bars))
}

const drawReads = (drawing: Drawing, { reads }: Picture): void => {
  const row = drawing.rows.findIndex(({ kind }) => kind === "steps")
  for (const segment of reads) {
    const at = placed(drawing.scale, segment.from, segment.to)
    if (row >= 0 && at !== undefined) drawing.reads.push({ row, segment, ...at })
  }
}

const drawChild = (drawing: Drawing, row: number, segment: Segment & { readonly kind: "child" }): void => {
  const { child, from, spans, to } = segment
  bar(drawing, "childWait", row, from, to)
  for (const span of spans) {
    if (span.lossTo !== null) bar(drawing, "loss", row, span.heldTo, span.lossTo)
    if (span.leaseTo !== null) bar(drawing, "left", row, span.heldTo, span.leaseTo)
    bar(drawing, span.isLive ? "live" : "child", row, span.from, span.heldTo)
    if (span.isLive) ticks(drawing, row, span)
    cap(drawing, span.isLive ? "live" : "child", row, span.from)
  }
  if (child.claims.length === 0) cap(drawing, "child", row, from)
  hit(drawing, row, segment)
}

const drawChildren = (drawing: Drawing, { segments }: Picture): void => {
  for (const segment of segments) {
    if (segment.kind !== "child") continue
    const row = drawing.rows.findIndex(
      (one) => one.kind === "child" && one.child.run_id === segment.child.run_id,
    )
    if (row >= 0) drawChild(drawing, row, segment)
  }
}

/** The number of claims from which those of one worker share a row. */
const manyClaims = 10

/** Children that have a row. */
const maxChildren = 8

export interface Layout extends Drawing {
  readonly height: number
  readonly axis: ReadonlyArray<AxisTick>
  readonly nowX: number | null
  readonly moreChildren: number
  readonly picture: Picture
}

const rowsOf = (picture: Picture, story: Story): ReadonlyArray<Row> => {
  const claims = picture.spans.map(({ claim }) => claim)
  const workers = [...new Set(claims.map(({ worker_name }) => worker_name))]
  return [
    { kind: "idle" },
    ...(claims.length < manyClaims
      ? claims.map(({ attempt, lease_epoch: epoch, worker_name }): Row => ({
          kind: "claim",
          number: epoch,
          worker: worker_name,
          attempt,
        }))
      : workers.map((worker): Row => ({
          kind: "worker",
          worker,
          claims: claims.filter(({ worker_name }) => worker_name === worker).length,
        }))),
    ...(picture.steps.length === 0 && (story.isRead || story.run.latest_event_id === 0)
      ? []
      : [{ kind: "steps" as const, count: story.steps.length }]),
    ...story.children.slice(0, maxChildren).map((child): Row => ({ kind: "child", child })),
    ...Array.from({ length: Math.min(maxChildren, story.run.children) - story.children.length }, (): Row => ({
      kind: "room",
    })),
  ]
}

const scaleOf = (picture: Picture, story: Story, width: number, zoom: Span | null): Scale => {
  const { children, now, run } = story
  const whole = { from: Date.parse(run.created_at), to: lastOf(run, now) }
  const leases = picture.segments.flatMap((segment) => (segment.kind === "child" ? segment.spans : []))
  const spans = [...picture.spans, ...leases]
  const owned = spans.map(({ from, heldTo, lossTo }) => ({ from, to: Math.min(lossTo ?? heldTo, whole.to) }))
  const idle = longIdles(owned, whole)
  const room = Math.max(0, ...spans.map(({ leaseTo }) => (leaseTo === null ? 0 : leaseTo - now)))
  const isLive = run.finished_at === null || children.some(({ finished_at }) => finished_at === null)
  return makeScale(
    zoom ?? domainOf(whole, { idle, isLive: isLive && run.finished_at === null, room }),
    idle,
    width,
  )
}

/** Everything of the lanes, for that width. `zoom` is the part that is shown; null shows all. */
export const layOut = (story: Story, width: number, zoom: Span | null): Layout => {
  const picture = segmentsOf(story)
  const rows = rowsOf(picture, story)
  const scale = scaleOf(picture, story, width, zoom)
  const drawing: Drawing = {
    scale,
    rows,
    bars: [],
    links: [],
    caps: [],
    ticks: [],
    losses: [],
    reads: [],
    hits: [],
    stepHits: [],
  }
  drawIdles(drawing, picture)
  drawClaims(drawing, picture, story)
  drawSteps(drawing, picture)
  drawReads(drawing, picture)
  drawChildren(drawing, picture)
  const isShown = story.run.finished_at === null && story.now >= scale.from && story.now <= scale.to
  const nowX = isShown ? scale.x(story.now) : null
  return {
    ...drawing,
    height: rows.length * lane,
    axis: axisTicks(scale, width < 500 ? 72 : 80, nowX),
    nowX,
    moreChildren: Math.max(0, Math.max(story.children.length, story.run.children) - maxChildren),
    picture,
  }
}
