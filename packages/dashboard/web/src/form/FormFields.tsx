/** The fields of a form that comes from a JSON Schema. */
import { Checkbox } from "@base-ui/react/checkbox"
import { Check } from "lucide-react"
import { type ReactNode, useId } from "react"
import type { Problems } from "./payload"
import type { Field, Values } from "./schema"
import { SelectBox } from "./SelectBox"

export const inputClass =
  "block w-full rounded-2 border border-edge bg-surface px-2.5 aria-invalid:border-failed max-desk:text-[16px]"
export const lineClass = `${inputClass} h-8 max-desk:h-11`
export const areaClass = `${inputClass} min-h-14 resize-y py-1.5`

/** A label above, help and a problem below. */
export const Labelled = ({
  children,
  help,
  isOptional = false,
  label,
  problem,
}: {
  readonly label: string
  readonly isOptional?: boolean
  readonly help?: string | undefined
  readonly problem?: string | undefined
  readonly children: (ids: { readonly id: string; readonly describedBy: string | undefined }) => ReactNode
}) => {
  const id = useId()
  const describedBy = help === undefined && problem === undefined ? undefined : `${id}-more`
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-small font-medium text-ink-2">
        {label}
        {isOptional ? ", optional" : ""}
      </label>
      {children({ id, describedBy })}
      {describedBy === undefined ? null : (
        <p
          id={describedBy}
          className={`mt-1 text-small ${problem === undefined ? "text-ink-3" : "text-failed"}`}
        >
          {problem ?? help}
        </p>
      )}
    </div>
  )
}

interface FieldProps<F extends Field = Field> {
  readonly field: F
  readonly value: unknown
  readonly problem: string | undefined
  readonly onChange: (value: unknown) => void
}

export const CheckField = ({
  isChecked,
  label,
  onChange,
}: {
  readonly label: ReactNode
  readonly isChecked: boolean
  readonly onChange: (isChecked: boolean) => void
}) => (
  <label className="flex cursor-pointer items-center gap-2 max-desk:min-h-11">
    <Checkbox.Root
      checked={isChecked}
      onCheckedChange={onChange}
      className="grid size-4 shrink-0 place-items-center rounded-1 border border-edge bg-surface data-[checked]:border-accent data-[checked]:bg-accent"
    >
      <Checkbox.Indicator className="text-surface">
        <Check aria-hidden size={12} strokeWidth={3} />
      </Checkbox.Indicator>
    </Checkbox.Root>
    <span>{label}</span>
  </label>
)

const inputTypes: Readonly<Record<string, string>> = {
  date: "date",
  "date-time": "text",
  email: "email",
  password: "password",
  uri: "url",
  time: "time",
}

const textOf = (value: unknown): string =>
  typeof value === "string"
    ? value
    : Array.isArray(value)
      ? value.join("\n")
      : typeof value === "number"
        ? String(value)
        : ""

const jsonText = (value: unknown): string =>
  typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value, null, 2)

const choiceWord = (option: string | number | boolean | null): string =>
  option === null ? "none" : String(option)

const Control = ({
  describedBy,
  field,
  id,
  onChange,
  problem,
  value,
}: FieldProps & { readonly id: string; readonly describedBy: string | undefined }) => {
  const common = {
    id,
    "aria-describedby": describedBy,
    "aria-invalid": problem === undefined ? undefined : true,
    "aria-required": field.required,
  }
  switch (field.kind) {
    case "choice":
      return (
        <SelectBox
          id={id}
          describedBy={describedBy}
          value={value === undefined ? "" : JSON.stringify(value)}
          options={field.options.map((option) => ({
            value: JSON.stringify(option),
            label: choiceWord(option),
          }))}
          onChange={(chosen) => onChange(chosen === "" ? undefined : JSON.parse(chosen))}
        />
      )
    case "number":
      return (
        <input
          {...common}
          inputMode={field.whole ? "numeric" : "decimal"}
          value={textOf(value)}
          onChange={(event) => onChange(event.target.value)}
          className={lineClass}
        />
      )
    case "text":
      return field.long ? (
        <textarea
          {...common}
          value={textOf(value)}
          onChange={(event) => onChange(event.target.value)}
          className={areaClass}
        />
      ) : (
        <input
          {...common}
          type={inputTypes[field.format ?? ""] ?? "text"}
          // The password of another system, and not that of this page.
          autoComplete={field.format === "password" ? "new-password" : undefined}
          value={textOf(value)}
          onChange={(event) => onChange(event.target.value)}
          className={lineClass}
        />
      )
    case "list":
      return (
        <textarea
          {...common}
          value={textOf(value)}
          placeholder="One a line"
          onChange={(event) => onChange(event.target.value)}
          className={areaClass}
        />
      )
    default:
      return (
        <textarea
          {...common}
          value={jsonText(value)}
          placeholder="JSON"
          spellCheck={false}
          onChange={(event) => onChange(event.target.value)}
          className={`${areaClass} font-mono text-[12px]`}
        />
      )
  }
}

const isObject = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const FormFields = ({
  fields,
  onChange,
  path = "",
  problems,
  values,
}: {
  readonly fields: ReadonlyArray<Field>
  readonly values: Values
  readonly problems: Problems
  readonly onChange: (values: Values) => void
  readonly path?: string
}) => (
  <>
    {fields.map((field) => {
      const at = path === "" ? field.name : `${path}.${field.name}`
      const value = values[field.name]
      const set = (next: unknown) => onChange({ ...values, [field.name]: next })
      if (field.kind === "boolean") {
        return (
          <CheckField
            key={field.name}
            label={
              <>
                {field.label}
                {field.help === undefined ? null : <span className="text-ink-3"> {field.help}</span>}
              </>
            }
            isChecked={value === true}
            onChange={set}
          />
        )
      }
      if (field.kind === "object") {
        return (
          <fieldset key={field.name} className="grid gap-3 border-l-2 border-line pl-3">
            <legend className="mb-1 text-small font-medium text-ink-2">{field.label}</legend>
            <FormFields
              fields={field.fields}
              values={isObject(value) ? value : {}}
              problems={problems}
              path={at}
              onChange={set}
            />
          </fieldset>
        )
      }
      const problem = problems[at]
      return (
        <Labelled
          key={field.name}
          label={field.label}
          isOptional={!field.required}
          help={field.help}
          problem={problem}
        >
          {(ids) => <Control field={field} value={value} problem={problem} onChange={set} {...ids} />}
        </Labelled>
      )
    })}
  </>
)
