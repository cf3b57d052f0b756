/** Why a run has failed, before all else of it. */
import { Link } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import { useState } from "react"
import { noRunsSearch } from "../../../shell/links"
import { StateIcon } from "../../../ui/State"

/** So much of a message is shown until the reader wants all of it. */
const most = 600

export const FailurePanel = ({ summary }: { readonly summary: Json.RunSummary }) => {
  const { agent_id, attempt, claims, error, max_attempts } = summary
  const [isWhole, setWhole] = useState(false)
  const message = error?.message ?? "It failed without an error."
  const isLong = message.length > most
  const worker = claims.at(-1)?.worker_name
  return (
    <section
      aria-label="Why it failed"
      className="mb-3 rounded-3 border border-failed bg-failed-bg px-4 py-2.5 max-desk:order-1 max-desk:mb-0 max-desk:px-3"
    >
      <div className="flex items-start gap-2.5">
        <span className="pt-[3px]">
          <StateIcon status="failed" size={16} />
        </span>
        <div className="min-w-0">
          <p className="text-read font-medium break-words whitespace-pre-wrap">
            {isLong && !isWhole ? `${message.slice(0, most)}…` : message}
          </p>
          {isLong ? (
            <button
              type="button"
              aria-expanded={isWhole}
              onClick={() => setWhole(!isWhole)}
              className="text-small font-medium text-ink-2 underline decoration-line-2 underline-offset-3 hover:text-ink max-desk:min-h-11"
            >
              {isWhole ? "Show less" : "Show all of it"}
            </button>
          ) : null}
          <p className="mt-0.5 text-small text-ink-2">
            {error?.code == null ? null : (
              <>
                <Link
                  to="/runs"
                  search={{ ...noRunsSearch, state: "failed", agent: agent_id, code: error.code }}
                  title={`All runs of ${agent_id} that failed with ${error.code}`}
                  className="font-mono underline decoration-line-2 underline-offset-3 hover:text-ink"
                >
                  {error.code}
                </Link>
                {", "}
              </>
            )}
            {attempt === 0 ? "before its first attempt" : `attempt ${attempt} of ${max_attempts}`}
            {worker === undefined || attempt === 0 ? "" : `, on ${worker}`}
          </p>
        </div>
      </div>
    </section>
  )
}
