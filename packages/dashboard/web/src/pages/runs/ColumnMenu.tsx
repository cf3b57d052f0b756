/** The menu of columns. */
import { Menu } from "@base-ui/react/menu"
import { Check, Columns3 } from "lucide-react"
import { buttonClass } from "../../ui/Button"
import { choosable } from "./columns"
import { menuItem, menuPopup } from "../../ui/look"
import type { useColumns } from "./useColumns"

interface Props extends ReturnType<typeof useColumns> {
  readonly floor: HTMLElement | null
}

export const ColumnMenu = ({ choose, floor, isChosen, reset, visibility }: Props) => (
  <Menu.Root>
    <Menu.Trigger className={`${buttonClass("quiet")} max-desk:hidden`}>
      <Columns3 aria-hidden size={16} className="text-ink-3" />
      Columns
    </Menu.Trigger>
    <Menu.Portal container={floor}>
      <Menu.Positioner sideOffset={4} align="end" className="z-10">
        <Menu.Popup className={menuPopup}>
          {choosable.map(([id, word]) => (
            <Menu.CheckboxItem
              key={id}
              checked={visibility[id] !== false}
              onCheckedChange={(isShown: boolean) => choose(id, isShown)}
              className={menuItem}
            >
              <span className="w-3.5">
                <Menu.CheckboxItemIndicator>
                  <Check aria-hidden size={14} />
                </Menu.CheckboxItemIndicator>
              </span>
              {word}
            </Menu.CheckboxItem>
          ))}
          <Menu.Separator className="my-1 h-px bg-line" />
          <Menu.Item
            disabled={!isChosen}
            onClick={reset}
            className={`${menuItem} pl-[30px] data-disabled:text-ink-3`}
          >
            As they were
          </Menu.Item>
        </Menu.Popup>
      </Menu.Positioner>
    </Menu.Portal>
  </Menu.Root>
)
