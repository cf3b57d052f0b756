/** Where a claim begins: a hairline, a line that opens, or the band of a takeover. */
import { HeartCrack, Undo2 } from "lucide-react"
import { plural } from "../../../format/numbers"
import { clock, duration } from "../../../format/times"
import type { TakeoverPart } from "../model/parts"
import { type Section, summaryOf } from "../model/sections"
import { endOf, spanOf } from "../lanes/segments"
import { When } from "./ConversationRow"
import { Chevron } from "./Disclosure"

export const ClaimMark = ({
  onFold,
  section,
}: {
  readonly section: Section
  readonly onFold?: (() => void) | undefined
}) =>
  section.claim === null ? null : (
    <div className="flex items-center gap-2.5 pt-2 pb-1 text-small text-ink-3 after:h-px after:grow after:bg-line">
      <span className="flex gap-2.5">
        <b className="font-medium text-ink-2">
          Claim {section.claim.lease_epoch} by {section.claim.worker_name}
        </b>
        {clock(Date.parse(section.claim.claimed_at))}
      </span>
      {onFold === undefined ? null : (
        <button type="button" className="order-last font-medium text-ink-2 hover:text-ink" onClick={onFold}>
          Fold
        </button>
      )}
    </div>
  )

const namesOf = (sections: ReadonlyArray<Section>): string => {
  const claims = sections.flatMap(({ claim }) => (claim === null ? [] : [claim]))
  const [first, last] = [claims[0], claims.at(-1)]
  if (first === undefined || last === undefined) return ""
  const workers = new Set(claims.map(({ worker_name }) => worker_name))
  const by = workers.size === 1 ? first.worker_name : plural(workers.size, "worker")
  return claims.length === 1
    ? `Claim ${first.lease_epoch} by ${by}`
    : `Claims ${first.lease_epoch} to ${last.lease_epoch} by ${by}`
}

export const FoldedClaims = ({
  now,
  onOpen,
  sections,
}: {
  readonly sections: ReadonlyArray<Section>
  readonly now: number
  readonly onOpen: () => void
}) => {
  const spans = sections.flatMap(({ claim }) => (claim === null ? [] : [spanOf(claim, now)]))
  const took = spans.length === 0 ? 0 : endOf(spans.at(-1)!) - spans[0]!.from
  return (
    <button
      type="button"
      aria-expanded={false}
      className="mt-2 mb-0.5 flex w-full items-center gap-2.5 rounded-2 border border-dashed border-line-2 px-2.5 py-[7px] text-left text-small text-ink-2 hover:bg-hover max-desk:min-h-11"
      onClick={onOpen}
    >
      <Chevron isOpen={false} />
      <span className="min-w-0 truncate max-desk:whitespace-normal">
        <b className="font-medium text-ink">{namesOf(sections)}</b>&ensp;
        {sections.some(({ takeover }) => takeover !== null) ? "taken over, " : ""}
        {summaryOf(sections.flatMap(({ parts }) => parts)) || "nothing recorded"}
      </span>
      <span className="ml-auto shrink-0 whitespace-nowrap text-ink-3">{duration(took)}</span>
    </button>
  )
}

const howEnded = (part: TakeoverPart, names: ReadonlyMap<string, string>): string => {
  const before = names.get(part.previousWorker) ?? part.previousWorker.slice(-8)
  const after = part.worker === null ? null : (names.get(part.worker) ?? part.worker.slice(-8))
  const verb =
    part.ended === "lease_expired"
      ? "was lost"
      : part.ended === "retry"
        ? "failed, and tries again"
        : "handed the run back"
  if (after === null) return `${before} ${part.ended === "retry" ? "failed" : verb}.`
  return before === after && part.ended !== "lease_expired"
    ? `${before} ${verb}.`
    : `${before} ${verb}, ${after} took over.`
}

/** `Attempt 2 of 3, 0.4 s after the lease ran out. 10 steps read from the log, one answer asked again.` */
const whatFollowed = (part: TakeoverPart, maxAttempts: number, after: number | null): string => {
  const first = [
    ...(part.attempt === null ? [] : [`Attempt ${part.attempt} of ${maxAttempts}`]),
    ...(after === null ? [] : [`${duration(Math.max(0, after))} after the lease ran out`]),
  ].join(", ")
  const asked =
    part.unfinished === 0
      ? "no answer asked again"
      : part.unfinished === 1
        ? "one answer asked again"
        : `${part.unfinished} answers asked again`
  const second = part.attempt === null ? "" : `${plural(part.read, "step")} read from the log, ${asked}.`
  return [
    first === "" ? "" : `${first}.`,
    part.reason === null ? "" : `${part.reason.replace(/\.$/, "")}.`,
    second,
  ]
    .filter((text) => text !== "")
    .join(" ")
}

export const TakeoverBand = ({
  after,
  maxAttempts,
  names,
  part,
}: {
  readonly part: TakeoverPart
  readonly names: ReadonlyMap<string, string>
  readonly maxAttempts: number
  /** Milliseconds from the end of the lease to the takeover; null where no lease lapsed. */
  readonly after: number | null
}) => (
  <div className="-mx-4 my-2.5 grid grid-cols-[20px_minmax(0,1fr)_auto] gap-x-2.5 border-y border-line bg-sunken px-4 py-[9px] max-desk:-mx-3 max-desk:px-3">
    {part.ended === "lease_expired" ? (
      <HeartCrack aria-hidden size={14} strokeWidth={2.2} className="mt-[3px] text-failed" />
    ) : (
      <Undo2 aria-hidden size={14} strokeWidth={2.2} className="mt-[3px] text-ink-3" />
    )}
    <div>
      <b className="font-semibold">{howEnded(part, names)}</b>
      <p className="text-ink-2">{whatFollowed(part, maxAttempts, after)}</p>
    </div>
    <When at={part.at} />
  </div>
)
