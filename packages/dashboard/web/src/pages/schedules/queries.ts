/** What the pages of schedules read, and what can be done to a schedule. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query"
import type * as Json from "@runlease/http/Json"
import { send } from "../../api/client"
import { isPaused } from "../../api/live"
import { useProjectLive } from "../../api/project"
import { useSession } from "../../api/session"
import { scheduleOf } from "../../format/ids"

const all = "schedules"

/** Ticks come without an event of their own. */
const refetchInterval = () => (isPaused() ? false : 10_000)

/** The most schedules that are read, the newest first. */
export const mostSchedules = 500

export const schedulesQuery = (project: string) =>
  queryOptions({
    queryKey: [all, project],
    queryFn: async ({ signal }) => {
      const schedules: Array<Json.Schedule> = []
      let cursor: string | undefined
      do {
        const page = await send("schedules", { path: { project }, query: { limit: 100, cursor }, signal })
        schedules.push(...page.schedules)
        cursor = page.page_info?.next ?? undefined
      } while (cursor !== undefined && schedules.length < mostSchedules)
      return schedules
    },
    refetchInterval,
  })

export const scheduleQuery = (project: string, schedule: string) =>
  queryOptions({
    queryKey: [all, project, schedule],
    queryFn: ({ signal }) => send("schedule", { path: { project, schedule }, signal }),
    refetchInterval,
  })

/** `revision` and `next`: what the ticks that come depend on. */
export const upcomingQuery = (
  project: string,
  { id, next_nominal: next = null, revision = 0 }: Json.Schedule,
) =>
  queryOptions({
    queryKey: [all, project, id, "upcoming", revision, next],
    queryFn: async ({ signal }) =>
      (await send("upcoming", { path: { project, schedule: id }, query: { count: 8 }, signal })).ticks,
  })

/** How the ids of the runs of a schedule begin, which a search of runs finds. */
export const runsText = (schedule: string): string => `schedule:${schedule}:`

/** The latest runs of a schedule, as far as a search looks. */
export const scheduleRunsQuery = (project: string, { id, target }: Json.Schedule) =>
  queryOptions({
    queryKey: [all, project, id, "runs"],
    queryFn: ({ signal }) =>
      send("runSummaries", {
        path: { project },
        query: { agent_id: target.id, text: runsText(id), limit: 12 },
        signal,
      }),
    refetchInterval,
  })

/** Reads schedules again when a run of one changes. */
export const useSchedulesLive = (): void => {
  const { slug } = useSession().project
  const client = useQueryClient()
  useProjectLive({
    onRuns: (runs) => {
      if (runs.some(({ run_id }) => scheduleOf(run_id) !== undefined)) {
        void client.invalidateQueries({ queryKey: [all, slug] })
      }
    },
  })
}

export const useScheduleActions = ({ id }: Pick<Json.Schedule, "id">) => {
  const { slug: project } = useSession().project
  const client = useQueryClient()
  const path = { project, schedule: id }
  const readAgain = () => client.invalidateQueries({ queryKey: [all, project] })
  const put = (schedule: Json.Schedule) => {
    client.setQueryData(scheduleQuery(project, id).queryKey, schedule)
    client.setQueryData(schedulesQuery(project).queryKey, (before) =>
      before?.map((one) => (one.id === id ? schedule : one)),
    )
  }
  return {
    pause: useMutation({
      mutationFn: async (paused: boolean) =>
        (await send(paused ? "pauseSchedule" : "resumeSchedule", { path, body: {} })).schedule,
      onSuccess: put,
    }),
    run: useMutation({
      mutationFn: async () => (await send("runSchedule", { path, body: {} })).run_id,
      onSettled: readAgain,
    }),
    backfill: useMutation({
      mutationFn: (range: { readonly from: string; readonly to: string }) =>
        send("backfillSchedule", { path, body: range }),
      onSettled: readAgain,
    }),
    remove: useMutation({
      mutationFn: () => send("removeSchedule", { path }),
      onSuccess: () => {
        client.setQueryData(schedulesQuery(project).queryKey, (before) =>
          before?.filter((one) => one.id !== id),
        )
      },
    }),
  }
}
