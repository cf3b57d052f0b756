/** The forms of answers, each for one way to answer. */
import { type FormEvent, type KeyboardEvent, type ReactNode, useState } from "react"
import { areaClass, FormFields, Labelled } from "../../../form/FormFields"
import { parsed, payloadOf, type Problems } from "../../../form/payload"
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

const Pair = ({ children }: { readonly children: ReactNode }) => (
  <div className="grid grid-cols-2 gap-2">{children}</div>
)

export const Decline = ({
  isBusy,
  onClick,
  children,
}: {
  readonly isBusy: boolean
  readonly onClick: () => void
  readonly children: ReactNode
}) => (
  <Button disabled={isBusy} onClick={onClick}>
    {children}
  </Button>
)

const sendKey = "Ctrl Enter sends"

export const ApprovalForm = ({
  isBusy,
  mode,
  onSend,
}: FormProps & { readonly mode: Mode & { readonly kind: "approval" } }) => {
  const [values, setValues] = useState(mode.initial)
  const [problems, setProblems] = useState<Problems>({})
  const approve = () => {
    const payload = payloadOf(mode.fields, values)
    setProblems(payload.problems)
    if (Object.keys(payload.problems).length === 0) onSend(approving(mode, payload.value))
  }
  return (
    <AnswerForm onSubmit={approve}>
      <FormFields fields={mode.fields} values={values} problems={problems} onChange={setValues} />
      <Pair>
        <Button type="submit" look="solid" disabled={isBusy} title={sendKey}>
          Approve
        </Button>
        <Decline
          isBusy={isBusy}
          onClick={() => onSend(declining(mode, payloadOf(mode.fields, values).value))}
        >
          Decline
        </Decline>
      </Pair>
    </AnswerForm>
  )
}

const declined: Reply = { status: "cancelled" }

export const SchemaForm = ({
  isBusy,
  mode,
  onSend,
}: FormProps & { readonly mode: Mode & { readonly kind: "form" } }) => {
  const [values, setValues] = useState(mode.initial)
  const [problems, setProblems] = useState<Problems>({})
  const submit = () => {
    const payload = payloadOf(mode.fields, values)
    setProblems(payload.problems)
    if (Object.keys(payload.problems).length === 0) onSend({ status: "resolved", payload: payload.value })
  }
  return (
    <AnswerForm onSubmit={submit}>
      <FormFields fields={mode.fields} values={values} problems={problems} onChange={setValues} />
      <Pair>
        <Button type="submit" look="solid" disabled={isBusy} title={sendKey}>
          Send answer
        </Button>
        <Decline isBusy={isBusy} onClick={() => onSend(declined)}>
          Decline
        </Decline>
      </Pair>
    </AnswerForm>
  )
}

export const TextForm = ({ isBusy, onSend }: FormProps) => {
  const [text, setText] = useState("")
  const [problem, setProblem] = useState<string>()
  const submit = () => {
    setProblem(text.trim() === "" ? "Write an answer" : undefined)
    if (text.trim() !== "") onSend({ status: "resolved", payload: text })
  }
  return (
    <AnswerForm onSubmit={submit}>
      <Labelled label="Answer" problem={problem}>
        {({ describedBy, id }) => (
          <textarea
            id={id}
            aria-describedby={describedBy}
            aria-invalid={problem === undefined ? undefined : true}
            value={text}
            onChange={(event) => setText(event.target.value)}
            className={areaClass}
          />
        )}
      </Labelled>
      <Pair>
        <Button type="submit" look="solid" disabled={isBusy} title={sendKey}>
          Send answer
        </Button>
        <Decline isBusy={isBusy} onClick={() => onSend(declined)}>
          Decline
        </Decline>
      </Pair>
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
      <Labelled label={isResult ? "Result, as JSON" : "Answer, as JSON"} problem={problem}>
        {({ describedBy, id }) => (
          <textarea
            id={id}
            aria-describedby={describedBy}
            aria-invalid={problem === undefined ? undefined : true}
            spellCheck={false}
            value={text}
            onChange={(event) => setText(event.target.value)}
            className={`${areaClass} min-h-24 font-mono text-[12px]`}
          />
        )}
      </Labelled>
      <Pair>
        <Button type="submit" look="solid" disabled={isBusy} title={sendKey}>
          {isResult ? "Send result" : "Send answer"}
        </Button>
        {isResult ? (
          <Decline isBusy={isBusy} onClick={() => submit(true)}>
            Say that it failed
          </Decline>
        ) : (
          <Decline isBusy={isBusy} onClick={() => onSend(declined)}>
            Decline
          </Decline>
        )}
      </Pair>
    </AnswerForm>
  )
}
