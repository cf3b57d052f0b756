/** The form of a schedule, new or to be changed: its ticks, its agent, and the input of its runs. */
import type * as Json from "@runlease/http/Json"
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { useNavigate } from "@tanstack/react-router"
import { useId, useState, type FormEvent } from "react"
import { send } from "../../api/client"
import { agentsQuery } from "../../api/project"
import { useSession } from "../../api/session"
import { areaClass, FormFields, Labelled, lineClass } from "../../form/FormFields"
import { SelectBox } from "../../form/SelectBox"
import { Button } from "../../ui/Button"
import { Copy } from "../../ui/Copy"
import { ModalDialog } from "../../ui/ModalDialog"
import { useInput } from "../submit/agentInput"
import { cronWords, hasZone } from "./cronWords"
import { scheduleQuery, schedulesQuery } from "./queries"
import { createLine, updateLine } from "./scheduleCli"
import { configOf } from "./scheduleConfig"

const overlaps = [
  { value: "Forbid", label: "Skip the tick" },
  { value: "Queue", label: "Let the newest tick wait" },
  { value: "Replace", label: "Cancel that run" },
  { value: "Allow", label: "Begin a run at the same time" },
]

const times = "Minute, hour, day, month and weekday, such as 0 9 * * 1-5; or an interval, such as every 90s."

const zones = (): ReadonlyArray<string> => ["UTC", ...Intl.supportedValuesOf("timeZone")]

