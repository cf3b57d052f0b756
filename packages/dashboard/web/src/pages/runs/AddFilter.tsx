/** The menu of filters. */
import { Menu } from "@base-ui/react/menu"
import { useQuery } from "@tanstack/react-query"
import { Check, ChevronRight, ListFilter } from "lucide-react"
import type { ReactNode } from "react"
import { agentsQuery } from "../../api/project"
import { buttonClass } from "../../ui/Button"
import type { RunFilter } from "./filter"
import { menuItem, menuPopup } from "./menuLook"
import { lastRanges, rangeWords } from "./range"
import { withLabel } from "./searchText"

interface Option {
  readonly value: string
  readonly word: string
}

const Choice = ({
  chosen,
  empty,
  floor,
  onChoose,
  options,
  word,
}: {
  readonly word: string
  readonly chosen: string | undefined
  readonly options: ReadonlyArray<Option>
  readonly empty?: string
  readonly floor: HTMLElement | null
  readonly onChoose: (value: string) => void
}) => (
  <Menu.SubmenuRoot>
    <Menu.SubmenuTrigger className={menuItem}>
      {word}
      <ChevronRight aria-hidden size={14} className="ml-auto text-ink-3" />
    </Menu.SubmenuTrigger>
    <Menu.Portal container={floor}>
      <Menu.Positioner sideOffset={4} alignOffset={-5} className="z-10">
        <Menu.Popup className={menuPopup}>
          {options.length === 0 ? <p className="px-2 py-1 text-ink-3">{empty}</p> : null}
          <Menu.RadioGroup value={chosen ?? ""} onValueChange={(value: string) => onChoose(value)}>
            {options.map((option) => (
              <Menu.RadioItem key={option.value} value={option.value} closeOnClick className={menuItem}>
                <span className="w-3.5">
                  <Menu.RadioItemIndicator>
                    <Check aria-hidden size={14} />
                  </Menu.RadioItemIndicator>
                </span>
                {option.word}
              </Menu.RadioItem>
            ))}
          </Menu.RadioGroup>
        </Menu.Popup>
      </Menu.Positioner>
    </Menu.Portal>
  </Menu.SubmenuRoot>
)

const Toggle = ({
  children,
  isOn,
  onChange,
}: {
  readonly children: ReactNode
  readonly isOn: boolean
  readonly onChange: (isOn: boolean) => void
}) => (
  <Menu.CheckboxItem checked={isOn} onCheckedChange={onChange} closeOnClick className={menuItem}>
    {children}
    <Menu.CheckboxItemIndicator className="ml-auto">
      <Check aria-hidden size={14} />
    </Menu.CheckboxItemIndicator>
  </Menu.CheckboxItem>
)

const attempts: ReadonlyArray<Option> = [2, 3, 4, 5].map((least) => ({
  value: String(least),
  word: `${least} or more`,
}))

interface Props {
  /** Where menus open: in the content of the page. */
  readonly floor: HTMLElement | null
  readonly project: string
  /** The codes of the runs that are shown. */
  readonly codes: ReadonlyArray<string>
  readonly labels: ReadonlyArray<string>
  readonly filter: RunFilter
  readonly onChange: (filter: RunFilter) => void
}

export const AddFilter = ({ codes, filter, floor, labels, onChange, project }: Props) => {
  const agents = useQuery(agentsQuery(project)).data ?? []
  return (
    <Menu.Root>
      <Menu.Trigger className={`${buttonClass("quiet")} max-desk:hidden`}>
        <ListFilter aria-hidden size={16} className="text-ink-3" />
        Add a filter
      </Menu.Trigger>
      <Menu.Portal container={floor}>
        <Menu.Positioner sideOffset={4} align="start" className="z-10">
          <Menu.Popup className={menuPopup}>
            <Choice
              floor={floor}
              word="Agent"
              chosen={filter.agent}
              options={agents.map(({ agent_id }) => ({ value: agent_id, word: agent_id }))}
              empty="No agent is known yet"
              onChoose={(agent) => onChange({ ...filter, agent })}
            />
            <Choice
              floor={floor}
              word="Started"
              chosen={filter.to === undefined ? filter.from : undefined}
              options={lastRanges.map((from) => ({ value: from, word: rangeWords({ from }, 0) ?? from }))}
              onChoose={(from) => onChange({ ...filter, from, to: undefined })}
            />
            <Choice
              floor={floor}
              word="Code"
              chosen={filter.code}
              options={codes.map((code) => ({ value: code, word: code }))}
              empty="No run that is shown has failed with a code"
              onChoose={(code) => onChange({ ...filter, code, status: "failed" })}
            />
            <Choice
              floor={floor}
              word="Label"
              chosen={filter.labels.at(-1)}
              options={labels.map((label) => ({ value: label, word: label }))}
              empty="No run that is shown has a label"
              onChoose={(label) => onChange({ ...filter, labels: withLabel(filter.labels, label) })}
            />
            <Choice
              floor={floor}
              word="Attempt"
              chosen={filter.attempt === undefined ? undefined : String(filter.attempt)}
              options={attempts}
              onChoose={(least) => onChange({ ...filter, attempt: Number(least) })}
            />
            <Toggle isOn={filter.children} onChange={(children) => onChange({ ...filter, children })}>
              Show children too
            </Toggle>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  )
}
