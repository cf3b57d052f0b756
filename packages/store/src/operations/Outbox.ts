/**
 * Rows that programs have written in transactions of their own, each of which becomes a run.
 *
 * A row is a submission as `SubmissionLine` has it. Its id is the id of the run, so a row that comes twice is the same run.
 *
 * Source: docs/decisions/0140-submission-by-a-row.md
 */
import { Ids, Runs, TraceContext } from "@runlease/core"
import * as SchemaProblem from "@runlease/core/SchemaProblem"
import * as SubmissionLine from "@runlease/core/SubmissionLine"
import { Effect, Either, Function, Option } from "effect"
import type { RunBatch } from "../commit/RunBatch.js"
import * as Submit from "./Submit.js"
import * as SubmitRequest from "./SubmitRequest.js"

/** A row of the outbox. `submission` is JSON text; `trace` is a `traceparent`. */
export interface Row {
  readonly id: string
  /** None where no project has the name in the row. */
  readonly projectId: Ids.ProjectId | undefined
  readonly project: string
  readonly submission: string
  readonly trace: string | null
}

/** Why a row became no run. */
export interface Problem {
  /** The name of the error that a submission would have failed with. */
  readonly code: string
  readonly message: string
}

export interface RefusedRow<R> {
  readonly row: R
  readonly problem: Problem
}

/** The most characters of a submission: those of a request over HTTP. */
const maxLength = 10 * 1024 * 1024

const invalid = (message: string): Problem => ({ code: "InvalidSubmission", message })

const problemOf = ({ _tag: code, message }: Submit.Refusal): Problem => ({ code, message })

/** The submission of a row, as `Runs.submit` takes it. It throws for what is nested too deeply. */
const readSubmission = ({
  id,
  submission: text,
}: Pick<Row, "id" | "submission">): Either.Either<Runs.Submission, Problem> => {
  if (text.length > maxLength) {
    return Either.left(invalid(`submission: has more than ${maxLength} characters of JSON`))
  }
  const line = SubmissionLine.decode(text)
  if (Either.isLeft(line)) {
    return Either.left(invalid(`submission: ${SchemaProblem.describe(line.left)}`))
  }
  const { agent, public_id: publicId } = line.right
  if (agent === undefined) return Either.left(invalid("agent: is missing"))
  if (publicId !== undefined) return Either.left(invalid("public_id: the id of the row is that of its run"))
  return Either.mapLeft(
    Runs.check({
      ...SubmissionLine.submissionOf(line.right, agent),
      publicId: Ids.RunId.make(id, { disableValidation: true }),
    }),
    problemOf,
  )
}

/** The submission of a row, as `Runs.submit` takes it. */
export const submissionOf = (row: Pick<Row, "id" | "submission">): Either.Either<Runs.Submission, Problem> =>
  Either.flatMap(
    // What is nested too deeply overflows the stack.
    Either.try({
      try: () => readSubmission(row),
      catch: (cause) => invalid(`submission: ${cause instanceof Error ? cause.message : String(cause)}`),
    }),
    Function.identity,
  )

const requestOf = (row: Row): Effect.Effect<Either.Either<SubmitRequest.Request, Problem>> => {
  const { projectId } = row
  if (projectId === undefined) {
    return Effect.succeed(
      Either.left({ code: "ProjectNotFound", message: `project: there is no project ${row.project}` }),
    )
  }
  const read = Either.map(submissionOf(row), (submission) => ({
    submission,
    sent: Runs.requestText(submission),
  }))
  const span = Option.getOrUndefined(TraceContext.ofHeader(row.trace ?? undefined))
  return Effect.either(
    Effect.flatMap(read, ({ sent, submission }) =>
      Effect.map(SubmitRequest.request(projectId, submission, sent), (request) => ({ ...request, span })),
    ),
  )
}

/** Submits the rows in their order, and returns those that are refused. */
export const submit = <X, R extends Row>(
  batch: RunBatch<X>,
  rows: ReadonlyArray<R>,
): Effect.Effect<ReadonlyArray<RefusedRow<R>>, X> =>
  Effect.gen(function* () {
    const refused: Array<RefusedRow<R>> = []
    const submitted: Array<{ readonly row: R; readonly request: SubmitRequest.Request }> = []
    for (const row of rows) {
      const request = yield* requestOf(row)
      if (Either.isRight(request)) submitted.push({ row, request: request.right })
      else refused.push({ row, problem: request.left })
    }
    if (submitted.length === 0) return refused
    const requests = submitted.map(({ request }) => request)
    const verdicts = yield* Submit.submitAll(requests, batch, Submit.roots)
    for (const [index, verdict] of verdicts.entries()) {
      if (Either.isLeft(verdict)) {
        refused.push({ row: submitted[index]!.row, problem: problemOf(verdict.left) })
      }
    }
    return refused
  })
