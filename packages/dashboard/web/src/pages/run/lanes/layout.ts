/** Where everything of the lanes is drawn, in pixels. */
import { type Drawing, lane, type Row } from "./drawing"
import { drawChildren, drawClaims, drawIdles, drawReads, drawSteps } from "./draw"
import { type AxisTick, axisTicks, domainOf, longIdles, makeScale, type Scale, type Span } from "./scale"
import { segmentsOf, type Story, type Told } from "./segments"
import { lastOf } from "./spans"

/** From so many claims on, those of one worker share a row. */
const manyClaims = 10
/** Children that have a row. */
const maxChildren = 8

export interface Layout extends Drawing {
  readonly height: number
  readonly axis: ReadonlyArray<AxisTick>
  readonly nowX: number | null
  readonly moreChildren: number
  readonly told: Told
}

const rowsOf = (told: Told, story: Story): ReadonlyArray<Row> => {
  const claims = told.spans.map(({ claim }) => claim)
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
    ...(told.steps.length === 0 && (story.isRead || story.run.latest_event_id === 0)
      ? []
      : [{ kind: "steps" as const, count: story.steps.length }]),
    ...story.children.slice(0, maxChildren).map((child): Row => ({ kind: "child", child })),
    ...Array.from({ length: Math.min(maxChildren, story.run.children) - story.children.length }, (): Row => ({
      kind: "room",
    })),
  ]
}

const scaleOf = (told: Told, story: Story, width: number, zoom: Span | null): Scale => {
  const { children, now, run } = story
  const whole = { from: Date.parse(run.created_at), to: lastOf(run, now) }
  const leases = told.segments.flatMap((segment) => (segment.kind === "child" ? segment.spans : []))
  const spans = [...told.spans, ...leases]
  const held = spans.map(({ from, heldTo, lossTo }) => ({ from, to: Math.min(lossTo ?? heldTo, whole.to) }))
  const idle = longIdles(held, whole)
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
  const told = segmentsOf(story)
  const rows = rowsOf(told, story)
  const scale = scaleOf(told, story, width, zoom)
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
  drawIdles(drawing, told)
  drawClaims(drawing, told, story)
  drawSteps(drawing, told)
  drawReads(drawing, told)
  drawChildren(drawing, told)
  const isShown = story.run.finished_at === null && story.now >= scale.from && story.now <= scale.to
  const nowX = isShown ? scale.x(story.now) : null
  return {
    ...drawing,
    height: rows.length * lane,
    axis: axisTicks(scale, width < 500 ? 72 : 80, nowX),
    nowX,
    moreChildren: Math.max(0, Math.max(story.children.length, story.run.children) - maxChildren),
    told,
  }
}
