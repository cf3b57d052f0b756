/**
 * Submissions as JSON lines: one run a line. All lines are checked before the first is sent.
 */
import type { Ids, Runs } from "@runlease/core"
import * as SubmissionLine from "@runlease/core/SubmissionLine"
import * as Strict from "@runlease/http/Strict"
import { Either, ParseResult } from "effect"
import { type CommandFailure, usage } from "../output/ExitCode.js"

/** A batch is one commit, which other callers wait for. */
const maxInBatch = 250

/** The most characters of JSON in one batch. */
const maxLength = 4 * 1024 * 1024

/** The submissions in batches that a server takes in one request, in their order. */
export const batches = (
  submissions: ReadonlyArray<Runs.Submission>,
): ReadonlyArray<ReadonlyArray<Runs.Submission>> => {
  const found: Array<Array<Runs.Submission>> = []
  let left = 0
  for (const submission of submissions) {
    const { length } = JSON.stringify(submission)
    const last = found.at(-1)
    if (last === undefined || last.length === maxInBatch || length > left) {
      found.push([submission])
      left = maxLength - length
    } else {
      last.push(submission)
      left -= length
    }
  }
  return found
}

/**
 * Parses every line to a submission. Fails with the problem of each wrong line. `agent` applies to lines without one.
 */
export const parse = (
  text: string,
  agent: Ids.AgentId | undefined,
): Either.Either<ReadonlyArray<Runs.Submission>, CommandFailure> => {
  const submissions: Array<Runs.Submission> = []
  const problems: Array<string> = []
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue
    const where = `line ${index + 1}`
    const parsed = SubmissionLine.decode(line)
    if (Either.isLeft(parsed)) {
      const [issue] = ParseResult.ArrayFormatter.formatErrorSync(parsed.left)
      const field = issue!.path.map(String).join(".")
      problems.push(`${where}: ${field === "" ? "" : `${field}: `}${Strict.sentence(issue!)}`)
      continue
    }
    const agentId = parsed.right.agent ?? agent
    if (agentId === undefined) problems.push(`${where}: agent: is missing, and so is --agent`)
    else submissions.push(SubmissionLine.submissionOf(parsed.right, agentId))
  }
  if (problems.length > 0) {
    const shown = problems.slice(0, 20)
    return Either.left(
      usage(
        [
          ...shown,
          ...(problems.length > shown.length ? [`and ${problems.length - shown.length} more`] : []),
        ].join("\n"),
        "Nothing was submitted. Mend these lines and run it again.",
      ),
    )
  }
  return submissions.length === 0
    ? Either.left(usage("There is nothing to submit", "Give one JSON object a line."))
    : Either.right(submissions)
}
