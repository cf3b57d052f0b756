/** A button, and a link that looks like one. */
import type { ComponentProps } from "react"

type Look = "plain" | "solid" | "quiet" | "danger"

const looks: Record<Look, string> = {
  plain: "border-line-2 bg-surface hover:bg-hover hover:border-edge",
  solid: "border-solid bg-solid text-on-solid",
  quiet: "border-transparent text-ink-2 hover:bg-hover hover:text-ink",
  danger: "border-line-2 bg-surface text-failed hover:bg-hover hover:border-edge",
}

/** The classes of a button, for elements that look like one. */
export const buttonClass = (look: Look = "plain", small = false): string =>
  `inline-flex items-center justify-center gap-1.5 rounded-2 border font-medium whitespace-nowrap transition-colors duration-[120ms] disabled:opacity-50 max-desk:min-h-11 ${
    small ? "h-[26px] px-2 text-small" : "h-[30px] px-2.5"
  } ${looks[look]}`

export const Button = ({
  className = "",
  look = "plain",
  small = false,
  type = "button",
  ...props
}: ComponentProps<"button"> & { readonly look?: Look; readonly small?: boolean }) => (
  <button type={type} className={`${buttonClass(look, small)} ${className}`} {...props} />
)
