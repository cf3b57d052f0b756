/** One thing that needs somebody: what is wrong, what happens by itself, and what to do. */
import { Link, type LinkProps } from "@tanstack/react-router"
import { ChevronRight } from "lucide-react"
import type { ReactNode } from "react"
import { buttonClass } from "../../ui/Button"

export const NeedRow = ({
  action,
  children,
  icon,
  link,
  title,
}: {
  readonly icon: ReactNode
  readonly title: string
  readonly children: ReactNode
  /** Verb first, as a button says it. */
  readonly action: string
  readonly link: LinkProps
}) => (
  <li className="flex min-h-11 items-center gap-3 border-t border-line py-1.5 pr-2 pl-4 max-desk:items-start max-desk:gap-2.5 max-desk:py-2.5 max-desk:pl-3">
    <span className="shrink-0 max-desk:mt-0.5">{icon}</span>
    <p className="min-w-0 grow">
      <b className="font-semibold max-desk:block">{title}</b> <span className="text-ink-2">{children}</span>
    </p>
    <Link {...link} className={`${buttonClass("plain", true)} min-w-[122px] max-desk:hidden`}>
      {action}
    </Link>
    <Link
      {...link}
      aria-label={action}
      className="-my-2.5 -mr-2 grid w-11 shrink-0 place-items-center self-stretch text-ink-3 desk:hidden"
    >
      <ChevronRight aria-hidden size={16} />
    </Link>
  </li>
)
