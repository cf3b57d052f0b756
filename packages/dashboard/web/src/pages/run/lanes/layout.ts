/** Where everything of the lanes is drawn, in pixels. */
import { type Drawing, lane, type Row } from "./drawing"
import { drawChildren, drawClaims, drawIdles, drawReads, drawSteps } from "./draw"
import { type AxisTick, axisTicks, domainOf, longIdles, makeScale, type Scale, type Span } from "./scale"
import { segmentsOf, type Story, type Picture } from "./segments"
import { lastOf } from "./spans"

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
