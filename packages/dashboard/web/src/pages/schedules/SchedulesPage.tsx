/** Which schedules there are, when they tick next, and which of them have trouble. */
import { useQuery } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { Plus } from "lucide-react"
import { lazy, Suspense, useState } from "react"
import { useSession } from "../../api/session"
import { plural } from "../../format/numbers"
import { Page } from "../../shell/Page"
import { Button } from "../../ui/Button"
import { Empty } from "../../ui/Empty"
import { Unread } from "../../ui/Loading"
import { useNow } from "../../ui/now"
import { Panel } from "../../ui/Panel"
import { mostSchedules, schedulesQuery, useSchedulesLive } from "./queries"
import { inOrder, isTrouble, stateOf } from "./scheduleState"
import { SchedulesTable } from "./SchedulesTable"
import { TroubleNotice } from "./ScheduleParts"

const ScheduleDialog = lazy(() => import("./ScheduleDialog"))

/** More are found in the table. */
const mostNotices = 3

const example = `runlease schedules create "Nightly report" --agent my-agent --schedule "0 2 * * 1-5" --prompt "Report on yesterday"`

/** `7 active, 2 paused` */
const countWords = (schedules: ReadonlyArray<Json.Schedule>, now: number): string => {
  const counts = new Map<string, number>()
  for (const schedule of schedules) {
    const state = stateOf(schedule, now)
    const word = state === "stopped" ? "paused" : state === "stale" ? "active" : state
    counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  const words = [...counts].toSorted().map(([word, count]) => `${count} ${word}`)
  return schedules.length < mostSchedules
    ? words.join(", ")
    : `the newest ${plural(schedules.length, "schedule")}`
}

const SchedulesPage = () => {
  const { slug } = useSession().project
  useSchedulesLive()
  const query = useQuery(schedulesQuery(slug))
  const { data } = query
  const now = useNow()
  const [isCreating, setCreating] = useState(false)
  const troubled = inOrder(data ?? [], now)
    .filter((schedule) => isTrouble(stateOf(schedule, now)))
    .slice(0, mostNotices)
  return (
    <Page title="Schedules">
      <div className="grid grid-cols-[minmax(0,1fr)] gap-4 max-desk:gap-3">
        {troubled.map((schedule) => (
          <TroubleNotice key={schedule.id} schedule={schedule} now={now} />
        ))}
        <Panel
          title="Schedules"
          note={data === undefined || data.length === 0 ? undefined : countWords(data, now)}
          aside={
            <Button small aria-haspopup="dialog" onClick={() => setCreating(true)}>
              <Plus aria-hidden size={14} className="text-ink-3" />
              New schedule
            </Button>
          }
        >
          {data === undefined ? (
            <Unread query={query} rows={6} />
          ) : data.length === 0 ? (
            <Empty command={example}>No schedule begins runs of this project yet.</Empty>
          ) : (
            <SchedulesTable schedules={data} now={now} />
          )}
        </Panel>
      </div>
      {isCreating ? (
        <Suspense fallback={null}>
          <ScheduleDialog onClose={() => setCreating(false)} />
        </Suspense>
      ) : null}
    </Page>
  )
}

export default SchedulesPage
