/**
 * The turns of an agent, which do one run: from its process over its session and prompts to the end of the last turn. There is one turn, and
 * another one while the run has new messages.
 */
import type * as acp from "@agentclientprotocol/sdk"
import { type AgentEvent, ControlPlaneUnavailable, Executor, Ids, type Run, Runs } from "@runlease/core"
import { PastAttempts, RecordedTurns } from "@runlease/core/executor"
import { Environment } from "@runlease/process"
import {
  Deferred,
  type Duration,
  Effect,
  ExecutionStrategy,
  Exit,
  Mailbox,
  Option,
  Scope,
  Stream,
} from "effect"
import { createHash } from "node:crypto"
import * as Agent from "./Agent.js"
import * as Elicitation from "./Elicitation.js"
import * as Failure from "./Failure.js"
import * as Files from "./Files.js"
import * as Permissions from "./Permissions.js"
import * as Prompt from "./Prompt.js"
import * as Questions from "./Questions.js"
import * as SessionRecord from "./SessionRecord.js"
import * as SessionStart from "./SessionStart.js"
import * as StopReason from "./StopReason.js"
import * as Terminals from "./Terminals.js"
import * as RunMessages from "./RunMessages.js"
import * as TurnOutput from "./TurnOutput.js"
import * as UpdateEvents from "./UpdateEvents.js"
import type * as WorkFolder from "./WorkFolder.js"

/** The options of `AcpExecutor`, with their defaults and with paths and the environment resolved. */
export interface Settings extends SessionStart.Settings {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  readonly secrets: ReadonlyArray<string>
  readonly runToken: boolean
  readonly folders: WorkFolder.WorkFolder
  readonly answerWithin: Duration.DurationInput | undefined
  readonly cancelGrace: Duration.Duration
  readonly killAfter: Duration.Duration
  readonly guardPath: string
  readonly maxMessageBytes: number
}

/** How many events wait for the log before the agent must wait. */
const capacity = 64

/** A suffix for the ids of a run's calls. An agent's own ids are unique within one of its sessions only. */
const suffixOf = ({ runId }: Run.ClaimedRun): string =>
  createHash("sha256").update(runId).digest("hex").slice(0, 8)

/** The replies to the agent's requests for permission and for input. */
const personHandlers = (
  settings: Settings,
  questions: Questions.Questions,
  output: TurnOutput.TurnOutput,
): Pick<Agent.Handlers, "createElicitation" | "requestPermission"> => ({
  requestPermission: (request) =>
    Effect.flatMap(output.onPermissionRequest(request.toolCall), (call) =>
      Permissions.answer(settings.permission, questions, request, call),
    ).pipe(
      Effect.tap(({ outcome }) =>
        outcome.outcome === "selected"
          ? Effect.sync(() => output.decide(request.toolCall.toolCallId))
          : Effect.void,
      ),
    ),
  createElicitation: (request) => {
    const toolCallId = "toolCallId" in request ? String(request.toolCallId) : ""
    output.addUndecided(toolCallId)
    const offered = SessionStart.offersForms(settings)
    return Elicitation.answer({ offered, questions, sessionId: output.sessionId() }, request).pipe(
      Effect.tap(({ action }) =>
        action === "cancel" ? Effect.void : Effect.sync(() => output.decide(toolCallId)),
      ),
    )
  },
})

/** All messages of the conversation before these, which were sent to the run. */
const historyBefore = (run: Run.ClaimedRun, latest: Prompt.Request["latest"]) =>
  ControlPlaneUnavailable.retryUnavailable(PastAttempts.read(run)).pipe(
    Effect.mapError(Failure.ofControlPlane),
    Effect.map((attempts) => {
      const ids = new Set(latest.map(({ id }) => id))
      const ofRun = attempts.flatMap(({ validMessages }) => validMessages).filter(({ id }) => !ids.has(id))
      return [...run.snapshot.messages, ...ofRun]
    }),
  )

/**
 * Starts the turns of a run. The result is the stream of the run's events. The Scope ends the agent. A turn whose end is recorded is not
 * done again: the run ends as it did, or continues with its new messages.
 */
