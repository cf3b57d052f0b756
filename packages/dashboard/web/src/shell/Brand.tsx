export const Brand = ({ wordless = false }: { readonly wordless?: boolean }) => (
  <span className="flex items-center gap-2.5 text-read font-semibold tracking-tight">
    <svg width="22" height="20" viewBox="0 0 22 20" aria-hidden>
      <rect x="1" y="4" width="12" height="5" rx="1.5" fill="currentColor" opacity=".42" />
      <rect x="10" y="11" width="11" height="5" rx="1.5" fill="currentColor" />
    </svg>
    <span className={wordless ? "max-wide:sr-only" : ""}>Runlease</span>
  </span>
)
