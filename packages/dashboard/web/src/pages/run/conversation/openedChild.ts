/** How a child is shown that is opened in the conversation of its parent. */
import { type ComponentType, createContext } from "react"

export interface OpenedChildProps {
  readonly runId: string
  readonly depth: number
  readonly now: number
}

/** A conversation has children, which have conversations: the page says what those are, so that no module imports itself. */
export const OpenedChild = createContext<ComponentType<OpenedChildProps> | undefined>(undefined)
