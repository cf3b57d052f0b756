/** What needs somebody now, the most urgent first. */
import type * as Json from "@runlease/http/Json"
import { useQuery } from "@tanstack/react-query"
import { Link, type LinkProps } from "@tanstack/react-router"
import { ChevronRight, CirclePause, Inbox, ServerOff, Unplug } from "lucide-react"
import type { ReactNode } from "react"
import { heldQuery } from "../../api/project"
import { integer, plural } from "../../format/numbers"
import { clock, exact, when } from "../../format/times"
import { noRunsSearch, wholeRun } from "../../shell/links"
import { buttonClass } from "../../ui/Button"
import { Skeleton } from "../../ui/Loading"
import { Panel } from "../../ui/Panel"
import { StateIcon } from "../../ui/State"
import { heldRuns, silenceOutcome, untaken } from "../../ui/silence"
import { heardFrom, heldBy, isSilent, nameOf, silenceOf } from "../../ui/workers"
import { type SpanName, spans, countsOf, endedOf, failsOften, failuresOf } from "./totals"

/** One thing that needs somebody: what is wrong, what happens by itself, and what to do. */
const NeedRow = ({
  action,
  children,
  icon,
  link,
  title,
}: {
  readonly icon: ReactNode
  readonly title: string
  readonly children: ReactNode
  /** Verb first, as a button says it. */
  readonly action: string
  readonly link: LinkProps
}) => (
  <li className="flex min-h-11 items-center gap-3 border-t border-line py-1.5 pr-2 pl-4 max-desk:items-start max-desk:gap-2.5 max-desk:py-2.5 max-desk:pl-3">
    <span className="shrink-0 max-desk:mt-0.5">{icon}</span>
    <p className="min-w-0 grow">
      <b className="font-semibold max-desk:block">{title}</b> <span className="text-ink-2">{children}</span>
    </p>
    <Link {...link} className={`${buttonClass("plain", true)} min-w-[122px] max-desk:hidden`}>
      {action}
    </Link>
    <Link
      {...link}
      aria-label={action}
      className="-my-2.5 -mr-2 grid w-11 shrink-0 place-items-center self-stretch text-ink-3 desk:hidden"
    >
      <ChevronRight aria-hidden size={16} />
    </Link>
  </li>
)

interface Loaded {
  readonly statistics: Json.ProjectStatistics
  readonly attention: Json.Attention
  readonly workers: ReadonlyArray<Json.WorkerSummary>
  /** How many rows of the outbox were refused, up to 100. */
  readonly refused: number
  readonly now: number
  readonly span: SpanName
}

const Silent = ({ now, statistics, worker, workers }: Loaded & { readonly worker: Json.WorkerSummary }) => {
  const owned = useQuery({ ...heldQuery(worker.worker.id), enabled: heldBy(worker) > 0 })
  const runs = heldBy(worker) === 0 ? [] : owned.data === undefined ? undefined : heldRuns(owned.data)
  return (
    <NeedRow
      icon={<Unplug aria-hidden size={16} className="text-failed" />}
      title={`${nameOf(worker)} has been silent for ${silenceOf(worker, now)}.`}
      action="See its leases"
      link={{ to: "/workers", search: { open: worker.worker.id } }}
    >
      {silenceOutcome(worker, runs, workers, statistics.counts, now)}
    </NeedRow>
  )
}

/** The most waits that the server lists. */
const mostWaits = 20

const Waits = ({ attention: { waits }, now }: Loaded) => {
  const [first] = waits
  if (first === undefined) return null
  const expiry = first.waiting?.expires_at ?? null
  const count = waits.length >= mostWaits ? `${mostWaits} or more` : integer(waits.length)
  const title = waits.length === 1 ? "1 run waits for an answer." : `${count} runs wait for an answer.`
  const at = expiry === null ? 0 : Date.parse(expiry)
  return (
    <NeedRow
      icon={<CirclePause aria-hidden size={16} className="text-waiting" />}
      title={title}
      action={waits.length === 1 ? "Answer it" : "Answer the first"}
      link={{
        to: "/runs/$runId",
        params: { runId: first.run_id },
        search: wholeRun,
      }}
    >
      {expiry === null ? (
        waits.length === 1 ? (
          `${first.agent_id} waits as long as it takes.`
        ) : (
          "They wait as long as it takes."
        )
      ) : (
        <>
          {waits.length === 1 ? first.agent_id : `The first to expire is ${first.agent_id}, which`} fails{" "}
          <time dateTime={exact(at)} title={exact(at)}>
            {at - now < 86_400_000 ? `at ${clock(at).slice(0, 5)}` : `on ${when(at, now)}`}
          </time>{" "}
          without one.
        </>
      )}
    </NeedRow>
  )
}

