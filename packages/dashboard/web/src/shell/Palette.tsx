/** Search, and the way to every page, run, agent, worker and action. */
import { Autocomplete } from "@base-ui/react/autocomplete"
import { Dialog } from "@base-ui/react/dialog"
import { keepPreviousData, useQuery } from "@tanstack/react-query"
import { useNavigate } from "@tanstack/react-router"
import { ArrowRight, Bot, Keyboard, LogOut, Pause, Play, Plus, Search, Server, SunMoon } from "lucide-react"
import { type ReactNode, useEffect, useRef, useState } from "react"
import { send } from "../api/client"
import { setPaused, usePaused } from "../api/live"
import { agentsQuery, workersQuery } from "../api/project"
import { useSession } from "../api/session"
import { shortId } from "../format/ids"
import { integer, plural } from "../format/numbers"
import { buttonClass } from "../ui/Button"
import { Kbd } from "../ui/Kbd"
import { StateIcon } from "../ui/State"
import { WorkerState } from "../ui/StateWord"
import { dialogBackdrop, dialogPopup } from "../ui/look"
import { useNow } from "../ui/now"
import { isHere, nameOf, stateOf } from "../ui/workers"
import { openShellDialog } from "./dialogs"
import { noRunsSearch, wholeRun } from "./links"
import { pages } from "./pages"
import { findItems, runIdOf } from "./paletteMatch"
import { useSignOut } from "./signOut"
import { flipTheme } from "./theme"

interface PaletteItem {
  readonly id: string
  readonly label: string
  /** What else finds it. */
  readonly also?: string | undefined
  readonly icon: ReactNode
  readonly hint?: ReactNode
  readonly run: () => void
}

interface PaletteGroup {
  readonly value: string
  readonly items: ReadonlyArray<PaletteItem>
}

const PaletteRow = ({ item, onPick }: { readonly item: PaletteItem; readonly onPick: () => void }) => (
  <Autocomplete.Item
    value={item}
    className="mx-2 flex h-9 cursor-pointer scroll-my-2 items-center gap-2.5 rounded-2 px-2 select-none data-highlighted:bg-accent-bg max-desk:h-11"
    onClick={() => {
      onPick()
      item.run()
    }}
  >
    <span className="grid size-4 shrink-0 place-items-center text-ink-3">{item.icon}</span>
    <span className="min-w-0 grow truncate">{item.label}</span>
    {item.hint === undefined ? null : (
      <span className="flex shrink-0 items-center gap-1 text-small text-ink-3">{item.hint}</span>
    )}
  </Autocomplete.Item>
)

const Caps = ({ keys }: { readonly keys: string }) => (
  <span className="flex gap-1 max-desk:hidden">
    {keys.split(" ").map((cap) => (
      <Kbd key={cap}>{cap}</Kbd>
    ))}
  </span>
)

const usePages = (): ReadonlyArray<PaletteItem> => {
  const navigate = useNavigate()
  return [
    ...pages.map(({ Icon, key, label, to }) => ({
      id: to,
      label,
      icon: <Icon aria-hidden size={16} />,
      hint: <Caps keys={key} />,
      run: () => void navigate({ to }),
    })),
    {
      id: "/submit",
      label: "Submit a run",
      icon: <Plus aria-hidden size={16} />,
      run: () => void navigate({ to: "/submit", search: { agent: undefined } }),
    },
  ]
}

const useActions = (): ReadonlyArray<PaletteItem> => {
  const isPaused = usePaused()
  const signOut = useSignOut()
  return [
    {
      id: "theme",
      label: "Switch between light and dark",
      also: "theme",
      icon: <SunMoon aria-hidden size={16} />,
      run: flipTheme,
    },
    {
      id: "pause",
      label: isPaused ? "Go on with live updates" : "Pause live updates",
      icon: isPaused ? <Play aria-hidden size={16} /> : <Pause aria-hidden size={16} />,
      hint: <Caps keys="." />,
      run: () => setPaused(!isPaused),
    },
    {
      id: "keys",
      label: "Show all keys",
      also: "shortcuts help",
      icon: <Keyboard aria-hidden size={16} />,
      hint: <Caps keys="?" />,
      run: () => openShellDialog("keys"),
    },
    {
      id: "sign-out",
      label: "Sign out",
      also: "log out",
      icon: <LogOut aria-hidden size={16} />,
      run: () => void signOut(),
    },
  ]
}

const useAgents = (): ReadonlyArray<PaletteItem> => {
  const { slug } = useSession().project
  const navigate = useNavigate()
  const agents = useQuery(agentsQuery(slug)).data ?? []
  return agents.map(({ agent_id, workers }) => ({
    id: `agent:${agent_id}`,
    label: agent_id,
    also: "agent",
    icon: <Bot aria-hidden size={16} />,
    hint: workers === 0 ? "no worker" : plural(workers, "worker"),
    run: () => void navigate({ to: "/runs", search: { ...noRunsSearch, agent: agent_id } }),
  }))
}