export const make = (settings: Settings) =>
  Effect.fn("AcpExecutor.run")(function* (run: Run.ClaimedRun) {
    const { cancelGrace, guardPath, killAfter, maxMessageBytes, name } = settings
    const turns = yield* RecordedTurns.read
    const inbox = yield* RunMessages.make
    const ended = turns.ended.at(-1)
    const goesOnAfter = (end: AgentEvent.LogEvent) => StopReason.isSuccess(end) && inbox.pending()
    if (ended !== undefined && inbox.unfinished.length === 0 && !goesOnAfter(ended)) {
      return Stream.make(ended)
    }
    const runs = yield* Runs.Runs
    const mark = yield* Ids.uuidV7
    const cwd = yield* settings.folders.use(run.conversationId, mark)
    const mailbox = yield* Mailbox.make<AgentEvent.LogEvent, Executor.ExecutorFailure>({ capacity })
    // The log already holds the ids of earlier attempts.
    const isFirst = run.latestSequence === 0

    const record = SessionRecord.make(run, runs)
    const questions = yield* Questions.make({
      answers: run.snapshot.resume ?? [],
      delivered: record.deliveredAnswers,
      recordDelivered: record.recordDelivered,
      expiresAfter: settings.answerWithin,
    })
    const access = yield* Environment.ofRunToken(settings.runToken)
    const env = { ...settings.env, ...Environment.ofRun(run, cwd), ...Environment.reveal(access) }
    const programs = { killAfter, guardPath, env }
    const terminals = yield* Terminals.make({ ...programs, root: cwd, mark })
    const updates = UpdateEvents.make({
      messageId: isFirst ? run.messageId : yield* Ids.uuidV7,
      suffix: `-${suffixOf(run)}${isFirst ? "" : `-${run.leaseEpoch ?? mark}`}`,
      terminalOutput: terminals.outputOf,
    })
    const output = TurnOutput.make({ mailbox, record, updates, observe: turns.observe })

    const agent = yield* Agent.start({
      ...programs,
      command: settings.command,
      args: settings.args,
      cwd,
      mark,
      name,
      secrets: [...settings.secrets, ...Environment.secrets(access)],
      maxMessageBytes,
      onUpdate: output.onUpdate,
      handlers: {
        ...Files.make(cwd, maxMessageBytes),
        ...terminals.handlers,
        ...personHandlers(settings, questions, output),
      },
    }).pipe(Effect.annotateLogs({ run_id: run.runId, agent_id: run.agentId }))

    const session = yield* SessionStart.make(settings, agent, { run, runs, cwd, record, output })
    const { capabilities, knowledge, promptedBefore, sessionId, withAuthentication } = session
    let response =
      Option.none<Deferred.Deferred<acp.PromptResponse, Failure.RequestRefused | Executor.ExecutorError>>()
    /** Waits at most `cancelGrace`. A finalizer is uninterruptible, so the wait itself must be interruptible. */
    const waitFor = <A>(effect: Effect.Effect<A>) =>
      Effect.timeoutOption(Effect.interruptible(effect), cancelGrace)
    /** Cancels the turn. The response to the prompt shows that the agent has stopped. */
    const cancel = Effect.gen(function* () {
      if (Option.isNone(response) || (yield* Deferred.isDone(response.value))) return
      yield* questions.cancel(agent.notify("session/cancel", { sessionId }))
      yield* waitFor(Effect.exit(Deferred.await(response.value)))
    })
    // A prompt in it outlives the fiber that waits for the response, until its turn is cancelled.
    const prompts = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        output.drop(true)
        yield* mailbox.shutdown
        yield* cancel
        yield* agent.group.endInput
        yield* waitFor(agent.group.ending)
      }),
    )

    const send = (prompt: Array<acp.ContentBlock>) =>
      Effect.gen(function* () {
        const answer = yield* Deferred.make<
          acp.PromptResponse,
          Failure.RequestRefused | Executor.ExecutorError
        >()
        response = Option.some(answer)
        yield* agent
          .request("session/prompt", { sessionId, prompt })
          .pipe(withAuthentication, Effect.intoDeferred(answer), Effect.forkIn(prompts))
        return yield* Deferred.await(answer)
      })

    const promptWith = (messages: RunMessages.Messages) => {
      if (messages.length > 0) record.setRequested(Prompt.lastOfInbox(messages))
      return Prompt.ofInbox(messages)
    }
    const takeMessages = Effect.map(inbox.take(output.emit), promptWith)

    const firstRequest = Effect.gen(function* () {
      const begun = inbox.unfinished.length > 0
      if (ended === undefined) {
        const request = Prompt.ofRun(run, knowledge, promptedBefore)
        return { ...request, latest: [...request.latest, ...promptWith(inbox.unfinished)] }
      }
      const latest = begun ? promptWith(inbox.unfinished) : yield* takeMessages
      return { begun, latest, history: knowledge === "run" ? [] : yield* historyBefore(run, latest) }
    })

    /** One turn, and those after it. */
    const turn = (prompt: Array<acp.ContentBlock>): Effect.Effect<void, Executor.ExecutorFailure> =>
      Effect.gen(function* () {
        const begun = yield* turns.begin
        yield* Effect.zipRight(output.emit(begun.events), begun.committed)
        const result = yield* send(prompt).pipe(
          Effect.catchTag("RequestRefused", (refused) => Failure.ofRefusal(name, refused)),
          Effect.raceFirst(questions.suspension),
        )
        const closing = output.close()
        for (const event of closing) turns.observe(event)
        const end = StopReason.toEvent(run, name, sessionId, result, updates.metadata())
        const recorded = yield* turns.record(end)
        const goesOn = goesOnAfter(end)
        yield* output.emitWork([...closing, ...recorded, ...(goesOn ? [] : [end])])
        if (goesOn) yield* turn(Prompt.ofMessages(yield* takeMessages, capabilities))
      })

    yield* firstRequest.pipe(
      Effect.flatMap((request) => turn(Prompt.of(run, knowledge, capabilities, request))),
      Effect.tapErrorTag("AwaitAnswers", () => {
        output.cancel()
        return Effect.zipRight(record.recordBegun, cancel)
      }),
      Effect.matchEffect({
        onFailure: (failure) => Effect.zipRight(output.emit(output.close()), mailbox.fail(failure)),
        onSuccess: () => mailbox.end,
      }),
      Effect.onExit((exit) =>
        Exit.isFailure(exit) ? mailbox.done(Exit.failCause(exit.cause)) : Effect.void,
      ),
      Effect.forkScoped,
    )
    return Mailbox.toStream(mailbox)
  })
