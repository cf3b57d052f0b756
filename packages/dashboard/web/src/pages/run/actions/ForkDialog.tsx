/** A dialog for the step that a fork continues from, and for the value that it has instead. */
import { useQuery } from "@tanstack/react-query"
import { useState } from "react"
import { agentsQuery } from "../../../api/project"
import { useProject } from "../../../api/session"
import { areaClass, FormFields, Labelled } from "../../../form/FormFields"
import { parsed, payloadOf, type Problems } from "../../../form/payload"
import { type Field, fieldsOf, initialOf, isText, type Schema, type Values } from "../../../form/schema"
import { SelectBox } from "../../../form/SelectBox"
import { clock } from "../../../format/times"
import { integer } from "../../../format/numbers"
import { ConfirmDialog } from "../../../ui/ConfirmDialog"
import type { Editable, ForkOrigin } from "../model/forkOrigin"
import { isRecord } from "../model/questions"
import { keyWord, type RecordedStep, recordedSteps } from "../model/steps"
import type { ForkedRun } from "./ForkFrom"
import { useFork } from "./useActions"

/** How many of the last steps can be chosen here; the tab of steps has all of them. */
const most = 50

const nameOf = ({ at, eventId, key, name }: RecordedStep): string =>
  `${[name, keyWord(key)].filter((text) => text !== "").join(" ")}, ${clock(at)}, event ${integer(eventId)}`

/** What was written: fields of a form, or text. Undefined until it is changed. */
interface Draft {
  readonly values?: Values
  readonly text?: string
}

interface Form {
  /** The fields of the schema; undefined where the value is written as text. */
  readonly fields: ReadonlyArray<Field> | undefined
  readonly isText: boolean
  readonly values: Values
  readonly text: string
}

const formOf = ({ isText: isPlain, value }: Editable, schema: Schema | undefined): Form => {
  const fields = value === undefined || isRecord(value) ? fieldsOf(schema) : undefined
  const isWritten = isPlain || (isText(schema) && (value === undefined || typeof value === "string"))
  return {
    fields: isPlain ? undefined : fields,
    isText: isWritten,
    values: isRecord(value) ? value : initialOf(schema),
    text: value === undefined ? "" : isWritten ? String(value) : JSON.stringify(value, null, 2),
  }
}

/** The value, or what is wrong with it: with the whole of it where the name is empty. */
const valueOf = (form: Form, draft: Draft): { readonly value?: unknown; readonly problems: Problems } => {
  if (form.fields !== undefined) {
    const named = new Set(form.fields.map(({ name }) => name))
    const others = Object.entries(form.values).filter(([name]) => !named.has(name))
    const { problems, value } = payloadOf(form.fields, draft.values ?? form.values)
    return { problems, value: { ...Object.fromEntries(others), ...value } }
  }
  const text = draft.text ?? form.text
  if (form.isText) return text === "" ? { problems: { "": "Write a text" } } : { value: text, problems: {} }
  const read = parsed(text)
  return "problem" in read ? { problems: { "": read.problem } } : { value: read.value, problems: {} }
}

const Editor = ({
  draft,
  form,
  label,
  onChange,
  problems,
}: {
  readonly form: Form
  readonly draft: Draft
  readonly label: string
  readonly problems: Problems
  readonly onChange: (draft: Draft) => void
}) =>
  form.fields === undefined ? (
    <Labelled label={form.isText ? label : `${label}, as JSON`} problem={problems[""]}>
      {({ describedBy, id }) => (
        <textarea
          id={id}
          aria-describedby={describedBy}
          value={draft.text ?? form.text}
          spellCheck={form.isText}
          onChange={(event) => onChange({ text: event.target.value })}
          className={`${areaClass} min-h-24 ${form.isText ? "" : "font-mono text-[12px]"}`}
        />
      )}
    </Labelled>
  ) : (
    <fieldset className="grid max-h-[40vh] gap-3 overflow-y-auto">
      <legend className="sr-only">{label}</legend>
      <FormFields
        fields={form.fields}
        values={draft.values ?? form.values}
        problems={problems}
        onChange={(values) => onChange({ values })}
      />
    </fieldset>
  )

/** The schema of the value, once it is read. */
const useSchema = (editable: Editable | undefined, agentId: string): Schema | undefined => {
  const project = useProject() ?? ""
  const isPayload = editable?.schema === "payload"
  const { data = [] } = useQuery({ ...agentsQuery(project), enabled: isPayload })
  if (!isPayload) return editable?.schema as Schema | undefined
  const schema = data.find(({ agent_id }) => agent_id === agentId)?.form
  return isRecord(schema) ? schema : undefined
}

export default function ForkDialog({
  onClose,
  origin,
  run: { agentId, log, runId },
}: {
  readonly run: ForkedRun
  readonly origin: ForkOrigin | null
  readonly onClose: () => void
}) {
  const [steps] = useState(() => recordedSteps(log).slice(-most).toReversed())
  const [chosen, setChosen] = useState(origin?.after ?? steps[0]?.eventId ?? log.lastId)
  const [draft, setDraft] = useState<Draft>({})
  const [problems, setProblems] = useState<Problems>({})
  const editable = origin?.editable
  const schema = useSchema(editable, agentId)
  const form = editable === undefined ? undefined : formOf(editable, schema)
  const fork = useFork(runId)
  const change = (next: Draft) => {
    setDraft(next)
    setProblems({})
  }
  const confirm = () => {
    if (editable === undefined || form === undefined || Object.keys(draft).length === 0) {
      fork.mutate({ after: chosen, edits: [] })
      return
    }
    const written = valueOf(form, draft)
    setProblems(written.problems)
    if (Object.keys(written.problems).length === 0)
      fork.mutate({ after: chosen, edits: [editable.edit(written.value)] })
  }
  const options = [
    ...(steps.some(({ eventId }) => eventId === chosen) || chosen === log.lastId
      ? []
      : [{ value: String(chosen), label: `Event ${integer(chosen)}` }]),
    ...steps.map((step) => ({ value: String(step.eventId), label: nameOf(step) })),
    ...(steps[0]?.eventId === log.lastId
      ? []
      : [{ value: String(log.lastId), label: `All so far, event ${integer(log.lastId)}` }]),
  ]
  return (
    <ConfirmDialog
      title="Fork this run"
      confirm="Fork"
      keep="Leave it"
      isOpen
      isBusy={fork.isPending || log.lastId === 0}
      error={fork.error}
      onConfirm={confirm}
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose()
      }}
    >
      <p>
        A fork is a new run with the same request. What this one had recorded by the step below is not done
        again; the rest is done anew. This run stays as it is.
      </p>
      {log.lastId === 0 ? (
        <p>Nothing is recorded yet.</p>
      ) : (
        <SelectBox
          label="The last step that the fork keeps"
          value={String(chosen)}
          options={options}
          onChange={(value) => setChosen(Number(value))}
        />
      )}
      {editable === undefined || form === undefined ? null : (
        <Editor form={form} draft={draft} label={editable.label} problems={problems} onChange={change} />
      )}
    </ConfirmDialog>
  )
}
