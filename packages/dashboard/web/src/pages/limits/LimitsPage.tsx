/** How many runs of each key work, and how many wait for a place. */
import { useQuery } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { useProjectLive } from "../../api/project"
import { useSession } from "../../api/session"
import { plural } from "../../format/numbers"
import { Page } from "../../shell/Page"
import { Empty } from "../../ui/Empty"
import { Skeleton } from "../../ui/Loading"
import { Panel } from "../../ui/Panel"
import { Trouble } from "../../ui/Trouble"
import { limitsQuery, mostLimits, stateOf } from "./limits"
import { LimitsTable } from "./LimitsTable"

const example = `runlease submit --agent my-agent --concurrency-key customer-7 --concurrency-limit 5 "Load the file"`

/** `12 keys, 3 full, 1 paused` */
const countWords = (limits: ReadonlyArray<Json.Limit>): string => {
  if (limits.length >= mostLimits) return `the newest ${plural(limits.length, "key")}`
  const count = (state: string) => limits.filter((limit) => stateOf(limit) === state).length
  return [
    plural(limits.length, "key"),
    ...(["full", "paused"] as const).flatMap((state) =>
      count(state) === 0 ? [] : [`${count(state)} ${state}`],
    ),
  ].join(", ")
}

const LimitsPage = () => {
  const { slug } = useSession().project
  useProjectLive({})
  const { data, error, refetch } = useQuery(limitsQuery(slug))
  return (
    <Page title="Limits">
      <Panel title="Limits" note={data === undefined || data.length === 0 ? undefined : countWords(data)}>
        {data === undefined ? (
          error === null ? (
            <Skeleton rows={6} />
          ) : (
            <Trouble error={error} retry={() => void refetch()} />
          )
        ) : data.length === 0 ? (
          <Empty command={example}>No limit has runs, and none is paused. A submission sets one:</Empty>
        ) : (
          <LimitsTable limits={data} />
        )}
      </Panel>
    </Page>
  )
}

export default LimitsPage
