/** The lease of a run over time: its owners, its losses, its waits. */
import { Link } from "@tanstack/react-router"
import {
  CornerDownRight,
  Footprints,
  HeartCrack,
  HeartPulse,
  History,
  Hourglass,
  OctagonX,
} from "lucide-react"
import { useLayoutEffect, useMemo, useRef, useState } from "react"
import { plural } from "../../../format/numbers"
import { noRunsSearch, wholeRun } from "../../../shell/links"
import { Button } from "../../../ui/Button"
import { useKeys } from "../../../ui/keys"
import { LanePlot } from "./LanePlot"
import { describe, type Detail, mostTelling, sentenceOf } from "./describe"
import type { Row } from "./drawing"
import { layOut } from "./layout"
import type { Span } from "./scale"
import type { Picture, Segment, Story } from "./segments"

const icons = {
  lost: [HeartCrack, "text-failed"],
  live: [HeartPulse, "text-running"],
  wait: [Hourglass, "text-waiting"],
  past: [History, "text-ink-3"],
  child: [CornerDownRight, "text-child"],
  step: [Footprints, "text-ink-3"],
  failed: [OctagonX, "text-failed"],
} as const

const linkClass =
  "shrink-0 font-medium text-ink-2 underline decoration-line-2 underline-offset-3 hover:text-ink max-desk:hidden"

/** The line below the lanes: what is pointed at. */
const LaneDetail = ({ detail }: { readonly detail: Detail }) => {
  const [Icon, colour] = icons[detail.tone]
  return (
    <p className="mt-1.5 flex min-h-[37px] items-start gap-2.5 border-t border-line px-4 py-2 text-ink-2 max-desk:px-3 max-desk:py-2.5">
      <Icon aria-hidden size={14} strokeWidth={2.2} className={`mt-[3px] shrink-0 ${colour}`} />
      <span className="min-w-0 grow">
        <b className="font-medium text-ink">{detail.lead}</b> {detail.text}
        {detail.paid === null ? null : <b className="font-medium text-ink"> {detail.paid}</b>}
      </span>
      {detail.worker === null ? null : (
        <Link to="/workers" search={{ open: detail.worker.id }} className={linkClass}>
          See {detail.worker.name}
        </Link>
      )}
      {detail.run === null ? null : (
        <Link to="/runs/$runId" params={{ runId: detail.run }} search={wholeRun} className={linkClass}>
          Open the child
        </Link>
      )}
    </p>
  )
}

const aside = "ml-auto truncate text-ink-3 max-desk:hidden"

const Content = ({ row }: { readonly row: Row }) => {
  switch (row.kind) {
    case "idle":
      return <>Not held</>
    case "claim":
      return (
        <>
          <span className="text-ink-3">{row.number}</span>
          <b className="truncate font-medium text-ink">{row.worker}</b>
          <span className={`${aside} shrink-0`}>attempt {row.attempt}</span>
        </>
      )
    case "worker":
      return (
        <>
          <b className="truncate font-medium text-ink">{row.worker}</b>
          <span className={`${aside} shrink-0`}>{row.claims} claims</span>
        </>
      )
    case "steps":
      return (
        <>
          Steps<span className={aside}>{row.count}</span>
        </>
      )
    case "room":
      return <span className="text-ink-3">child</span>
    case "child":
      return (
        <>
          <CornerDownRight aria-hidden size={12} strokeWidth={2.2} className="shrink-0 text-child" />
          <Link
            to="/runs/$runId"
            params={{ runId: row.child.run_id }}
            search={wholeRun}
            className="truncate hover:text-ink hover:underline"
          >
            {row.child.agent_id}
          </Link>
          <span className={`${aside} shrink-0`}>child</span>
        </>
      )
  }
}

const LaneLabels = ({ rows }: { readonly rows: ReadonlyArray<Row> }) => (
  <ul className="pt-[22px]" aria-label="Rows">
    {rows.map((row, index) => (
      <li
        key={index}
        className="flex h-6 items-center gap-2 pr-3 pl-4 text-small whitespace-nowrap text-ink-2 max-desk:pr-2 max-desk:pl-3"
      >
        <Content row={row} />
      </li>
    ))}
  </ul>
)

/** What the signs of the lanes mean. */
const items = [
  [
    "claimed, renewals",
    <svg key="past" width="22" height="12">
      <rect x="1" y="1" width="20" height="10" rx="2" fill="var(--claimed-bg)" stroke="var(--claimed)" />
      <path d="M1 0v12" stroke="var(--claimed)" strokeWidth="2" />
      <path d="M8 1v5M15 1v5" stroke="var(--claimed)" />
    </svg>,
  ],
  [
    "no renewal",
    <svg key="loss" width="16" height="12">
      <rect y="1" width="16" height="10" fill="url(#lane-hatch)" />
    </svg>,
  ],
  [
    "waits, no worker",
    <svg key="wait" width="20" height="12">
      <rect x=".5" y="1.5" width="19" height="9" rx="2" fill="url(#lane-dots)" stroke="var(--waiting)" />
    </svg>,
  ],
  [
    "lease left",
    <svg key="left" width="20" height="12">
      <rect
        x=".5"
        y="1.5"
        width="19"
        height="9"
        rx="2"
        fill="var(--running-bg)"
        stroke="var(--running)"
        strokeDasharray="3 2"
      />
    </svg>,
  ],
  [
    "steps read from the log",
    <svg key="read" width="12" height="12">
      <path d="M6 1l5 5l-5 5l-5-5z" fill="none" stroke="var(--ink)" strokeWidth="1.5" />
    </svg>,
  ],
] as const

/** What the signs of the lanes mean. */
const LaneLegend = () => (
  <div aria-hidden className="flex gap-3.5 text-micro text-ink-3 max-desk:hidden">
    {items.map(([label, sign], index) => (
      <span key={label} className={`flex items-center gap-1.5 ${index > 2 ? "max-wide:hidden" : ""}`}>
        {sign}
        {label}
      </span>
    ))}
  </div>
)

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
