/** The commands of a shell that do the same, to copy. */
import { Menu } from "@base-ui/react/menu"
import { Check, SquareTerminal } from "lucide-react"
import { buttonClass } from "../../../ui/Button"
import { useCopy } from "../../../ui/Copy"
import type { CliLine } from "../model/cli"

export const CliMenu = ({
  label,
  lines,
}: {
  readonly label: string
  readonly lines: ReadonlyArray<CliLine>
}) => {
  const { copied, copy } = useCopy()
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger
        aria-label={label}
        title={label}
        className={`${buttonClass("quiet")} w-[30px] !px-0 text-ink-3 max-desk:w-11`}
      >
        {copied === null ? (
          <SquareTerminal aria-hidden size={16} strokeWidth={1.9} />
        ) : (
          <Check aria-hidden size={16} className="text-completed" />
        )}
      </Menu.Trigger>
      <span aria-live="polite" className="sr-only">
        {copied === null ? "" : "Copied"}
      </span>
      <Menu.Portal>
        <Menu.Positioner sideOffset={4} align="end" className="z-20 max-w-[min(560px,calc(100vw-24px))]">
          <Menu.Popup className="rounded-3 border border-line-2 bg-raised p-1 shadow-float">
            <div className="px-2 pt-1.5 pb-1 text-small text-ink-3">Copy the command</div>
            {lines.map(({ command, label: name }) => (
              <Menu.Item
                key={command}
                className="grid cursor-pointer gap-0.5 rounded-1 px-2 py-1.5 data-[highlighted]:bg-hover"
                onClick={() => copy(command)}
              >
                <span className="truncate text-small text-ink-2">{name}</span>
                <code className="truncate font-mono text-[12px]">{command}</code>
              </Menu.Item>
            ))}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  )
}
