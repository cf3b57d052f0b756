/** The input of a run, its work and its messages, by its claims. */
import type * as Json from "@runlease/http/Json"
import { Fragment, type ReactNode, useMemo, useState } from "react"
import { integer, plural } from "../../../format/numbers"
import { when } from "../../../format/times"
import { endOf, spanOf } from "../lanes/segments"
import { ForkButton } from "../actions/ForkFrom"
import { ofPayload } from "../model/forkOrigin"
import { inputsOf } from "../model/inputs"
import type { Part } from "../model/parts"
import { type Answer, isRecord, openQuestions } from "../model/questions"
import { endedChildren, type RunLog } from "../model/runLog"
import { foldSections, type Section, sectionsOf, staysInSight } from "../model/sections"
import { parseJson } from "../model/sentences"
import { listed, reasonsOf } from "../model/waits"
import { ClaimMark, FoldedClaims, TakeoverBand } from "./ClaimViews"
import { Disclosure } from "./Disclosure"
import { Output } from "./Output"
import { PartView } from "./PartView"
import { Rich, UserText } from "./TextViews"

/** A text that is an object of JSON is shown as one. */
const shownAs = (text: string): string => {
  const value = text.startsWith("{") ? parseJson(text) : undefined
  return isRecord(value) ? `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\`` : text
}

const payloadText = (input: unknown): string =>
  typeof input === "string" ? input : JSON.stringify(input, null, 2)

/** What the run was submitted with. */
export const Inputs = ({
  createdAt,
  request,
}: {
  readonly request: Json.Snapshot | undefined
  readonly createdAt: number
}) => {
  const inputs = useMemo(() => (request === undefined ? undefined : inputsOf(request)), [request])
  if (inputs === undefined) return null
  return (
    <div className="pt-1.5">
      {inputs.before.length === 0 ? null : (
        <Disclosure
          at={createdAt}
          line={
            <span className="text-ink-2">
              {plural(inputs.before.length, "earlier message")} of the request
            </span>
          }
        >
          {() => (
            <ul className="grid gap-2 border-l-2 border-line py-1 pl-3">
              {inputs.before.map(({ id, role, text }, index) => (
                <li key={`${id}-${index}`}>
                  <span className="text-small text-ink-3">{role}</span>
                  <Rich text={text} />
                </li>
              ))}
            </ul>
          )}
        </Disclosure>
      )}
      {request?.input === undefined ? null : (
        <div className="flex items-start gap-1">
          <div className="min-w-0 grow">
            <Output label="Payload of the run" wrap text={payloadText(request.input)} />
          </div>
          <ForkButton name="payload" origin={ofPayload(request.input)} />
        </div>
      )}
      {inputs.last.map(({ id, text }, index) => (
        <UserText
          key={id}
          text={shownAs(text)}
          edited={index === inputs.last.length - 1 ? text : undefined}
          at={createdAt}
        />
      ))}
      {inputs.last.length === 0 && inputs.before.length === 0 && request?.input === undefined ? (
        <p className="py-2 text-ink-3">The request has no text.</p>
      ) : null}
    </div>
  )
}

/** The most parts that are shown at once. */
const page = 200

/** The number of parts that came while the page was open from which the first of them go. */
const most = 2000

/** The first part that is shown. It stays while others come, so that nothing moves; the reader moves it back. */
const useStart = (count: number) => {
  const [start, setStart] = useState(Math.max(0, count - page))
  const shown = count - start > most ? count - page : Math.min(start, count)
  if (shown !== start) setStart(shown)
  return { start: shown, showEarlier: () => setStart(Math.max(0, shown - page)) }
}

/** The parts of a claim, the last ones first: a claim may have thousands. */
const Parts = ({
  parts,
  view,
}: {
  readonly parts: ReadonlyArray<Part>
  readonly view: (part: Part) => ReactNode
}) => {
  const { showEarlier, start } = useStart(parts.length)
  return (
    <>
      {start === 0 ? null : (
        <button
          type="button"
          className="my-1 text-small font-medium text-ink-2 underline decoration-line-2 underline-offset-3 hover:text-ink max-desk:min-h-11"
          onClick={showEarlier}
        >
          Show {plural(Math.min(page, start), "earlier part")}
          {start > page ? ` of ${integer(start)}` : ""}
        </button>
      )}
      {parts.slice(start).map((part) => (
        <Fragment key={part.key}>{view(part)}</Fragment>
      ))}
    </>
  )
}

const textOf = (
  summary: Json.RunSummary,
  log: RunLog,
  place: string | undefined,
  now: number,
): readonly [lead: string, text: string] | undefined => {
  const since = when(Date.parse(summary.claims.at(-1)?.ended_at ?? summary.created_at), now)
  if (summary.status === "waiting") {
    const reasons = reasonsOf(summary.waiting, endedChildren(log), now).map((reason) =>
      reason === "you" ? "your answer" : reason,
    )
    const isSleep = summary.waiting?.wakes_at != null && reasons.length === 1
    const what = isSleep ? `until ${reasons[0]}` : `for ${listed(reasons)}`
    return [`${isSleep ? "Sleeping" : "Waiting"} since ${since}`, `${what}. No worker is held.`]
  }
  if (summary.status !== "pending") return undefined
  const later = Date.parse(summary.available_at)
  return later > now
    ? [`Held back until ${when(later, now)}`, "as it was submitted. Then a worker may claim it."]
    : [`Pending since ${since}`, place === undefined ? "" : `and ${place}.`]
}

