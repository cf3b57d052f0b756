/** The list of a phone: two lines a run. */
import type * as Json from "@runlease/http/Json"
import { Link } from "@tanstack/react-router"
import { memo, useRef, type ReactNode, type RefObject } from "react"
import { StateIcon, wordOf } from "../../ui/State"
import { Started, Took } from "./figures"
import { MiniLane } from "../../ui/MiniLane"
import { labelTexts } from "./labels"
import { titleOf } from "./RunTitle"
import { useRowWindow } from "./useRowWindow"
import { wholeRun } from "../../shell/links"

export const listHeight = 64

const Item = memo(({ run }: { readonly run: Json.RunSummary }) => (
  <li className="border-b border-line" style={{ height: listHeight }}>
    <Link
      to="/runs/$runId"
      params={{ runId: run.run_id }}
      search={wholeRun}
      preload={false}
      className="grid h-full grid-cols-[18px_minmax(0,1fr)_auto] grid-rows-[23px_20px] content-center gap-x-2.5 px-3 focus-visible:-outline-offset-2"
    >
      <span className="pt-[3px]">
        <StateIcon status={run.status} />
        <span className="sr-only">{wordOf(run.status)}</span>
      </span>
      <span className="truncate font-medium">
        {run.parent_run_id === null ? null : <span className="sr-only">Child run: </span>}
        {titleOf(run)}
      </span>
      <span className="text-right text-small leading-5 text-ink-3">
        <Started run={run} />
      </span>
      <span className="col-start-2 flex min-w-0 items-center gap-2 text-small leading-[18px] text-ink-3">
        <MiniLane run={run} width={56} />
        <span className="max-w-1/2 shrink-0 truncate">{run.agent_id}</span>
        {labelTexts(run).length === 0 ? null : (
          <span className="shrink-[99] truncate">{labelTexts(run).join(" ")}</span>
        )}
        {run.status !== "failed" || run.error?.code == null ? null : (
          <code className="truncate font-mono text-failed">{run.error.code}</code>
        )}
      </span>
      <span className="text-right text-small leading-5 text-ink-3">
        <Took run={run} />
      </span>
    </Link>
  </li>
))

interface Props {
  readonly rows: ReadonlyArray<Json.RunSummary>
  readonly onEnd: () => void
  readonly visible: RefObject<readonly [first: number, last: number]>
  readonly pill: ReactNode
}

export const RunsList = ({ onEnd, pill, rows, visible }: Props) => {
  const body = useRef<HTMLUListElement>(null)
  const { after, before, items } = useRowWindow({
    count: rows.length,
    height: listHeight,
    body,
    bottom: 64,
    onEnd,
    visible,
  })
  return (
    <>
      <div className="sticky top-[52px] z-4 flex h-11 items-center justify-between rounded-t-3 border-b border-line bg-surface px-3 text-ink-3">
        Newest first
        {pill}
      </div>
      <ul ref={body} style={{ paddingTop: Math.max(0, before), paddingBottom: Math.max(0, after) }}>
        {items.map(({ index }) => {
          const run = rows[index]
          return run === undefined ? null : <Item key={run.run_id} run={run} />
        })}
      </ul>
    </>
  )
}
