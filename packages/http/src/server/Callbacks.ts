/**
 * URLs that answer one question of a run.
 *
 * Source: docs/decisions/0144-callbacks.md
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import {
  Access,
  AnswerEvent,
  Callbacks,
  CallbackToken,
  type ControlPlaneError,
  ResumeRules,
  Run,
  Runs,
  TreeBudget,
} from "@runlease/core"
import * as AnswerCheck from "@runlease/core/AnswerCheck"
import { Context, type DateTime, Duration, Effect, Layer, Option, Redacted } from "effect"
import type { IssuedCallback } from "../Api/Callbacks.js"
import * as Refusal from "../contract/Refusal.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as Caller from "./Caller.js"
import { makeUnknownCallers } from "./Callers.js"
import { group } from "./Group.js"
import { ProjectPortsCache } from "./ProjectPorts.js"

/** The address of the server as third parties reach it; that of each request when absent. */
export class PublicUrl extends Context.Reference<PublicUrl>()("@runlease/http/server/PublicUrl", {
  defaultValue: (): string | undefined => undefined,
}) {}

/** The address of the server as the caller wrote it: all before the endpoint. */
const baseOf = ({ headers, originalUrl }: HttpServerRequest.HttpServerRequest): string => {
  const proto = headers["x-forwarded-proto"]?.split(",")[0]?.trim() === "https" ? "https" : "http"
  const [path = ""] = originalUrl.split("?")
  const [prefix = ""] = path.split(/\/(?:projects|agent-workers)\//, 1)
  return `${proto}://${headers["host"] ?? "localhost"}${prefix}`
}

/** What its maker is sent of a callback. */
export const issuedTo = Effect.fnUntraced(function* (
  runId: string,
  { expiresAt, token }: { readonly token: Redacted.Redacted; readonly expiresAt: DateTime.Utc },
) {
  const base = (yield* PublicUrl) ?? baseOf(yield* HttpServerRequest.HttpServerRequest)
  return {
    url: `${base.replace(/\/+$/, "")}${CallbackToken.pathOf(runId, token)}`,
    token: Redacted.value(token),
    expires_at: expiresAt,
  } satisfies typeof IssuedCallback.Type
})

const issueLayer = group("callbacks", (handlers) =>
  Effect.map(Access.Access, (access) =>
    handlers.handle("issue", ({ path, payload }) =>
      Effect.gen(function* () {
        const { keyId, ports, projectId } = yield* Caller.project(path.project_reference)
        const run = yield* Context.get(ports, Runs.Runs).get(path.run_id)
        const open = ResumeRules.openOf(run)
        const name = payload.interrupt_id ?? payload.tool_call_id ?? ""
        const interrupt = open.find(({ id, toolCallId }) =>
          payload.interrupt_id == null ? toolCallId === name : id === name,
        )
        if (interrupt === undefined) {
          return yield* new Runs.NotWaiting({
            runId: run.runId,
            interruptId: name,
            answered: false,
            open: open.map(({ id }) => id),
          })
        }
        const { id } = interrupt
        if (TreeBudget.isQuestionId(id)) {
          return yield* new Callbacks.CallbackRefused({
            field: "interrupt_id",
            message: "a question about a budget is answered with an API key alone",
          })
        }
        const seconds = payload.expires_in_seconds
        const issued = yield* access.issueCallback({
          projectId,
          issuedBy: keyId,
          runId: run.runId,
          interruptId: id,
          expiresIn: seconds == null ? undefined : Duration.seconds(seconds),
        })
        return yield* issuedTo(run.runId, issued)
      }),
    ),
  ),
)

const invalid = Refusal.unauthorized("The callback is not valid, or was revoked")

const used = Refusal.make(409, "callback_used", "This question has an answer")

const expired = Refusal.make(410, "callback_expired", "The callback has expired")

/** The same for a run that has ended and for one that was deleted. */
const over = Refusal.make(410, "callback_over", "The run that this callback answers has ended")

const notYet = new Refusal.Refusal({
  httpStatus: 409,
  body: { error: "not_waiting", detail: "The run does not wait for this answer yet; send it again later" },
  headers: Refusal.retryAfter(5_000),
})

/** The run while it waits for the answer. A question that another condition ended waits again under its id. */
const waitingRun = Effect.fnUntraced(function* (
  runs: Runs.Runs["Type"],
  { interruptId, runId }: CallbackToken.Claim,
): Effect.fn.Return<Run.Run, Refusal.Refusal | Run.RunNotFound | ControlPlaneError.ControlPlaneError> {
  const run = yield* runs.get(runId)
  const { resume = [] } = yield* runs.snapshot(runId)
  // An executor may pose a question under an id that has had its answer: it is another question.
  if (resume.some((answer) => answer.interruptId === interruptId)) return yield* used
  if (ResumeRules.openOf(run).some(({ id }) => id === interruptId)) return run
  return yield* Run.isTerminal(run.status) ? over : notYet
})

const answerLayer = group("callback", (handlers) =>
  Effect.gen(function* () {
    const access = yield* Access.Access
    const projects = yield* ProjectPortsCache
    const unknownCallers = yield* makeUnknownCallers

    /** What a valid token says. One of another run is as a forged one. */
    const claimOf = Effect.fnUntraced(function* (token: string, runId: string) {
      const request = yield* HttpServerRequest.HttpServerRequest
      const look = Effect.mapError(access.findCallback(Redacted.make(token)), Verdicts.encode)
      const found = yield* unknownCallers.limit(
        request,
        token,
        Effect.map(
          look,
          Option.filter(({ claim }) => claim.runId === runId),
        ),
      )
      if (Option.isNone(found)) return yield* invalid
      return found.value.expired ? yield* expired : found.value.claim
    })

    return handlers.handle("answer", ({ path, payload, urlParams }) =>
      Effect.gen(function* () {
        const claim = yield* claimOf(urlParams.token ?? "", path.run_id)
        const { interruptId, projectId, runId } = claim
        const runs = Context.get(projects.ports(projectId), Runs.Runs)
        const run = yield* waitingRun(runs, claim)
        const interrupt = ResumeRules.openOf(run).find(({ id }) => id === interruptId)
        if (interrupt !== undefined) {
          yield* AnswerCheck.checkWhole(projects.checkAnswer, runId, interrupt, { field: "payload", payload })
        }
        const { duplicate } = yield* runs.resume(runId, [{ interruptId, status: "resolved", payload }]).pipe(
          Effect.provideService(AnswerEvent.Answerer, "a callback"),
          Effect.catchTag("NotWaiting", ({ answered }) => (answered ? used : notYet)),
        )
        return duplicate ? yield* used : { accepted: true as const }
      }).pipe(Effect.catchTag("RunNotFound", () => over)),
    )
  }),
)

export const layer = Layer.mergeAll(issueLayer, answerLayer)
