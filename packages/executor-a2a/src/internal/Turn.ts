/** One turn of a task: what the agent sends until it ends or poses a question, as output of the run. */
import {
  type Artifact,
  type Message,
  type Part,
  type StreamResponse,
  type Task,
  type TaskStatus,
  TaskState,
  taskStateToJSON,
} from "@a2a-js/sdk"
import { Agent, AgentEvent, type Executor, Ids } from "@runlease/core"
import { Effect, Schedule, Schema, Stream } from "effect"
import * as Remote from "./Remote.js"

/** How a turn ended. `text`: what the agent says of its state. */
export const Ended = Schema.Struct({
  state: Schema.String,
  text: Schema.String,
  data: Schema.Array(Schema.Unknown),
  /** How many characters of each artifact the run has shown: the next turn continues behind them. */
  seen: Schema.Record({ key: Schema.String, value: Schema.Number }),
})
export type Ended = typeof Ended.Type

type Output = AgentEvent.AgentEvent

type Piece = Output | Agent.Result<Ended>

const settled: ReadonlySet<TaskState> = new Set([
  TaskState.TASK_STATE_COMPLETED,
  TaskState.TASK_STATE_FAILED,
  TaskState.TASK_STATE_CANCELED,
  TaskState.TASK_STATE_REJECTED,
  TaskState.TASK_STATE_INPUT_REQUIRED,
  TaskState.TASK_STATE_AUTH_REQUIRED,
])

export const textOf = (parts: ReadonlyArray<Part>): string =>
  parts.flatMap(({ content }) => (content?.$case === "text" ? [content.value] : [])).join("")

const dataOf = (parts: ReadonlyArray<Part>): ReadonlyArray<unknown> =>
  parts.flatMap(({ content }) => (content?.$case === "data" ? [content.value] : []))

/** Parts that are no text, as the log has them. */
const others = (parts: ReadonlyArray<Part>): ReadonlyArray<object> =>
  parts.flatMap(({ content, filename, mediaType }) =>
    content === undefined || content.$case === "text"
      ? []
      : [
          {
            [content.$case]: content.$case === "raw" ? content.value.toString("base64") : content.value,
            ...(filename === "" ? {} : { filename }),
            ...(mediaType === "" ? {} : { mediaType }),
          },
        ],
  )

/** The name of the event that has what an artifact holds besides its text. */
export const artifactEventName = "a2a.artifact"

/**
 * Shows artifacts. A stream that was broken off begins again with all of them, so it remembers what it has shown.
 */
const shower = (lengths: Map<string, number>, newId: Effect.Effect<string>) => {
  let open: { readonly artifactId: string; readonly messageId: string } | undefined

  const close = (): ReadonlyArray<Output> => {
    if (open === undefined) return []
    const { messageId } = open
    open = undefined
    return [{ type: "TEXT_MESSAGE_END", messageId }]
  }

  const showText = Effect.fnUntraced(function* (artifactId: string, delta: string) {
    const pieces: Array<Output> = []
    if (delta === "") return pieces
    if (open?.artifactId !== artifactId) {
      pieces.push(...close())
      open = { artifactId, messageId: yield* newId }
      pieces.push({ type: "TEXT_MESSAGE_START", messageId: open.messageId, role: "assistant" })
    }
    pieces.push({ type: "TEXT_MESSAGE_CONTENT", messageId: open.messageId, delta })
    return pieces
  })

  return {
    close,
    show: Effect.fnUntraced(function* ({ artifactId, name, parts }: Artifact, append: boolean) {
      const text = textOf(parts)
      const before = lengths.get(artifactId)
      // One that is sent whole again is what it was, with more behind it, or else another.
      const isMore = append || before === undefined || text.length >= before
      const replaced = isMore || open?.artifactId !== artifactId ? [] : close()
      const delta = !append && isMore ? text.slice(before ?? 0) : text
      lengths.set(artifactId, append ? (before ?? 0) + text.length : text.length)
      const rest = before === undefined || append ? others(parts) : []
      const shown = [...replaced, ...(yield* showText(artifactId, delta))]
      if (rest.length === 0) return shown
      const custom: Output = {
        type: "CUSTOM",
        name: artifactEventName,
        value: { artifactId, name, parts: rest },
      }
      return [...shown, ...close(), custom]
    }),
  }
}

