/** What a run of a trial and its original gave, with what differs. */
import { useQuery } from "@tanstack/react-query"
import * as TextDifference from "@runlease/core/TextDifference"
import type * as Json from "@runlease/http/Json"
import { Link } from "@tanstack/react-router"
import { wholeRun } from "../../shell/links"
import { Copy } from "../../ui/Copy"
import { Trouble } from "../../ui/Loading"
import { outputQuery } from "./queries"
import { Outcome } from "./PairParts"
import type { Pair } from "./trialState"

/** The outputs of both, and their difference; undefined while one is read. */
export const useOutputs = ({ original, trial }: Pair, isWanted: boolean) => {
  const before = useQuery({
    ...outputQuery(original ?? trial),
    enabled: isWanted && original !== undefined,
  })
  const after = useQuery({ ...outputQuery(trial), enabled: isWanted })
  const outputs =
    after.data === undefined || (original !== undefined && before.data === undefined)
      ? undefined
      : {
          before: before.data,
          after: after.data,
          difference: before.data === undefined ? undefined : TextDifference.between(before.data, after.data),
        }
  return { outputs, failed: before.error === null ? after : before }
}

const Text = ({
  children,
  difference,
  kind,
}: {
  readonly children: string
  readonly difference: TextDifference.Difference | undefined
  readonly kind: "removed" | "added"
}) => {
  if (children === "") return <p className="text-ink-3">It wrote nothing.</p>
  const [Mark, ground] =
    kind === "removed"
      ? (["del", "bg-failed-bg text-failed"] as const)
      : (["ins", "bg-completed-bg text-completed"] as const)
  return (
    <p className="leading-[22px] break-words whitespace-pre-wrap">
      {difference === undefined || difference[kind] === "" ? (
        children
      ) : (
        <>
          {difference.start}
          <Mark className={`${ground} rounded-1 no-underline`}>{difference[kind]}</Mark>
          {difference.end}
        </>
      )}
    </p>
  )
}

const Side = ({
  difference,
  kind,
  output,
  run,
  title,
}: {
  readonly title: string
  readonly run: Json.RunSummary
  readonly output: string | undefined
  readonly difference: TextDifference.Difference | undefined
  readonly kind: "removed" | "added"
}) => (
  <section aria-label={title} className="min-w-0">
    <h3 className="mb-1 flex items-center gap-2 text-small text-ink-3">
      <Link
        to="/runs/$runId"
        params={{ runId: run.run_id }}
        search={wholeRun}
        preload={false}
        title={run.run_id}
        className="whitespace-nowrap underline decoration-line-2 underline-offset-3 hover:text-ink hover:decoration-current"
      >
        <span className="font-medium text-ink-2">{title}</span>
      </Link>
      <Outcome run={run} />
      <span className="truncate">{run.agent_id}</span>
    </h3>
    {run.error === null ? null : <p className="mb-1 break-words text-failed">{run.error.message}</p>}
    {output === undefined ? null : (
      <Text difference={difference} kind={kind}>
        {output}
      </Text>
    )}
  </section>
)

export const PairOutput = ({ pair }: { readonly pair: Pair }) => {
  const { failed, outputs } = useOutputs(pair, true)
  const { original, trial } = pair
  const both = { difference: outputs?.difference }
  return (
    <div>
      {failed.error === null ? null : <Trouble error={failed.error} retry={() => void failed.refetch()} />}
      <div className="grid grid-cols-2 gap-x-6 gap-y-3 px-4 py-3 max-desk:grid-cols-1 max-desk:px-3">
        {original === undefined ? (
          <p className="text-ink-2">The original was deleted.</p>
        ) : (
          <Side {...both} title="Original" run={original} output={outputs?.before} kind="removed" />
        )}
        <Side {...both} title="Trial" run={trial} output={outputs?.after} kind="added" />
      </div>
      <div className="px-4 pb-3 max-desk:px-3">
        <Copy small text={`runlease trials keep ${trial.run_id} > case.json`}>
          Copy the command that keeps it as a test
        </Copy>
      </div>
    </div>
  )
}
