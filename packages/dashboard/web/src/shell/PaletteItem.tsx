/** A row of the palette. */
import { Autocomplete } from "@base-ui/react/autocomplete"
import type { ReactNode } from "react"

export interface PaletteItem {
  readonly id: string
  readonly label: string
  /** What else finds it. */
  readonly also?: string | undefined
  readonly icon: ReactNode
  readonly hint?: ReactNode
  readonly run: () => void
}

export interface PaletteGroup {
  readonly value: string
  readonly items: ReadonlyArray<PaletteItem>
}

export const PaletteRow = ({ item, onPick }: { readonly item: PaletteItem; readonly onPick: () => void }) => (
  <Autocomplete.Item
    value={item}
    className="mx-2 flex h-9 cursor-pointer scroll-my-2 items-center gap-2.5 rounded-2 px-2 select-none data-highlighted:bg-accent-bg max-desk:h-11"
    onClick={() => {
      onPick()
      item.run()
    }}
  >
    <span className="grid size-4 shrink-0 place-items-center text-ink-3">{item.icon}</span>
    <span className="min-w-0 grow truncate">{item.label}</span>
    {item.hint === undefined ? null : (
      <span className="flex shrink-0 items-center gap-1 text-small text-ink-3">{item.hint}</span>
    )}
  </Autocomplete.Item>
)
