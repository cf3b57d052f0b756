import type { MouseEvent } from "react"

interface Props {
  readonly label: string
  readonly state: "none" | "some" | "all"
  readonly onToggle: (event: MouseEvent) => void
}

/** A box that selects rows. The native one, since a table has hundreds. */
export const SelectBox = ({ label, onToggle, state }: Props) => (
  <input
    type="checkbox"
    aria-label={label}
    checked={state === "all"}
    ref={(input) => {
      if (input !== null) input.indeterminate = state === "some"
    }}
    onChange={() => undefined}
    onClick={onToggle}
    className="relative block size-4 cursor-pointer appearance-none rounded-1 border border-edge bg-surface before:absolute before:-inset-2 checked:border-accent checked:bg-accent indeterminate:border-accent indeterminate:bg-accent checked:after:absolute checked:after:top-[3px] checked:after:left-[3px] checked:after:h-1 checked:after:w-2 checked:after:-rotate-45 checked:after:border-b-2 checked:after:border-l-2 checked:after:border-surface indeterminate:after:absolute indeterminate:after:top-1.5 indeterminate:after:left-[3px] indeterminate:after:h-0.5 indeterminate:after:w-2 indeterminate:after:bg-surface"
  />
)
