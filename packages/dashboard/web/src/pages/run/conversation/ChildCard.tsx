/** A child of the run: its state, its claims, its last sentence. It opens in place, in two depths. */
import { Link } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import { ChevronRight, CornerDownRight } from "lucide-react"
import { useContext, useState } from "react"
import { shortId } from "../../../format/ids"
import { duration } from "../../../format/times"
import { type RunStatus, StateIcon, wordOf } from "../../../ui/State"
import { useLastSentence } from "../data/useChild"
import type { ChildPart } from "../model/parts"
import { lastOf } from "../lanes/spans"
import { ConversationRow } from "./ConversationRow"
import { useSeen } from "../../../ui/useSeen"
import { MiniLane } from "../../../ui/MiniLane"
import { OpenedChild } from "./openedChild"
import { wholeRun } from "../../../shell/links"

const deepest = 2

/** The words for a child without a message. */
const silentWords = (status: string): string => {
  if (status === "pending") return "Waits for a worker"
  return status === "running" || status === "waiting" ? "Nothing said yet" : "It said nothing"
}

const isStatus = (status: string): status is RunStatus =>
  ["pending", "running", "waiting", "completed", "failed", "cancelled"].includes(status)

export const ChildCard = ({
  child,
  depth,
  now,
  part,
}: {
  readonly part: ChildPart
  /** Undefined until it is read. */
  readonly child: Json.RunSummary | undefined
  readonly depth: number
  readonly now: number
}) => {
  const [isOpen, setOpen] = useState(false)
  const Opened = useContext(OpenedChild)
  const { isSeen, ref } = useSeen<HTMLDivElement>()
  const sentence = useLastSentence(isSeen ? child : undefined) || (part.outcome?.message ?? "")
  const status = child?.status ?? part.outcome?.status ?? "running"
  const until = child === undefined ? (part.endedAt ?? now) : lastOf(child, now)
  return (
    <ConversationRow
      icon={<CornerDownRight aria-hidden size={14} strokeWidth={2.2} className="text-child" />}
      at={part.at}
    >
      <div ref={ref} className="rounded-2 border border-line-2">
        <div className="flex min-w-0 items-center gap-2.5 px-3 pt-2">
          {isStatus(status) ? (
            <span className="shrink-0">
              <StateIcon status={status} />
              <span className="sr-only">{wordOf(status)}</span>
            </span>
          ) : null}
          <Link
            to="/runs/$runId"
            params={{ runId: part.runId }}
            search={wholeRun}
            className="min-w-0 grow truncate font-medium hover:underline max-desk:whitespace-normal"
          >
            {child?.title ?? `${part.name} ${shortId(part.runId)}`}
          </Link>
          {child === undefined ? null : <MiniLane run={child} width={56} />}
          <span className="shrink-0 whitespace-nowrap text-ink-3 max-desk:hidden">
            {child?.agent_id ?? part.name}, {duration(until - part.at)}
          </span>
          {depth < deepest && Opened !== undefined ? (
            <button
              type="button"
              aria-expanded={isOpen}
              aria-label={`What ${child?.agent_id ?? part.name} did`}
              className="-mr-1.5 grid size-6 shrink-0 place-items-center rounded-1 text-ink-3 hover:bg-hover hover:text-ink max-desk:size-11"
              onClick={() => setOpen(!isOpen)}
            >
              <ChevronRight
                aria-hidden
                size={14}
                className={`transition-transform duration-[120ms] ${isOpen ? "rotate-90" : ""}`}
              />
            </button>
          ) : null}
        </div>
        <p className="truncate px-3 pt-0.5 pb-2 text-ink-2 max-desk:line-clamp-2 max-desk:whitespace-normal">
          {sentence === "" ? silentWords(status) : sentence}
        </p>
        {isOpen && Opened !== undefined ? (
          <div className="border-t border-line px-3 py-1">
            <Opened runId={part.runId} depth={depth + 1} now={now} />
          </div>
        ) : null}
      </div>
    </ConversationRow>
  )
}
