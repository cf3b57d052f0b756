/** The menu of what is done to all runs that match. */
import { Menu } from "@base-ui/react/menu"
import { ChevronDown, RotateCcw, Tag, X, type LucideIcon } from "lucide-react"
import { buttonClass } from "../../../ui/Button"
import type { RunFilter } from "../filter"
import { menuItem, menuPopup } from "../../../ui/look"
import { isOffered, words, type Action } from "./operations"

const actions: ReadonlyArray<readonly [action: Action, Icon: LucideIcon]> = [
  ["cancel", X],
  ["retry", RotateCcw],
  ["label", Tag],
]

interface Props {
  readonly floor: HTMLElement | null
  readonly filter: RunFilter
  readonly onChoose: (action: Action) => void
}

export const MatchingMenu = ({ filter, floor, onChoose }: Props) => {
  const offered = actions.filter(([action]) => isOffered(action, filter))
  if (offered.length === 0) return null
  return (
    <Menu.Root>
      <Menu.Trigger className={buttonClass()}>
        All that match
        <ChevronDown aria-hidden size={14} className="text-ink-3" />
      </Menu.Trigger>
      <Menu.Portal container={floor}>
        <Menu.Positioner sideOffset={4} align="end" className="z-10">
          <Menu.Popup className={menuPopup}>
            {offered.map(([action, Icon]) => (
              <Menu.Item
                key={action}
                onClick={() => onChoose(action)}
                className={`${menuItem} ${action === "cancel" ? "text-failed" : ""}`}
              >
                <Icon aria-hidden size={14} className={action === "cancel" ? "" : "text-ink-3"} />
                {words[action].verb}
              </Menu.Item>
            ))}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  )
}
