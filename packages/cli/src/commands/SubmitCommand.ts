/**
 * `runlease submit`: submits one run from text, a file or stdin, or many from JSON lines.
 */
import { Args, Command, Options } from "@effect/cli"
import {
  Debounce,
  Fairness,
  Ids,
  Limits,
  type RequestSnapshot,
  Runs,
  TimeLimits,
  TraceContext,
  WorkerMetadata,
  WorkerRegistry,
} from "@runlease/core"
import { Array, Clock, Config, Console, DateTime, Duration, Effect, Option, Ref } from "effect"
import * as Describe from "../help/Describe.js"
import * as Flag from "../input/Flag.js"
import { positionalText } from "../input/PositionalText.js"
import { noText, requestOf, read } from "../input/TextInput.js"
import * as Settings from "../input/Settings.js"
import * as SubmissionLines from "../input/SubmissionLines.js"
import { usage } from "../output/ExitCode.js"
import * as Output from "../output/Output.js"
import * as PayloadExample from "../output/PayloadExample.js"
import * as RunLines from "../output/RunLines.js"
import * as Follow from "./Follow.js"

/** The failure of a command without a request, with the payload that the agent's workers say it takes. */
const missingRequest = Effect.fnUntraced(function* (named: Option.Option<Ids.AgentId>) {
  const agent = Option.getOrElse(named, () => "")
  const registry = yield* WorkerRegistry.WorkerRegistry
  const workers = yield* registry.list({ limit: 100 }).pipe(Effect.option)
  const form = Option.toArray(workers)
    .flatMap(({ items }) => items)
    .flatMap(({ metadata }) => Option.toArray(WorkerMetadata.of(metadata)))
    .map(({ forms = {} }) => forms[agent])
    .find((found) => found !== undefined)
  return form === undefined
    ? noText()
    : usage(
        `There is no payload to submit, and ${agent} needs one`,
        `Give it with: runlease submit --agent ${agent} ${PayloadExample.of(form)}`,
      )
})

/** How many batches of `--jsonl` are in flight at once. */
const inFlight = 4

const maxLimit = Duration.seconds(TimeLimits.maxSeconds)