const Failing = ({ agent, span }: Loaded & { readonly agent: Json.ProjectStatistics["agents"][number] }) => {
  const [most] = failuresOf([agent])
  return (
    <NeedRow
      icon={<StateIcon status="failed" size={16} />}
      title={`${agent.agent_id} failed ${integer(agent.ended.failed)} of ${plural(endedOf(agent), "run")}.`}
      action="See the runs"
      link={{ to: "/runs", search: { ...noRunsSearch, agent: agent.agent_id, state: "failed" } }}
    >
      In the {spans[span].words}
      {most === undefined || most.code === null ? null : (
        <>
          , {most.count === agent.ended.failed ? "each" : integer(most.count)} with{" "}
          <code className="font-mono text-small">{most.code}</code>
        </>
      )}
      . Failed runs stay as they are until somebody retries them.
    </NeedRow>
  )
}

export const NeedsYou = ({ loaded }: { readonly loaded: Loaded | undefined }) => {
  if (loaded === undefined) {
    return (
      <Panel title="Needs you">
        <Skeleton rows={1} height={44} />
      </Panel>
    )
  }
  const { attention, now, refused, statistics, workers } = loaded
  // A server of the version before has none.
  const versions = attention.versions ?? []
  const silent = workers
    .filter((worker) => isSilent(worker, now))
    .toSorted((a, b) => heldBy(b) - heldBy(a) || heardFrom(a) - heardFrom(b))
  const alone = untaken(statistics.counts, workers, now)
  const failing = statistics.agents.filter(failsOften)
  const needs =
    silent.length +
    alone.length +
    failing.length +
    versions.length +
    (attention.waits.length > 0 ? 1 : 0) +
    (refused > 0 ? 1 : 0)
  const { running } = countsOf(statistics)
  if (needs === 0) {
    return (
      <section
        aria-label="Needs you"
        className="flex min-h-11 items-center gap-2 rounded-3 border border-line bg-surface px-4 max-desk:px-3"
      >
        <p>
          <b className="font-semibold">Nothing needs you.</b>{" "}
          <span className="text-ink-2">
            {running === 0 ? "No run is at work." : `${plural(running, "run")} at work.`}
          </span>
        </p>
      </section>
    )
  }
  return (
    <Panel title="Needs you" note={integer(needs)}>
      <ul>
        {silent.map((worker) => (
          <Silent key={worker.worker.id} {...loaded} worker={worker} />
        ))}
        <Waits {...loaded} />
        {alone.map(({ agent, pending }) => (
          <NeedRow
            key={agent}
            icon={<ServerOff aria-hidden size={16} className="text-failed" />}
            title={`No worker takes runs of agent ${agent}.`}
            action="Add a worker"
            link={{ to: "/workers", search: { open: "add" } }}
          >
            {pending === 1
              ? "Its pending run waits for one."
              : `Its ${integer(pending)} pending runs wait for one.`}
          </NeedRow>
        ))}
        {versions.map(({ pending, version }) => (
          <NeedRow
            key={version}
            icon={<ServerOff aria-hidden size={16} className="text-failed" />}
            title={`No worker ${version === "" ? "without a version" : `of version ${version}`} claims runs.`}
            action="See the workers"
            link={{ to: "/workers" }}
          >
            {`${plural(pending, "run")} pending.`}
          </NeedRow>
        ))}
        {refused === 0 ? null : (
          <NeedRow
            icon={<Inbox aria-hidden size={16} className="text-failed" />}
            title={`${refused >= 100 ? "100 or more rows" : plural(refused, "row")} of the outbox became no run.`}
            action="See the rows"
            link={{ to: "/outbox" }}
          >
            {refused === 1 ? "It stays" : "They stay"} until you retry or delete{" "}
            {refused === 1 ? "it" : "them"}.
          </NeedRow>
        )}
        {failing.map((agent) => (
          <Failing key={agent.agent_id} {...loaded} agent={agent} />
        ))}
      </ul>
    </Panel>
  )
}
