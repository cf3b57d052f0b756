/** Counts the runs that an operation would change, and does it when a reader confirms the number. The server works on it. */
import type * as Json from "@runlease/http/Json"
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { type ReactNode, useEffect, useId, useRef, useState } from "react"
import { send } from "../../../api/client"
import { serverNow } from "../../../api/serverClock"
import { useSession } from "../../../api/session"
import { integer, plural } from "../../../format/numbers"
import { ConfirmDialog } from "../../../ui/ConfirmDialog"
import { FilterWords } from "../FilterChips"
import {
  type Action,
  countedWords,
  type LabelChange,
  nameProblem,
  resultWords,
  runsOf,
  type Target,
  words,
} from "./operations"

const input =
  "mt-1 block h-8 w-full rounded-2 border border-edge bg-surface px-2.5 text-body font-normal text-ink"

/** The fields of a label that runs get or lose. */
const LabelForm = ({
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

/** A bulk operation of the server: begun, watched until it ends, and stopped. */
const useBulkOperation = (onEnd?: () => void) => {
  const { slug: project } = useSession().project
  const client = useQueryClient()
  const begin = useMutation({
    mutationFn: async (body: Json.NewBulk) => (await send("beginBulk", { path: { project }, body })).bulk,
  })
  const { data: begun } = begin
  const queryKey = ["bulk", project, begun?.id]
  const watched = useQuery({
    queryKey,
    queryFn: async ({ signal }) => (await send("bulk", { path: { project, bulk: begun!.id }, signal })).bulk,
    enabled: begun?.status === "running",
    refetchInterval: ({ state }) =>
      state.data === undefined || state.data.status === "running" ? 500 : false,
  })
  const abort = useMutation({
    mutationFn: async () => (await send("abortBulk", { path: { project, bulk: begun!.id } })).bulk,
    onSuccess: (bulk) => client.setQueryData(queryKey, bulk),
  })
  const operation = watched.data ?? begun
  const ended = operation !== undefined && operation.status !== "running"
  const notify = useRef(onEnd)
  useEffect(() => {
    notify.current = onEnd
  })
  useEffect(() => {
    if (ended) notify.current?.()
  }, [ended])
  return {
    begin,
    abort,
    operation,
    ended,
    error: begin.error ?? abort.error ?? (watched.failureCount > 2 ? watched.error : null),
  }
}

interface Props {
  readonly action: Action
  readonly target: Target
  readonly onClose: () => void
  /** Runs were changed. */
  readonly onDone: () => void
}

const Progress = ({
  done,
  label,
  total,
}: {
  readonly label: string
  readonly done: number
  readonly total: number
}) => (
  <>
    <p role="status">
      {integer(done)} of {integer(total)} runs. The server works on it, also when this page is closed.
    </p>
    <progress
      aria-label={label}
      max={Math.max(total, done)}
      value={done}
      className="h-1.5 w-full appearance-none overflow-hidden rounded-full bg-line [&::-moz-progress-bar]:bg-ink-2 [&::-webkit-progress-bar]:bg-line [&::-webkit-progress-value]:bg-ink-2"
    />
  </>
)

const consequenceOf = (
  action: Action,
  { filter }: Target,
  { name, value }: LabelChange,
  fromStart: boolean,
): ReactNode => {
  if (action === "cancel") {
    return `Their workers stop, and their children are cancelled too. What the runs have recorded stays.${
      filter === undefined ? "" : " Runs that are submitted from now on go on."
    }`
  }
  if (action === "retry") {
    return fromStart
      ? "Each is submitted again with nothing of what it has recorded, the oldest first, and may cost as much again."
      : "Each is submitted again, the oldest first, and begins with what failed: what it has recorded is not done again."
  }
  return (
    <>
      Each {value === null ? "loses" : "gets"} the label{" "}
      <b className="font-medium break-words text-ink">{value === null ? name : `${name}:${value}`}</b>.
    </>
  )
}

const OperationDialog = ({ action, onClose, onDone, target }: Props) => {
  const counting = useBulkOperation()
  const work = useBulkOperation(onDone)
  const [reason, setReason] = useState("")
  const [fromStart, setFromStart] = useState(false)
  const [change, setChange] = useState<LabelChange>({ name: "", value: "" })
  const [isFilled, setFilled] = useState(action !== "label")
  // What is counted is what is changed: the times of the filter are those of the moment that it opened.
  const [runs] = useState(() => runsOf(target, serverNow()))
  const { doing, verb } = words[action]
  const begun = {
    action,
    ...runs,
    ...(action === "label" ? { labels: { [change.name]: change.value?.trim() ?? null } } : {}),
  }
  const isCounting = useRef(false)
  const count = counting.begin.mutate
  useEffect(() => {
    if (!isFilled || isCounting.current) return
    isCounting.current = true
    count({ ...begun, dry_run: true })
  })

  const counted = counting.operation
  const close = () => {
    if (counted?.status === "running") counting.abort.mutate()
    onClose()
  }
  const total = counted?.done ?? 0
  const dialog = {
    isOpen: true,
    error: counting.error ?? work.error,
    onOpenChange: (isOpen: boolean) => (isOpen ? undefined : close()),
  }
  const group = target.filter === undefined ? "that are selected" : "that match"

  if (!isFilled) {
    const isValid = nameProblem(change.name) === undefined && change.value?.trim() !== ""
    const submit = () => (isValid ? setFilled(true) : undefined)
    return (
      <ConfirmDialog
        {...dialog}
        title={`Label all ${group}`}
        confirm="Count the runs"
        keep="Leave them"
        isBusy={!isValid}
        onConfirm={submit}
      >
        <LabelForm change={change} onChange={setChange} onSubmit={submit} />
      </ConfirmDialog>
    )
  }
  if (work.operation !== undefined) {
    const { done, failed, skipped } = work.operation
    return work.ended ? (
      <ConfirmDialog
        {...dialog}
        title={work.operation.status === "aborted" ? "Stopped" : "Done"}
        keep="Close"
      >
        <p role="status">{resultWords(work.operation, change)}.</p>
      </ConfirmDialog>
    ) : (
      <ConfirmDialog
        {...dialog}
        title={doing}
        confirm={work.abort.isPending ? "Stopping" : "Stop"}
        keep="Close"
        isBusy={work.abort.isPending}
        onConfirm={() => work.abort.mutate()}
      >
        <Progress label={doing} done={done + failed + skipped} total={counted?.matched ?? 0} />
      </ConfirmDialog>
    )
  }
  if (!counting.ended) {
    return (
      <ConfirmDialog {...dialog} title={`${verb} all ${group}?`} keep="Leave them">
        <p role="status">
          Counting the runs{counted === undefined ? "" : `: looked at ${integer(counted.searched)}`} …
        </p>
      </ConfirmDialog>
    )
  }
  const about =
    target.filter === undefined ? (
      `${total === 1 ? "It is" : "They are"} selected`
    ) : (
      <>
        {total === 1 ? "It matches" : "They match"} <FilterWords filter={target.filter} />
      </>
    )
  if (counted === undefined || total === 0) {
    return (
      <ConfirmDialog {...dialog} title={`Nothing to ${verb.toLowerCase()}`} keep="Close">
        <p>
          None of the runs {group} is left to {verb.toLowerCase()}.
          {counted === undefined || counted.matched === 0 ? "" : ` ${resultWords(counted, change)}.`}
        </p>
      </ConfirmDialog>
    )
  }
  const title = `${verb} ${plural(total, "run")}`
  return (
    <ConfirmDialog
      {...dialog}
      title={`${title}?`}
      confirm={title}
      keep="Leave them"
      look={action === "cancel" ? "danger" : "solid"}
      isBusy={work.begin.isPending}
      onConfirm={() =>
        work.begin.mutate({
          ...begun,
          ...(fromStart ? { from_start: true } : {}),
          ...(reason.trim() === "" ? {} : { reason: reason.trim() }),
        })
      }
    >
      <p>
        {about}
        {countedWords(counted, change)} {consequenceOf(action, target, change, fromStart)}
      </p>
      {action !== "retry" ? null : (
        <label className="flex items-center gap-2 text-ink">
          <input
            type="checkbox"
            checked={fromStart}
            onChange={(event) => setFromStart(event.target.checked)}
          />
          From the start: do recorded steps again
        </label>
      )}
      {action !== "cancel" ? null : (
        <label className="block text-small font-medium text-ink-2">
          Reason, optional
          <input
            value={reason}
            maxLength={500}
            onChange={(event) => setReason(event.target.value)}
            className="mt-1 block h-8 w-full rounded-2 border border-edge bg-surface px-2.5 text-body font-normal text-ink"
          />
        </label>
      )}
    </ConfirmDialog>
  )
}

export default OperationDialog
