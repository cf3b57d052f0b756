/** The form of a new endpoint, and then its secret. */
import { useQuery } from "@tanstack/react-query"
import { useId, useState, type FormEvent } from "react"
import { agentsQuery } from "../../api/project"
import { useSession } from "../../api/session"
import { CheckField, Labelled, lineClass } from "../../form/FormFields"
import { Button } from "../../ui/Button"
import { Copy } from "../../ui/Copy"
import { ModalDialog } from "../../ui/ModalDialog"
import { useCreate } from "./queries"
import { SecretDialog } from "./WebhookParts"
import { bodyOf, createLine, type EventName, eventWords, type Filled, problemsOf } from "./webhookState"

const names = Object.keys(eventWords) as ReadonlyArray<EventName>

const Events = ({
  onChange,
  problem,
  value,
}: {
  readonly value: ReadonlyArray<EventName>
  readonly problem: string | undefined
  readonly onChange: (value: ReadonlyArray<EventName>) => void
}) => {
  const id = useId()
  return (
    <fieldset
      aria-describedby={problem === undefined ? undefined : id}
      className="grid gap-1.5 max-desk:gap-0"
    >
      <legend className="mb-1.5 text-small font-medium text-ink-2">Events</legend>
      {names.map((name) => (
        <CheckField
          key={name}
          label={
            <>
              <code className="font-mono text-small">{name}</code>{" "}
              <span className="text-ink-3">{eventWords[name]}</span>
            </>
          }
          isChecked={value.includes(name)}
          onChange={(isChecked) =>
            onChange(names.filter((one) => (one === name ? isChecked : value.includes(one))))
          }
        />
      ))}
      {problem === undefined ? null : (
        <p id={id} className="text-small text-failed">
          {problem}
        </p>
      )}
    </fieldset>
  )
}

const CreateEndpoint = ({ onClose }: { readonly onClose: () => void }) => {
  const { slug: project } = useSession().project
  const agents = useQuery(agentsQuery(project)).data ?? []
  const [filled, setFilled] = useState<Filled>({
    url: "",
    events: ["run.completed", "run.failed"],
    agents: "",
    labels: "",
    description: "",
  })
  const [isTried, setTried] = useState(false)
  const list = useId()
  const create = useCreate()
  const set = (change: Partial<Filled>) => {
    setFilled({ ...filled, ...change })
    create.reset()
  }
  const found = problemsOf(filled)
  const problems = isTried ? found : {}
  const go = (event: FormEvent) => {
    event.preventDefault()
    setTried(true)
    if (Object.keys(found).length === 0 && !create.isPending) create.mutate(bodyOf(filled))
  }
  const line = (
    name: "url" | "agents" | "labels" | "description",
    ids: { readonly id: string; readonly describedBy: string | undefined },
    options?: string,
  ) => (
    <input
      id={ids.id}
      aria-describedby={ids.describedBy}
      list={options}
      value={filled[name]}
      autoComplete="off"
      spellCheck={name === "description"}
      inputMode={name === "url" ? "url" : "text"}
      onChange={(event) => set({ [name]: event.target.value })}
      className={lineClass}
    />
  )
  if (create.data !== undefined) {
    return <SecretDialog title="The endpoint is made" secret={create.data.secret} onClose={onClose} />
  }
  return (
    <ModalDialog title="New endpoint" onClose={onClose} width={560}>
      <form noValidate className="grid gap-4 px-4 pt-1 pb-4" onSubmit={go}>
        <Labelled
          label="Address"
          problem={problems.url}
          help="It begins with https:// and has port 443 or 8443. Private addresses are refused unless the server allows them."
        >
          {(ids) => line("url", ids)}
        </Labelled>
        <Events value={filled.events} problem={problems.events} onChange={(events) => set({ events })} />
        <div className="grid grid-cols-2 gap-3 max-desk:grid-cols-1">
          <Labelled label="Only runs of these agents" isOptional help="With commas between them">
            {(ids) => line("agents", ids, list)}
          </Labelled>
          <Labelled
            label="Only runs with these labels"
            isOptional
            problem={problems.labels}
            help="As team=a, plan=gold; a run has all of them"
          >
            {(ids) => line("labels", ids)}
          </Labelled>
        </div>
        <Labelled label="Description" isOptional>
          {(ids) => line("description", ids)}
        </Labelled>
        {create.error === null ? null : (
          <p role="alert" className="text-failed">
            {create.error.message}.
          </p>
        )}
        <div className="flex items-center gap-3">
          <Button type="submit" look="solid" disabled={create.isPending}>
            Make the endpoint
          </Button>
          <Copy text={createLine(filled)}>Copy the command</Copy>
        </div>
        <datalist id={list}>
          {agents.map(({ agent_id }) => (
            <option key={agent_id} value={agent_id} />
          ))}
        </datalist>
      </form>
    </ModalDialog>
  )
}

export default CreateEndpoint
