/** The name of a schedule, its state, and what can be done with it. */
import { Link, useNavigate } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import { History, Trash2 } from "lucide-react"
import { useState, type ReactNode } from "react"
import { noRunsSearch } from "../../shell/links"
import { Button } from "../../ui/Button"
import { ConfirmDialog } from "../../ui/ConfirmDialog"
import { CliMenu } from "../run/actions/CliMenu"
import { BackfillDialog } from "./BackfillDialog"
import { useScheduleActions } from "./queries"
import { linesOf } from "./scheduleCli"
import { PauseButton, RunNow, StateOf, Times } from "./ScheduleParts"
import { Next } from "./SchedulesTable"

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
  const [dialog, setDialog] = useState<"delete" | "backfill" | null>(null)
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
          <Button look="danger" onClick={() => setDialog("delete")}>
            <Trash2 aria-hidden size={14} className="max-desk:hidden" />
            Delete
          </Button>
        ) : null}
        <CliMenu label="Commands for this schedule" lines={linesOf(schedule)} />
      </div>
      {dialog === "delete" ? <DeleteDialog schedule={schedule} onClose={close} /> : null}
      {dialog === "backfill" ? <BackfillDialog schedule={schedule} now={now} onClose={close} /> : null}
    </div>
  )
}
