/**
 * Answers a batch of submissions: each as the endpoint of one would answer it, all of them in one commit.
 *
 * @since 0.1.0
 */
import { Runs } from "@runlease/core"
import { Array, Context, Effect, Either, Schema } from "effect"
import type * as Bodies from "../Api/RunBodies.js"
import { NewRun } from "../Api/RunBodies.js"
import * as Refusal from "../contract/Refusal.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as CanonicalRun from "../Wire/CanonicalRun.js"
import * as AgentForms from "./AgentForms.js"
import * as Caller from "./Caller.js"
import * as ErrorResponse from "./ErrorResponse.js"

const decode = Schema.decodeUnknownEither(NewRun)

/** A submission of a kind that this server does. */
export const ofAgent = (payload: typeof NewRun.Type): Either.Either<Runs.Submission, Refusal.Refusal> =>
  "kind" in payload
    ? Either.left(
        Refusal.make(
          422,
          "unsupported_kind",
          `Runs of kind ${payload.kind} are not done here, only those of kind agent`,
          { field: "kind" },
        ),
      )
    : Either.right(payload)

/** What a submission became, as its endpoint answers it. */
export const replyOf = ({
  debounced,
  duplicate,
  run,
  steered,
}: Runs.Submitted): typeof Bodies.Submitted.Type => ({
  accepted: true,
  duplicate,
  steered,
  debounced,
  run: CanonicalRun.fromRun(run),
})

const read = (sent: unknown): Either.Either<Runs.Submission, Refusal.Refusal> =>
  Either.flatMap(Either.mapLeft(decode(sent), ErrorResponse.ofParse), ofAgent)

/** Submits the runs that are well-formed and whose payloads fit, and answers all of them in their order. */
export const submit = Effect.fnUntraced(function* ({ batch_id, runs }: typeof Bodies.Batch.Type) {
  const ports = yield* Caller.ports
  const budget = AgentForms.budget()
  const checked = yield* Effect.forEach(runs, (sent) =>
    Effect.either(
      Effect.flatMap(read(sent), (submission) =>
        Effect.as(AgentForms.check(submission, budget), {
          ...submission,
          batchId: submission.batchId ?? batch_id ?? undefined,
        }),
      ),
    ),
  )
  const submitted = yield* Context.get(ports, Runs.Runs).submitMany(Array.getRights(checked))
  let next = 0
  return {
    batch_id: batch_id ?? null,
    answers: checked.map((each) =>
      Either.match(
        Either.flatMap(each, () => submitted[next++]!),
        {
          onLeft: (error): Bodies.BatchAnswer => {
            const { body, httpStatus } = Verdicts.encode(error)
            return { status: httpStatus, body }
          },
          onRight: (run): Bodies.BatchAnswer => ({ status: 202, body: replyOf(run) }),
        },
      ),
    ),
  }
})
