/**
 * The refusal of a payload that no worker of its agent takes, and of edits that do not fit their question, for programs that submit in the process of their store. The server has its own,
 * which also checks what takes long.
 *
 * A worker checks the payload again, so it is refused here only where that is certain: it fits none of the schemas of the workers in contact.
 * A payload or a schema whose check may take long passes.
 */
import { Context, Effect, Either } from "effect"
import * as JsonSchemaCheck from "../model/JsonSchemaCheck.js"
import * as JsonSchemaProblem from "../model/JsonSchemaProblem.js"
import * as Ids from "../model/Ids.js"
import * as RequestSnapshot from "../model/RequestSnapshot.js"
import type { ScheduleConfig } from "../model/Schedule.js"
import type { ControlPlaneError } from "./ControlPlaneError.js"
import * as AnswerCheck from "./AnswerCheck.js"
import * as EditCheck from "./EditCheck.js"
import { Leases } from "./Leases.js"
import { EditRefused, InvalidSubmission, Runs, type SubmissionInput } from "./Runs.js"
import { InvalidSchedule, type NewSchedule, Schedules } from "./Schedules.js"
import type { WorkerRegistry } from "./WorkerRegistry.js"
import * as WorkersInContact from "./WorkersInContact.js"

/** The field of a schedule with the payload of its runs. */
export const scheduleField = "config.input"

/**
 * The payload of the runs of a schedule. One without a prompt has an empty payload: its agent refuses that where it needs more. Undefined
 * where the prompt may be the payload.
 */
export const ofSchedule = ({ input, prompt }: ScheduleConfig = {}): unknown =>
  input === undefined && prompt === undefined ? {} : input

/** The check of an agent by the forms of its workers. */
const checkOf = (byText: ReadonlyMap<string, object>): JsonSchemaCheck.Check =>
  JsonSchemaCheck.make(Array.from(byText.values()))

type Problem = (agentId: string, input: unknown) => Effect.Effect<string | undefined, ControlPlaneError>

/** The problem of a payload, in the words of every refusal. */
const makeProblem = (ports: Context.Context<WorkerRegistry>): Effect.Effect<Problem> =>
  Effect.gen(function* () {
    const read = Effect.map(WorkersInContact.metadata(ports), (workers) => {
      const checks = new Map<string, JsonSchemaCheck.Check>()
      return (agentId: string): JsonSchemaCheck.Check => {
        const before = checks.get(agentId)
        if (before !== undefined) return before
        const check = checkOf(WorkersInContact.formsOf(workers, agentId))
        checks.set(agentId, check)
        return check
      }
    }).pipe(Effect.catchTag("InvalidCursor", Effect.die))
    const [current, forget] = yield* Effect.cachedInvalidateWithTTL(read, "10 seconds")
    return (agentId, input) =>
      Effect.gen(function* () {
        if ((yield* current)(agentId)(input) === undefined) return undefined
        // The workers may be others by now.
        yield* forget
        const problem = (yield* current)(agentId)(input)
        return problem === undefined ? undefined : JsonSchemaProblem.ofPayload(agentId, problem)
      })
  })

const hasPayload = ({ snapshot }: SubmissionInput): boolean => snapshot?.input !== undefined

/** The refusal of a submission; none of the repeat of one that was accepted before. */
const refuser =
  (runs: Runs["Type"], problemOf: Problem) =>
  ({ agentId, publicId, snapshot }: SubmissionInput) =>
    Effect.gen(function* () {
      const input = snapshot?.input
      if (input === undefined) return undefined
      const message = yield* problemOf(agentId, input)
      if (message === undefined) return undefined
      const isRepeat =
        publicId !== undefined &&
        (yield* Effect.as(runs.get(Ids.RunId.make(publicId)), true).pipe(
          Effect.catchTag("RunNotFound", () => Effect.succeed(false)),
        ))
      return isRepeat ? undefined : new InvalidSubmission({ field: "input", message })
    })

type Refuse = ReturnType<typeof refuser>

