/** What the signs of the lanes mean. */
const items = [
  [
    "claimed, renewals",
    <svg key="past" width="22" height="12">
      <rect x="1" y="1" width="20" height="10" rx="2" fill="var(--claimed-bg)" stroke="var(--claimed)" />
      <path d="M1 0v12" stroke="var(--claimed)" strokeWidth="2" />
      <path d="M8 1v5M15 1v5" stroke="var(--claimed)" />
    </svg>,
  ],
  [
    "no renewal",
    <svg key="loss" width="16" height="12">
      <rect y="1" width="16" height="10" fill="url(#lane-hatch)" />
    </svg>,
  ],
  [
    "waits, no worker",
    <svg key="wait" width="20" height="12">
      <rect x=".5" y="1.5" width="19" height="9" rx="2" fill="url(#lane-dots)" stroke="var(--waiting)" />
    </svg>,
  ],
  [
    "lease left",
    <svg key="left" width="20" height="12">
      <rect
        x=".5"
        y="1.5"
        width="19"
        height="9"
        rx="2"
        fill="var(--running-bg)"
        stroke="var(--running)"
        strokeDasharray="3 2"
      />
    </svg>,
  ],
  [
    "steps read from the log",
    <svg key="read" width="12" height="12">
      <path d="M6 1l5 5l-5 5l-5-5z" fill="none" stroke="var(--ink)" strokeWidth="1.5" />
    </svg>,
  ],
] as const

export const LaneLegend = () => (
  <div aria-hidden className="flex gap-3.5 text-micro text-ink-3 max-desk:hidden">
    {items.map(([label, sign], index) => (
      <span key={label} className={`flex items-center gap-1.5 ${index > 2 ? "max-wide:hidden" : ""}`}>
        {sign}
        {label}
      </span>
    ))}
  </div>
)
