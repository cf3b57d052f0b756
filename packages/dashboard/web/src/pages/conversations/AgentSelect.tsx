/** A menu of agents. */
import { Select } from "@base-ui/react/select"
import { Check, ChevronsUpDown } from "lucide-react"
import { buttonClass } from "../../ui/Button"
import { menuItem, menuPopup } from "../../ui/look"

interface AgentSelectProps {
  readonly agents: ReadonlyArray<string>
  /** The choice of no agent, where there is one. */
  readonly all?: string
  readonly value: string
  readonly onChange: (agent: string) => void
  /** Where the list opens: in the content of the page. */
  readonly floor: HTMLElement | null
}

/** Chooses an agent; an empty value is none. */
export const AgentSelect = ({ agents, all, floor, onChange, value }: AgentSelectProps) => (
  <Select.Root
    value={value}
    onValueChange={(agent: string | null) => (agent === null ? undefined : onChange(agent))}
  >
    <Select.Trigger aria-label="Agent" className={`${buttonClass()} max-w-48 min-w-0`}>
      <Select.Value className="truncate">{value === "" ? all : value}</Select.Value>
      <Select.Icon>
        <ChevronsUpDown aria-hidden size={14} className="text-ink-3" />
      </Select.Icon>
    </Select.Trigger>
    <Select.Portal container={floor}>
      <Select.Positioner sideOffset={4} alignItemWithTrigger={false} className="z-10">
        <Select.Popup className={menuPopup}>
          <Select.List>
            {(all === undefined ? agents : ["", ...agents]).map((agent) => (
              <Select.Item key={agent} value={agent} className={menuItem}>
                <span className="w-3.5">
                  <Select.ItemIndicator>
                    <Check aria-hidden size={14} />
                  </Select.ItemIndicator>
                </span>
                <Select.ItemText>{agent === "" ? all : agent}</Select.ItemText>
              </Select.Item>
            ))}
          </Select.List>
        </Select.Popup>
      </Select.Positioner>
    </Select.Portal>
  </Select.Root>
)
