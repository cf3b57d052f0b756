/** Pages, agents, workers and actions of the palette. */
import { useQuery } from "@tanstack/react-query"
import { useNavigate } from "@tanstack/react-router"
import { Bot, Keyboard, LogOut, Pause, Play, Plus, Server, SunMoon } from "lucide-react"
import { agentsQuery, workersQuery } from "../api/project"
import { setPaused, usePaused } from "../api/live"
import { useSession } from "../api/session"
import { plural } from "../format/numbers"
import { Kbd } from "../ui/Kbd"
import { useNow } from "../ui/now"
import { isHere, nameOf, stateOf } from "../ui/workers"
import { WorkerState } from "../ui/WorkerState"
import { openShellDialog } from "./dialogs"
import type { PaletteItem } from "./PaletteItem"
import { pages } from "./pages"
import { useSignOut } from "./signOut"
import { flipTheme } from "./theme"
import { noRunsSearch } from "./links"

const Caps = ({ keys }: { readonly keys: string }) => (
  <span className="flex gap-1 max-desk:hidden">
    {keys.split(" ").map((cap) => (
      <Kbd key={cap}>{cap}</Kbd>
    ))}
  </span>
)

export const usePages = (): ReadonlyArray<PaletteItem> => {
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

export const useActions = (): ReadonlyArray<PaletteItem> => {
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

export const useAgents = (): ReadonlyArray<PaletteItem> => {
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

export const useWorkers = (): ReadonlyArray<PaletteItem> => {
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
