/** The form of a new schedule: its ticks, its agent, and the input of its runs. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { useNavigate } from "@tanstack/react-router"
import { useId, useState, type FormEvent } from "react"
import { send } from "../../api/client"
import { agentsQuery } from "../../api/project"
import { useSession } from "../../api/session"
import { areaClass, Labelled, lineClass } from "../../form/FormFields"
import { SelectBox } from "../../form/SelectBox"
import { Button } from "../../ui/Button"
import { Copy } from "../../ui/Copy"
import { ModalDialog } from "../../ui/ModalDialog"
import { cronWords, hasZone } from "./cronWords"
import { schedulesQuery } from "./queries"
import { createLine } from "./scheduleCli"

const overlaps = [
  { value: "Forbid", label: "Skip the tick" },
  { value: "Queue", label: "Let the newest tick wait" },
  { value: "Replace", label: "Cancel that run" },
  { value: "Allow", label: "Begin a run at the same time" },
]

const times = "Minute, hour, day, month and weekday, such as 0 9 * * 1-5; or an interval, such as every 90s."

const zones = (): ReadonlyArray<string> => ["UTC", ...Intl.supportedValuesOf("timeZone")]

const CreateSchedule = ({ onClose }: { readonly onClose: () => void }) => {
  const { slug: project } = useSession().project
  const client = useQueryClient()
  const navigate = useNavigate()
  const agents = useQuery(agentsQuery(project)).data ?? []
  const [filled, setFilled] = useState({
    name: "",
    agent: "",
    schedule: "",
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    prompt: "",
    policy: "Forbid",
  })
  const [isTried, setTried] = useState(false)
  const lists = useId()
  const set = (name: keyof typeof filled) => (value: string) => {
    setFilled({ ...filled, [name]: value })
    create.reset()
  }
  const missing = (name: "name" | "agent" | "schedule", sentence: string) =>
    isTried && filled[name].trim() === "" ? sentence : undefined
  const words = cronWords(filled.schedule)
  const create = useMutation({
    mutationFn: async () =>
      (
        await send("createSchedule", {
          path: { project },
          body: {
            name: filled.name.trim(),
            target: { kind: "agent", id: filled.agent.trim() },
            schedule: filled.schedule.trim(),
            timezone: filled.timezone.trim() === "" ? "UTC" : filled.timezone.trim(),
            config: filled.prompt.trim() === "" ? {} : { prompt: filled.prompt },
            concurrency_policy: filled.policy,
          },
        })
      ).schedule,
    onSuccess: ({ id }) => {
      void client.invalidateQueries({ queryKey: schedulesQuery(project).queryKey })
      void navigate({ to: "/schedules/$scheduleId", params: { scheduleId: id } })
    },
  })
  const go = (event: FormEvent) => {
    event.preventDefault()
    setTried(true)
    if ([filled.name, filled.agent, filled.schedule].some((text) => text.trim() === "")) return
    if (!create.isPending) create.mutate()
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
    <ModalDialog title="New schedule" onClose={onClose} width={560}>
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
        <Labelled label="Input of each run" isOptional>
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
        {create.error === null ? null : (
          <p role="alert" className="text-failed">
            {create.error.message}.
          </p>
        )}
        <div className="flex items-center gap-3">
          <Button type="submit" look="solid" disabled={create.isPending}>
            Create the schedule
          </Button>
          <Copy text={createLine(filled)}>Copy the command</Copy>
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
    </ModalDialog>
  )
}

export default CreateSchedule
