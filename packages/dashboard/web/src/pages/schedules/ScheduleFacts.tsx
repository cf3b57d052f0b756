/** The facts of a schedule: its rules, and the input of its runs. */
import type * as Json from "@runlease/http/Json"
import { integer } from "../../format/numbers"
import { duration, exact, when } from "../../format/times"
import { Copy } from "../../ui/Copy"
import { Panel } from "../../ui/Panel"
import { Fact, FactList } from "../run/facts/FactList"
import { skippedOf, skippedWords } from "./scheduleState"

const overlaps: Readonly<Record<Json.Schedule["concurrency_policy"], string>> = {
  Forbid: "the tick is skipped",
  Allow: "a run begins at the same time",
  Replace: "it is cancelled, and a run begins",
  Queue: "the newest tick waits",
}

const misses = { skip: "no run begins", once: "one run, for the last", all: "a run for each" } as const

const Instant = ({ at, now }: { readonly at: string; readonly now: number }) => (
  <time dateTime={at} title={exact(Date.parse(at))}>
    {when(Date.parse(at), now)}
  </time>
)

export const ScheduleFacts = ({
  now,
  schedule,
}: {
  readonly schedule: Json.Schedule
  readonly now: number
}) => {
  const { ends_at, health, pause_after_failures, source, starts_at, window_seconds } = schedule
  return (
    <Panel title="Facts">
      <FactList>
        <Fact label="Id">
          <span className="font-mono text-[10.5px] tracking-[-0.05em] break-all">{schedule.id}</span>
        </Fact>
        <Fact label="Schedule">
          <code className="font-mono text-[12px]">{schedule.schedule}</code>
        </Fact>
        <Fact label="Zone">{schedule.timezone}</Fact>
        {starts_at == null ? null : (
          <Fact label="From">
            <Instant at={starts_at} now={now} />
          </Fact>
        )}
        {ends_at == null ? null : (
          <Fact label="Until">
            <Instant at={ends_at} now={now} />
          </Fact>
        )}
        <Fact label="Overlap">{overlaps[schedule.concurrency_policy]}</Fact>
        <Fact label="Missed ticks">{misses[schedule.missed ?? "skip"]}</Fact>
        {skippedOf(schedule) === 0 ? null : <Fact label="Skipped">{skippedWords(schedule)}</Fact>}
        {!window_seconds ? null : <Fact label="Spread over">{duration(window_seconds * 1000)}</Fact>}
        <Fact label="Attempts">{schedule.backoff_limit + 1}</Fact>
        <Fact label="Timeout">{duration(schedule.timeout_seconds * 1000)} of work</Fact>
        {!pause_after_failures ? null : (
          <Fact label="Pauses after">{integer(pause_after_failures)} failures in a row</Fact>
        )}
        {health === null ? null : (
          <Fact label="Stale after">{duration(health.max_staleness_seconds * 1000)} without a success</Fact>
        )}
        {schedule.last_successful_at === null ? null : (
          <Fact label="Last success">
            <Instant at={schedule.last_successful_at} now={now} />
          </Fact>
        )}
        {schedule.paused_at === null ? null : (
          <Fact label="Paused">
            <Instant at={schedule.paused_at} now={now} />
            {schedule.paused_reason === null ? null : (
              <span className="block text-ink-3">{schedule.paused_reason}</span>
            )}
          </Fact>
        )}
        {source == null ? null : (
          <Fact label="Declared by">
            {source}, as {schedule.source_trigger_id}
            <span className="block text-small text-ink-3">It is changed and deleted there.</span>
          </Fact>
        )}
        <Fact label="Created">
          <Instant at={schedule.created_at} now={now} />
        </Fact>
      </FactList>
    </Panel>
  )
}

export const ScheduleInput = ({ schedule: { config } }: { readonly schedule: Json.Schedule }) => {
  const text =
    config.prompt ?? (config.input === undefined ? undefined : JSON.stringify(config.input, null, 2))
  if (text === undefined) return null
  return (
    <Panel
      title="Input of each run"
      aside={
        <Copy small text={text}>
          Copy
        </Copy>
      }
    >
      <p
        className={`max-h-60 overflow-y-auto px-4 pb-3 break-words whitespace-pre-wrap max-desk:px-3 ${config.prompt === undefined ? "font-mono text-small leading-[18px]" : ""}`}
      >
        {text}
      </p>
    </Panel>
  )
}
