/** Parts of a pair: how a run has ended, and a number of both. */
import type * as Json from "@runlease/http/Json"
import type { ReactNode } from "react"
import { State } from "../../ui/State"
import { isSpent } from "./trialState"

/** How a run has ended, or what it waits for. */
export const Outcome = ({ run }: { readonly run: Json.RunSummary }) =>
  isSpent(run) ? <State status="waiting" word="Budget spent" /> : <State status={run.status} />

/** A number of the original and that of the run of the trial; one where they are equal. */
export const Both = ({ after, before }: { readonly before: ReactNode; readonly after: ReactNode }) =>
  before === after ? (
    after
  ) : (
    <>
      <span className="text-ink-3">{before}</span>
      <span className="text-ink-3">
        <span aria-hidden> → </span>
        <span className="sr-only"> before, now </span>
      </span>
      {after}
    </>
  )