const patience = Schedule.exponential("200 millis").pipe(
  Schedule.union(Schedule.spaced("5 seconds")),
  Schedule.upTo("2 minutes"),
)

const statusOf = ({ payload }: StreamResponse): TaskStatus | undefined =>
  payload?.$case === "task" || payload?.$case === "statusUpdate" ? payload.value.status : undefined

const isLast = (response: StreamResponse): boolean => {
  const status = statusOf(response)
  return response.payload?.$case === "message" || (status !== undefined && settled.has(status.state))
}

const whole = (task: Task): StreamResponse => ({ payload: { $case: "task", value: task } })

/** The task as it is, and its changes as they come, until it has settled. A connection that breaks is made again. */
const responses = (remote: Remote.Remote, taskId: string) => {
  const read = Effect.map(remote.task(taskId), whole)
  return Stream.unwrap(
    Effect.map(read, (now) =>
      isLast(now)
        ? Stream.succeed(now)
        : remote.follow(taskId).pipe(
            // It has ended in between.
            Stream.catchAll((error) =>
              Remote.isUnsupported(error) ? Stream.fromEffect(read) : Stream.fail(error),
            ),
            Stream.takeUntil(isLast),
          ),
    ),
  )
}

/** Fails for a stream that ends before its task does, so that it is followed again. */
const endedEarly: Executor.ExecutorError = Remote.unreachable("The stream of the task ended early")

/** The pieces of a turn, the last of which says how it ended. */
export const stream = (
  remote: Remote.Remote,
  taskId: string,
  before: Ended["seen"],
): Stream.Stream<Piece, Executor.ExecutorError> =>
  Stream.suspend(() => {
    const lengths = new Map(Object.entries(before))
    const { close, show } = shower(lengths, Ids.uuidV7)

    const end = ({ message, state }: TaskStatus): Piece =>
      Agent.result({
        state: taskStateToJSON(state),
        text: textOf(message?.parts ?? []),
        data: dataOf(message?.parts ?? []),
        seen: Object.fromEntries(lengths),
      })

    const piecesOf = Effect.fnUntraced(function* (response: StreamResponse) {
      const { payload } = response
      const status = statusOf(response)
      const pieces: Array<Piece> = []
      if (payload?.$case === "task") {
        for (const artifact of payload.value.artifacts) pieces.push(...(yield* show(artifact, false)))
      }
      if (payload?.$case === "artifactUpdate" && payload.value.artifact !== undefined) {
        pieces.push(...(yield* show(payload.value.artifact, payload.value.append)))
      }
      if (status !== undefined && settled.has(status.state)) pieces.push(...close(), end(status))
      return pieces
    })

    return Stream.suspend(() => {
      let isOver = false
      return responses(remote, taskId).pipe(
        Stream.tap((response) => Effect.sync(() => (isOver ||= isLast(response)))),
        Stream.concat(Stream.suspend(() => (isOver ? Stream.empty : Stream.fail(endedEarly)))),
      )
    }).pipe(
      Stream.retry(Schedule.whileInput(patience, ({ retryable }: Executor.ExecutorError) => retryable)),
      Stream.mapConcatEffect(piecesOf),
    )
  })

/** What an agent that makes no task answers, as output of the run. */
export const direct: (message: Message) => Effect.Effect<ReadonlyArray<Output>> = Effect.fnUntraced(
  function* ({ parts }) {
    const { close, show } = shower(new Map(), Ids.uuidV7)
    const artifactId = yield* Ids.uuidV7
    const artifact = { artifactId, name: "", description: "", parts, metadata: undefined, extensions: [] }
    return [...(yield* show(artifact, false)), ...close()]
  },
)