const options = {
  connection: Settings.connection,
  agent: Flag.text("agent", Ids.NewAgentId).pipe(
    Options.withDescription("Which agent the run is for"),
    Options.optional,
  ),
  file: Options.text("file").pipe(
    Options.withDescription("Read the text from this file; - is stdin"),
    Options.optional,
  ),
  input: Options.text("input").pipe(
    Options.withDescription("The payload of the agent, as JSON; @FILE reads a file, - reads stdin"),
    Options.optional,
  ),
  jsonl: Options.text("jsonl").pipe(
    Options.withDescription(
      "Submit many from this file: a JSON object a line with text, input, agent, public_id, …; - is stdin",
    ),
    Options.optional,
  ),
  id: Flag.text("id", Ids.NewRunId).pipe(
    Options.withDescription("The run's id; submitting it again with the same request changes nothing"),
    Options.optional,
  ),
  conversation: Flag.text("conversation", Ids.ConversationId).pipe(
    Options.withDescription("The conversation it belongs to; a new one when absent"),
    Options.optional,
  ),
  priority: Flag.whole("priority", { minimum: -1000, maximum: 1000 }).pipe(
    Options.withDescription("-1000 to 1000, higher first"),
    Options.optional,
  ),
  maxAttempts: Flag.whole("max-attempts", { minimum: 1, maximum: 100 }).pipe(
    Options.withDescription("How many attempts it has, 1 to 100"),
    Options.optional,
  ),
  availableIn: Flag.duration("available-in", { minimum: 0, maximum: "3650 days" }).pipe(
    Options.withDescription("How long until it may be claimed"),
    Options.optional,
  ),
  ttl: Flag.duration("ttl", { minimum: "1 second", maximum: maxLimit }).pipe(
    Options.withDescription("Cancel it when no worker has claimed it by then, as 10m"),
    Options.optional,
  ),
  timeout: Flag.duration("timeout", { minimum: "1 second", maximum: maxLimit }).pipe(
    Options.withDescription("Fail it when it has worked for so long in all of its attempts, as 1h"),
    Options.optional,
  ),
  concurrencyKey: Flag.text("concurrency-key", Limits.ConcurrencyKey).pipe(
    Options.withDescription("Runs with one key go one after the other, in their order"),
    Options.optional,
  ),
  concurrencyLimit: Flag.whole("concurrency-limit", { minimum: 1, maximum: 100_000 }).pipe(
    Options.withDescription("The most runs of the concurrency key that work at once"),
    Options.optional,
  ),
  debounce: Flag.duration("debounce", { minimum: "1 second", maximum: maxLimit }).pipe(
    Options.withDescription("Wait so long for the next submission of --debounce-key, as 30s"),
    Options.optional,
  ),
  debounceKey: Flag.text("debounce-key", Debounce.Debounce.fields.key).pipe(
    Options.withDescription("The pending run of this key and agent takes the text, and waits anew"),
    Options.optional,
  ),
  debounceMax: Flag.duration("debounce-max", { minimum: "1 second", maximum: maxLimit }).pipe(
    Options.withDescription("How long it waits in all, from the first submission on, as 5m"),
    Options.optional,
  ),
  limits: Flag.limitKeys("limit").pipe(
    Options.withDescription(
      "Its key at a limit with a name, as gpu=eu; may appear twice, the narrow one first",
    ),
  ),
  fairnessKey: Flag.text("fairness-key", Fairness.FairnessKey).pipe(
    Options.withDescription("The waiting runs of different keys take turns"),
    Options.optional,
  ),
  fairnessWeight: Flag.decimal("fairness-weight", {
    minimum: Fairness.minWeight,
    maximum: Fairness.maxWeight,
  }).pipe(
    Options.withDescription("How many turns its fairness key has for each of a key of weight 1"),
    Options.optional,
  ),
  budget: Flag.limits("budget").pipe(
    Options.withDescription(
      "What the run and those below it may spend, as tokens=200000,runs=20; also cost, steps, seconds",
    ),
    Options.optional,
  ),
  kind: Flag.text("kind", WorkerRegistry.Registration.fields.implementationKind).pipe(
    Options.withDescription("Only for workers of this implementation kind"),
    Options.optional,
  ),
  key: Flag.text("key", WorkerRegistry.Registration.fields.workerKey).pipe(
    Options.withDescription("Only for the worker with this key"),
    Options.optional,
  ),
  versionPolicy: Options.choice("version-policy", Runs.VersionPolicy.literals).pipe(
    Options.withDescription(
      "Stay with the version of the first worker that claims it (pinned), or go to those of any (latest)",
    ),
    Options.optional,
  ),
  multitask: Options.choice("multitask", Runs.Multitask.literals).pipe(
    Options.withDescription(
      "When a run of the conversation works: wait behind it (enqueue), send it the text (steer), cancel it (interrupt), take the place of those that wait behind it (latest) or fail (reject)",
    ),
    Options.optional,
  ),
  labels: Flag.labels("label").pipe(
    Options.withDescription("A label of the run as name=value; may be repeated"),
  ),
  watch: Options.boolean("watch").pipe(
    Options.withDescription("Follow it, as runlease watch does; the exit code says how it ended"),
  ),
  json: Settings.json,
  text: Args.optional(
    positionalText(
      "text",
      "What to say to the agent; - reads stdin; a text that begins with a dash goes after --",
    ),
  ),
}

type Parsed = Command.Command.ParseConfig<typeof options>

/** A record with the field `name` if `value` is present; else an empty record. */
const field = <K extends string, A>(name: K, value: Option.Option<A>) =>
  Option.match(value, { onNone: () => ({}), onSome: (some) => ({ [name]: some }) as { [_ in K]: A } })

const debounceOf = Effect.fnUntraced(function* ({ debounce, debounceKey, debounceMax }: Parsed) {
  if (Option.isNone(debounce) && Option.isNone(debounceKey) && Option.isNone(debounceMax)) {
    return Option.none()
  }
  const missing = "A debounce has a key and a time"
  const wait = yield* Flag.required(debounce, missing, "Give the time with --debounce 30s.")
  const key = yield* Flag.required(debounceKey, missing, "Give the key with --debounce-key KEY.")
  return Option.some({
    key,
    seconds: Duration.toSeconds(wait),
    ...field("maxSeconds", Option.map(debounceMax, Duration.toSeconds)),
  })
})

/** The span of the program that runs this command, as OpenTelemetry passes it between processes. */
const callersSpan = Effect.map(
  Effect.orDie(Config.withDefault(Config.string("TRACEPARENT"), "")),
  TraceContext.ofHeader,
)

