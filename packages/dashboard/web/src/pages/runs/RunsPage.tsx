import { getRouteApi } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import { lazy, Suspense, useCallback, useMemo, useRef, useState } from "react"
import { useSession } from "../../api/session"
import { Page } from "../../shell/Page"
import { useKeys } from "../../ui/keys"
import { AddFilter, SearchBox, StateTabs, useCounts } from "./Filters"
import { ColumnMenu } from "./ColumnMenu"
import { FilterChips } from "./FilterChips"
import { filterOf, searchOf, type RunFilter } from "./filter"
import { labelTexts } from "./labels"
import { ListEnd } from "./ListEnd"
import { NewPill } from "./NewPill"
import { NotUpdated } from "./NotUpdated"
import { MatchingMenu } from "./operation/MatchingMenu"
import type { Action, Target } from "./operation/operations"
import { RunsList } from "./RunsList"
import { RunsTable } from "./RunsTable"
import { SelectionBar } from "./SelectionBar"
import { TimeStrip } from "./TimeStrip"
import { useBulk } from "./useBulk"
import { useColumns } from "./useColumns"
import { usePhone } from "./useMedia"
import { useRuns } from "./useRuns"
import { useSelection } from "./useSelection"
import { wholeRun } from "../../shell/links"

const OperationDialog = lazy(() => import("./operation/OperationDialog"))

const route = getRouteApi("/signed-in/runs")

/** The codes of some runs, and the one that is filtered by. */
const codesOf = (rows: ReadonlyArray<Json.RunSummary>, chosen: string | undefined): ReadonlyArray<string> =>
  Array.from(
    new Set([...(chosen === undefined ? [] : [chosen]), ...rows.flatMap(({ error }) => error?.code ?? [])]),
  ).toSorted()

/** The labels of some runs, and those that are filtered by. */
const labelsOf = (
  rows: ReadonlyArray<Json.RunSummary>,
  chosen: ReadonlyArray<string>,
): ReadonlyArray<string> =>
  Array.from(new Set([...chosen, ...rows.flatMap((run) => labelTexts(run))])).toSorted()

