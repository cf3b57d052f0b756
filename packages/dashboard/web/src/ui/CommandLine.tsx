/** Lines for a terminal, to copy. */
import { Copy } from "./Copy"

export const CommandLine = ({ text }: { readonly text: string }) => (
  <div className="flex min-w-0 items-start gap-2 rounded-2 bg-sunken py-1.5 pr-1.5 pl-3">
    <pre className="min-w-0 grow py-1 font-mono text-small leading-[18px] [overflow-wrap:anywhere] whitespace-pre-wrap text-ink">
      {text}
    </pre>
    <Copy small text={text}>
      Copy
    </Copy>
  </div>
)