const useWorkers = (): ReadonlyArray<PaletteItem> => {
  const { slug } = useSession().project
  const navigate = useNavigate()
  const now = useNow()
  const workers = useQuery(workersQuery(slug)).data ?? []
  return workers
    .filter((worker) => isHere(worker, now))
    .map((worker) => ({
      id: `worker:${worker.worker.id}`,
      label: nameOf(worker),
      also: "worker",
      icon: <Server aria-hidden size={16} />,
      hint: <WorkerState state={stateOf(worker, now)} />,
      run: () => void navigate({ to: "/workers", search: { open: worker.worker.id } }),
    }))
}

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

interface FoundRuns {
  readonly items: ReadonlyArray<PaletteItem>
  readonly isSearching: boolean
  /** How many of the newest runs were looked at, where not all were. */
  readonly searched: number | null
  readonly error: Error | null
}

const usePaletteRuns = (query: string): FoundRuns => {
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

const ofEach = 5

const Palette = ({ onClose }: { readonly onClose: () => void }) => {
  const [typed, setTyped] = useState("")
  const input = useRef<HTMLInputElement>(null)
  const query = typed.trim()
  const runs = usePaletteRuns(query)
  const pages = usePages()
  const agents = useAgents()
  const workers = useWorkers()
  const actions = useActions()

  const groups: ReadonlyArray<PaletteGroup> = [
    { value: "Pages", items: findItems(pages, query) },
    ...(query === ""
      ? []
      : [
          { value: "Agents", items: findItems(agents, query, ofEach) },
          { value: "Workers", items: findItems(workers, query, ofEach) },
          { value: "Runs", items: runs.items },
        ]),
    { value: "Actions", items: findItems(actions, query) },
  ].filter(({ items }) => items.length > 0)

  const status = runs.isSearching
    ? "Searching the runs"
    : runs.error !== null
      ? `${runs.error.message}.`
      : runs.searched !== null
        ? `The newest ${integer(runs.searched)} runs were searched. List them to search on.`
        : ""
  return (
    <Dialog.Root open onOpenChange={(isOpen) => (isOpen ? undefined : onClose())}>
      <Dialog.Portal>
        <Dialog.Backdrop className={dialogBackdrop} />
        <Dialog.Viewport className="fixed inset-0 z-20 flex items-start justify-center overflow-hidden px-6 pt-[12vh] pb-6 max-desk:px-2 max-desk:pt-2">
          <Dialog.Popup
            aria-label="Search or jump to"
            initialFocus={input}
            className={`${dialogPopup} max-w-[560px] data-starting-style:-translate-y-1`}
          >
            <Autocomplete.Root
              open
              inline
              mode="none"
              items={groups}
              value={typed}
              onValueChange={(value, { reason }) => {
                if (reason !== "item-press") setTyped(value)
              }}
              itemToStringValue={({ label }) => label}
              autoHighlight="always"
              keepHighlight
            >
              <div className="flex h-12 shrink-0 items-center gap-2.5 border-b border-line pr-2 pl-4">
                <Search aria-hidden size={16} className="shrink-0 text-ink-3" />
                <Autocomplete.Input
                  ref={input}
                  aria-label="Search or jump to"
                  placeholder="A page, an agent, a worker, or a run by its text or its id"
                  className="h-full min-w-0 grow bg-transparent text-read outline-none placeholder:text-ink-3 max-desk:text-[16px]"
                />
                <Dialog.Close className={buttonClass("quiet", true)}>Close</Dialog.Close>
              </div>
              <div className="max-h-[min(60dvh,440px)] overflow-y-auto overscroll-contain pb-2">
                <Autocomplete.Empty>
                  {groups.length === 0 && !runs.isSearching ? (
                    <p className="px-4 pt-3 pb-1 text-ink-2">Nothing here is called “{query}”.</p>
                  ) : null}
                </Autocomplete.Empty>
                <Autocomplete.List>
                  {(group: PaletteGroup) => (
                    <Autocomplete.Group key={group.value} items={group.items}>
                      <Autocomplete.GroupLabel className="px-4 pt-3 pb-1 text-small font-medium text-ink-3">
                        {group.value}
                      </Autocomplete.GroupLabel>
                      <Autocomplete.Collection>
                        {(item: PaletteGroup["items"][number]) => (
                          <PaletteRow key={item.id} item={item} onPick={onClose} />
                        )}
                      </Autocomplete.Collection>
                    </Autocomplete.Group>
                  )}
                </Autocomplete.List>
              </div>
              <Autocomplete.Status className="border-t border-line px-4 py-2 text-small text-ink-3 empty:hidden">
                {status}
              </Autocomplete.Status>
            </Autocomplete.Root>
          </Dialog.Popup>
        </Dialog.Viewport>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

export default Palette
