import { Select } from "@base-ui/react/select"
import { Check, ChevronsUpDown } from "lucide-react"
import { buttonClass } from "../../ui/Button"
import { menuItem, menuPopup } from "../runs/menuLook"

interface Props {
  readonly agents: ReadonlyArray<string>
  readonly value: string
  readonly onChange: (agent: string) => void
  /** Where the list opens: in the content of the page. */
  readonly floor: HTMLElement | null
}

/** Which agent the run is for. */
export const AgentSelect = ({ agents, floor, onChange, value }: Props) => (
  <Select.Root
    value={value}
    onValueChange={(agent: string | null) => (agent === null ? undefined : onChange(agent))}
  >
    <Select.Trigger aria-label="Agent" className={`${buttonClass()} max-w-48 min-w-0`}>
      <Select.Value className="truncate" />
      <Select.Icon>
        <ChevronsUpDown aria-hidden size={14} className="text-ink-3" />
      </Select.Icon>
    </Select.Trigger>
    <Select.Portal container={floor}>
      <Select.Positioner sideOffset={4} alignItemWithTrigger={false} className="z-10">
        <Select.Popup className={menuPopup}>
          <Select.List>
            {agents.map((agent) => (
              <Select.Item key={agent} value={agent} className={menuItem}>
                <span className="w-3.5">
                  <Select.ItemIndicator>
                    <Check aria-hidden size={14} />
                  </Select.ItemIndicator>
                </span>
                <Select.ItemText>{agent}</Select.ItemText>
              </Select.Item>
            ))}
          </Select.List>
        </Select.Popup>
      </Select.Positioner>
    </Select.Portal>
  </Select.Root>
)
