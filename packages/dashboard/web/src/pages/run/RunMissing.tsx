/** The page of a run that does not exist: a way to find another. */
import { useNavigate } from "@tanstack/react-router"
import { Search } from "lucide-react"
import { useState } from "react"
import { shortId } from "../../format/ids"
import { Button } from "../../ui/Button"
import { noRunsSearch } from "../../shell/links"

export const RunMissing = ({ runId }: { readonly runId: string }) => {
  const navigate = useNavigate()
  const [text, setText] = useState(shortId(runId))
  return (
    <section className="grid max-w-[520px] gap-3 rounded-3 border border-line bg-surface p-4">
      <h1 className="text-title font-semibold">
        No run <span className="font-mono text-[15px]">{shortId(runId)}</span> in this project
      </h1>
      <p className="text-ink-2">
        It may belong to another project, or have been pruned. A run is found by its title and by the end of
        its id.
      </p>
      <form
        role="search"
        className="flex gap-2"
        onSubmit={(event) => {
          event.preventDefault()
          void navigate({
            to: "/runs",
            search: { ...noRunsSearch, q: text.trim() === "" ? undefined : text.trim() },
          })
        }}
      >
        <label className="relative min-w-0 grow">
          <span className="sr-only">Search the runs</span>
          <Search aria-hidden size={16} className="absolute top-[7px] left-2.5 text-ink-3 max-desk:top-3.5" />
          <input
            type="search"
            value={text}
            onChange={(event) => setText(event.target.value)}
            className="h-[30px] w-full rounded-2 border border-edge bg-surface pr-2 pl-8 max-desk:h-11 max-desk:text-[16px]"
          />
        </label>
        <Button type="submit">Search</Button>
      </form>
    </section>
  )
}
