/**
 * What workers were told, by the lines that they print.
 */
import { Array } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Final } from "../../../testkit/src/simulation/History.js"
import type { Broken } from "./SideEffects.js"

/** A worker was told that the run has ended with the outcome that it gave. */
export interface Recorded {
  readonly worker: string
  readonly run: string
  readonly status: string
}

const recordedOf = (worker: string, line: string): ReadonlyArray<Recorded> => {
  if (!line.startsWith("{")) return []
  const { event, recorded, run_id: run } = JSON.parse(line) as Readonly<Record<string, unknown>>
  return recorded === true ? [{ worker, run: String(run), status: String(event) }] : []
}

/** The ends that workers of the folder have printed. The last line of one that was killed may be cut off. */
export const read = (folder: string): ReadonlyArray<Recorded> =>
  readdirSync(folder)
    .filter((name) => /^worker-.*\.log$/.test(name))
    .flatMap((name) =>
      readFileSync(join(folder, name), "utf8")
        .split("\n")
        .slice(0, -1)
        .flatMap((line) => recordedOf(name.replace(".log", ""), line)),
    )

/** Ends that are lost, or that two workers were told of. */
export const violations = (
  recorded: ReadonlyArray<Recorded>,
  finals: ReadonlyArray<Final>,
): ReadonlyArray<Broken> => {
  const statuses = new Map(finals.map(({ run, status }) => [run, status]))
  const lost = recorded
    .filter(({ run, status }) => statuses.get(run) !== status)
    .map(({ run, status, worker }) => ({
      invariant: "nothing-lost",
      sentence: `${worker} was told that run ${run} is ${status}; it is ${statuses.get(run) ?? "gone"}`,
    }))
  const twice = Object.values(Array.groupBy(recorded, ({ run }) => run)).flatMap(([first, second]) =>
    second === undefined
      ? []
      : [
          {
            invariant: "nothing-twice",
            sentence: `run ${first.run} ended by ${first.worker} as ${first.status}, and by ${second.worker} as ${second.status}`,
          },
        ],
  )
  return [...lost, ...twice]
}
