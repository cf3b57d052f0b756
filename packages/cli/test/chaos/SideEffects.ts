/**
 * The effects of programs on the world: each of them belongs to one attempt, and to no other one.
 */
import { Array } from "effect"
import type { Final } from "../../../testkit/src/simulation/History.js"
import { tokensOf } from "../../../testkit/src/simulation/invariants/Calls.js"
import type * as Journal from "./Journal.js"

/** What is broken: the name of an invariant, and a sentence. */
export interface Broken {
  readonly invariant: string
  readonly sentence: string
}

const isEffect = (line: Journal.Line): line is Journal.Effect => line._tag === "Effect"

/** Effects of an attempt that the store has not given, or that two programs have done. */
const unaccounted = (
  effects: ReadonlyArray<Journal.Effect>,
  finals: ReadonlyMap<string, Final>,
): ReadonlyArray<string> =>
  Object.values(Array.groupBy(effects, ({ epoch, run }) => `${run} ${epoch}`)).flatMap(
    ([{ epoch, process, run }, ...others]) => {
      const final = finals.get(run)
      return [
        ...(final === undefined ? [`${process} had effects for run ${run}, which does not exist`] : []),
        ...(final !== undefined && epoch > final.epoch
          ? [
              `${process} had effects under epoch ${epoch} of run ${run}, which was claimed ${final.epoch} times`,
            ]
          : []),
        ...Array.dedupe(others.map((other) => other.process))
          .filter((other) => other !== process)
          .map((other) => `${process} and ${other} had effects under epoch ${epoch} of run ${run}`),
      ]
    },
  )

/** Effects of an attempt after those of a later one. */
const late = (effects: ReadonlyArray<Journal.Effect>): ReadonlyArray<string> => {
  const latest = new Map<string, number>()
  return effects.flatMap(({ epoch, process, run }) => {
    const before = latest.get(run) ?? 0
    latest.set(run, Math.max(before, epoch))
    return epoch >= before
      ? []
      : [`${process} had an effect under epoch ${epoch} of run ${run}, after one under epoch ${before}`]
  })
}

/** What logs tell of effects: none that did not happen, and every one of the attempt that completed its run. */
const untold = (
  effects: ReadonlyArray<Journal.Effect>,
  finals: ReadonlyMap<string, Final>,
): ReadonlyArray<string> =>
  Object.values(Array.groupBy(effects, ({ run }) => run)).flatMap((ofRun) => {
    const final = finals.get(ofRun[0].run)
    if (final === undefined) return []
    const { epoch, log, run, status } = final
    const happened = new Set(ofRun.map(({ token }) => token))
    const told = new Set(tokensOf(log).map(({ token }) => token))
    return [
      ...Array.fromIterable(told)
        .filter((token) => !happened.has(token))
        .map((token) => `the log of run ${run} tells the effect ${token}, which did not happen`),
      ...ofRun
        .filter((effect) => status === "completed" && effect.epoch === epoch && !told.has(effect.token))
        .map(({ token }) => `run ${run} completed, and its log does not tell its effect ${token}`),
    ]
  })

/** What the effects of programs have broken. */
export const violations = (
  lines: ReadonlyArray<Journal.Line>,
  final: ReadonlyArray<Final>,
): ReadonlyArray<Broken> => {
  const effects = lines.filter(isEffect)
  const finals = new Map(final.map((each) => [each.run, each]))
  return [...unaccounted(effects, finals), ...late(effects), ...untold(effects, finals)].map((sentence) => ({
    invariant: "effects-have-an-attempt",
    sentence,
  }))
}
