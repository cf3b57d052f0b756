/** The input of a run, its work and its messages, by its claims. */
import type * as Json from "@runlease/http/Json"
import { Fragment, useMemo, useState } from "react"
import { type Answer, openQuestions } from "../model/questions"
import type { RunLog } from "../model/runLog"
import type { Part } from "../model/parts"
import { foldSections, type Section, sectionsOf, staysInSight } from "../model/sections"
import { endOf, spanOf } from "../lanes/spans"
import { ClaimMark, FoldedClaims, TakeoverBand } from "./ClaimViews"
import { Inputs } from "./Inputs"
import { Parts } from "./Parts"
import { PartView } from "./PartView"
import { WaitLine } from "./WaitLine"

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
