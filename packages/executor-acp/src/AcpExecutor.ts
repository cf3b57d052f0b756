/**
 * Any agent that speaks the Agent Client Protocol, version 1, over stdio, as an executor.
 *
 * Each run starts the agent's program in its conversation's working folder, goes on with the conversation's session where
 * the agent can (`session/resume` or `session/load`, by the key that `Runs.recordSession` keeps) and else with a new one
 * that is told the conversation, and prompts it with what the user said that is new to it. What it does comes as
 * AG-UI events; what it asks of its client is done within the working folder.
 *
 * With the permission `ask`, a question of the agent's suspends the run (docs/decisions/0016-acp-permissions.md). The
 * run's metadata gets `usage`, the tokens of its turn where the agent tells them, and `acp`: the session's id, the stop
 * reason and how full the context is.
 *
 * When the run ends in any way the agent is asked to cancel, its stdin ends, and its process group gets TERM, then KILL,
 * even when the worker is killed, and with its lease when the worker is stopped; what a machine's failure leaves is ended when the next executor starts there. This
 * takes a POSIX system with /bin/sh.
 *
 * @since 0.1.0
 */
import type * as acp from "@agentclientprotocol/sdk"
import { Executor, Ids, type Run, Runs } from "@runlease/core"
import { Environment } from "@runlease/process"
import { Deferred, Duration, Effect, Exit, Layer, Mailbox, Option, Stream } from "effect"
import { createHash } from "node:crypto"
import { resolve } from "node:path"
import * as Agent from "./internal/Agent.js"
import * as AskingMode from "./internal/AskingMode.js"
import * as Elicitation from "./internal/Elicitation.js"
import * as StopReason from "./internal/StopReason.js"
import * as Failure from "./internal/Failure.js"
import * as Files from "./internal/Files.js"
import * as Handshake from "./internal/Handshake.js"
import * as Lock from "./internal/Lock.js"
import * as McpServers from "./internal/McpServers.js"
import * as Permissions from "./internal/Permissions.js"
import * as Prompt from "./internal/Prompt.js"
import * as Questions from "./internal/Questions.js"
import * as Session from "./internal/Session.js"
import * as SessionRecord from "./internal/SessionRecord.js"
import * as Terminals from "./internal/Terminals.js"
import * as SessionUpdate from "./internal/SessionUpdate.js"
import * as UpdateEvents from "./internal/UpdateEvents.js"
import * as WorkFolder from "./internal/WorkFolder.js"

/**
 * What is said to an agent that asks whether it may: `allow` and `deny` at once, by the narrowest option that the agent
 * offers; `ask` suspends the run until somebody answers.
 *
 * @since 0.1.0
 * @category models
 */
export type Permission = Permissions.Policy

/**
 * Which agent runs, and within what bounds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** A name to be found on PATH, or a path; a relative path is relative to the worker's folder. */
  readonly command: string
  /** Such as makes the program speak ACP. Default: none. */
  readonly args?: ReadonlyArray<string>
  /** Which variables of the worker's environment the agent sees. Default: `defaultPassEnv`. */
  readonly passEnv?: ReadonlyArray<string>
  /** Further variables. The values of Redacted ones are blotted out of logs and failure messages. */
  readonly env?: Environment.Extra
  readonly permission: Permission
  /** When the agent has no mode that is known to ask, under `ask` and `deny`. Default: `warn`, in the run's log too. */
  readonly unknownMode?: "warn" | "refuse"
  /** How long a question waits for its answer, 1 second to 365 days; the run then fails. Default: for ever. */
  readonly answerWithin?: Duration.DurationInput
  /** The folder under which each conversation has its working folder, which is kept. */
  readonly workRoot: string
  /** A git repository: each working folder is a worktree of it, on a branch `runlease/<conversation>`. */
  readonly worktreeOf?: string
  /** MCP servers for the agent. Those of a kind that it does not take are left out, with a warning. Default: none. */
  readonly mcpServers?: ReadonlyArray<acp.McpServer>
  /** The id of a way to authenticate without a person or a terminal, for an agent that demands it. Default: none. */
  readonly authMethod?: string
  /** How long the agent has until its session is open. Default: 2 minutes. */
  readonly startWithin?: Duration.DurationInput
  /** How long the agent has to end its turn when it is cancelled, and to exit when its stdin ends. Default: 1 second each. */
  readonly cancelGrace?: Duration.DurationInput
  /** The grace between TERM and KILL. Default: 2 seconds. */
  readonly killAfter?: Duration.DurationInput
  /** The longest message that the agent may write, and the largest file that it may read. Default: 8 MiB. */
  readonly maxMessageBytes?: number
}

/**
 * Enough to find programs, a home, a locale and a time zone; nothing that is likely to be a secret.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaultPassEnv: ReadonlyArray<string> = Environment.defaultNames

const mebibyte = 1024 * 1024

/** How many events wait for the log before the agent does. */
const capacity = 64

/** What tells the calls of a run from those of other runs: an agent's ids are unique within one of its sessions only. */
const idOf = ({ runId }: Run.ClaimedRun): string =>
  createHash("sha256").update(runId).digest("hex").slice(0, 8)

