/**
 * Suggests the name that a mistyped one is likely to be.
 */
import { levensteinDistance } from "@effect/cli/AutoCorrect"
import { defaultConfig } from "@effect/cli/CliConfig"

/** The nearest of the names, or undefined when none is near. */
const nearest = (name: string, names: Iterable<string>): string | undefined => {
  let best: string | undefined
  let least = Math.floor(name.length / 3) + 1
  for (const candidate of names) {
    const distance = levensteinDistance(name, candidate, defaultConfig)
    if (distance < least) {
      least = distance
      best = candidate
    }
  }
  return best
}

/** `. Did you mean X?`, or the empty text. */
export const didYouMean = (name: string, names: Iterable<string>): string => {
  const candidate = nearest(name, names)
  return candidate === undefined ? "" : `. Did you mean ${candidate}?`
}