const ScheduleForm = ({
  agents,
  onClose,
  schedule,
}: {
  readonly agents: ReadonlyArray<Json.Agent>
  /** The schedule to be changed; none for a new one. */
  readonly schedule: Json.Schedule | undefined
  readonly onClose: () => void
}) => {
  const { slug: project } = useSession().project
  const client = useQueryClient()
  const navigate = useNavigate()
  const config = schedule?.config ?? {}
  const [filled, setFilled] = useState({
    name: schedule?.name ?? "",
    agent: schedule?.target.id ?? "",
    schedule: schedule?.schedule ?? "",
    timezone: schedule?.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
    prompt: config.prompt ?? "",
    policy: schedule?.concurrency_policy ?? "Forbid",
  })
  const [isTried, setTried] = useState(false)
  const lists = useId()
  const agent = filled.agent.trim()
  const before = schedule === undefined ? undefined : { agent: schedule.target.id, value: config.input }
  const input = useInput(agents, agent, before)
  /** An agent with a form has a payload; a text for it is a message of the user. */
  const hasPayload = input.fields !== undefined || input.isJson
  const hasPrompt = !hasPayload || config.prompt !== undefined
  const next = configOf(config, {
    isSameAgent: agent === schedule?.target.id,
    prompt: hasPrompt ? filled.prompt : "",
    fields: input.fields,
    input: hasPayload && (input.fields !== undefined || input.text.trim() !== "") ? input.input : undefined,
    hasPayload,
  })
  const inputProblems = input.text.trim() === "" && input.isJson ? {} : input.problems
  const jsonProblem = input.isJson && input.text.trim() !== "" ? input.textProblem : undefined
  const set = (name: keyof typeof filled) => (value: string) => {
    setFilled({ ...filled, [name]: value })
    save.reset()
  }
  const missing = (name: "name" | "agent" | "schedule", sentence: string) =>
    isTried && filled[name].trim() === "" ? sentence : undefined
  const words = cronWords(filled.schedule)
  const save = useMutation({
    mutationFn: async () => {
      const body = {
        name: filled.name.trim(),
        target: { ...schedule?.target, kind: "agent", id: agent },
        schedule: filled.schedule.trim(),
        timezone: filled.timezone.trim() === "" ? "UTC" : filled.timezone.trim(),
        config: next,
        concurrency_policy: filled.policy,
      }
      const reply =
        schedule === undefined
          ? await send("createSchedule", { path: { project }, body })
          : await send("updateSchedule", {
              path: { project, schedule: schedule.id },
              headers: { "if-match": `"${schedule.revision ?? 0}"` },
              // The next tick is set anew only where the times are others.
              body: {
                ...body,
                ...(body.schedule === schedule.schedule ? { schedule: undefined } : {}),
                ...(body.timezone === schedule.timezone ? { timezone: undefined } : {}),
              },
            })
      return reply.schedule
    },
    onSuccess: (saved) => {
      void client.invalidateQueries({ queryKey: schedulesQuery(project).queryKey })
      client.setQueryData(scheduleQuery(project, saved.id).queryKey, saved)
      if (schedule === undefined) {
        void navigate({ to: "/schedules/$scheduleId", params: { scheduleId: saved.id } })
      } else onClose()
    },
  })
  const go = (event: FormEvent) => {
    event.preventDefault()
    setTried(true)
    if ([filled.name, filled.agent, filled.schedule].some((text) => text.trim() === "")) return
    if (Object.keys(inputProblems).length > 0 || jsonProblem !== undefined) return
    if (!save.isPending) save.mutate()
  }
  const line = (
    name: "name" | "agent" | "schedule" | "timezone",
    ids: { readonly id: string; readonly describedBy: string | undefined },
    list?: string,
  ) => (
    <input
      id={ids.id}
      aria-describedby={ids.describedBy}
      list={list}
      value={filled[name]}
      autoComplete="off"
      spellCheck={name === "name"}
      onChange={(event) => set(name)(event.target.value)}
      className={`${lineClass} ${name === "schedule" ? "font-mono" : ""}`}
    />
  )
  return (
    <form noValidate className="grid gap-4 px-4 pt-1 pb-4" onSubmit={go}>
      <Labelled label="Name" problem={missing("name", "Say what it is for")}>
        {(ids) => line("name", ids)}
      </Labelled>
      <Labelled label="Agent" problem={missing("agent", "Name an agent")}>
        {(ids) => line("agent", ids, `${lists}agents`)}
      </Labelled>
      <div className="grid grid-cols-[minmax(0,1fr)_200px] gap-3 max-desk:grid-cols-1">
        <Labelled
          label="When"
          problem={missing("schedule", times)}
          help={words === undefined ? times : `${words[0]!.toUpperCase()}${words.slice(1)}.`}
        >
          {(ids) => line("schedule", ids)}
        </Labelled>
        {hasZone(filled.schedule) ? (
          <Labelled label="Time zone">{(ids) => line("timezone", ids, `${lists}zones`)}</Labelled>
        ) : null}
      </div>
      {input.fields === undefined ? null : (
        <fieldset className="grid gap-4">
          <legend className="mb-3 font-medium">Payload of each run</legend>
          <FormFields
            fields={input.fields}
            values={input.values}
            problems={isTried ? input.problems : {}}
            onChange={(values) => {
              input.setValues(values)
              save.reset()
            }}
          />
        </fieldset>
      )}
      {input.isJson ? (
        <Labelled label="Payload of each run, as JSON" isOptional problem={isTried ? jsonProblem : undefined}>
          {({ describedBy, id }) => (
            <textarea
              id={id}
              aria-describedby={describedBy}
              value={input.text}
              spellCheck={false}
              onChange={(event) => input.setText(event.target.value)}
              className={`${areaClass} min-h-20 font-mono`}
            />
          )}
        </Labelled>
      ) : null}
      {hasPrompt ? (
        <Labelled label={hasPayload ? "Message to the agent" : "Input of each run"} isOptional>
          {({ describedBy, id }) => (
            <textarea
              id={id}
              aria-describedby={describedBy}
              value={filled.prompt}
              onChange={(event) => set("prompt")(event.target.value)}
              className={`${areaClass} min-h-20 text-read`}
            />
          )}
        </Labelled>
      ) : null}
      <Labelled label="While the last run has not ended">
        {({ describedBy, id }) => (
          <SelectBox
            id={id}
            describedBy={describedBy}
            value={filled.policy}
            options={overlaps}
            onChange={set("policy")}
          />
        )}
      </Labelled>
      {save.error === null ? null : (
        <p role="alert" className="text-failed">
          {save.error.message}.
        </p>
      )}
      <div className="flex items-center gap-3">
        <Button type="submit" look="solid" disabled={save.isPending}>
          {schedule === undefined ? "Create the schedule" : "Save the schedule"}
        </Button>
        <Copy
          text={
            schedule === undefined
              ? createLine({ ...filled, prompt: next.prompt ?? "", input: next.input })
              : updateLine(schedule, { ...filled, prompt: next.prompt ?? "", input: next.input })
          }
        >
          Copy the command
        </Copy>
      </div>
      <datalist id={`${lists}agents`}>
        {agents.map(({ agent_id }) => (
          <option key={agent_id} value={agent_id} />
        ))}
      </datalist>
      <datalist id={`${lists}zones`}>
        {zones().map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
    </form>
  )
}

const ScheduleDialog = ({
  onClose,
  schedule,
}: {
  readonly schedule?: Json.Schedule | undefined
  readonly onClose: () => void
}) => {
  const { slug: project } = useSession().project
  const agents = useQuery(agentsQuery(project))
  // The schedule as it was when the dialog opened: what is typed stays when a tick changes it.
  const [opened] = useState(schedule)
  return (
    <ModalDialog
      title={schedule === undefined ? "New schedule" : "Change the schedule"}
      onClose={onClose}
      width={560}
    >
      {agents.isPending ? null : (
        <ScheduleForm agents={agents.data ?? []} schedule={opened} onClose={onClose} />
      )}
    </ModalDialog>
  )
}

export default ScheduleDialog