/** The end of a conversation that continues later: what the run waits for. */
const WaitLine = ({
  log,
  now,
  place,
  summary,
}: {
  readonly summary: Json.RunSummary
  readonly log: RunLog
  /** What keeps a pending run from starting; undefined where it is not looked at. */
  readonly place: string | undefined
  readonly now: number
}) => {
  const text = textOf(summary, log, place, now)
  return text === undefined ? null : (
    <div className="flex items-center gap-2.5 pt-2 pb-3 text-small text-ink-3 after:h-px after:grow after:bg-line">
      <span>
        <b className="font-medium text-ink-2">{text[0]}</b> {text[1]}
      </span>
    </div>
  )
}

export interface ConversationProps {
  readonly log: RunLog
  readonly summary: Json.RunSummary
  readonly request: Json.Snapshot | undefined
  readonly answers: ReadonlyMap<string, Answer>
  readonly childRuns: ReadonlyArray<Json.RunSummary>
  /** 0 for the run of the page, more for a child that is opened in it. */
  readonly depth: number
  /** What keeps a pending run from starting; undefined where it is not looked at. */
  readonly place?: string | undefined
  readonly now: number
}

/** How long after the end of the lease before it a section was taken over. */
const takenOverAfter = (
  { claim, takeover }: Section,
  claims: ReadonlyArray<Json.ClaimRecord>,
  now: number,
): number | null => {
  if (claim === null || takeover?.ended !== "lease_expired") return null
  const before = claims[claims.indexOf(claim) - 1]
  return before === undefined ? null : Date.parse(claim.claimed_at) - endOf(spanOf(before, now))
}

export const Conversation = ({
  answers,
  childRuns,
  depth,
  log,
  now,
  place,
  request,
  summary,
}: ConversationProps) => {
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set())
  const { claims } = summary
  const version = log.version
  const sections = useMemo(() => sectionsOf(log.parts, claims), [log, version, claims])
  const shown = useMemo(() => foldSections(sections, opened), [sections, opened])
  const names = useMemo(
    () => new Map(claims.map((claim) => [claim.worker_id as string, claim.worker_name])),
    [claims],
  )
  const childById = new Map(childRuns.map((child) => [child.run_id as string, child]))
  const open = new Set(openQuestions(summary.waiting).map(({ id }) => id))
  const questionIdOf = (part: Part): string | undefined =>
    part.kind === "question" ? part.question.id : part.kind === "tool" ? part.question?.id : undefined
  const view = (part: Part) => {
    const questionId = questionIdOf(part)
    return (
      <PartView
        part={part}
        version={part.version}
        answer={questionId === undefined ? undefined : answers.get(questionId)}
        isOpen={questionId !== undefined && open.has(questionId)}
        child={part.kind === "child" ? childById.get(part.runId) : undefined}
        names={names}
        maxAttempts={summary.max_attempts}
        depth={depth}
        now={now}
      />
    )
  }
  const toggle = (keys: ReadonlyArray<string>, isOpen: boolean) => {
    const next = new Set(opened)
    for (const key of keys) {
      if (isOpen) next.add(key)
      else next.delete(key)
    }
    setOpened(next)
  }
  return (
    <>
      <Inputs request={request} createdAt={Date.parse(summary.created_at)} />
      {shown.map((one) =>
        one.kind === "folded" ? (
          <Fragment key={one.sections[0]!.key}>
            <FoldedClaims
              sections={one.sections}
              now={now}
              onOpen={() =>
                toggle(
                  one.sections.map(({ key }) => key),
                  true,
                )
              }
            />
            {one.sections
              .flatMap(({ parts }) => parts.filter(staysInSight))
              .map((part) => (
                <Fragment key={part.key}>{view(part)}</Fragment>
              ))}
          </Fragment>
        ) : (
          <section
            key={one.section.key}
            aria-label={
              one.section.claim === null ? "Before the first claim" : `Claim ${one.section.claim.lease_epoch}`
            }
          >
            {one.section.takeover === null ? (
              <ClaimMark
                section={one.section}
                onFold={opened.has(one.section.key) ? () => toggle([one.section.key], false) : undefined}
              />
            ) : (
              <TakeoverBand
                part={one.section.takeover}
                names={names}
                maxAttempts={summary.max_attempts}
                after={takenOverAfter(one.section, claims, now)}
              />
            )}
            <Parts parts={one.section.parts} view={view} />
          </section>
        ),
      )}
      <WaitLine summary={summary} log={log} place={place} now={now} />
    </>
  )
}
