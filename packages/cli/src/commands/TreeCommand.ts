/**
 * `runlease runs tree`: a run and the runs below it.
 */
import { Command } from "@effect/cli"
import { type ControlPlaneError, type Ids, type Page, type Run, Runs } from "@runlease/core"
import { Chunk, Console, Effect, Option, Stream } from "effect"
import * as Describe from "../help/Describe.js"
import { runId } from "../input/PositionalText.js"
import * as Settings from "../input/Settings.js"
import * as Output from "../output/Output.js"
import * as RunLines from "../output/RunLines.js"

/** A run, with the lines that lead to it from those above. */
interface Node {
  readonly run: Run.Run
  readonly lead: string
}

type Failure = Page.InvalidCursor | ControlPlaneError.ControlPlaneError

/** The runs right below a run, in the order of their submission. */
const below = (parentRunId: Ids.RunId): Effect.Effect<ReadonlyArray<Run.Run>, Failure, Runs.Runs> =>
  Effect.flatMap(Runs.Runs, (runs) =>
    Stream.paginateChunkEffect(undefined as string | undefined, (cursor) =>
      Effect.map(
        runs.list({ parentRunId, limit: 100, ...(cursor === undefined ? {} : { cursor }) }),
        (page) => [
          Chunk.fromIterable(page.items),
          page.next === null ? Option.none() : Option.some(page.next),
        ],
      ),
    ).pipe(
      Stream.runCollect,
      Effect.map((all) => Array.from(all).toReversed()),
    ),
  )

/** The run and all runs below it, each before those below it. `indent` begins the lines below the run. */
const nodes = (run: Run.Run, lead: string, indent: string): Stream.Stream<Node, Failure, Runs.Runs> =>
  Stream.concat(
    Stream.succeed<Node>({ run, lead }),
    Stream.unwrap(
      Effect.map(below(run.runId), (children) =>
        Stream.flatMap(Stream.fromIterable(children.entries()), ([index, child]) =>
          index === children.length - 1
            ? nodes(child, `${indent}└─ `, `${indent}   `)
            : nodes(child, `${indent}├─ `, `${indent}│  `),
        ),
      ),
    ),
  )

/** @category commands */
export const command = Command.make(
  "tree",
  { connection: Settings.connection, json: Settings.json, runId },
  (options) =>
    Effect.gen(function* () {
      const runs = yield* Runs.Runs
      const paint = yield* Output.paint
      const root = yield* runs.get(options.runId)
      yield* Stream.runForEach(nodes(root, "", ""), ({ lead, run }) =>
        options.json
          ? Output.json(RunLines.toJson(run))
          : Console.log(`${paint("dim", lead)}${RunLines.toBranch(run, paint)}`),
      )
    }).pipe(Settings.withClient(options.connection)),
).pipe(
  Describe.command("Show a run and the runs below it, each with its status.", ["runlease runs tree RUN"]),
)
