/** An empty state: one sentence, and the command that changes it. */
import type { ReactNode } from "react"
import { Copy } from "./Copy"

export const Empty = ({ children, command }: { readonly children: ReactNode; readonly command?: string }) => (
  <div className="grid justify-items-start gap-3 px-4 pt-2 pb-5 text-ink-2">
    <p>{children}</p>
    {command === undefined ? null : (
      <div className="flex max-w-full items-center gap-2">
        <code className="overflow-x-auto rounded-2 bg-sunken px-2.5 py-1.5 font-mono text-small whitespace-nowrap text-ink">
          {command}
        </code>
        <Copy small text={command}>
          Copy
        </Copy>
      </div>
    )}
  </div>
)
