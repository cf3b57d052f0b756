import { ArrowUp } from "lucide-react"
import { integer } from "../../format/numbers"

interface Props {
  readonly count: number
  readonly onShow: () => void
}

/** How many new runs wait to be shown. It takes a place that is free, so nothing moves when it comes. */
export const NewPill = ({ count, onShow }: Props) => (
  <span role="status" className="contents">
    {count === 0 ? null : (
      <button
        type="button"
        onClick={onShow}
        className="inline-flex h-6 items-center gap-1.5 rounded-full bg-solid pr-2.5 pl-2 text-small font-medium whitespace-nowrap text-on-solid max-desk:h-9 max-desk:px-3"
      >
        <ArrowUp aria-hidden size={14} strokeWidth={2.2} />
        {integer(count)} new
      </button>
    )}
  </span>
)
