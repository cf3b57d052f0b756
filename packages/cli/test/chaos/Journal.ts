/**
 * Files in which processes that may be killed at any time write down what they do, a line of JSON for each.
 *
 * Units: `at` is in milliseconds of the machine's clock.
 */
import type { Incident } from "../../../testkit/src/simulation/History.js"
import type { Recorder } from "../../../testkit/src/simulation/Recorder.js"
import { openSync, readdirSync, readFileSync, writeSync } from "node:fs"
import { join } from "node:path"

/** An effect of a program on the world: it happened in this attempt, and the log of its run may have an event of that token. */
export interface Effect {
  readonly _tag: "Effect"
  readonly at: number
  readonly process: string
  readonly run: string
  readonly epoch: number
  readonly token: string
}

/** A program that goes on. */
interface Beat extends Omit<Effect, "_tag" | "token"> {
  readonly _tag: "Beat"
}

export type Line = Incident | Effect | Beat

/** Writes the incidents of a process into a file of the folder. */
export const recorder = (folder: string, process: string): Pick<Recorder, "happened"> => {
  const file = openSync(join(folder, `${process}.jsonl`), "a")
  return {
    happened: (incident) => {
      writeSync(file, `${JSON.stringify({ ...incident, at: Date.now() })}\n`)
    },
  }
}

/** The lines of all files of the folder, the earliest first. The last one of a process that was killed may be cut off. */
export const read = (folder: string): ReadonlyArray<Line> =>
  readdirSync(folder)
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n").slice(0, -1))
    .map((line) => JSON.parse(line) as Line)
    .sort((a, b) => a.at - b.at)
