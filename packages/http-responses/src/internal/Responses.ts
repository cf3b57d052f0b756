/** Responses of a project: the runs that were begun as such. */
import { type ControlPlaneError, Ids, type RequestSnapshot, type Run, RunLog, Runs } from "@runlease/core"
import { SettledRun } from "@runlease/core/executor"
import type { CurrentPrincipal } from "@runlease/http/Principal"
import type { Ports } from "@runlease/http/face/Caller"
import * as Log from "@runlease/http/face/Log"
import type * as Turns from "@runlease/http/face/Turns"
import { Context, Effect, Either, Predicate, Schema, Stream } from "effect"
import * as Errors from "./Errors.js"
import { CreateResponse, decode, type Settings, type StreamEvent } from "./Protocol.js"
import * as ResponseFold from "./ResponseFold.js"

type Failure = Errors.ResponsesError | ControlPlaneError.ControlPlaneError

/** A run that is a response, with its own request and the fields that were sent for it. */
export interface Found {
  readonly run: Run.Run
  readonly snapshot: RequestSnapshot.RequestSnapshot
  readonly settings: Settings
}

/** The name of those fields in the forwarded properties of the run. */
export const settingsKey = "responses"

/** The prefix of the id of a response. */
export const prefix = "resp_"

const settingsOf = ({ forwardedProps }: RequestSnapshot.RequestSnapshot) =>
  Predicate.isRecord(forwardedProps)
    ? Either.getRight(decode(CreateResponse, forwardedProps[settingsKey], settingsKey))
    : Either.getRight(Either.left(undefined))

/** The run of that id, if it may be a response. */
export const runOf = (ports: Ports, id: string): Effect.Effect<Run.Run, Failure> =>
  id.startsWith(prefix) && Schema.is(Ids.RunId)(id)
    ? Context.get(ports, Runs.Runs)
        .get(id)
        .pipe(
          Effect.filterOrFail(
            (run) => run.runId === id,
            () => Errors.notFound(id),
          ),
          Effect.catchTag("RunNotFound", () => Errors.notFound(id)),
        )
    : Errors.notFound(id)

/** The response of that id, whether it was to be stored or not. */
export const find = (ports: Ports, id: string): Effect.Effect<Found, Failure> =>
  Effect.gen(function* () {
    const run = yield* runOf(ports, id)
    const snapshot = yield* Context.get(ports, Runs.Runs).snapshot(run.runId, { own: true })
    const settings = settingsOf(snapshot)
    return settings._tag === "Some" ? { run, snapshot, settings: settings.value } : yield* Errors.notFound(id)
  }).pipe(Effect.catchTag("RunNotFound", () => Errors.notFound(id)))

/** All messages of a response's request. */
export const messagesOf = (ports: Ports, { runId }: Run.Run) =>
  Context.get(ports, Runs.Runs)
    .snapshot(runId)
    .pipe(
      Effect.map(({ messages }) => messages),
      Effect.catchTag("RunNotFound", () => Errors.notFound(runId)),
    )

/** The response of that id, if it was to be stored. */
export const findStored = (ports: Ports, id: string) =>
  Effect.filterOrFail(
    find(ports, id),
    ({ settings }) => settings.store !== false,
    () => Errors.notFound(id),
  )

const foldOf = ({ run, settings }: Found, most?: number) =>
  ResponseFold.make(ResponseFold.of(run, settings), most)

const ofLog = <A, R>(
  id: string,
  stream: Stream.Stream<A, Run.RunNotFound | ControlPlaneError.ControlPlaneError, R>,
): Stream.Stream<A, Failure, R> => Stream.catchTag(stream, "RunNotFound", () => Errors.notFound(id))

/** What of a log is the response so far. */
const written = ({ run }: Found): Log.Wanted => ({ runId: run.runId, upTo: run.latestEventId })

/** The response as it is now. `most`: the most bytes of JSON that its items take. */
export const read = (ports: Ports, found: Found, most?: number) =>
  Effect.suspend(() => {
    const fold = foldOf(found, most)
    return Log.fold(ports, written(found), fold.next).pipe(
      Effect.catchTag("RunNotFound", () => Errors.notFound(found.run.runId)),
      Effect.map(fold.response),
    )
  })

/** All events of a response, from its beginning until it settles. Where it has settled and continued, the stream continues too. */
export const events = (
  ports: Ports,
  found: Found,
): Stream.Stream<StreamEvent, Failure, Turns.StreamTurns | CurrentPrincipal> =>
  Stream.suspend(() => {
    const { run } = found
    const { runId } = run
    const fold = foldOf(found)
    let after: Run.EventId | undefined
    const before = Log.entries(ports, written(found)).pipe(
      Stream.mapConcat((entry) => {
        after = entry.eventId
        return fold.next(entry)
      }),
    )
    const coming = Stream.suspend(() =>
      ResponseFold.isSettled(fold.response())
        ? Stream.empty
        : Context.get(ports, RunLog.RunLog)
            .follow({ runId, after })
            .pipe(
              Stream.mapConcat(fold.next),
              Stream.takeUntil(({ response }) => response !== undefined && ResponseFold.isSettled(response)),
            ),
    )
    return Stream.concat(Stream.fromIterable(fold.opening()), ofLog(runId, Stream.concat(before, coming)))
  })

/** The response when it has settled. */
export const settled = (ports: Ports, found: Found) =>
  Effect.suspend(() => {
    const fold = foldOf(found)
    return Log.fold(ports, written(found), fold.next).pipe(
      Effect.zipRight(
        SettledRun.untilSettled(ports, found.run, {
          take: (entry) => Effect.sync(() => fold.next(entry)),
        }),
      ),
      Effect.catchTag("RunNotFound", () => Errors.notFound(found.run.runId)),
      Effect.map(fold.response),
    )
  })