const RunsPage = () => {
  const project = useSession().project.slug
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const address = JSON.stringify(search)
  // The filter is the same object as long as the address is the same.
  const filter = useMemo(() => filterOf(search), [address])
  const setFilter = useCallback(
    (next: RunFilter) => void navigate({ search: searchOf(next), replace: true, resetScroll: false }),
    [navigate],
  )

  const isPhone = usePhone()
  const [operation, setOperation] = useState<{ readonly action: Action; readonly target: Target }>()
  const [floor, setFloor] = useState<HTMLElement | null>(null)
  const runs = useRuns(project, filter)
  const { query, refresh, rows, showNew, update, visible, waiting } = runs
  const { all, ...counted } = useCounts(project, filter)
  const hasRuns = all && Object.values(all).some((count) => count > 0)
  const codes = useMemo(() => codesOf(rows, filter.code), [rows, filter.code])
  const labels = useMemo(() => labelsOf(rows, filter.labels), [rows, filter.labels])
  const columns = useColumns(labels.length > 0)
  const order = useMemo(() => rows.map((run) => run.run_id), [rows])
  const selection = useSelection(address, order)
  const selected = useMemo(() => rows.filter((run) => selection.ids[run.run_id]), [rows, selection.ids])

  const bulk = useBulk((run, kind, outcome) => {
    if (kind !== "cancel" || outcome.type !== "done") return
    const { completed_at, updated_at } = outcome.run
    update((loaded) => ({
      ...loaded,
      pages: loaded.pages.map((page) =>
        page.data.some((one) => one.run_id === run.run_id)
          ? {
              ...page,
              data: page.data.map((one) =>
                one.run_id === run.run_id
                  ? { ...one, status: "cancelled" as const, finished_at: completed_at, updated_at }
                  : one,
              ),
            }
          : page,
      ),
    }))
  })
  const onShowNew = useCallback(() => {
    showNew().then(
      () => scrollTo({ top: 0 }),
      () => refresh.now(),
    )
  }, [refresh, showNew])
  const onEnd = () => {
    if (!query.hasNextPage || query.isFetching || query.isFetchNextPageError) return
    if (runs.lookedAt === undefined) void query.fetchNextPage()
  }

  const searchBox = useRef<HTMLInputElement>(null)
  const { cursor } = selection
  const toggleCursor = (isRange: boolean) => () => {
    if (isPhone || cursor === undefined) return false
    selection.toggle(cursor, isRange)
    return true
  }
  useKeys({
    j: { label: "Next row", run: () => selection.move(1), repeats: true },
    k: { label: "Row before", run: () => selection.move(-1), repeats: true },
    x: { label: "Select the row", run: toggleCursor(false) },
    "Shift x": { label: "Select up to the row", run: toggleCursor(true) },
    Enter: {
      label: "Open the row",
      run: () => {
        if (cursor === undefined) return false
        void navigate({
          to: "/runs/$runId",
          params: { runId: cursor },
          search: wholeRun,
        })
        return true
      },
    },
    "/": { label: "Search runs", run: () => searchBox.current?.focus() },
    n: { label: "Show new runs", run: () => (waiting > 0 ? onShowNew() : false) },
    Escape: {
      label: "Clear the selection",
      run: () => {
        if (selected.length === 0) return false
        selection.selectAll(false)
        return true
      },
    },
  })

  const pill = <NewPill count={waiting} onShow={onShowNew} />
  return (
    <Page title="Runs">
      <div className="mb-3">
        <StateTabs filter={filter} {...counted} />
      </div>
      <div className="mb-3 flex flex-wrap items-center gap-2">
        <SearchBox box={searchBox} filter={filter} onChange={setFilter} />
        <FilterChips filter={filter} onChange={setFilter} />
        <AddFilter
          floor={floor}
          project={project}
          codes={codes}
          labels={labels}
          filter={filter}
          onChange={setFilter}
        />
        <span className="grow max-desk:hidden" />
        {isPhone || rows.length === 0 ? null : (
          <MatchingMenu
            floor={floor}
            filter={filter}
            onChoose={(action) => setOperation({ action, target: { filter } })}
          />
        )}
        <ColumnMenu floor={floor} {...columns} />
      </div>
      <section aria-label="Runs" className="rounded-3 border border-line bg-surface">
        <TimeStrip
          project={project}
          filter={filter}
          onChange={({ from, to }) => setFilter({ ...filter, from, to })}
        />
        <div
          className={`transition-opacity duration-[120ms] desk:border-t desk:border-line ${query.isPlaceholderData ? "opacity-60" : ""}`}
        >
          {isPhone ? (
            <RunsList rows={rows} onEnd={onEnd} visible={visible} pill={pill} />
          ) : (
            <RunsTable
              rows={rows}
              isComplete={runs.isComplete}
              visibility={columns.visibility}
              selection={selection.ids}
              cursor={cursor}
              onSelect={selection.toggle}
              onSelectAll={selection.selectAll}
              onCursor={selection.setCursor}
              onEnd={onEnd}
              visible={visible}
              pill={pill}
            />
          )}
          <ListEnd project={project} filter={filter} onChange={setFilter} runs={runs} hasRuns={hasRuns} />
        </div>
      </section>
      {isPhone ? null : (
        <SelectionBar
          runs={selected}
          progress={bulk.progress}
          onStart={bulk.start}
          onOperation={(action, runIds) => setOperation({ action, target: { runIds } })}
          onStop={bulk.stop}
          onDismiss={() => {
            bulk.dismiss()
            selection.selectAll(false)
          }}
          onClear={() => selection.selectAll(false)}
        />
      )}
      {operation === undefined ? null : (
        <Suspense fallback={null}>
          <OperationDialog
            {...operation}
            onClose={() => setOperation(undefined)}
            onDone={() => {
              if (operation.target.filter === undefined) selection.selectAll(false)
              refresh.now()
            }}
          />
        </Suspense>
      )}
      <NotUpdated refresh={refresh} isAbove={selected.length > 0 || bulk.progress !== undefined} />
      <div ref={setFloor} />
    </Page>
  )
}

export default RunsPage
