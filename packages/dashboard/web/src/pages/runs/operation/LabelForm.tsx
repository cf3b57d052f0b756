/** The fields of a label that runs get or lose. */
import { useId } from "react"
import { nameProblem, type LabelChange } from "./operations"

const input =
  "mt-1 block h-8 w-full rounded-2 border border-edge bg-surface px-2.5 text-body font-normal text-ink"

export const LabelForm = ({
  change: { name, value },
  onChange,
  onSubmit,
}: {
  readonly change: LabelChange
  readonly onChange: (change: LabelChange) => void
  readonly onSubmit: () => void
}) => {
  const hint = useId()
  const problem = name === "" ? undefined : nameProblem(name)
  return (
    <form
      className="grid gap-3"
      onSubmit={(event) => {
        event.preventDefault()
        onSubmit()
      }}
    >
      <div className="grid grid-cols-2 gap-3">
        <label className="block text-small font-medium text-ink-2">
          Name
          <input
            value={name}
            maxLength={64}
            spellCheck={false}
            aria-invalid={problem !== undefined}
            aria-describedby={problem === undefined ? undefined : hint}
            onChange={(event) => onChange({ name: event.target.value, value })}
            className={input}
          />
        </label>
        {value === null ? null : (
          <label className="block text-small font-medium text-ink-2">
            Value
            <input
              value={value}
              maxLength={128}
              spellCheck={false}
              onChange={(event) => onChange({ name, value: event.target.value })}
              className={input}
            />
          </label>
        )}
      </div>
      {problem === undefined ? null : (
        <p id={hint} className="text-small text-failed">
          {problem}.
        </p>
      )}
      <label className="flex items-center gap-2 text-body text-ink">
        <input
          type="checkbox"
          checked={value === null}
          onChange={(event) => onChange({ name, value: event.target.checked ? null : "" })}
        />
        Remove the label instead
      </label>
      {/* Enter in a field sends the form. */}
      <button type="submit" hidden />
    </form>
  )
}
