/** The name of a schedule, its state, and what can be done with it. */
import type * as Json from "@runlease/http/Json"
import { Link, useNavigate } from "@tanstack/react-router"
import { History, Pencil, Trash2 } from "lucide-react"
import { lazy, type ReactNode, Suspense, useId, useState } from "react"
import { plural } from "../../format/numbers"
import { noRunsSearch } from "../../shell/links"
import { Button } from "../../ui/Button"
import { ConfirmDialog } from "../../ui/ConfirmDialog"
import { CliMenu } from "../run/actions/CliMenu"
import { PauseButton, RunNow, StateOf, Times } from "./ScheduleParts"
import { Next } from "./SchedulesTable"
import { localText } from "./localTime"
import { useScheduleActions } from "./queries"
import { linesOf } from "./scheduleCli"

const ScheduleDialog = lazy(() => import("./ScheduleDialog"))

const day = 86_400_000

const Moment = ({
  label,
  onChange,
  value,
}: {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
}) => {
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-small font-medium text-ink-2">
        {label}
      </label>
      <input
        id={id}
        type="datetime-local"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        className="block h-8 w-full rounded-2 border border-edge bg-surface px-2.5 text-ink max-desk:h-11 max-desk:text-[16px]"
      />
    </div>
  )
}

/** A dialog for the period whose past ticks begin runs. */
const BackfillDialog = ({
  now,
  onClose,
  schedule,
}: {
  readonly schedule: Json.Schedule
  readonly now: number
  readonly onClose: () => void
}) => {
  const { backfill } = useScheduleActions(schedule)
  const [from, setFrom] = useState(() => localText(now - day))
  const [to, setTo] = useState(() => localText(now))
  const { data } = backfill
  /** Where the last request has ended, while there is more. */
  const last = data?.more === true ? data.ticks.at(-1)?.nominal_at : undefined
  const isDone = data !== undefined && last === undefined
  const begun = data?.ticks.filter(({ duplicate }) => !duplicate).length ?? 0
  const there = (data?.ticks.length ?? 0) - begun
  const change = (set: (value: string) => void) => (value: string) => {
    set(value)
    backfill.reset()
  }
  const isValid = from !== "" && to !== "" && from <= to
  return (
    <ConfirmDialog
      title="Begin the runs of past ticks"
      confirm={last === undefined ? "Begin the runs" : "Begin more"}
      keep={data === undefined ? "Leave it" : "Close"}
      isOpen
      isBusy={backfill.isPending || isDone || !isValid}
      error={backfill.error}
      onConfirm={() =>
        backfill.mutate({ from: last ?? new Date(from).toISOString(), to: new Date(to).toISOString() })
      }
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose()
      }}
    >
      <p>
        Each tick of that time gets its run, the oldest 100 at once. A tick that has a run already gets no
        second one.
        {schedule.concurrency_policy === "Allow" ? "" : " The runs begin one after the other."}
      </p>
      <div className="grid grid-cols-2 gap-3 max-desk:grid-cols-1">
        <Moment label="From" value={from} onChange={change(setFrom)} />
        <Moment label="To" value={to} onChange={change(setTo)} />
      </div>
      {isValid ? null : <p role="alert">The end is before the start.</p>}
      {data === undefined ? null : (
        <p role="status" className="text-ink">
          {data.ticks.length === 0
            ? "No tick is in that time."
            : `${plural(begun, "run")} begun${there === 0 ? "" : `, ${there} had one already`}${data.more ? "; more are left" : ""}.`}
        </p>
      )}
    </ConfirmDialog>
  )
}

const strong = "font-medium text-ink-2"

const Fact = ({ children, label }: { readonly label: string; readonly children: ReactNode }) => (
  <span>
    {label} <span className={strong}>{children}</span>
  </span>
)

const DeleteDialog = ({
  onClose,
  schedule,
}: {
  readonly schedule: Json.Schedule
  readonly onClose: () => void
}) => {
  const { remove } = useScheduleActions(schedule)
  const navigate = useNavigate()
  return (
    <ConfirmDialog
      title="Delete this schedule?"
      confirm="Delete the schedule"
      keep="Keep it"
      look="danger"
      isOpen
      isBusy={remove.isPending}
      error={remove.error}
      onConfirm={() =>
        remove.mutate(undefined, { onSuccess: () => void navigate({ to: "/schedules", replace: true }) })
      }
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose()
      }}
    >
      <p>
        <b className="font-medium text-ink">{schedule.name}</b> begins no more runs. The runs that it has
        begun stay, and those at work go on. To begin no runs for a while, pause it.
      </p>
    </ConfirmDialog>
  )
}

export const ScheduleHead = ({
  now,
  schedule,
}: {
  readonly schedule: Json.Schedule
  readonly now: number
}) => {
  const [dialog, setDialog] = useState<"change" | "delete" | "backfill" | null>(null)
  const close = () => setDialog(null)
  return (
    <div className="mb-3 flex items-start gap-4 max-desk:block">
      <div className="min-w-0 grow">
        <h1 className="text-run font-semibold tracking-[-0.012em] break-words max-desk:text-[17px] max-desk:leading-6">
          {schedule.name}
        </h1>
        <div className="mt-1.5 flex flex-wrap items-center gap-x-4 gap-y-1 text-small leading-5 text-ink-3">
          <StateOf schedule={schedule} now={now} />
          <Fact label="Agent">
            <Link
              to="/runs"
              search={{ ...noRunsSearch, agent: schedule.target.id }}
              className="hover:text-ink hover:underline"
            >
              {schedule.target.id}
            </Link>
          </Fact>
          <span className={strong}>
            <Times schedule={schedule} />
          </span>
          {schedule.next_at == null ? null : (
            <Fact label="Next">
              <Next schedule={schedule} now={now} />
            </Fact>
          )}
        </div>
      </div>
      <div className="flex flex-none flex-wrap gap-2 max-desk:mt-3">
        <RunNow look="plain" small={false} schedule={schedule} />
        <PauseButton look="plain" small={false} schedule={schedule} />
        <Button onClick={() => setDialog("backfill")}>
          <History aria-hidden size={14} className="text-ink-3 max-desk:hidden" />
          Backfill
        </Button>
        {schedule.source == null ? (
          <Button aria-haspopup="dialog" onClick={() => setDialog("change")}>
            <Pencil aria-hidden size={14} className="text-ink-3 max-desk:hidden" />
            Change
          </Button>
        ) : null}
        {schedule.source == null ? (
          <Button look="danger" onClick={() => setDialog("delete")}>
            <Trash2 aria-hidden size={14} className="max-desk:hidden" />
            Delete
          </Button>
        ) : null}
        <CliMenu label="Commands for this schedule" lines={linesOf(schedule)} />
      </div>
      {dialog === "change" ? (
        <Suspense fallback={null}>
          <ScheduleDialog schedule={schedule} onClose={close} />
        </Suspense>
      ) : null}
      {dialog === "delete" ? <DeleteDialog schedule={schedule} onClose={close} /> : null}
      {dialog === "backfill" ? <BackfillDialog schedule={schedule} now={now} onClose={close} /> : null}
    </div>
  )
}