/**
 * An executor that drives an agent for each run. Making it ends what an earlier worker on this machine left under
 * `workRoot`.
 *
 * Fails, as the executor: `command_not_found` and `command_not_executable` (handed back), `command_not_started`;
 * `agent_protocol_version`, `agent_auth_required`, `agent_mode_unknown`, `agent_stop_reason_unknown`, `agent_error`, `agent_protocol_error`, `agent_message_too_large`;
 * `agent_slow`, `agent_exited`, `agent_killed`, `agent_silent`, `work_dir_busy`, `work_dir_unavailable` and
 * `guard_not_started` (retryable); `worktree_failed`; `session_not_recorded`. A run that the agent gives up ends with
 * RUN_ERROR and the code `max_tokens`, `max_turn_requests` or `refusal`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (options: Options) {
  const inherited = yield* Environment.inherit(options.passEnv ?? defaultPassEnv)
  const { HOME = "", PATH: guardPath = "" } = yield* Environment.inherit(["PATH", "HOME"])
  const extra = options.env ?? {}
  const env = { ...inherited, ...Environment.reveal(extra) }
  const command = options.command.includes("/") ? resolve(options.command) : options.command
  const killAfter = Duration.decode(options.killAfter ?? "2 seconds")
  const cancelGrace = Duration.decode(options.cancelGrace ?? "1 second")
  const startWithin = Duration.decode(options.startWithin ?? "2 minutes")
  const maxMessageBytes = options.maxMessageBytes ?? 8 * mebibyte
  const workRoot = resolve(options.workRoot)
  const name = options.command
  // Forms are for a person, and only under `ask` there is one.
  const offersForms = options.permission === "ask"
  const bounds = { killAfter, guardPath }

  yield* Lock.reapAll({ ...bounds, folder: WorkFolder.locksOf(workRoot) })
  const folders = yield* WorkFolder.make({
    ...bounds,
    workRoot,
    worktreeOf: options.worktreeOf === undefined ? undefined : resolve(options.worktreeOf),
    env: { PATH: guardPath, HOME },
  })

  const start = Effect.fn("AcpExecutor.run")(function* (run: Run.ClaimedRun) {
    const runs = yield* Runs.Runs
    const mark = yield* Ids.uuidV7
    const cwd = yield* folders.use(run.conversationId, mark)
    const events = yield* Mailbox.make<UpdateEvents.Event, Executor.ExecutorFailure>({ capacity })
    // Ids of an earlier attempt name what is in the log already.
    const first = run.latestSequence === 0
    let openSession: string | undefined
    let dropping = false
    /** Once the run is to wait for answers, only the results of calls that need none are of use. */
    let onlyCalls = false
    /** The calls that the agent has asked about and that it may not make yet. */
    const unanswered = new Set<string>()

    const emit = (some: ReadonlyArray<UpdateEvents.Event>): Effect.Effect<void> =>
      Effect.asVoid(events.offerAll(dropping ? [] : some))

    const record = SessionRecord.make(run, runs)
    /** Emits what shows, but for CUSTOM events, that the agent works on its prompt. */
    const emitWork = (some: ReadonlyArray<UpdateEvents.Event>) =>
      some.every(({ type }) => type === "CUSTOM") ? emit(some) : Effect.zipRight(record.begun, emit(some))

    const questions = yield* Questions.make({
      answers: run.snapshot.resume ?? [],
      told: record.told,
      keepTold: record.keepTold,
      expiresAfter: options.answerWithin,
    })
    const programs = { ...bounds, env: { ...env, ...Environment.ofRun(run, cwd) } }
    const terminals = yield* Terminals.make({ ...programs, root: cwd, mark })
    const updates = UpdateEvents.make({
      messageId: first ? run.messageId : yield* Ids.uuidV7,
      suffix: `-${idOf(run)}${first ? "" : `-${run.leaseEpoch ?? mark}`}`,
      terminalOutput: terminals.outputOf,
    })

    const agent = yield* Agent.start({
      ...programs,
      command,
      args: options.args ?? [],
      cwd,
      mark,
      name,
      secrets: Environment.secrets(extra),
      maxMessageBytes,
      onUpdate: (params) =>
        Option.match(SessionUpdate.notification(params), {
          onNone: () => emit(onlyCalls ? [] : updates.on(params)),
          onSome: ({ sessionId, update }) =>
            openSession !== undefined && openSession !== sessionId
              ? Effect.void
              : emitWork(
                  dropping ? [] : onlyCalls ? updates.onCancelled(update, unanswered) : updates.on(update),
                ),
        }),
      handlers: {
        ...Files.make(cwd, maxMessageBytes),
        ...terminals.handlers,
        requestPermission: (request) => {
          const { toolCallId } = request.toolCall
          const [told, call] = updates.asked(request.toolCall)
          unanswered.add(toolCallId)
          return Effect.zipRight(
            emitWork(told),
            Permissions.answer(options.permission, questions, request, call),
          ).pipe(Effect.tap(({ outcome }) => outcome.outcome === "selected" && unanswered.delete(toolCallId)))
        },
        createElicitation: (request) => {
          const toolCallId = "toolCallId" in request ? String(request.toolCallId) : ""
          unanswered.add(toolCallId)
          return Elicitation.answer(
            { offered: offersForms, questions, sessionId: openSession },
            request,
          ).pipe(Effect.tap(({ action }) => action !== "cancel" && unanswered.delete(toolCallId)))
        },
      },
    }).pipe(Effect.annotateLogs({ run_id: run.runId, agent_id: run.agentId }))

    const onUnknownMode = (offer: AskingMode.Offer) => {
      const { event, message } = AskingMode.unknown(name, offer)
      return options.unknownMode === "refuse"
        ? Failure.of("agent_mode_unknown", message)
        : Effect.zipRight(Effect.logWarning(message), emit([event]))
    }

    const authenticated = (agreed: Handshake.Agreed) =>
      Handshake.authenticated(agent, name, agreed, options.authMethod)

    const opened = Effect.gen(function* () {
      const agreed = yield* Handshake.initialize(agent, name, offersForms)
      const { capabilities, info } = agreed
      const found = yield* Session.earlier(run, runs)
      const open = Session.open(
        agent,
        {
          name,
          cwd,
          mcpServers: yield* McpServers.supported(name, capabilities, options.mcpServers ?? []),
          capabilities,
          replaying: (on) => {
            dropping = on
          },
        },
        found,
      )
      const { knows, offer, sessionId } = yield* authenticated(agreed)(open)
      openSession = sessionId
      const { kept } = Option.getOrElse(found, () => ({ kept: SessionRecord.nothing }))
      yield* record.opened(sessionId, { agent: info?.name, cwd }, kept)
      if (options.permission !== "allow") {
        const asks = yield* AskingMode.enter(agent, info?.name, sessionId, offer)
        if (!asks) yield* onUnknownMode(offer)
      }
      return {
        agreed,
        sessionId,
        request: Prompt.of(run, knows, capabilities.promptCapabilities ?? {}, kept.before),
      }
    }).pipe(
      Effect.timeoutFail({
        duration: startWithin,
        onTimeout: () =>
          Failure.of("agent_slow", `${name} did not open a session within ${Duration.format(startWithin)}`, {
            retryable: true,
          }),
      }),
    )

    const { agreed, request, sessionId } = yield* opened.pipe(
      Effect.catchTag("Refused", (refused) => Failure.ofRefusal(name, refused)),
    )
    const prompted = yield* Deferred.make<acp.PromptResponse, Failure.Refused | Executor.ExecutorError>()
    const prompt = agent.request("session/prompt", { sessionId, prompt: request }).pipe(authenticated(agreed))
    const scope = yield* Effect.scope
    /** Waits for as long as the agent may take, though a finalizer is not interrupted otherwise. */
    const within = <A>(effect: Effect.Effect<A>) =>
      Effect.timeoutOption(Effect.interruptible(effect), cancelGrace)
    /** The answer to the prompt says that the agent has stopped. */
    const cancel = Effect.gen(function* () {
      if (yield* Deferred.isDone(prompted)) return
      yield* questions.cancel(agent.notify("session/cancel", { sessionId }))
      yield* within(Effect.exit(Deferred.await(prompted)))
    })
    yield* Effect.acquireRelease(
      Effect.interruptible(prompt).pipe(Effect.intoDeferred(prompted), Effect.forkIn(scope)),
      () =>
        Effect.gen(function* () {
          dropping = true
          yield* events.shutdown
          yield* cancel
          yield* agent.group.endInput
          yield* within(agent.group.ending)
        }),
    )

    yield* Deferred.await(prompted).pipe(
      Effect.catchTag("Refused", (refused) => Failure.ofRefusal(name, refused)),
      Effect.raceFirst(questions.asked),
      Effect.tapErrorTag("AwaitAnswers", () => {
        onlyCalls = true
        return Effect.zipRight(record.begun, cancel)
      }),
      Effect.matchEffect({
        onFailure: (failure) =>
          Effect.zipRight(
            emit([...(onlyCalls ? updates.cancelCalls(unanswered) : []), ...updates.close()]),
            events.fail(failure),
          ),
        onSuccess: (response) =>
          emitWork([...updates.close(), StopReason.of(run, name, sessionId, response, updates.metadata())]).pipe(
            Effect.zipRight(events.end),
          ),
      }),
      Effect.onExit((exit) => (Exit.isFailure(exit) ? events.done(Exit.failCause(exit.cause)) : Effect.void)),
      Effect.forkScoped,
    )
    return Mailbox.toStream(events)
  })

  return Executor.Executor.of({ execute: (run) => Stream.unwrapScoped(start(run)) })
})

/**
 * The executor of a worker that drives an agent.
 *
 * ```ts
 * const agent = AcpExecutor.layer({ command: "opencode", args: ["acp"], permission: "ask", workRoot: "/var/lib/agents" })
 * Worker.run().pipe(Effect.provide([agent, store]))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Executor.Executor> =>
  Layer.effect(Executor.Executor, make(options))
