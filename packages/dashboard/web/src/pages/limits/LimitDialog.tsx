/** The form of a limit, new or to be changed. */
import type * as Json from "@runlease/http/Json"
import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { useEffect, useId, useState, type FormEvent } from "react"
import { ApiError, send } from "../../api/client"
import { agentsQuery } from "../../api/project"
import { useSession } from "../../api/session"
import { Labelled, lineClass } from "../../form/FormFields"
import { SelectBox } from "../../form/SelectBox"
import { Button } from "../../ui/Button"
import { Copy } from "../../ui/Copy"
import { ModalDialog } from "../../ui/ModalDialog"
import {
  bodyOf,
  commandOf,
  type Filled,
  filledOf,
  isName,
  type Kind,
  nothingFilled,
  problemsOf,
} from "./limitForm"
import { limitsQuery } from "./limits"

const kinds: ReadonlyArray<{ readonly value: Kind; readonly label: string }> = [
  { value: "named", label: "Keys of a limit with a name" },
  { value: "agent", label: "All runs of an agent" },
  { value: "project", label: "All runs of the project" },
]

/** The limit with that name; null where there is none. */
const namedQuery = (project: string, name: string) =>
  queryOptions({
    queryKey: ["limit", project, name],
    retry: false,
    staleTime: 0,
    refetchOnWindowFocus: false,
    queryFn: ({ signal }) =>
      send("namedLimit", { path: { project, limit: name }, signal }).catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 404) return null
        throw error
      }),
  })

const useSave = (onSaved: () => void) => {
  const { slug: project } = useSession().project
  const client = useQueryClient()
  const onSuccess = async () => {
    await client.invalidateQueries({ queryKey: limitsQuery(project).queryKey })
    onSaved()
  }
  const save = useMutation({
    mutationFn: async (filled: Filled): Promise<void> => {
      const { kind, of } = filled
      const body = bodyOf(filled)
      if (kind === "project") await send("setProjectLimit", { path: { project }, body })
      else if (kind === "agent") await send("setAgentLimit", { path: { project, agent: of.trim() }, body })
      else await send("defineLimit", { path: { project, limit: of }, body })
    },
    onSuccess,
  })
  const remove = useMutation({
    mutationFn: (name: string) => send("removeLimit", { path: { project, limit: name } }),
    onSuccess,
  })
  return { save, remove }
}

/** What a limit on the page begins the form with. */
const begun = (limit: Json.Limit | undefined): Filled =>
  limit === undefined
    ? nothingFilled
    : {
        ...nothingFilled,
        kind: limit.kind === "project" || limit.kind === "agent" ? limit.kind : "named",
        of: limit.kind === "agent" ? limit.key : (limit.name ?? ""),
        running: limit.max_running === null ? "" : String(limit.max_running),
      }