const submissionOf = Effect.fnUntraced(function* (parsed: Parsed, request: RequestSnapshot.RequestSnapshot) {
  const agentId = yield* Flag.required(parsed.agent, "No agent was named", "Name it with --agent ID.")
  const now = yield* Clock.currentTimeMillis
  const submission: Runs.Submission = {
    agentId,
    snapshot: {
      ...request,
      ...field("traceContext", Option.map(yield* callersSpan, TraceContext.ofSpan)),
    },
    ...field("publicId", parsed.id),
    ...field("conversationId", parsed.conversation),
    ...field("priority", parsed.priority),
    ...field("maxAttempts", parsed.maxAttempts),
    ...field("ttlSeconds", Option.map(parsed.ttl, Duration.toSeconds)),
    ...field("timeoutSeconds", Option.map(parsed.timeout, Duration.toSeconds)),
    ...field("concurrencyKey", parsed.concurrencyKey),
    ...field("concurrencyLimit", parsed.concurrencyLimit),
    ...field("debounce", yield* debounceOf(parsed)),
    ...field("limits", Option.fromNullable(parsed.limits)),
    ...field("fairnessKey", parsed.fairnessKey),
    ...field("fairnessWeight", parsed.fairnessWeight),
    ...field("budget", parsed.budget),
    ...field("implementationKind", parsed.kind),
    ...field("workerKey", parsed.key),
    ...field("versionPolicy", parsed.versionPolicy),
    ...field("multitask", parsed.multitask),
    ...field("labels", Option.fromNullable(parsed.labels)),
    ...field(
      "availableAt",
      Option.map(parsed.availableIn, (wait) => DateTime.unsafeMake(now + Duration.toMillis(wait))),
    ),
  }
  return submission
})

/** Fails when the connection names another project than that of its key, which receives the submissions. */
const checkProject = Effect.flatMap(Runs.Runs, (runs) => runs.list({ limit: 1 }))

const submitOne = Effect.fnUntraced(function* (parsed: Parsed) {
  const runs = yield* Runs.Runs
  const request = yield* requestOf(parsed)
  const submission = yield* submissionOf(
    parsed,
    request ?? (yield* Effect.flatten(missingRequest(parsed.agent))),
  )
  yield* checkProject
  const { run, ...submitted } = yield* runs.submit(submission)
  if (parsed.json) yield* Output.json({ ...submitted, ...RunLines.toJson(run) })
  else yield* Console.log(run.runId)
  if (!parsed.json && !parsed.watch) yield* Follow.warn(run)
  if (parsed.watch) yield* Follow.follow({ runId: run.runId, after: 0, json: parsed.json })
})

const submitMany = Effect.fnUntraced(function* (parsed: Parsed, file: string) {
  if (Option.isSome(parsed.input)) {
    return yield* usage("--input and --jsonl exclude each other", "Each line of the file has its input.")
  }
  const runs = yield* Runs.Runs
  const submissions = yield* SubmissionLines.parse(yield* read(file), Option.getOrUndefined(parsed.agent))
  yield* checkProject
  const sent = yield* Ref.make(0)
  const terminal = process.stderr.isTTY === true
  yield* Effect.forEach(
    SubmissionLines.batches(submissions),
    (batch) =>
      Effect.gen(function* () {
        const verdicts = yield* runs.submitMany(batch)
        for (const { run, ...submitted } of Array.getRights(verdicts)) {
          yield* parsed.json ? Output.json({ ...submitted, ...RunLines.toJson(run) }) : Console.log(run.runId)
          yield* Ref.update(sent, (n) => n + 1)
        }
        if (terminal) process.stderr.write(`\r${yield* Ref.get(sent)} of ${submissions.length} submitted`)
        yield* Effect.all(verdicts, { discard: true })
      }),
    { concurrency: inFlight, discard: true },
  ).pipe(
    Effect.onError(() =>
      Effect.flatMap(Ref.get(sent), (count) =>
        Console.error(
          `${count} of ${submissions.length} were submitted. Runs with a public_id can be submitted again safely.`,
        ),
      ),
    ),
  )
  if (terminal) process.stderr.write("\n")
})

export const command = Command.make("submit", options, (parsed) =>
  Option.match(parsed.jsonl, {
    onNone: () => submitOne(parsed),
    onSome: (file) => submitMany(parsed, file),
  }).pipe(Settings.withClient(parsed.connection)),
).pipe(
  Describe.command("Submit a run and print its id.", [
    "runlease submit --agent echo hello",
    "git diff | runlease submit --agent reviewer --watch -",
    `runlease submit --agent review --input '{"repository": "runlease", "pull": 12}'`,
    "runlease submit --agent reviewer --ttl 10m --timeout 1h 'Look at the open pulls'",
    "runlease submit --jsonl runs.jsonl",
    "runlease submit --agent reviewer --label customer=42 --label tier=gold hello",
    "runlease submit --agent import --concurrency-key customer-7 --concurrency-limit 5 'Load it'",
    "runlease submit --agent reviewer --debounce 30s --debounce-key pull-12 'Review pull 12'",
    "runlease submit --agent import --fairness-key customer-7 --fairness-weight 2 'Load it'",
    "runlease submit --agent writer --conversation ID --multitask steer 'Shorter, please'",
  ]),
)
