/** The forms of answers, each for one way to answer. */
import { type FormEvent, type KeyboardEvent, type ReactNode, useState } from "react"
import { areaClass, CheckField, FormFields, Labelled, lineClass } from "../../../form/FormFields"
import { parsed, payloadOf, type Problems } from "../../../form/payload"
import type { Values } from "../../../form/schema"
import { Button } from "../../../ui/Button"
import { approving, declining, type Mode, type Reply } from "./mode"
import type { Sent } from "./useAnswer"

interface FormProps {
  readonly isBusy: boolean
  readonly onSend: (sent: Sent) => void
}

/** `Ctrl Enter` sends; a single key never does. */
export const AnswerForm = ({
  children,
  onSubmit,
}: {
  readonly onSubmit: () => void
  readonly children: ReactNode
}) => (
  <form
    noValidate
    className="grid gap-3"
    onSubmit={(event: FormEvent) => {
      event.preventDefault()
      onSubmit()
    }}
    onKeyDown={(event: KeyboardEvent) => {
      if (event.key !== "Enter") return
      const isSend = event.ctrlKey || event.metaKey
      const isField = event.target instanceof HTMLInputElement
      if (!isSend && !isField) return
      event.preventDefault()
      if (isSend) onSubmit()
    }}
  >
    {children}
  </form>
)

const sendKey = "Ctrl Enter sends"

/** The button that answers, and the one that does not. */
export const Buttons = ({
  isBusy,
  onRefuse,
  refuse = "Decline",
  send,
}: {
  readonly isBusy: boolean
  readonly send: string
  readonly refuse?: string
  readonly onRefuse: () => void
}) => (
  <div className="grid grid-cols-2 gap-2">
    <Button type="submit" look="solid" disabled={isBusy} title={sendKey}>
      {send}
    </Button>
    <Button disabled={isBusy} onClick={onRefuse}>
      {refuse}
    </Button>
  </div>
)

/** The fields of a schema. `send` gets their payload once nothing is wrong with it; `refuse` gets what there is. */
const SchemaFields = ({
  isBusy,
  mode,
  onRefuse,
  onSend,
  send,
}: {
  readonly isBusy: boolean
  readonly mode: Mode & { readonly kind: "approval" | "form" }
  readonly send: string
  readonly onSend: (payload: Values) => void
  readonly onRefuse: (payload: Values) => void
}) => {
  const [values, setValues] = useState(mode.initial)
  const [problems, setProblems] = useState<Problems>({})
  const [isEditing, setEditing] = useState(false)
  const edits = mode.kind === "approval" ? mode.edits : undefined
  const fields = edits !== undefined && isEditing ? [...mode.fields, edits] : mode.fields
  const submit = () => {
    const payload = payloadOf(fields, values)
    setProblems(payload.problems)
    if (Object.keys(payload.problems).length === 0) onSend(payload.value)
  }
  return (
    <AnswerForm onSubmit={submit}>
      {edits === undefined ? null : (
        <CheckField label="Edit before approving" isChecked={isEditing} onChange={setEditing} />
      )}
      <FormFields fields={fields} values={values} problems={problems} onChange={setValues} />
      <Buttons isBusy={isBusy} send={send} onRefuse={() => onRefuse(payloadOf(mode.fields, values).value)} />
    </AnswerForm>
  )
}

export const ApprovalForm = ({
  isBusy,
  mode,
  onSend,
}: FormProps & { readonly mode: Mode & { readonly kind: "approval" } }) => (
  <SchemaFields
    isBusy={isBusy}
    mode={mode}
    send="Approve"
    onSend={(payload) => onSend(approving(mode, payload))}
    onRefuse={(payload) => onSend(declining(mode, payload))}
  />
)

const declined: Reply = { status: "cancelled" }

export const SchemaForm = ({
  isBusy,
  mode,
  onSend,
}: FormProps & { readonly mode: Mode & { readonly kind: "form" } }) => (
  <SchemaFields
    isBusy={isBusy}
    mode={mode}
    send="Send answer"
    onSend={(payload) => onSend({ status: "resolved", payload })}
    onRefuse={() => onSend(declined)}
  />
)

/** The password of another system, and not that of this page. */
const SecretField = ({
  onChange,
  problem,
  text,
}: {
  readonly text: string
  readonly problem: string | undefined
  readonly onChange: (text: string) => void
}) => (
  <Labelled label="Answer" problem={problem}>
    {({ describedBy, id }) => (
      <input
        id={id}
        type="password"
        autoComplete="new-password"
        aria-describedby={describedBy}
        aria-invalid={problem === undefined ? undefined : true}
        value={text}
        onChange={(event) => onChange(event.target.value)}
        className={lineClass}
      />
    )}
  </Labelled>
)

/** A field of several lines for the whole answer. */
const TextArea = ({
  className = "",
  label,
  onChange,
  problem,
  text,
  ...props
}: {
  readonly label: string
  readonly text: string
  readonly problem: string | undefined
  readonly className?: string
  readonly spellCheck?: boolean
  readonly onChange: (text: string) => void
}) => (
  <Labelled label={label} problem={problem}>
    {({ describedBy, id }) => (
      <textarea
        id={id}
        aria-describedby={describedBy}
        aria-invalid={problem === undefined ? undefined : true}
        value={text}
        onChange={(event) => onChange(event.target.value)}
        className={`${areaClass} ${className}`}
        {...props}
      />
    )}
  </Labelled>
)

export const TextForm = ({ isBusy, isSecret, onSend }: FormProps & { readonly isSecret: boolean }) => {
  const [text, setText] = useState("")
  const [problem, setProblem] = useState<string>()
  const submit = () => {
    setProblem(text.trim() === "" ? "Write an answer" : undefined)
    if (text.trim() !== "") onSend({ status: "resolved", payload: text })
  }
  return (
    <AnswerForm onSubmit={submit}>
      {isSecret ? (
        <SecretField text={text} problem={problem} onChange={setText} />
      ) : (
        <TextArea label="Answer" text={text} problem={problem} onChange={setText} />
      )}
      <Buttons isBusy={isBusy} send="Send answer" onRefuse={() => onSend(declined)} />
    </AnswerForm>
  )
}

export const JsonForm = ({
  initial,
  isBusy,
  isResult,
  onSend,
}: FormProps & { readonly initial: string; readonly isResult: boolean }) => {
  const [text, setText] = useState(initial)
  const [problem, setProblem] = useState<string>()
  const submit = (isError: boolean) => {
    const value = parsed(text)
    setProblem("problem" in value ? value.problem : undefined)
    if ("problem" in value) return
    onSend(isResult ? { result: value.value, isError } : { status: "resolved", payload: value.value })
  }
  return (
    <AnswerForm onSubmit={() => submit(false)}>
      <TextArea
        label={isResult ? "Result, as JSON" : "Answer, as JSON"}
        text={text}
        problem={problem}
        spellCheck={false}
        className="min-h-24 font-mono text-[12px]"
        onChange={setText}
      />
      {isResult ? (
        <Buttons
          isBusy={isBusy}
          send="Send result"
          refuse="Say that it failed"
          onRefuse={() => submit(true)}
        />
      ) : (
        <Buttons isBusy={isBusy} send="Send answer" onRefuse={() => onSend(declined)} />
      )}
    </AnswerForm>
  )
}