const LimitDialog = ({
  limit,
  onClose,
}: {
  /** The limit to be changed; none for a new one. */
  readonly limit?: Json.Limit | undefined
  readonly onClose: () => void
}) => {
  const { slug: project } = useSession().project
  const agents = useQuery(agentsQuery(project)).data ?? []
  const [filled, setFilled] = useState(() => begun(limit))
  const [name, setName] = useState(limit?.name ?? "")
  const [isTried, setTried] = useState(false)
  const list = useId()
  const { remove, save } = useSave(onClose)
  const client = useQueryClient()
  const named = useQuery({ ...namedQuery(project, name), enabled: isName(name) })
  const before = named.data ?? undefined
  // What is set already is filled in, so that a change of one bound leaves the others.
  useEffect(() => {
    if (before !== undefined) setFilled((now) => (now.of === before.name ? filledOf(before) : now))
  }, [before])
  const set = (change: Partial<Filled>) => {
    setFilled({ ...filled, ...change })
    save.reset()
  }
  const found = problemsOf(filled)
  const problems = isTried ? found : {}
  /** Whether a limit has that name which the form does not show yet: it shows it, and sets nothing. */
  const isOther = async (): Promise<boolean> => {
    if (filled.kind !== "named" || (name === filled.of && !named.isFetching)) return false
    setName(filled.of)
    return (await client.fetchQuery(namedQuery(project, filled.of)).catch(() => null)) !== null
  }
  const go = async (event: FormEvent) => {
    event.preventDefault()
    setTried(true)
    if (Object.keys(found).length > 0 || save.isPending || (await isOther())) return
    save.mutate(filled)
  }
  const line = (
    field: Exclude<keyof Filled, "kind">,
    { describedBy, id }: { readonly id: string; readonly describedBy: string | undefined },
    more: { readonly isNumber?: boolean; readonly isDisabled?: boolean; readonly list?: string } = {},
  ) => (
    <input
      id={id}
      aria-describedby={describedBy}
      aria-invalid={problems[field] === undefined ? undefined : true}
      list={more.list}
      disabled={more.isDisabled}
      inputMode={more.isNumber === true ? "numeric" : "text"}
      autoComplete="off"
      autoCapitalize="off"
      spellCheck={false}
      value={filled[field]}
      onChange={(event) => set({ [field]: event.target.value })}
      onBlur={field === "of" && filled.kind === "named" ? () => setName(filled.of) : undefined}
      className={`${lineClass} disabled:bg-sunken disabled:text-ink-2`}
    />
  )
  const command = commandOf(filled)
  const isNamed = filled.kind === "named"
  const error = save.error ?? remove.error ?? (isNamed ? named.error : null)
  return (
    <ModalDialog title={limit === undefined ? "New limit" : "Change the limit"} onClose={onClose} width={600}>
      <form noValidate className="grid gap-4 px-4 pt-1 pb-4" onSubmit={(event) => void go(event)}>
        {limit === undefined ? (
          <Labelled
            label="Of"
            help={
              isNamed
                ? "Its bounds are for each key: runs with one key share them, such as those of one customer."
                : undefined
            }
          >
            {({ describedBy, id }) => (
              <SelectBox
                id={id}
                describedBy={describedBy}
                value={filled.kind}
                options={kinds}
                onChange={(kind) => set({ kind: kind as Kind, of: "" })}
              />
            )}
          </Labelled>
        ) : null}
        {filled.kind === "project" ? null : (
          <Labelled
            label={isNamed ? "Name" : "Agent"}
            problem={problems.of}
            help={
              limit === undefined && before !== undefined && before.name === filled.of
                ? "This limit exists. Its bounds are filled in, and are changed."
                : isNamed
                  ? "Submissions name it with a key, such as gpu=eu."
                  : undefined
            }
          >
            {(ids) =>
              line("of", ids, {
                isDisabled: limit !== undefined,
                ...(isNamed ? {} : { list: `${list}agents` }),
              })
            }
          </Labelled>
        )}
        <Labelled
          label="Running at once"
          isOptional
          problem={problems.running}
          help={
            isNamed
              ? "How many runs of a key work at once, 0 to 100,000. With 0 none starts."
              : "How many of its runs work at once, 1 to 100,000; any number when empty. A lower limit ends no run."
          }
        >
          {(ids) => line("running", ids, { isNumber: true })}
        </Labelled>
        {isNamed ? (
          <>
            <div className="grid grid-cols-3 gap-3 max-desk:grid-cols-1">
              <Labelled
                label="Starts"
                isOptional
                problem={problems.starts}
                help="How many runs of a key start in a time. A retry is free."
              >
                {(ids) => line("starts", ids, { isNumber: true })}
              </Labelled>
              <Labelled label="In" problem={problems.period} help="Such as 30 s, 1 m, 2 h or 1 d.">
                {(ids) => line("period", ids)}
              </Labelled>
              <Labelled
                label="At once"
                isOptional
                problem={problems.burst}
                help="How many of them start together after a pause. 1 when empty."
              >
                {(ids) => line("burst", ids, { isNumber: true })}
              </Labelled>
            </div>
            <Labelled
              label="Pending"
              isOptional
              problem={problems.pending}
              help="How many runs of a key wait for their first start, 0 to 1,000,000, besides those that may start at once. A further submission is refused."
            >
              {(ids) => line("pending", ids, { isNumber: true })}
            </Labelled>
            <div className="grid grid-cols-2 gap-3 max-desk:grid-cols-1">
              <Labelled
                label="Agents"
                isOptional
                problem={problems.agents}
                help="Each later run of these agents is under it. With commas between them."
              >
                {(ids) => line("agents", ids, { list: `${list}agents` })}
              </Labelled>
              <Labelled
                label="Key from"
                isOptional
                problem={problems.keyFrom}
                help="Where the key of such a run is: input.tenant, metadata.customer, labels.customer. One key for all when empty."
              >
                {(ids) => line("keyFrom", ids)}
              </Labelled>
            </div>
          </>
        ) : null}
        {error === null ? null : (
          <p role="alert" className="text-failed">
            {error.message}.
          </p>
        )}
        <div className="flex flex-wrap items-center gap-3">
          <Button type="submit" look="solid" disabled={save.isPending}>
            Set the limit
          </Button>
          {limit?.kind === "named" ? (
            <Button
              look="danger"
              disabled={remove.isPending}
              title="Its runs start without it, and no submission may name it"
              onClick={() => remove.mutate(filled.of)}
            >
              Remove it
            </Button>
          ) : null}
          {command === null ? null : <Copy text={command}>Copy the command</Copy>}
        </div>
        <datalist id={`${list}agents`}>
          {agents.map(({ agent_id }) => (
            <option key={agent_id} value={agent_id} />
          ))}
        </datalist>
      </form>
    </ModalDialog>
  )
}

export default LimitDialog
