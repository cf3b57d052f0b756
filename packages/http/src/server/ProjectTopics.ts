/** The streams of pages that show a project. Each topic of a project is read once for all of its viewers, and only while there are any. */
import { type ControlPlaneError, type Ids, type Page, Summaries } from "@runlease/core"
import {
  Context,
  Data,
  Effect,
  identity,
  Layer,
  Option,
  PubSub,
  RcMap,
  Schedule,
  Schema,
  type Scope,
  Stream,
} from "effect"
import { Topic } from "../Api/Observe.js"
import * as Refusal from "../contract/Refusal.js"
import { pageInfo, pageOf } from "../Wire.js"
import { ProjectStatistics } from "../Wire/Activity.js"
import { Attention, RunSummary, WorkerSummary } from "../Wire/RunSummary.js"
import * as EventStream from "./EventStream.js"
import * as ListRows from "./ListRows.js"
import { type Ports, ProjectPortsCache } from "./ProjectPorts.js"
import * as ProjectViews from "./ProjectViews.js"

type Topic = typeof Topic.Type

/** A project, and the periods of its statistics. */
export interface Subject extends Pick<ProjectViews.StatisticsOptions, "last" | "step"> {
  readonly projectId: Ids.ProjectId
}

export class ProjectTopics extends Context.Tag("@runlease/http/server/ProjectTopics")<
  ProjectTopics,
  {
    /** The events of some topics, until the store does not answer: a client that connects again continues then. */
    readonly frames: (subject: Subject, topics: ReadonlyArray<Topic>) => Stream.Stream<string>
  }
>() {}

/** The parts of a topic by name, each as JSON. */
type Parts = ReadonlyMap<string, string>

type Failure = Page.InvalidCursor | ControlPlaneError.ControlPlaneError

/** How a topic is read, and what its event has of the parts that have changed. */
interface Reading {
  readonly read: (ports: Ports, subject: Subject) => Effect.Effect<Parts, Failure>
  readonly data: (changed: ReadonlyArray<string>) => string
}

const readInterval = "1 second"

/** A topic that is sent as a whole. */
const whole = <A, I>(
  schema: Schema.Schema<A, I>,
  read: (ports: Ports, subject: Subject) => Effect.Effect<A, Failure>,
): Reading => {
  const encode = Schema.encodeSync(schema)
  return {
    read: (ports, subject) =>
      Effect.map(read(ports, subject), (value) => new Map([["", JSON.stringify(encode(value))]])),
    data: ([json = "null"]) => json,
  }
}

const readings: Readonly<Record<Topic, Reading>> = {
  statistics: whole(ProjectStatistics, ProjectViews.statistics),
  attention: whole(Attention, ProjectViews.attention),
  workers: whole(pageOf(WorkerSummary), (ports) =>
    Effect.map(Context.get(ports, Summaries.Summaries).workers({ limit: 100 }), ({ items, next }) => ({
      data: items,
      page_info: pageInfo(undefined, next),
    })),
  ),
  runs: {
    read: (ports) =>
      Context.get(ports, Summaries.Summaries)
        .runs({ limit: 100 })
        .pipe(
          Effect.flatMap(({ items }) => ListRows.encode(RunSummary, items, identity, ({ runId }) => runId)),
          Effect.map((rows) => new Map(rows.map((run) => [run.run_id, JSON.stringify(run)]))),
        ),
    data: (changed) => `[${changed.join(",")}]`,
  },
}

const isSame = (a: Parts, b: Parts): boolean =>
  a.size === b.size && Array.from(b).every(([name, json]) => a.get(name) === json)

/** Reads a topic again and again. None is published once it cannot be read. */
const publishing = (
  { read }: Reading,
  ports: Ports,
  subject: Subject,
): Effect.Effect<PubSub.PubSub<Option.Option<Parts>>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const published = yield* PubSub.sliding<Option.Option<Parts>>({ capacity: 1, replay: 1 })
    let last: Parts | undefined
    const publish = Effect.flatMap(read(ports, subject), (parts) => {
      if (last !== undefined && isSame(last, parts)) return Effect.void
      last = parts
      return PubSub.publish(published, Option.some(parts))
    })
    yield* Effect.repeat(publish, Schedule.spaced(readInterval)).pipe(
      Effect.catchAllCause((cause) =>
        Effect.zipRight(
          Effect.logWarning("The streams of a project ended early", cause),
          PubSub.publish(published, Option.none()),
        ),
      ),
      Effect.forkScoped,
    )
    return published
  })

/** The events for one viewer: the whole of what there is, then what differs from what it was sent. */
const framesOf = (
  topic: Topic,
  { data }: Reading,
  published: PubSub.PubSub<Option.Option<Parts>>,
): Stream.Stream<string, "unread"> =>
  Stream.fromPubSub(published).pipe(
    Stream.mapEffect(Effect.mapError(() => "unread" as const)),
    Stream.mapAccum(undefined as Parts | undefined, (sent, parts) => {
      const changed = Array.from(parts).flatMap(([name, json]) => (sent?.get(name) === json ? [] : [json]))
      return [
        parts,
        sent !== undefined && changed.length === 0 ? [] : [EventStream.namedFrame(topic, data(changed))],
      ]
    }),
    Stream.flattenIterables,
  )

export const layer: Layer.Layer<ProjectTopics, never, ProjectPortsCache> = Layer.scoped(
  ProjectTopics,
  Effect.gen(function* () {
    const projects = yield* ProjectPortsCache
    const topics = yield* RcMap.make({
      lookup: ({ subject, topic }: { readonly topic: Topic; readonly subject: Subject }) =>
        publishing(readings[topic], projects.ports(subject.projectId), subject),
    })
    /** One key for all viewers that see the same. */
    const keyOf = (topic: Topic, { last, projectId, step }: Subject) =>
      Data.struct({
        topic,
        subject: Data.struct(topic === "statistics" ? { projectId, last, step } : { projectId }),
      })

    return {
      frames: (subject, names) =>
        Stream.mergeAll(
          names.map((topic) =>
            Stream.unwrapScoped(
              Effect.map(RcMap.get(topics, keyOf(topic, subject)), (published) =>
                framesOf(topic, readings[topic], published),
              ),
            ),
          ),
          { concurrency: "unbounded", bufferSize: 1 },
        ).pipe(Stream.catchAll(() => Stream.empty)),
    }
  }),
)

const isTopic = Schema.is(Topic)

/** The topics of a query: each once, one at least. */
export const parse = (text: string): Effect.Effect<ReadonlyArray<Topic>, Refusal.Refusal> => {
  const names = Array.from(new Set(text.split(",")))
  return names.every(isTopic)
    ? Effect.succeed(names)
    : Refusal.make(
        400,
        "invalid_request",
        `topics: must be some of ${Topic.literals.join(", ")}, with commas between them`,
        { field: "topics" },
      )
}
