/** A key of the keyboard. */
export const Kbd = ({ children }: { readonly children: string }) => (
  <kbd className="rounded-1 border border-line-2 bg-bg px-1 font-sans text-micro text-ink-3">{children}</kbd>
)
