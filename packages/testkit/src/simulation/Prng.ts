/** Random numbers that follow from a seed alone. */

/** A sequence of random numbers. */
export interface Prng {
  /** At least 0 and less than 1. */
  readonly next: () => number

  /** A whole number from `least` to `most`, both included. */
  readonly between: (least: number, most: number) => number

  /** Whether something happens that happens with this probability. */
  readonly chance: (probability: number) => boolean

  readonly pick: <const A>(choices: readonly [A, ...ReadonlyArray<A>]) => A

  /** A UUID of version 4. */
  readonly uuid: () => string
}

/** Mixes the bits of a number of 32 bits. */
const mixed = (value: number): number => {
  let bits = value | 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad)
  bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97)
  return (bits ^ (bits >>> 15)) >>> 0
}

/** A number of 32 bits that follows from these parts, for numbers that are independent of the order in which they are drawn. */
export const hash = (...parts: ReadonlyArray<string | number>): number => {
  let state = 0x811c9dc5
  for (const part of parts) {
    const text = String(part)
    for (let index = 0; index < text.length; index += 1) {
      state = Math.imul(state ^ text.charCodeAt(index), 0x01000193)
    }
    state = mixed(state ^ 0x9e3779b9)
  }
  return state >>> 0
}

const hex = (value: number): string => value.toString(16).padStart(8, "0")

/** Makes the sequence of a seed. */
export const make = (seed: number): Prng => {
  let state = mixed(seed)
  const bits = (): number => {
    state = (state + 0x6d2b79f5) | 0
    return mixed(state)
  }
  const next = () => bits() / 0x1_0000_0000
  const between = (least: number, most: number) => least + Math.floor(next() * (most - least + 1))
  return {
    next,
    between,
    chance: (probability) => next() < probability,
    pick: (choices) => choices[between(0, choices.length - 1)]!,
    uuid: () => {
      const digits = hex(bits()) + hex(bits()) + hex(bits()) + hex(bits())
      const variant = ((Number.parseInt(digits.charAt(16), 16) & 0x3) | 0x8).toString(16)
      return [
        digits.slice(0, 8),
        digits.slice(8, 12),
        `4${digits.slice(13, 16)}`,
        variant + digits.slice(17, 20),
        digits.slice(20),
      ].join("-")
    },
  }
}
