/** Runs whose title has a text, or whose id ends with it. */
import { keepPreviousData, useQuery } from "@tanstack/react-query"
import { useNavigate } from "@tanstack/react-router"
import { ArrowRight, Search } from "lucide-react"
import { useEffect, useState } from "react"
import { send } from "../api/client"
import { useSession } from "../api/session"
import { shortId } from "../format/ids"
import { StateIcon } from "../ui/State"
import type { PaletteItem } from "./PaletteItem"
import { runIdOf } from "./paletteMatch"
import { noRunsSearch, wholeRun } from "./links"

const shown = 6
const leastLength = 2

/** The text as it was when the typing last paused. */
const useSettled = (text: string): string => {
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), 150)
    return () => clearTimeout(timer)
  }, [text])
  return settled
}

export interface FoundRuns {
  readonly items: ReadonlyArray<PaletteItem>
  readonly isSearching: boolean
  /** How many of the newest runs were looked at, where not all were. */
  readonly searched: number | null
  readonly error: Error | null
}

export const usePaletteRuns = (query: string): FoundRuns => {
  const { slug } = useSession().project
  const navigate = useNavigate()
  const text = useSettled(query)
  const isLong = query.length >= leastLength
  const { data, error, isFetching } = useQuery({
    queryKey: ["palette-runs", slug, text],
    queryFn: ({ signal }) =>
      send("runSummaries", { path: { project: slug }, query: { text, limit: shown }, signal }),
    enabled: isLong && text.length >= leastLength,
    placeholderData: keepPreviousData,
  })
  const open = (runId: string) => () =>
    void navigate({ to: "/runs/$runId", params: { runId }, search: wholeRun })
  const id = runIdOf(query)
  const found = isLong ? (data?.data ?? []) : []
  return {
    isSearching: isLong && (isFetching || text !== query),
    searched:
      isLong && data !== undefined && data.data.length < shown && data.page_info.next !== null
        ? data.searched
        : null,
    error: isLong ? error : null,
    items: [
      ...(id === undefined || found.some((run) => run.run_id === id)
        ? []
        : [
            {
              id,
              label: `Open run ${shortId(id)}`,
              icon: <ArrowRight aria-hidden size={16} />,
              run: open(id),
            },
          ]),
      ...found.map((run) => ({
        id: run.run_id,
        label: run.title ?? "A run without a text",
        icon: <StateIcon status={run.status} />,
        hint: (
          <>
            {run.agent_id}
            <span className="pl-1 font-mono">{shortId(run.run_id)}</span>
          </>
        ),
        run: open(run.run_id),
      })),
      ...(isLong && id === undefined
        ? [
            {
              id: "search",
              label: `List the runs with “${query}”`,
              icon: <Search aria-hidden size={16} />,
              run: () => void navigate({ to: "/runs", search: { ...noRunsSearch, q: query } }),
            },
          ]
        : []),
    ],
  }
}
