/** The figures of a run, as a list shows them: a dash where there is none. */
import type * as Json from "@runlease/http/Json"
import { dollars, integer, short } from "../../format/numbers"
import { ago, duration, exact } from "../../format/times"
import { useNow } from "../../ui/now"
import { hasEnded } from "./bulk"

interface Props {
  readonly run: Json.RunSummary
}

const none = "–"

/** When a run was submitted. */
export const Started = ({ run }: Props) => {
  const created = Date.parse(run.created_at)
  return (
    <time dateTime={run.created_at} title={exact(created)}>
      {ago(created, useNow())}
    </time>
  )
}

const Ticking = ({ from }: { readonly from: number }) => <>{duration(Math.max(0, useNow() - from))}</>

/** How long it took from its first claim to its end, or takes so far. */
export const Took = ({ run }: Props) => {
  if (run.started_at === null) return none
  const from = Date.parse(run.started_at)
  if (run.finished_at !== null) return duration(Date.parse(run.finished_at) - from)
  return hasEnded(run) ? none : <Ticking from={from} />
}

export const Tokens = ({ run }: Props) =>
  run.tokens === 0 ? none : <span title={integer(run.tokens)}>{short(run.tokens)}</span>

export const Cost = ({ run }: Props) =>
  run.cost === 0 ? none : <span title={`$${run.cost / 1_000_000}`}>{dollars(run.cost)}</span>

/** A run that waits has its attempt back, so its last claim may belong to a later one. */
export const Attempt = ({ run }: Props) => {
  const attempt = Math.max(run.attempt, run.claims.at(-1)?.attempt ?? 0)
  return attempt === 0 ? none : <span title={`${attempt} of ${run.max_attempts}`}>{attempt}</span>
}

/** The owner of its lease, or the last one. */
export const WorkerName = ({ run }: Props) => {
  const claim = run.claims.at(-1)
  const isHeld = run.status === "running" || hasEnded(run)
  return claim === undefined || !isHeld ? none : <span title={claim.worker_name}>{claim.worker_name}</span>
}
