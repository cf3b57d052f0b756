/** One of several, from a list that opens. */
import { Select } from "@base-ui/react/select"
import { Check, ChevronsUpDown } from "lucide-react"

export interface SelectOption {
  readonly value: string
  readonly label: string
}

export const SelectBox = ({
  describedBy,
  id,
  label,
  onChange,
  options,
  placeholder = "Choose",
  value,
}: {
  readonly id?: string
  readonly describedBy?: string | undefined
  /** Where no element labels it. */
  readonly label?: string
  readonly value: string
  readonly options: ReadonlyArray<SelectOption>
  readonly placeholder?: string
  readonly onChange: (value: string) => void
}) => (
  <Select.Root
    items={[...options]}
    value={value === "" ? null : value}
    onValueChange={(next) => onChange(next ?? "")}
    modal={false}
  >
    <Select.Trigger
      id={id}
      aria-describedby={describedBy}
      aria-label={label}
      className="flex h-8 w-full items-center gap-2 rounded-2 border border-edge bg-surface px-2.5 text-left max-desk:h-11"
    >
      <span className="min-w-0 grow truncate">
        <Select.Value>
          {(chosen: string | null) => options.find((option) => option.value === chosen)?.label ?? placeholder}
        </Select.Value>
      </span>
      <ChevronsUpDown aria-hidden size={14} className="shrink-0 text-ink-3" />
    </Select.Trigger>
    <Select.Portal>
      <Select.Positioner sideOffset={4} alignItemWithTrigger={false} className="z-20">
        <Select.Popup className="max-h-[320px] min-w-[var(--anchor-width)] overflow-y-auto rounded-3 border border-line-2 bg-raised p-1 shadow-float">
          {options.map((option) => (
            <Select.Item
              key={option.value}
              value={option.value}
              className="flex cursor-pointer items-center gap-2 rounded-1 px-2 py-1.5 data-[highlighted]:bg-hover max-desk:min-h-11"
            >
              <Select.ItemText className="min-w-0 grow truncate">{option.label}</Select.ItemText>
              <Select.ItemIndicator>
                <Check aria-hidden size={14} className="text-ink-3" />
              </Select.ItemIndicator>
            </Select.Item>
          ))}
        </Select.Popup>
      </Select.Positioner>
    </Select.Portal>
  </Select.Root>
)
