/** The lease of a run over time: its owners, its losses, its waits. */
import { Link } from "@tanstack/react-router"
import { useLayoutEffect, useMemo, useRef, useState } from "react"
import { plural } from "../../../format/numbers"
import { Button } from "../../../ui/Button"
import { useKeys } from "../../../ui/keys"
import { describe, mostTelling, sentenceOf } from "./describe"
import { LaneDetail } from "./LaneDetail"
import { LaneLabels } from "./LaneLabels"
import { LaneLegend } from "./LaneLegend"
import { LanePlot } from "./LanePlot"
import { layOut } from "./layout"
import type { Span } from "./scale"
import type { Segment, Story, Picture } from "./segments"
import { noRunsSearch } from "../../../shell/links"

const useWidth = () => {
  const ref = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    const element = ref.current
    if (element === null) return
    setWidth(element.clientWidth)
    const observer = new ResizeObserver(() => setWidth(element.clientWidth))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  return { ref, width }
}

/** `3 claims, 1 lost, 2 waits` */
const countsOf = ({ segments, spans }: Picture, total: number): string => {
  const lost = spans.filter(({ lossTo }) => lossTo !== null).length
  const waits = segments.filter((segment) => segment.kind === "idle" && segment.idle.kind === "wait").length
  return [
    total > spans.length ? `the newest ${spans.length} of ${plural(total, "claim")}` : plural(total, "claim"),
    ...(lost > 0 ? [`${lost} lost`] : []),
    ...(waits > 0 ? [plural(waits, "wait")] : []),
  ].join(", ")
}

export const Lanes = ({ story }: { readonly story: Story }) => {
  const { ref, width } = useWidth()
  const [zoom, setZoom] = useState<Span | null>(null)
  const [selected, setSelected] = useState<string | null>(null)
  const [pointed, setPointed] = useState<string | null>(null)
  const layout = useMemo(() => (width === 0 ? undefined : layOut(story, width, zoom)), [story, width, zoom])
  const picture = layout?.picture
  const all: ReadonlyArray<Segment> = picture?.segments ?? []
  const segmentOf = (id: string | null): Segment | undefined =>
    id === null
      ? undefined
      : (all.find((segment) => segment.id === id) ??
        picture?.steps.find((segment) => segment.id === id) ??
        picture?.reads.find((segment) => segment.id === id))
  const shown = segmentOf(pointed) ?? segmentOf(selected) ?? mostTelling(all)
  const stepped = all.filter(({ from, to }) => to > from)

  const step = (by: 1 | -1) => {
    const at = stepped.findIndex(({ id }) => id === (selected ?? shown?.id))
    const next = stepped[at < 0 ? 0 : Math.min(stepped.length - 1, Math.max(0, at + by))]
    if (next === undefined) return
    setSelected(next.id)
    setPointed(null)
    ref.current?.querySelector<HTMLElement>(`[data-segment="${next.id}"]`)?.focus({ preventScroll: true })
    ref.current?.scrollIntoView({ block: "nearest" })
  }
  useKeys({
    "[": { label: "The segment of the lease before", run: () => step(-1), repeats: true },
    "]": { label: "The next segment of the lease", run: () => step(1), repeats: true },
  })

  const chosen = segmentOf(selected)
  return (
    <section aria-labelledby="lanes-title" className="rounded-3 border border-line bg-surface">
      <header className="flex min-h-10 items-center gap-2 px-4 max-desk:px-3">
        <h2 id="lanes-title" className="font-semibold">
          Leases
        </h2>
        <span className="truncate text-ink-3">
          {picture === undefined ? "" : countsOf(picture, story.run.claims.at(-1)?.lease_epoch ?? 0)}
        </span>
        <span className="ml-auto flex items-center gap-3">
          {zoom === null ? (
            <LaneLegend />
          ) : (
            <Button small onClick={() => setZoom(null)}>
              Show all
            </Button>
          )}
        </span>
      </header>
      <div className="grid grid-cols-[196px_minmax(0,1fr)] pr-4 max-desk:grid-cols-[100px_minmax(0,1fr)] max-desk:pr-3">
        <LaneLabels rows={layout?.rows ?? [{ kind: "idle" }]} />
        <div ref={ref} className="min-h-[46px] min-w-0">
          {layout === undefined ? null : (
            <LanePlot
              layout={layout}
              now={story.now}
              current={shown?.id}
              selected={selected}
              onSelect={setSelected}
              onPoint={setPointed}
              onPointStep={setPointed}
              onZoom={setZoom}
            />
          )}
        </div>
      </div>
      {layout === undefined || layout.moreChildren === 0 ? null : (
        <Link
          to="/runs"
          search={{ ...noRunsSearch, parent: story.run.run_id }}
          className="block px-4 py-1 text-small text-ink-2 underline decoration-line-2 underline-offset-3"
        >
          {plural(layout.moreChildren, "more child", "more children")}
        </Link>
      )}
      {shown === undefined ? null : <LaneDetail detail={describe(shown, story.now)} />}
      <p aria-live="polite" className="sr-only">
        {chosen === undefined ? "" : <Once key={chosen.id} text={sentenceOf(chosen, story.now)} />}
      </p>
    </section>
  )
}

/** Read out when it is chosen, and not again each second. */
const Once = ({ text }: { readonly text: string }) => {
  const [first] = useState(text)
  return <>{first}</>
}
