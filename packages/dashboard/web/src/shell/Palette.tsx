/** Search, and the way to every page, run, agent, worker and action. */
import { Autocomplete } from "@base-ui/react/autocomplete"
import { Dialog } from "@base-ui/react/dialog"
import { Search } from "lucide-react"
import { useRef, useState } from "react"
import { integer } from "../format/numbers"
import { buttonClass } from "../ui/Button"
import { dialogBackdrop, dialogPopup } from "../ui/dialogLook"
import { useActions, useAgents, usePages, useWorkers } from "./paletteItems"
import { type PaletteGroup, PaletteRow } from "./PaletteItem"
import { findItems } from "./paletteMatch"
import { usePaletteRuns } from "./paletteRuns"

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
