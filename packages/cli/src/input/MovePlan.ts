/**
 * The file that `runlease rehearse --write` writes, and `runlease runs move --plan` reads.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import { Ids } from "@runlease/core"
import * as Rehearsal from "@runlease/core/Rehearsal"
import { Effect, Schema } from "effect"
import { CommandFailure, ExitCode, usage } from "../output/ExitCode.js"

/** The runs that go on with the new code, and those that do not: which of them may be moved to it. */
const MovePlan = Schema.parseJson(
  Schema.Struct({
    goes_on: Schema.Array(Ids.RunId),
    stays: Schema.Array(Schema.Struct({ run_id: Ids.RunId, ...Rehearsal.Verdict.fields })),
  }),
  { space: 2 },
)

const goesOn = ({ verdict: { kind } }: Rehearsal.RehearsedRun): boolean =>
  kind === "goes_on" || kind === "waits"

const planOf = (rehearsed: ReadonlyArray<Rehearsal.RehearsedRun>): typeof MovePlan.Type => ({
  goes_on: rehearsed.filter(goesOn).map(({ run }) => run.runId),
  stays: rehearsed
    .filter((one) => !goesOn(one))
    .map(({ run, verdict }) => ({ run_id: run.runId, ...verdict })),
})

export const write = (file: string, rehearsed: ReadonlyArray<Rehearsal.RehearsedRun>) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    Effect.mapError(
      Effect.flatMap(Effect.orDie(Schema.encode(MovePlan)(planOf(rehearsed))), (text) =>
        fs.writeFileString(file, `${text}\n`),
      ),
      ({ message }) =>
        new CommandFailure({
          message: `The plan cannot be written to ${file}: ${message}`,
          exitCode: ExitCode.error,
        }),
    ),
  )

/** The runs of a plan that go on. */
export const read = (file: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(file)).pipe(
    Effect.mapError(({ message }) => usage(`The plan ${file} cannot be read: ${message}`)),
    Effect.flatMap((text) =>
      Effect.mapError(Schema.decode(MovePlan)(text), () =>
        usage(
          `${file} is no plan of a rehearsal`,
          "Write one with: runlease rehearse --module MODULE --write FILE",
        ),
      ),
    ),
    Effect.map(({ goes_on }) => goes_on),
  )
