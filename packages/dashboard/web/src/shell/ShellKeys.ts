/** The keys that work on every page. */
import { useNavigate } from "@tanstack/react-router"
import { isPaused, setPaused } from "../api/live"
import { everywhere, useKeys } from "../ui/keys"
import { openShellDialog, toggleShellDialog } from "./dialogs"
import { pages } from "./pages"

export const useShellKeys = (): void => {
  const navigate = useNavigate()
  useKeys(
    {
      "Mod k": { label: "Search or jump to", run: () => toggleShellDialog("palette") },
      "/": { label: "Search", run: () => openShellDialog("palette") },
      ...Object.fromEntries(
        pages.map(({ key, label, to }) => [
          key,
          { label: `Go to ${label}`, run: () => void navigate({ to }) },
        ]),
      ),
      ".": { label: "Pause live updates, or go on", run: () => setPaused(!isPaused()) },
      "?": { label: "Show all keys", run: () => openShellDialog("keys") },
    },
    everywhere,
  )
}
