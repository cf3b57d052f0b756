/** One of a few choices, all of them in view. */
export const SegmentedControl = <A extends string>({
  choices,
  className = "",
  label,
  onChange,
  value,
}: {
  readonly label: string
  readonly choices: ReadonlyArray<readonly [A, label: string]>
  readonly value: A
  readonly onChange: (value: A) => void
  readonly className?: string
}) => (
  <div
    role="group"
    aria-label={label}
    className={`inline-flex rounded-2 border border-line bg-sunken p-0.5 max-desk:flex ${className}`}
  >
    {choices.map(([choice, word]) => (
      <button
        key={choice}
        type="button"
        aria-pressed={choice === value}
        onClick={() => onChange(choice)}
        className="h-6 rounded-1 px-2.5 text-small font-medium text-ink-2 aria-pressed:bg-surface aria-pressed:text-ink aria-pressed:shadow-[0_0_0_1px_var(--line-2)] max-desk:h-10 max-desk:grow"
      >
        {word}
      </button>
    ))}
  </div>
)
