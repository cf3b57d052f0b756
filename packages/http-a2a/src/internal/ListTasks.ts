/** The list of an agent's tasks: those of its newest runs, the one that changed last first. */
import { Page, type Run, Runs } from "@runlease/core"
import * as Log from "@runlease/http/face/Log"
import * as Thread from "@runlease/http/face/Thread"
import { Chunk, Context, DateTime, Effect, Encoding, Either, Option, Order, Stream } from "effect"
import * as Errors from "./Errors.js"
import * as Protocol from "./Protocol.js"
import * as Tasks from "./Tasks.js"

/** The most runs that a list looks at, the newest by their submission. */
const maxRuns = 1000

const statuses: Readonly<Record<Protocol.TaskState, ReadonlyArray<Run.RunStatus>>> = {
  TASK_STATE_SUBMITTED: ["pending"],
  TASK_STATE_WORKING: ["pending", "running", "waiting"],
  TASK_STATE_INPUT_REQUIRED: ["waiting"],
  TASK_STATE_COMPLETED: ["completed"],
  TASK_STATE_FAILED: ["failed"],
  TASK_STATE_CANCELED: ["cancelled"],
  TASK_STATE_REJECTED: [],
  TASK_STATE_AUTH_REQUIRED: [],
}

const millisOf = ({ updatedAt }: Run.Run): number => DateTime.toEpochMillis(updatedAt)

/** The last change first; of several in one moment the larger id. */
const lastFirst: Order.Order<Run.Run> = Order.combine(
  Order.reverse(Order.mapInput(Order.number, millisOf)),
  Order.reverse(Order.mapInput(Order.string, ({ runId }: Run.Run) => runId)),
)

/** Where a page ends, so that the next one continues behind it. */
const tokenOf = (run: Run.Run): string => Encoding.encodeBase64Url(`${millisOf(run)} ${run.runId}`)

const positionOf = (
  token: string,
): Either.Either<{ readonly at: number; readonly runId: string }, Errors.A2aError> =>
  Encoding.decodeBase64UrlString(token).pipe(
    Either.map((text) => /^(\d{1,16}) (.+)$/s.exec(text)),
    Either.filterOrLeft(
      (found): found is RegExpExecArray => found !== null,
      () => undefined,
    ),
    Either.mapBoth({
      onLeft: () => Errors.invalidParams("pageToken", "The token is none that this list has returned"),
      onRight: ([, at, runId]) => ({ at: Number(at), runId: runId! }),
    }),
  )

const isBehind =
  (position: { readonly at: number; readonly runId: string }) =>
  (run: Run.Run): boolean =>
    millisOf(run) < position.at || (millisOf(run) === position.at && run.runId < position.runId)

/** One page of the tasks. It ends where they take `Page.maxPageBytes`, and has one task at least. */
export const list = Effect.fnUntraced(function* (agent: Tasks.Agent, request: Protocol.ListTasksRequest) {
  const { contextId, includeArtifacts = false, pageSize = Protocol.defaultPageSize, pageToken } = request
  const { historyLength, statusTimestampAfter } = request
  const state = request.status === "TASK_STATE_UNSPECIFIED" ? undefined : request.status
  const position = pageToken === undefined || pageToken === "" ? undefined : yield* positionOf(pageToken)
  const wanted = state === undefined ? undefined : statuses[state]
  const runs = Context.get(agent.ports, Runs.Runs)
  const thread =
    contextId === undefined || contextId === "" ? undefined : yield* Thread.make(agent.projectId, contextId)
  const [first, ...more] = wanted ?? []
  const found =
    wanted !== undefined && first === undefined
      ? []
      : yield* Stream.paginateChunkEffect(undefined as string | undefined, (cursor) =>
          Effect.map(
            runs
              .list({
                agentId: agent.agentId,
                limit: 100,
                cursor,
                ...(first === undefined ? {} : { status: [first, ...more] }),
                ...(thread === undefined ? {} : { conversationId: thread.conversationId }),
              })
              .pipe(Effect.catchTag("InvalidCursor", Effect.die)),
            ({ items, next }) => [Chunk.unsafeFromArray(items), Option.fromNullable(next)] as const,
          ),
        ).pipe(Stream.take(maxRuns), Stream.runCollect, Effect.map(Chunk.toReadonlyArray))
  const matching = found
    .filter(
      (run) =>
        (state === undefined || Tasks.stateOf(run) === state) &&
        (statusTimestampAfter === undefined ||
          DateTime.greaterThanOrEqualTo(run.updatedAt, statusTimestampAfter)),
    )
    .toSorted(lastFirst)
  const rest = position === undefined ? matching : matching.filter(isBehind(position))
  const tasks: Array<Protocol.Task> = []
  let bytes = 0
  for (const run of rest.slice(0, pageSize)) {
    const task = yield* Tasks.read(agent, run, { artifacts: includeArtifacts, historyLength })
    tasks.push(task)
    bytes += Log.sizeOf(task)
    if (bytes >= Page.maxPageBytes) break
  }
  const last = rest[tasks.length - 1]
  return {
    tasks,
    nextPageToken: last === undefined || rest.length === tasks.length ? "" : tokenOf(last),
    pageSize,
    totalSize: matching.length,
  }
})