/** The check of edits by the JSON Schema of their question. */
const checkEdits: AnswerCheck.Check = (schema, value) =>
  Effect.sync(() => checkOf(new Map([["", schema]]))(value))

const overRuns = (runs: Runs["Type"], refusalOf: Refuse): Runs["Type"] => ({
  ...runs,
  // A run without a payload pays for no check.
  submit: (submission) =>
    hasPayload(submission)
      ? Effect.flatMap(refusalOf(submission), (refusal) => refusal ?? runs.submit(submission))
      : runs.submit(submission),
  submitMany: (submissions) =>
    Effect.gen(function* () {
      if (!submissions.some(hasPayload)) return yield* runs.submitMany(submissions)
      const refusals = yield* Effect.forEach(submissions, refusalOf)
      const verdicts = yield* runs.submitMany(submissions.filter((_, index) => refusals[index] === undefined))
      let next = 0
      return refusals.map((refusal) => (refusal === undefined ? verdicts[next++]! : Either.left(refusal)))
    }),
  fork: (runId, options) =>
    Effect.gen(function* () {
      const edited = yield* EditCheck.payloadOf(runs, runId, options.edits ?? [])
      if (edited !== undefined) {
        const { agentId, field, input } = edited
        const snapshot = { ...RequestSnapshot.empty, input }
        const refusal = yield* refusalOf({ agentId, publicId: options.publicId, snapshot })
        if (refusal !== undefined) return yield* new EditRefused({ field, message: refusal.message })
      }
      return yield* runs.fork(runId, options)
    }),
})

const overLeases = (leases: Leases["Type"], refusalOf: Refuse): Leases["Type"] => ({
  ...leases,
  spawn: (lease, request) =>
    hasPayload(request.submission)
      ? Effect.flatMap(refusalOf(request.submission), (refusal) => refusal ?? leases.spawn(lease, request))
      : leases.spawn(lease, request),
})

interface Definition {
  readonly target?: NewSchedule["target"] | undefined
  readonly config?: ScheduleConfig | undefined
}

const overSchedules = (schedules: Schedules["Type"], problemOf: Problem): Schedules["Type"] => {
  const check = ({ config, target }: Definition, at = "") => {
    const input = ofSchedule(config)
    return target === undefined || input === undefined
      ? Effect.void
      : Effect.flatMap(problemOf(target.id, input), (message) =>
          message === undefined
            ? Effect.void
            : new InvalidSchedule({ field: `${at}${scheduleField}`, message }),
        )
  }
  return {
    ...schedules,
    create: (schedule) => Effect.zipRight(check(schedule), schedules.create(schedule)),
    update: (scheduleId, changes, condition) =>
      Effect.gen(function* () {
        if (changes.config !== undefined || changes.target !== undefined) {
          yield* check({ ...(yield* schedules.get(scheduleId)), ...changes })
        }
        return yield* schedules.update(scheduleId, changes, condition)
      }),
    apply: (request) =>
      Effect.zipRight(
        Effect.forEach(request.schedules, (schedule, index) => check(schedule, `schedules.${index}.`), {
          discard: true,
        }),
        schedules.apply(request),
      ),
  }
}

/** The ports of a project, which refuse such payloads: `InvalidSubmission` of the field `input`, and `InvalidSchedule` of `config.input`. */
export const over = <P>(
  ports: Context.Context<P | Leases | Runs | Schedules | WorkerRegistry>,
): Effect.Effect<Context.Context<P | Leases | Runs | Schedules | WorkerRegistry>> =>
  Effect.map(makeProblem(ports), (problemOf) => {
    const runs = Context.get(ports, Runs)
    const refusalOf = refuser(runs, problemOf)
    return ports.pipe(
      Context.add(Runs, overRuns(AnswerCheck.over(runs, checkEdits), refusalOf)),
      Context.add(Leases, overLeases(Context.get(ports, Leases), refusalOf)),
      Context.add(Schedules, overSchedules(Context.get(ports, Schedules), problemOf)),
    )
  })
