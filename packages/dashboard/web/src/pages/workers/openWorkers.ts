/** Which workers are opened, as the address of the page has it. */
import { useNavigate, useSearch } from "@tanstack/react-router"

/** In place of a worker: the dialog that says how to start one. */
const adding = "add"

export const useOpenWorkers = () => {
  const { open } = useSearch({ from: "/signed-in/workers" })
  const navigate = useNavigate()
  const ids = open === undefined ? [] : open.split(",")
  const set = (next: ReadonlyArray<string>) =>
    void navigate({
      to: "/workers",
      search: { open: next.length === 0 ? undefined : next.join(",") },
      replace: true,
      resetScroll: false,
    })
  const toggle = (id: string) => set(ids.includes(id) ? ids.filter((one) => one !== id) : [...ids, id])
  return {
    isOpen: (id: string) => ids.includes(id),
    toggle,
    isAdding: ids.includes(adding),
    toggleAdding: () => toggle(adding),
  }
}
